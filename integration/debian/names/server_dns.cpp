#include "names/server_dns.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include <Poco/Net/IPAddress.h>

#include "names/clickhouse_dns.h"
#include "symbols.h"

namespace chmtls::debian
{

namespace
{

std::atomic<DB::DNSResolver *> the_resolver{nullptr};

/// DB::SimpleCache, which keeps the answers of a function. Each lies in a static of a function.
template <typename Answer, typename... Arguments>
struct SimpleCache
{
    std::map<std::tuple<Arguments...>, Answer> answers;
    std::mutex mutex;
};
/// Does this host have this address.
using HostCache = SimpleCache<bool, std::string, Poco::Net::IPAddress>;
/// The name of this address.
using NameCache = SimpleCache<std::string, Poco::Net::IPAddress>;
static_assert(sizeof(HostCache) == 0x58 && sizeof(NameCache) == 0x58, "as far as the statics' guards");

template <typename Cache>
void forget_answers(Symbol cache_symbol, Symbol guard)
{
    // The guard's first byte tells that the static is there (Itanium C++ ABI 3.3.3).
    const std::atomic_ref<uint8_t> made(*static_cast<uint8_t *>(original(guard)));
    if (made.load(std::memory_order_acquire) == 0)
        return;
    auto & cache = *static_cast<Cache *>(original(cache_symbol));
    const std::lock_guard lock(cache.mutex);
    cache.answers.clear();
}

}

void forget_hosts_of_users()
{
    forget_answers<HostCache>(Symbol::user_hosts, Symbol::user_hosts_guard);
    forget_answers<NameCache>(Symbol::user_names, Symbol::user_names_guard);
}

void remember_resolver(DB::DNSResolver & resolver) noexcept
{
    the_resolver.store(&resolver, std::memory_order_relaxed);
}

std::optional<std::string> address_of(const std::string & host)
{
    auto * const resolver = the_resolver.load(std::memory_order_relaxed);
    return resolver == nullptr ? std::nullopt : std::optional(resolver->resolveHost(host).toString());
}

void forget_addresses(DB::Context & context)
{
    if (auto * const resolver = the_resolver.load(std::memory_order_relaxed))
        original_as<void(DB::DNSResolver *)>(Symbol::drop_dns_cache)(resolver);
    forget_hosts_of_users();
    original_as<void(DB::Context *)>(Symbol::reload_clusters)(&context);
}

}
