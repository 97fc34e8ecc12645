#pragma once

// What a resolver said about a name.

#include <chrono>
#include <string>
#include <vector>

namespace chmtls::dns
{

using TimePoint = std::chrono::steady_clock::time_point;

/// The answer for one address family.
struct Answer
{
    enum class Kind
    {
        addresses,
        none,   ///< said with authority: there are none (NXDOMAIN, or no data of this kind)
        failed, ///< not known: no answer, or one that settles nothing
    };

    Kind kind = Kind::failed;
    std::vector<std::string> addresses; ///< as text, in any order
    std::chrono::seconds ttl{0};        ///< the least of the records that led to them
    std::string failure;                ///< why there is no address
};

/// A lookup that has ended. The families are asked apart: one that fails hides nothing of the other.
struct Lookup
{
    std::string name;
    Answer ipv4;
    Answer ipv6;
};

}
