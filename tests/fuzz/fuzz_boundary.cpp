// The C boundary as a host that does everything wrong sees it: any entry in any order, with handles that are none, structures of
// any size and values of no meaning. Each structure lies in memory of exactly the size it claims, so that an AddressSanitizer
// build sees every byte that is read or written outside. Nobody is accepted but the one client of this world, and no status is
// unknown.

#include <algorithm>
#include <cstring>

#include "chain_input.h"
#include "support/module_world.h"
#include "target.h"

using namespace chmtls;

namespace
{

class Input
{
public:
    explicit Input(ByteView bytes) : left_(bytes) {}

    [[nodiscard]] bool empty() const { return left_.empty(); }

    uint8_t byte()
    {
        if (left_.empty())
            return 0;
        const uint8_t value = left_.front();
        left_ = left_.subspan(1);
        return value;
    }

    uint64_t number()
    {
        uint64_t value = 0;
        for (int i = 0; i < 8; ++i)
            value = value << 8 | byte();
        return value;
    }

    ByteView bytes()
    {
        const size_t size = std::min<size_t>(byte() * 16u + byte() % 16u, left_.size());
        const ByteView taken = left_.first(size);
        left_ = left_.subspan(size);
        return taken;
    }

private:
    ByteView left_;
};

// An input that has come to its end gives zeros, which ask for what is right.

/// A structure in memory of exactly the size that it claims.
template <typename T>
class Exact
{
public:
    Exact(T value, Input & input)
    {
        const size_t size = input.byte() % 4 != 3 ? sizeof(T) : std::max<size_t>(sizeof(uint32_t), input.byte());
        memory_.resize(size);
        memory_.shrink_to_fit();
        std::memcpy(memory_.data(), &value, std::min(size, sizeof(T)));
        const auto claimed = static_cast<uint32_t>(size);
        std::memcpy(memory_.data(), &claimed, sizeof(claimed));
    }

    T * get() { return reinterpret_cast<T *>(memory_.data()); }

private:
    std::vector<unsigned char> memory_;
};

struct Heard
{
    bool inside = false;
};

void hear(void * context, uint32_t, chmtls_bytes bytes)
{
    fuzz::require(static_cast<Heard *>(context)->inside && (bytes.data != nullptr || bytes.len == 0));
}

class Host
{
public:
    explicit Host(ByteView bytes) : input_(bytes) {}

    void run()
    {
        for (int calls = 0; calls < 128 && !input_.empty(); ++calls)
            call(input_.byte() % 12);
        for (auto * identity : identities_)
            api().identity_release(identity);
        if (live_ != nullptr)
            api().identity_release(live_);
    }

    static const test::ModuleWorld & world()
    {
        static const test::ModuleWorld made;
        return made;
    }

private:
    static const chmtls_plugin_api & api()
    {
        static const chmtls_plugin_api table = []
        {
            chmtls_plugin_api filled{};
            filled.struct_size = sizeof(filled);
            void * const module = ::dlopen(CHMTLS_MODULE_PATH, RTLD_NOW | RTLD_LOCAL);
            fuzz::require(module != nullptr);
            const auto get = reinterpret_cast<decltype(&chmtls_get_plugin_api)>(::dlsym(module, "chmtls_get_plugin_api"));
            fuzz::require(get != nullptr && get(CHMTLS_ABI_MAJOR, &filled) == CHMTLS_OK);
            return filled;
        }();
        return table;
    }

    static chmtls_plugin * live_plugin()
    {
        static chmtls_plugin * const made = []
        {
            const auto text = world().configuration();
            chmtls_host host{};
            host.struct_size = sizeof(host);
            host.abi_major = CHMTLS_ABI_MAJOR;
            chmtls_configuration configuration{};
            configuration.struct_size = sizeof(configuration);
            configuration.server = bytes_of(text.server);
            chmtls_plugin * plugin = nullptr;
            fuzz::require(api().create(&host, &configuration, &plugin, nullptr) == CHMTLS_OK);
            return plugin;
        }();
        return made;
    }

    chmtls_plugin * plugin()
    {
        return input_.byte() % 4 == 3 ? reinterpret_cast<chmtls_plugin *>(input_.number()) : live_plugin();
    }

    chmtls_identity * identity()
    {
        switch (input_.byte() % 4)
        {
        case 3:
            return reinterpret_cast<chmtls_identity *>(input_.number());
        case 2:
            return nullptr;
        default:
            return live_;
        }
    }

    chmtls_bytes text()
    {
        static constexpr std::string_view known[] = {"tcp_port_secure", "https_port", "client", "someone", "server.test", ""};
        const uint8_t which = input_.byte();
        if (which % 2 == 0)
            return bytes_of(known[which / 2 % std::size(known)]);
        const ByteView bytes = input_.bytes();
        return {bytes.data(), bytes.size()};
    }

