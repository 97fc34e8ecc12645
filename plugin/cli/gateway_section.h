#pragma once

// What <gateway> of a configuration means, as clickhouse-mtls-gateway itself says: the tool runs the one beside it and repeats
// nothing of its reading.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace chmtls::cli
{

struct GatewaySection
{
    Errors findings; ///< not empty: nothing of the following is known
    struct Server
    {
        std::string listener;
        std::string address; ///< host:port of the server's plain port
    };
    std::vector<Server> servers;
    std::string tokens;    ///< host:port where the server asks about single-use tokens; empty: there are none
    std::string passwords; ///< the password file; empty: there is none
    std::vector<std::string> password_users;
    bool passes_passwords = false; ///< password_logins
};

/// Runs `clickhouse-mtls-gateway --describe`. An error means that it gave no answer that can be read.
[[nodiscard]] Result<GatewaySection> ask_gateway(const std::string & config);

/// How the gateway would prove this user to the server; empty: it cannot.
[[nodiscard]] std::string proof_of(const GatewaySection & gateway, const std::string & user);

}
