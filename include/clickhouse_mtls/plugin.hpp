// RAII view of plugin.h for C++ hosts and tests. Header-only, C++17, needs the standard library and dlfcn.h.
//
// Module (the loaded code) -> Plugin (one configured instance) -> Identity (one verified peer). Nothing here throws except
// std::bad_alloc; every answer carries the module's status, and a status that this header does not know is never ok().
// A member of the module's table is used only if it lies inside the table's own size; a missing one answers ABI_MISMATCH.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include <clickhouse_mtls/plugin.h>

namespace chmtls
{

/// The bytes of a string, borrowed.
inline chmtls_bytes bytes_of(std::string_view text) noexcept
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

/// Borrowed bytes as text; empty for null.
inline std::string_view text_of(chmtls_bytes bytes) noexcept
{
    return bytes.data == nullptr ? std::string_view{} : std::string_view{reinterpret_cast<const char *>(bytes.data), bytes.len};
}

/// A status and what the module said about it.
struct Outcome
{
    chmtls_status status = CHMTLS_INTERNAL_ERROR;
    std::string message; ///< UTF-8; empty when there is nothing to say

    /// Only OK is yes: REFUSED, DECLINED, failures and values from the future are not.
    bool ok() const noexcept { return status == CHMTLS_OK; }
};

/// What the host does for the module. Called on threads of the module; an exception that leaves an override is swallowed.
/// An override must not own the last reference to the Plugin that calls it.
class HostCallbacks
{
public:
    virtual ~HostCallbacks() = default;

    /// One log line. `level` is CHMTLS_LOG_*. Must not call back into the module.
    virtual void log(uint32_t level, std::string_view message) = 0;

    /// End this session. Must return quickly, must not wait for the session's own thread.
    virtual void close_session(uint64_t session_token, std::string_view reason) = 0;

    /// A watched file changed: call Plugin::configure from a thread of the host.
    virtual void configuration_changed() = 0;

    /// Forget the addresses of `host`, or all when it is empty, and end connections to those that are no longer the host's. Must
    /// return quickly. A host that remembers no address has nothing to do.
    virtual void flush_dns(std::string_view host) { static_cast<void>(host); }

    /// Does the host ask authorize_query before each query of a native session? Asked once, by Plugin::create.
    virtual bool judges_queries() const { return false; }
};

/// See chmtls_configuration.
struct Configuration
{
    std::string server;
    std::string users;
    std::vector<std::string> watched;
    std::string server_source;
    std::string users_source;
};

/// A verified peer: owns one chmtls_identity. Move-only. May outlive its Plugin, but is then good for nothing.
class Identity
{
public:
    using Release = void (*)(chmtls_identity *);

    Identity() noexcept = default;
    Identity(chmtls_identity * handle, Release release) noexcept : handle_(handle), release_(release) {}
    Identity(Identity && other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), release_(std::exchange(other.release_, nullptr))
    {
    }
    Identity & operator=(Identity && other) noexcept
    {
        Identity taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(release_, taken.release_);
        return *this;
    }
    Identity(const Identity &) = delete;
    Identity & operator=(const Identity &) = delete;
    ~Identity()
    {
        if (handle_ != nullptr && release_ != nullptr)
            release_(handle_);
    }

    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /// Borrowed; null for "no certificate".
    chmtls_identity * get() const noexcept { return handle_; }

private:
    chmtls_identity * handle_ = nullptr;
    Release release_ = nullptr;
};

/// The judgement of a peer. `identity` is set exactly when outcome.ok().
struct Verification
{
    Outcome outcome;
    chmtls_verdict verdict{};
    Identity identity;
};

/// The answer to a login: `user` and `rule` are set when outcome.ok(); `rule` alone when a password decides for it
/// (CHMTLS_DECLINED).
struct Authorization
{
    Outcome outcome;
    std::string user;
    std::string rule;
};

/// JSON of `identity_describe` and `status`.
struct Document
{
    Outcome outcome;
    std::string json;
};

/// How a connect of the host ended.
enum class ConnectEnd : uint32_t
{
    failed = 0,
    succeeded = 1,
};

/// Whether a query runs on a session.
enum class Activity : uint32_t
{
    idle = 0,
    busy = 1,
};

/// What to judge; see chmtls_peer. Everything is borrowed for the call.
struct Peer
{
    uint32_t peer = CHMTLS_PEER_CLIENT;
    std::string_view listener;
    const chmtls_bytes * chain = nullptr; ///< DER, leaf first
    size_t chain_len = 0;
    std::string_view remote_address;
    std::string_view expected_name;
    uint32_t purpose = CHMTLS_PURPOSE_GENERAL;
};

/// The module's code: a table of functions. Cheap to copy; the code is never unloaded.
class Module
{
public:
    using GetApi = chmtls_status (*)(uint16_t, chmtls_plugin_api *);

