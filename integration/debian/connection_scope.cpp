#include "connection_scope.h"

#include <cstring>
#include <string_view>

#include <sys/socket.h>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include "cross_site.h"
#include "log_record.h"

namespace chmtls::debian
{

namespace
{

// The adapter is in the process from its start: no lookup of where the variable is.
thread_local ConnectionScope * current_scope __attribute__((tls_model("initial-exec"))) = nullptr;

// "default" is what clients send when their user named nobody.
constexpr std::string_view default_user = "default";

// How the module names a rule by which a node has logged in.
constexpr std::string_view node_rule_prefix = "nodes: ";

/// The headers that say who asks, found in one pass: Poco walks all of them for each that is looked up. Of several of one name
/// the server sees the first.
struct Credentials
{
    explicit Credentials(const Poco::Net::HTTPRequest & request)
    {
        for (const auto & [name, value] : request)
        {
            note(certificate_auth, "X-ClickHouse-SSL-Certificate-Auth", name, value);
            note(user, "X-ClickHouse-User", name, value);
            note(key, "X-ClickHouse-Key", name, value);
            note(authorization, "Authorization", name, value);
        }
    }

    std::optional<std::string_view> certificate_auth;
    std::optional<std::string_view> user;
    std::optional<std::string_view> key;
    std::optional<std::string_view> authorization;

private:
    static void
    note(std::optional<std::string_view> & place, std::string_view wanted, std::string_view name, std::string_view value)
    {
        if (!place && name.size() == wanted.size() && Poco::icompare(name, wanted) == 0)
            place = value;
    }
};

/// As operator==, which makes objects of both, but for addresses that are the same to the byte.
bool same_address(const Poco::Net::SocketAddress & left, const Poco::Net::SocketAddress & right)
{
    return (left.length() == right.length() && std::memcmp(left.addr(), right.addr(), left.length()) == 0) || left == right;
}

uint32_t flags_of(const Poco::Net::HTTPRequest & request)
{
    uint32_t flags = 0;
    const Credentials credentials(request);
    if (credentials.certificate_auth == "on")
        flags |= CHMTLS_LOGIN_CERTIFICATE_ASKED;
    if (credentials.user && !credentials.user->empty())
        flags |= CHMTLS_LOGIN_USER_NAMED;
    if (credentials.key && !credentials.key->empty())
        flags |= CHMTLS_LOGIN_PASSWORD_GIVEN;
    if (credentials.authorization)
        flags |= CHMTLS_LOGIN_OTHER_CREDENTIALS | CHMTLS_LOGIN_USER_NAMED;
    const auto & target = request.getURI();
    const auto has = [&](const char * text)
    {
        return target.find(text) != std::string::npos;
    };
    if (!has("%") && !has("user") && !has("password")) // neither plain nor encoded: not to be taken apart
        return flags;
    for (const auto & [name, value] : Poco::URI(target).getQueryParameters())
    {
        if (name == "user")
            flags |= CHMTLS_LOGIN_OTHER_CREDENTIALS | (value.empty() ? 0U : CHMTLS_LOGIN_USER_NAMED);
        else if (name == "password")
            flags |= CHMTLS_LOGIN_OTHER_CREDENTIALS | (value.empty() ? 0U : CHMTLS_LOGIN_PASSWORD_GIVEN);
    }
    return flags;
}

/// Poco decodes RFC 2047 words in values, so that a line end may be in any of them. A tab may (RFC 9110 5.5).
bool is_printable(const Poco::Net::HTTPRequest & request)
{
    const auto bad = [](std::string_view text)
    {
        return has_control_bytes(text);
    };
    if (bad(request.getMethod()) || bad(request.getURI()) || bad(request.getVersion()))
        return false;
    for (const auto & [name, value] : request)
    {
        if (bad(name))
            return false;
        for (const char c : value)
            if (c != '\t' && bad({&c, 1}))
                return false;
    }
    return true;
}

}

Moment Moment::now(const chmtls::Plugin & plugin) noexcept
{
    return {plugin.generation(), std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
}

ConnectionScope::ConnectionScope(
    const Poco::Net::StreamSocket & socket, uint32_t interface, chmtls::Plugin & plugin, SessionSockets & sockets,
    Waiting & waiting)
    : socket_(socket), interface_(interface), plugin_(plugin), sockets_(sockets), waiting_(waiting),
      waiting_number_(waiting.unfinished.claim(descriptor()))
{
    try
    {
        peer_address_ = socket_.peerAddress();
        peer_name_ = peer_address_.toString();
        local_port_ = socket_.address().port();
    }
    catch (const Poco::Exception &) // already gone: nothing that it sends will be a login
    {
    }
    if (interface_ == CHMTLS_INTERFACE_NATIVE)
    {
        next_login_ = 0; // one login, at its beginning
        hello_.emplace();
    }
    current_scope = this;
}

ConnectionScope::~ConnectionScope()
{
    current_scope = nullptr;
    waiting_.unfinished.end(waiting_number_);
    if (token_ == 0)
        return;
    plugin_.session_closed(token_); // from here on nobody asks for this socket
    sockets_.remove(token_);
}

ConnectionScope * ConnectionScope::current() noexcept
{
    return current_scope;
}

std::string ConnectionScope::asker()
{
    return current_scope != nullptr ? current_scope->asker_ : std::string();
}

void ConnectionScope::begin_request(const Poco::Net::HTTPRequest & request)
{
    if (!is_printable(request))
        refuse_unprintable();
    if (needs_no_login())
        waiting_.unfinished.end(waiting_number_);
    try
    {
        next_login_ = flags_of(request) | (ssl_ != nullptr && is_cross_site(request) ? CHMTLS_LOGIN_CROSS_SITE : 0U);
    }
    catch (const Poco::Exception &) // a URL that cannot be read: the server says so when it reads it
    {
        next_login_ = CHMTLS_LOGIN_OTHER_CREDENTIALS;
    }
    if (token_ == 0 && !watch({}, {}).ok())
        shut_down();
    tell(chmtls::Activity::busy);
    owner_.begin();
    served_a_request_ = true;
}

std::optional<Login> ConnectionScope::take_login(
    const std::string & user, const std::string & password, const Poco::Net::SocketAddress & from, const std::string & quota_key)
{
    if (!next_login_ || !same_address(from, peer_address_))
        return std::nullopt;
    auto flags = *next_login_;
    next_login_.reset();
    asker_.clear();
    if (!password.empty())
        flags |= CHMTLS_LOGIN_PASSWORD_GIVEN;
    if (interface_ == CHMTLS_INTERFACE_NATIVE && !user.empty() && user != default_user)
        flags |= CHMTLS_LOGIN_USER_NAMED;
    if (ssl_ == nullptr)
        flags |= CHMTLS_LOGIN_NO_TLS;
    if (has_control_bytes(quota_key) || (hello_ && hello_->unprintable()))
        flags |= CHMTLS_LOGIN_UNPRINTABLE;
    if (granted_ && granted_->is_like(flags, user))
        flags |= CHMTLS_LOGIN_AGAIN;
    const auto sent = hello_ ? hello_->unprintable_user() : std::string();
    return Login{interface_, flags, sent.empty() ? user : sent, peer_name_};
}

void ConnectionScope::granted(const Login & login, const std::string & user, const Moment & asked)
{
    granted_ = Granted{login, user, asked};
    granted_->login.flags &= ~CHMTLS_LOGIN_AGAIN;
}

void ConnectionScope::logged_in(const std::string & user, LoginMeans means)
{
    session_user_ = user;
    by_certificate_ = means == LoginMeans::certificate;
    const bool by_node = watched_ && watched_->rule.rfind(node_rule_prefix, 0) == 0;
    asker_ = by_node ? std::string() : user;
    has_logged_in_ = true;
    waiting_.unfinished.end(waiting_number_);
}

const std::string * ConnectionScope::granted_before(const Login & login, const Moment & now) const noexcept
{
    const bool same = (login.flags & CHMTLS_LOGIN_AGAIN) != 0 && granted_ && granted_->asked == now && now.generation != 0;
    return same ? &granted_->user : nullptr;
}

std::shared_ptr<const host::PeerIdentity> ConnectionScope::identity() const
{
    return ssl_ == nullptr ? nullptr : host::SslBinding::identity_of(ssl_);
}

chmtls::Outcome ConnectionScope::watch(const std::string & user, const std::string & rule)
{
    // The module judges what it watches whenever something changes: to be told the same again would tell it nothing.
    if (watched_ && watched_->user == user && watched_->rule == rule)
        return {CHMTLS_OK, {}};
    const auto peer = identity();
    if (!peer)
    {
        if (token_ == 0 && ssl_ != nullptr)
            token_ = sockets_.add_unproven(socket_.impl()->sockfd(), policy_);
        if (token_ == 0 && ssl_ != nullptr)
            return {CHMTLS_REFUSED, "who must show a certificate was changed meanwhile, or there is no file descriptor left"};
        return {CHMTLS_OK, {}};
    }
    if (token_ == 0)
        token_ = sockets_.add(socket_.impl()->sockfd());
    if (token_ == 0)
        return {CHMTLS_REFUSED, "the server has no file descriptor left to watch the session with"};
    chmtls_session session{};
    session.interface = interface_;
    session.session_token = token_;
    session.user = chmtls::bytes_of(user);
    session.rule = chmtls::bytes_of(rule);
    watched_.reset();
    auto outcome = plugin_.session_opened(peer->identity, session);
    if (outcome.ok())
        watched_ = Watched{user, rule};
    return outcome;
}

void ConnectionScope::tell(chmtls::Activity activity) noexcept
{
    if (token_ != 0)
        plugin_.session_busy(token_, activity);
}

void ConnectionScope::query_began(const void * entry) noexcept
{
    if (interface_ != CHMTLS_INTERFACE_NATIVE || query_ != nullptr)
        return;
    query_ = entry;
    tell(chmtls::Activity::busy);
}

void ConnectionScope::query_ended(const void * entry) noexcept
{
    if (query_ != entry)
        return;
    query_ = nullptr;
    tell(chmtls::Activity::idle);
}

void ConnectionScope::request_ended() noexcept
{
    tell(chmtls::Activity::idle);
    if (!served_a_request_)
        return;
    waiting_.unfinished.end(waiting_number_);
    try
    {
        // Idle as long as Poco waits for it, and then the header as a first one.
        const auto limit = waiting_.keep_alive + waiting_.unfinished.limits().timeout;
        const auto counted = has_logged_in_ || needs_no_login() ? host::Unfinished::Counted::no : host::Unfinished::Counted::yes;
        waiting_number_ = waiting_.unfinished.begin(descriptor(), peer_address_.host().toString(), counted, limit);
        if (waiting_number_ != 0)
            return;
    }
    catch (const std::exception &) // no memory to watch it with
    {
    }
    shut_down();
}

bool ConnectionScope::is_stranger() const noexcept
{
    return !has_logged_in_ && socket_.impl()->secure() && (ssl_ == nullptr || host::SslBinding::identity_of(ssl_) == nullptr);
}

// Other nodes fetch parts without one: on interserver_https_port the certificate is what lets them in, on interserver_http_port
// nothing is.
bool ConnectionScope::needs_no_login() const
{
    if (ssl_ != nullptr)
        return host::SslBinding::listener_of(ssl_) == "interserver_https_port";
    return waiting_.interserver_http_port && local_port_ == *waiting_.interserver_http_port;
}

// The module writes the refusal into its log; who the request claims to be is not known yet.
void ConnectionScope::refuse_unprintable()
{
    static const chmtls::Identity no_certificate;
    const auto peer = identity();
    chmtls_login login{};
    login.interface = interface_;
    login.flags = CHMTLS_LOGIN_UNPRINTABLE | (ssl_ == nullptr ? CHMTLS_LOGIN_NO_TLS : 0U);
    login.remote_address = chmtls::bytes_of(peer_name_);
    plugin_.authorize(peer ? peer->identity : no_certificate, login);
    throw Poco::Net::MessageException("clickhouse-mtls: the request's header has control characters in it");
}

void ConnectionScope::shut_down() noexcept
{
    ::shutdown(socket_.impl()->sockfd(), SHUT_RDWR);
}

}
