#pragma once

// What was asked of the gateway: ClickHouse's ports and openSSL ciphers, and <gateway>, as plain values. Nothing is opened here.
// Everything else of the file is the module's.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.h"
#include "log.h"
#include "trusted_proxy.h"

namespace chmtls::gateway
{

/// What a listener speaks, behind TLS.
enum class Role : uint8_t
{
    native,      ///< tcp_port_secure
    https,       ///< https_port
    interserver, ///< interserver_https_port: nodes only, passed on as it is
    egress,      ///< plain text on loopback, of our own server; see Egress
};

/// The module's name of a role's listener: ClickHouse's port setting.
const char * listener_name(Role role);

struct Listener
{
    Role role = Role::native;
    uint16_t port = 0;
    std::vector<HostPort> servers;            ///< tried in this order
    std::vector<std::string> without_login{}; ///< https: paths that anybody may GET
};

/// A plain port that only nodes reach, over mutual TLS: a Keeper's, and whatever else stands beside the server.
struct Ingress
{
    HostPort listen;   ///< an address
    Listener listener; ///< Role::interserver; its port is not used
};

/// Connections of our own server that go to another one over mutual TLS.
struct Egress
{
    HostPort listen; ///< a loopback address
    HostPort to;
    uint32_t purpose = 0; ///< CHMTLS_PURPOSE_NODE or CHMTLS_PURPOSE_KEEPER
};

/// gateway.proof.tokens
struct TokenSettings
{
    HostPort listen; ///< where servers ask; a loopback address
    std::chrono::milliseconds lifetime{10000};
};

/// Logins that the certificate does not decide.
enum class PasswordLogins : uint8_t
{
    refuse, ///< also those of clients without a certificate
    pass,   ///< the server decides by user and password as they came
};

struct Limits
{
    size_t connections = 10000;
    size_t connections_per_address = 1000;
    size_t handshakes = 1000; ///< connections that have not logged in yet
    size_t handshakes_per_address = 100;
};

struct Timeouts
{
    std::chrono::milliseconds login{10000};       ///< from the accept to the end of the first packet
    std::chrono::milliseconds connect{5000};      ///< to a server
    std::chrono::milliseconds half_closed{60000}; ///< silence after one side has ended
    std::chrono::milliseconds http_idle{30000};   ///< of a kept connection, to the end of the next request's head
    std::chrono::milliseconds drain{30000};       ///< from SIGTERM on
};

struct Settings
{
    std::string source;                   ///< the file, as messages name it
    std::string xml;                      ///< all of it, for the module
    std::string module;                   ///< mtls.module; empty: beside the program
    std::vector<std::string> listen_host; ///< addresses
    std::vector<Listener> listeners;
    std::vector<Ingress> ingress;
    std::vector<Egress> egress;
    std::vector<TrustedProxy> trusted_proxies;
    std::string cipher_list; ///< openSSL.server.cipherList, TLS 1.2; empty: OpenSSL's
    std::string cipher_suites;
    std::string client_cipher_list; ///< openSSL.client
    std::string client_cipher_suites;
    std::string passwords_file; ///< gateway.proof.passwords
    std::optional<TokenSettings> tokens;
    std::optional<HostPort> ready; ///< where readiness is told; a loopback address
    PasswordLogins password_logins = PasswordLogins::refuse;
    std::string without_identity; ///< all that lets connections in without a certificate, to compare with that of another reading
    Level log_level = Level::information; ///< logger.level
    size_t workers = 0;                   ///< 0: as many as the machine has hardware threads
    Limits limits;
    Timeouts timeouts;
};

struct ParsedSettings
{
    Settings settings;
    std::vector<std::string> findings; ///< not empty: the settings must not be used
};

/// Of a file's content. Never throws but std::bad_alloc.
ParsedSettings parse_settings(std::string xml, const std::string & source);

}