    /// A module that offers nothing.
    Module() noexcept = default;

    struct Loaded;

    /// Loads the shared object at `path` for the life of the process.
    static Loaded load(const std::string & path);

    /// For hosts that link the module statically.
    static Loaded from(GetApi get_api);

    /// The entry, or null if this module's table does not reach that far.
    template <class Function>
    Function entry(Function chmtls_plugin_api::*member) const noexcept
    {
        const auto * const base = reinterpret_cast<const unsigned char *>(&api_);
        const auto * const at = reinterpret_cast<const unsigned char *>(&(api_.*member));
        const auto end = static_cast<size_t>(at - base) + sizeof(Function);
        return end <= api_.struct_size ? api_.*member : nullptr;
    }

    /// Minor version of the module's table; it may be older or newer than CHMTLS_ABI_MINOR.
    uint16_t abi_minor() const noexcept { return api_.abi_minor; }

private:
    chmtls_plugin_api api_{};
};

struct Module::Loaded
{
    Outcome outcome;
    Module module;
};

inline Module::Loaded Module::from(GetApi get_api)
{
    if (get_api == nullptr)
        return {{CHMTLS_INVALID_ARGUMENT, "the module has no entry chmtls_get_plugin_api"}, {}};
    Loaded loaded;
    auto & api = loaded.module.api_;
    api.struct_size = sizeof(api);
    loaded.outcome.status = get_api(CHMTLS_ABI_MAJOR, &api);
    if (loaded.outcome.ok() && api.abi_major != CHMTLS_ABI_MAJOR)
        loaded.outcome.status = CHMTLS_ABI_MISMATCH;
    if (!loaded.outcome.ok())
    {
        loaded.outcome.message = "the module does not speak version " + std::to_string(CHMTLS_ABI_MAJOR)
                                 + " of the boundary (status " + std::to_string(loaded.outcome.status) + ")";
        loaded.module = Module{};
        return loaded;
    }
    // A newer module may name its own, larger size: what lies beyond ours was not written and is not ours to read.
    if (api.struct_size > sizeof(api))
        api.struct_size = sizeof(api);
    return loaded;
}

inline Module::Loaded Module::load(const std::string & path)
{
    void * const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr)
    {
        const char * const why = ::dlerror();
        return {{CHMTLS_NOT_FOUND, why != nullptr ? std::string(why) : "cannot load " + path}, {}};
    }
    void * const symbol = ::dlsym(handle, "chmtls_get_plugin_api");
    if (symbol == nullptr)
        return {{CHMTLS_ABI_MISMATCH, path + " has no symbol chmtls_get_plugin_api: it is not a clickhouse-mtls module"}, {}};
    return from(reinterpret_cast<GetApi>(symbol));
}

/// One configured instance of the module. Every method may be called from any thread; the destructor runs once, after all of
/// them have returned, and not on a thread of the module.
class Plugin
{
public:
    struct Created;

    /// Loads what the configuration names and starts watching. `callbacks` may be null: lines are dropped, sessions are not
    /// closed, changes of watched files are not told.
    static Created create(const Module & module, const Configuration & configuration, std::shared_ptr<HostCallbacks> callbacks);