    chmtls_sink * sink() { return input_.byte() % 8 == 7 ? nullptr : &sink_; }
    chmtls_buffer * error()
    {
        error_.capacity = input_.byte() % 2 == 0 ? sizeof(error_text_) : input_.byte() % sizeof(error_text_);
        return input_.byte() % 8 == 7 ? nullptr : &error_;
    }

    static void known(chmtls_status status) { fuzz::require(status >= CHMTLS_OK && status <= CHMTLS_INTERNAL_ERROR); }

    void verify_peer()
    {
        std::vector<chmtls_bytes> chain;
        const ByteView good = world().client.certificate.der();
        if (input_.byte() % 2 == 0)
            chain.push_back({good.data(), good.size()});
        for (const ByteView piece : fuzz::der_pieces(input_.bytes()))
            chain.push_back({piece.data(), piece.size()});
        chmtls_peer peer{};
        peer.peer = input_.byte() % 4 == 3 ? static_cast<uint32_t>(input_.number()) : CHMTLS_PEER_CLIENT;
        peer.listener = text();
        peer.chain = chain.data();
        peer.chain_len = chain.size();
        peer.remote_address = text();
        peer.expected_name = text();
        peer.purpose = input_.byte() % 4;
        Exact<chmtls_peer> in(peer, input_);
        Exact<chmtls_verdict> out(chmtls_verdict{}, input_);
        chmtls_identity * made = nullptr;
        const auto status = api().verify_peer(plugin(), in.get(), out.get(), &made, error());
        known(status);
        fuzz::require((status == CHMTLS_OK) == (made != nullptr));
        if (made == nullptr)
            return;
        fuzz::require(
            !chain.empty() && chain.front().len == good.size() && std::equal(good.begin(), good.end(), chain.front().data));
        if (live_ != nullptr)
            identities_.push_back(live_);
        live_ = made;
    }

    void authorize()
    {
        chmtls_login login{};
        login.interface = input_.byte() % 4;
        login.flags = input_.byte();
        login.user = text();
        login.remote_address = text();
        Exact<chmtls_login> in(login, input_);
        const auto * const who = identity();
        const auto status = api().authorize(plugin(), const_cast<chmtls_identity *>(who), in.get(), sink(), error());
        known(status);
        // A number may be that of an earlier identity as well.
        fuzz::require(
            status != CHMTLS_OK
            || (who != nullptr && (who == live_ || std::ranges::find(identities_, who) != identities_.end())));
    }

    void call(uint8_t which)
    {
        heard_.inside = true;
        switch (which)
        {
        case 0:
        {
            Exact<chmtls_listener_policy> policy(chmtls_listener_policy{}, input_);
            known(api().listener_policy(plugin(), text(), policy.get()));
            break;
        }
        case 1:
        {
            chmtls_credential_query query{};
            query.peer = input_.byte() % 4;
            query.listener = text();
            query.server_name = text();
            query.purpose = input_.byte() % 4;
            Exact<chmtls_credential_query> in(query, input_);
            Exact<chmtls_credential> out(chmtls_credential{}, input_);
            known(api().credential(plugin(), in.get(), out.get()));
            break;
        }
        case 2:
            known(api().export_credential(plugin(), input_.number() % 8, sink()));
            break;
        case 3:
            known(api().ca_names(plugin(), text(), sink()));
            break;
        case 4:
            authorize();
            break;
        case 5:
        {
            chmtls_session session{};
            session.interface = input_.byte() % 4;
            session.session_token = input_.byte();
            session.user = text();
            session.rule = text();
            Exact<chmtls_session> in(session, input_);
            known(api().session_opened(plugin(), identity(), in.get(), error()));
            break;
        }
        case 6:
            api().session_closed(plugin(), input_.byte());
            break;
        case 7:
        {
            Exact<chmtls_ticket_key> key(chmtls_ticket_key{}, input_);
            known(api().ticket_key(plugin(), text(), key.get()));
            break;
        }
        case 8:
            known(api().status(plugin(), sink()));
            break;
        case 9:
            known(api().identity_describe(identity(), sink()));
            break;
        case 10:
            api().identity_release(reinterpret_cast<chmtls_identity *>(input_.number() & 0xffff)); // never one of ours
            break;
        default:
            verify_peer();
            break;
        }
        heard_.inside = false;
    }

    Input input_;
    Heard heard_;
    chmtls_sink sink_{&heard_, hear};
    char error_text_[256] = {};
    chmtls_buffer error_{error_text_, sizeof(error_text_), 0};
    chmtls_identity * live_ = nullptr;
    std::vector<chmtls_identity *> identities_;
};

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    Host({data, size}).run();
    return 0;
}
