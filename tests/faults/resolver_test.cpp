// Want of memory while names are looked up: c-ares calls back through C, where an exception would end the process. Each lookup
// ends once, and the next one succeeds.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "base/wake.h"
#include "dns/cares_resolver.h"
#include "faults/injection.h"
#include "support/dns_server.h"

namespace chmtls::test
{
namespace
{

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<DnsReply> zone(const std::string & name, uint16_t type)
{
    return type == dns_a ? DnsReply{0, {{name, dns_a, 60, "10.1.0.1"}, {name, dns_a, 60, "10.1.0.2"}}} : DnsReply{0, {}};
}

/// Lookups that have ended; as the service does it, want of memory only delays them.
class Lookups
{
public:
    Lookups()
    {
        ended_.reserve(8); // what fails is to be the resolver's
        resolver_->use({server_.address()});
    }

    void start() { resolver_->start("a.name.that.is.longer.than.a.string.holds.in.itself.example"); }

    /// One round of I/O.
    void serve()
    {
        try
        {
            for (dns::Lookup & each : resolver_->wait(wake_.handle(), milliseconds(20)))
                ended_.push_back(std::move(each));
        }
        catch (const std::bad_alloc &)
        {
        }
    }

    [[nodiscard]] const std::vector<dns::Lookup> & until_ended(size_t count)
    {
        const auto end = steady_clock::now() + std::chrono::seconds(60);
        while (ended_.size() < count && steady_clock::now() < end)
            serve();
        return ended_;
    }

private:
    DnsServer server_{zone};
    Wake wake_;
    std::unique_ptr<dns::Resolver> resolver_ = dns::make_cares_resolver();
    std::vector<dns::Lookup> ended_;
};

TEST(MemoryInLookups, EndsNoProcessAndNoLookupTwice)
{
    bool fired = true;
    for (uint64_t nth = 1; fired && nth < 200; ++nth)
    {
        Lookups lookups;
        lookups.start();
        {
            // Both answers have come, or will: what fails is taking them.
            const Injection injection(Resource::memory, nth, ENOMEM);
            const auto end = steady_clock::now() + milliseconds(200);
            while (!injection.fired() && steady_clock::now() < end)
                lookups.serve();
            fired = injection.fired();
        }
        ASSERT_EQ(lookups.until_ended(1).size(), 1u) << "call " << nth;
        lookups.start();
        const auto & ended = lookups.until_ended(2);
        ASSERT_EQ(ended.size(), 2u) << "call " << nth;
        EXPECT_EQ(ended.back().ipv4.kind, dns::Answer::Kind::addresses) << "call " << nth << ": " << ended.back().ipv4.failure;
    }
}

}
}