    Plugin(const Plugin &) = delete;
    Plugin & operator=(const Plugin &) = delete;
    ~Plugin()
    {
        const auto destroy = module_.entry(&chmtls_plugin_api::destroy);
        if (handle_ != nullptr && destroy != nullptr)
            destroy(handle_);
    }

    /// Takes a new configuration; on any finding nothing changes.
    Outcome configure(const Configuration & configuration) const
    {
        const auto call = module_.entry(&chmtls_plugin_api::configure);
        if (call == nullptr)
            return missing("configure");
        const View view(configuration);
        LargeText text;
        const auto status = call(handle_, &view.value, text.buffer());
        return {status, text.str()};
    }

    /// `policy` is written; its struct_size is set here.
    chmtls_status listener_policy(std::string_view listener, chmtls_listener_policy & policy) const noexcept
    {
        policy = {};
        policy.struct_size = sizeof(policy);
        const auto call = module_.entry(&chmtls_plugin_api::listener_policy);
        return call == nullptr ? CHMTLS_ABI_MISMATCH : call(handle_, bytes_of(listener), &policy);
    }

    /// Which credential to present: to a client of `listener` that asked for `server_name`, or, both empty, to a server that we
    /// connect to for `purpose`. `asker`: the user whose statement named that server, empty when nobody is known; nothing: the
    /// configuration or Keeper named it.
    chmtls_status credential(
        uint32_t peer, std::string_view listener, std::string_view server_name, chmtls_credential & credential,
        uint32_t purpose = CHMTLS_PURPOSE_GENERAL, std::optional<std::string_view> asker = std::nullopt) const noexcept
    {
        credential = {};
        credential.struct_size = sizeof(credential);
        const auto call = module_.entry(&chmtls_plugin_api::credential);
        if (call == nullptr || !knows(purpose))
            return CHMTLS_ABI_MISMATCH;
        chmtls_credential_query query{};
        query.struct_size = sizeof(query);
        query.peer = peer;
        query.listener = bytes_of(listener);
        query.server_name = bytes_of(server_name);
        query.purpose = purpose;
        if (asker)
        {
            query.named_by = CHMTLS_NAMED_BY_STATEMENT;
            query.asker = bytes_of(*asker);
            if (module_.abi_minor() < 2) // it would not look at that
                query.purpose = CHMTLS_PURPOSE_GENERAL;
        }
        return call(handle_, &query, &credential);
    }

