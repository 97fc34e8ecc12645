#pragma once

// Names that lead where a test says and take the time that it says, by a clock that only they move: nobody waits.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace chmtls::test
{

/// While it lives, getaddrinfo answers from here, and the steady clock stands still but for the time of lookups. One at a time,
/// and for one thread.
class Names
{
public:
    Names();
    ~Names();
    Names(const Names &) = delete;
    Names & operator=(const Names &) = delete;

    std::map<std::string, std::string> addresses; ///< a name that is not in it does not resolve
    std::chrono::seconds time_of_a_lookup{0};
    std::vector<std::string> asked;

    // For the functions of libc.
    std::optional<std::string> look_up(const std::string & name);
    [[nodiscard]] std::chrono::nanoseconds now() const { return now_; }

private:
    std::chrono::nanoseconds now_;
};

}
