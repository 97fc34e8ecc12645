#pragma once

// What was decided a moment ago on a login like this one. Each request of a kept HTTPS connection is a login.

#include <mutex>
#include <optional>
#include <string>

#include "policy/authorize.h"

namespace chmtls::policy
{

/// The last decision on a login with one identity. A decision depends on nothing but the generation, the identity, the login and
/// the second it is made in, so it is remembered for exactly these. Thread-safe.
class LoginMemory
{
public:
    /// `again` does not count: it decides nothing.
    [[nodiscard]] std::optional<LoginDecision> find(uint64_t generation, const Login & login, UnixTime now) const;
    void keep(uint64_t generation, const Login & login, UnixTime now, const LoginDecision & decision);

private:
    struct Decided
    {
        uint64_t generation;
        UnixTime at;
        std::string user; ///< owns what login.user looks at
        Login login;
        LoginDecision decision;
    };

    mutable std::mutex mutex_;
    std::optional<Decided> last_;
};

}