    chmtls_status export_credential(uint64_t id, const chmtls_sink & sink) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::export_credential);
        return call == nullptr ? CHMTLS_ABI_MISMATCH : call(handle_, id, &sink);
    }

    chmtls_status ca_names(std::string_view listener, const chmtls_sink & sink) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::ca_names);
        return call == nullptr ? CHMTLS_ABI_MISMATCH : call(handle_, bytes_of(listener), &sink);
    }

    /// Judges a peer's chain. An identity that comes with any status but OK is released and not handed on, and OK without an
    /// identity is a defect of the module: neither is ever taken for a yes.
    Verification verify_peer(const Peer & peer) const
    {
        Verification result;
        const auto call = module_.entry(&chmtls_plugin_api::verify_peer);
        const auto release = module_.entry(&chmtls_plugin_api::identity_release);
        if (call == nullptr || release == nullptr)
        {
            result.outcome = missing("verify_peer");
            return result;
        }
        if (!knows(peer.purpose))
        {
            result.outcome = {CHMTLS_ABI_MISMATCH, "the module is too old: it would judge every server alike, node or not"};
            return result;
        }
        chmtls_peer input{};
        input.struct_size = sizeof(input);
        input.peer = peer.peer;
        input.listener = bytes_of(peer.listener);
        input.chain = peer.chain;
        input.chain_len = peer.chain_len;
        input.remote_address = bytes_of(peer.remote_address);
        input.expected_name = bytes_of(peer.expected_name);
        input.purpose = peer.purpose;
        result.verdict.struct_size = sizeof(result.verdict);
        chmtls_identity * handle = nullptr;
        SmallText text;
        result.outcome.status = call(handle_, &input, &result.verdict, &handle, text.buffer());
        Identity identity(handle, release);
        result.outcome.message = text.str();
        if (!result.outcome.ok())
            return result;
        if (!identity)
        {
            result.outcome = {CHMTLS_INTERNAL_ERROR, "the module accepted a peer without giving it an identity"};
            return result;
        }
        result.identity = std::move(identity);
        return result;
    }

    Document identity_describe(const Identity & identity) const
    {
        const auto call = module_.entry(&chmtls_plugin_api::identity_describe);
        if (call == nullptr)
            return {missing("identity_describe"), {}};
        Collector collector;
        const auto sink = collector.sink();
        const auto status = call(identity.get(), &sink);
        return collector.document(status);
    }

    /// May this peer log in, and as whom. A null `identity` handle: no certificate. The login's struct_size is set here.
    Authorization authorize(const Identity & identity, chmtls_login login) const
    {
        Authorization result;
        const auto call = module_.entry(&chmtls_plugin_api::authorize);
        if (call == nullptr)
        {
            result.outcome = missing("authorize");
            return result;
        }
        login.struct_size = sizeof(login);
        Collector collector;
        const auto sink = collector.sink();
        SmallText text;
        result.outcome.status = call(handle_, identity.get(), &login, &sink, text.buffer());
        result.outcome.message = text.str();
        if (result.outcome.status == CHMTLS_DECLINED && !collector.failed)
            result.rule = std::move(collector.rule);
        if (!result.outcome.ok())
            return result;
        if (collector.failed || collector.user.empty())
        {
            result.outcome = {CHMTLS_INTERNAL_ERROR, "the module granted a login without naming its user"};
            return result;
        }
        result.user = std::move(collector.user);
        result.rule = std::move(collector.rule);
        return result;
    }

    /// Whose a query is, and by which rule the session that sent it is a node's (empty: it is none, and speaks for itself). A
    /// null `identity` handle: no certificate. The query's struct_size is set here. A module of minor 1 judges none: nothing is
    /// granted.
    Authorization authorize_query(const Identity & identity, chmtls_query query) const
    {
        Authorization result;
        const auto call = module_.entry(&chmtls_plugin_api::authorize_query);
        if (call == nullptr)
        {
            result.outcome = missing("authorize_query");
            return result;
        }
        query.struct_size = sizeof(query);
        Collector collector;
        const auto sink = collector.sink();
        SmallText text;
        result.outcome.status = call(handle_, identity.get(), &query, &sink, text.buffer());
        result.outcome.message = text.str();
        if (!result.outcome.ok())
            return result;
        if (collector.failed || collector.user.empty())
        {
            result.outcome = {CHMTLS_INTERNAL_ERROR, "the module granted a query without naming its user"};
            return result;
        }
        result.user = std::move(collector.user);
        result.rule = std::move(collector.rule);
        return result;
    }

    /// The session's struct_size is set here.
    Outcome session_opened(const Identity & identity, chmtls_session session) const
    {
        const auto call = module_.entry(&chmtls_plugin_api::session_opened);
        if (call == nullptr)
            return missing("session_opened");
        session.struct_size = sizeof(session);
        SmallText text;
        const auto status = call(handle_, identity.get(), &session, text.buffer());
        return {status, text.str()};
    }

    void session_closed(uint64_t session_token) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::session_closed);
        if (call != nullptr)
            call(handle_, session_token);
    }

    /// Wipe `key` after use. An empty `name` asks for the key of new tickets.
    chmtls_status ticket_key(chmtls_bytes name, chmtls_ticket_key & key) const noexcept
    {
        key = {};
        key.struct_size = sizeof(key);
        const auto call = module_.entry(&chmtls_plugin_api::ticket_key);
        return call == nullptr ? CHMTLS_ABI_MISMATCH : call(handle_, name, &key);
    }

    Document status() const
    {
        const auto call = module_.entry(&chmtls_plugin_api::status);
        if (call == nullptr)
            return {missing("status"), {}};
        Collector collector;
        const auto sink = collector.sink();
        const auto status = call(handle_, &sink);
        return collector.document(status);
    }

    /// `host` as the configuration names it. A module of minor 0 does not count connects.
    void report_connect(std::string_view host, ConnectEnd end) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::report_connect);
        if (call != nullptr)
            call(handle_, bytes_of(host), static_cast<uint32_t>(end));
    }

    /// A query begins or has ended on a session. A module of minor 0 closes sessions at once.
    void session_busy(uint64_t session_token, Activity activity) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::session_busy);
        if (call != nullptr)
            call(handle_, session_token, static_cast<uint32_t>(activity));
    }

    /// Of the generation in force; 0: the module has no such entry, and no answer of its may be used twice.
    uint64_t generation() const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::generation);
        return call == nullptr ? 0 : call(handle_);
    }

    /// Does the configuration in force name this host. Of a module before minor 2 nobody knows: no.
    bool names_host(std::string_view host) const noexcept
    {
        const auto call = module_.entry(&chmtls_plugin_api::names_host);
        return call != nullptr && call(handle_, bytes_of(host)) == CHMTLS_OK;
    }

    /// Not OK: the module has no such entry; what the host then does by itself is its choice.
    chmtls_status host_policy(chmtls_host_policy & policy) const noexcept
    {
        policy = {};
        policy.struct_size = sizeof(policy);
        const auto call = module_.entry(&chmtls_plugin_api::host_policy);
        return call == nullptr ? CHMTLS_ABI_MISMATCH : call(handle_, &policy);
    }

    /// Borrowed: for entries that this view does not wrap.
    chmtls_plugin * handle() const noexcept { return handle_; }
    const Module & module() const noexcept { return module_; }

