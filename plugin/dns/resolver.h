#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dns/answer.h"

namespace chmtls::dns
{

/// Looks names up without ever waiting for one. Used by one thread.
class Resolver
{
public:
    virtual ~Resolver() = default;

    /// Which resolvers to ask, "address" or "address:port"; empty: the system's. Lookups under way end as failed.
    virtual void use(const std::vector<std::string> & servers) = 0;

    /// Begins a lookup; wait() tells of its end.
    virtual void start(const std::string & name) = 0;

    /// Serves what is under way until a lookup has ended, `wake` is readable, or `most` is over (nothing: no bound). Gives what
    /// has ended; each lookup ends exactly once.
    [[nodiscard]] virtual std::vector<Lookup> wait(int wake, std::optional<std::chrono::milliseconds> most) = 0;
};

}
