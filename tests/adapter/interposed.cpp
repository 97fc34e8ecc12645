// The clock and the name lookups of this process, in front of those of libc.

#include <ctime>
#include <dlfcn.h>
#include <netdb.h>

#include "adapter/interposed.h"

namespace
{

chmtls::test::Names * names_in_use = nullptr;

/// libc's function of this name; `Function` is its type.
template <typename Function>
Function * next(const char * name)
{
    return reinterpret_cast<Function *>(::dlsym(RTLD_NEXT, name));
}

}

namespace chmtls::test
{

Names::Names() : now_(std::chrono::steady_clock::now().time_since_epoch())
{
    names_in_use = this;
}

Names::~Names()
{
    names_in_use = nullptr;
}

std::optional<std::string> Names::look_up(const std::string & name)
{
    asked.push_back(name);
    now_ += time_of_a_lookup;
    const auto found = addresses.find(name);
    return found == addresses.end() ? std::nullopt : std::optional(found->second);
}

}

extern "C"
{
    [[gnu::visibility("default")]] int clock_gettime(clockid_t clock, timespec * time) noexcept
    {
        static auto * const real = next<int(clockid_t, timespec *)>("clock_gettime");
        if (names_in_use == nullptr || clock != CLOCK_MONOTONIC)
            return real(clock, time);
        const auto now = names_in_use->now();
        time->tv_sec = static_cast<time_t>(now / std::chrono::seconds(1));
        time->tv_nsec = static_cast<long>((now % std::chrono::seconds(1)).count());
        return 0;
    }

    [[gnu::visibility("default")]] int
    getaddrinfo(const char * name, const char * service, const addrinfo * hints, addrinfo ** found)
    {
        static auto * const real = next<int(const char *, const char *, const addrinfo *, addrinfo **)>("getaddrinfo");
        if (names_in_use == nullptr || name == nullptr)
            return real(name, service, hints, found);
        const auto address = names_in_use->look_up(name);
        return address ? real(address->c_str(), service, hints, found) : EAI_NONAME;
    }
}