private:
    Plugin(const Module & module, std::shared_ptr<HostCallbacks> callbacks) : module_(module), callbacks_(std::move(callbacks)) {}

    /// A module of minor 0 does not see the purpose, and would take a node's connection for any other.
    bool knows(uint32_t purpose) const noexcept { return purpose == CHMTLS_PURPOSE_GENERAL || module_.abi_minor() >= 1; }

    // Calls on the handshake path get a buffer on the stack. create and configure list every finding and cannot be repeated for
    // a larger buffer, so theirs is generous.
    static constexpr size_t small_capacity = 4096;
    static constexpr size_t large_capacity = 65536;

    static std::string text_in(const chmtls_buffer & buffer)
    {
        if (buffer.needed == 0) // the module had nothing to say
            return {};
        const std::string_view text(buffer.data, buffer.needed < buffer.capacity ? buffer.needed : buffer.capacity);
        return std::string(text.substr(0, text.find('\0')));
    }

    class SmallText
    {
    public:
        SmallText() noexcept : buffer_{bytes_, small_capacity, 0} { bytes_[0] = '\0'; }
        SmallText(const SmallText &) = delete;
        SmallText & operator=(const SmallText &) = delete;
        chmtls_buffer * buffer() noexcept { return &buffer_; }
        std::string str() const { return text_in(buffer_); }

    private:
        char bytes_[small_capacity]; // not cleared: only what the module wrote is read
        chmtls_buffer buffer_;
    };

    class LargeText
    {
    public:
        LargeText() : bytes_(large_capacity, '\0'), buffer_{bytes_.data(), large_capacity, 0} {}
        LargeText(const LargeText &) = delete;
        LargeText & operator=(const LargeText &) = delete;
        chmtls_buffer * buffer() noexcept { return &buffer_; }
        std::string str() const { return text_in(buffer_); }

    private:
        std::string bytes_;
        chmtls_buffer buffer_;
    };

    /// chmtls_configuration over a Configuration that outlives it.
    class View
    {
    public:
        explicit View(const Configuration & from)
        {
            watched_.reserve(from.watched.size());
            for (const auto & path : from.watched)
                watched_.push_back(bytes_of(path));
            value.struct_size = sizeof(value);
            value.server = bytes_of(from.server);
            value.users = bytes_of(from.users);
            value.watched = watched_.data();
            value.watched_count = watched_.size();
            value.server_source = bytes_of(from.server_source);
            value.users_source = bytes_of(from.users_source);
        }
        View(const View &) = delete;
        View & operator=(const View &) = delete;

        chmtls_configuration value{};

    private:
        std::vector<chmtls_bytes> watched_;
    };

    /// Keeps the text items of a sink.
    struct Collector
    {
        std::string json;
        std::string user;
        std::string rule;
        bool failed = false; ///< an item was lost for want of memory

        chmtls_sink sink() noexcept { return {this, &Collector::put}; }

        Document document(chmtls_status status)
        {
            if (status == CHMTLS_OK && failed)
                return {{CHMTLS_OUT_OF_MEMORY, {}}, {}};
            return {{status, {}}, std::move(json)};
        }

        static void put(void * context, uint32_t kind, chmtls_bytes bytes)
        {
            auto & self = *static_cast<Collector *>(context);
            try
            {
                if (kind == CHMTLS_ITEM_JSON)
                    self.json = text_of(bytes);
                else if (kind == CHMTLS_ITEM_USER)
                    self.user = text_of(bytes);
                else if (kind == CHMTLS_ITEM_RULE)
                    self.rule = text_of(bytes);
            }
            catch (...)
            {
                self.failed = true;
            }
        }
    };

    static Outcome missing(const char * entry)
    {
        return {CHMTLS_ABI_MISMATCH, std::string("the module is too old: it has no entry ") + entry};
    }

    static void on_log(void * context, uint32_t level, chmtls_bytes message)
    {
        try
        {
            static_cast<HostCallbacks *>(context)->log(level, text_of(message));
        }
        catch (...) // nothing may cross the boundary, and a lost log line is all there is to lose
        {
        }
    }

    static void on_close_session(void * context, uint64_t session_token, chmtls_bytes reason)
    {
        try
        {
            static_cast<HostCallbacks *>(context)->close_session(session_token, text_of(reason));
        }
        catch (...)
        {
        }
    }

    static void on_configuration_changed(void * context)
    {
        try
        {
            static_cast<HostCallbacks *>(context)->configuration_changed();
        }
        catch (...)
        {
        }
    }

    static void on_flush_dns(void * context, chmtls_bytes host)
    {
        try
        {
            static_cast<HostCallbacks *>(context)->flush_dns(text_of(host));
        }
        catch (...)
        {
        }
    }

    Module module_;
    std::shared_ptr<HostCallbacks> callbacks_;
    chmtls_plugin * handle_ = nullptr;
};

struct Plugin::Created
{
    Outcome outcome;
    std::shared_ptr<Plugin> plugin; ///< set exactly when outcome.ok()
};

inline Plugin::Created
Plugin::create(const Module & module, const Configuration & configuration, std::shared_ptr<HostCallbacks> callbacks)
{
    const auto call = module.entry(&chmtls_plugin_api::create);
    if (call == nullptr || module.entry(&chmtls_plugin_api::destroy) == nullptr)
        return {missing("create"), nullptr};
    std::shared_ptr<Plugin> plugin(new Plugin(module, std::move(callbacks)));
    chmtls_host host{};
    host.struct_size = sizeof(host);
    host.abi_major = CHMTLS_ABI_MAJOR;
    host.abi_minor = CHMTLS_ABI_MINOR;
    if (plugin->callbacks_ != nullptr)
    {
        host.context = plugin->callbacks_.get();
        host.log = &Plugin::on_log;
        host.close_session = &Plugin::on_close_session;
        host.configuration_changed = &Plugin::on_configuration_changed;
        host.flush_dns = &Plugin::on_flush_dns;
        host.flags = plugin->callbacks_->judges_queries() ? CHMTLS_HOST_JUDGES_QUERIES : 0U;
    }
    const View view(configuration);
    LargeText text;
    const auto status = call(&host, &view.value, &plugin->handle_, text.buffer());
    if (status == CHMTLS_OK && plugin->handle_ == nullptr)
        return {{CHMTLS_INTERNAL_ERROR, "the module reported success without an instance"}, nullptr};
    if (status != CHMTLS_OK)
        return {{status, text.str()}, nullptr};
    return {{status, text.str()}, std::move(plugin)};
}

}
