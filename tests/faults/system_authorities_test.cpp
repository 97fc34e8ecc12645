// loadDefaultCAFile while allocations and file system calls fail: what is left out for want of something else than the file
// itself is noticed at the next look.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "faults/injection.h"
#include "reload/site.h"
#include "support/system_store.h"

namespace chmtls::test
{
namespace
{

class SystemAuthorities : public testing::TestWithParam<Resource>
{
};

TEST_P(SystemAuthorities, AreWholeOrLookedAtAgain)
{
    const SystemStore system;
    for (const char * name : {"one", "two"})
    {
        const pki::Issued authority = must(pki::self_signed(pki::Spec::authority(name)));
        system.dir.write("certs/" + hash_name(authority.certificate), pki::certificate_pem(authority.certificate));
    }
    system.dir.write("cert.pem", pki::certificate_pem(must(pki::self_signed(pki::Spec::authority("three"))).certificate));
    Site site;
    site.openssl_client = "<loadDefaultCAFile>true</loadDefaultCAFile>";
    const auto input = site.input();
    const auto load = [&](uint64_t nth) -> std::pair<std::shared_ptr<generation::Generation>, bool>
    {
        const Injection injection(GetParam(), nth, GetParam() == Resource::memory ? ENOMEM : EIO);
        try
        {
            auto loaded = generation::load(input, site.now);
            return {loaded ? loaded->generation : nullptr, injection.fired()};
        }
        catch (const std::bad_alloc &)
        {
            return {nullptr, injection.fired()};
        }
    };
    const auto [reference, ignored] = load(UINT64_MAX);
    ASSERT_NE(reference, nullptr);
    ASSERT_EQ(reference->server_trust->anchors().size(), 4u);
    const auto numbers = first_calls_from_each_place(GetParam(), [&] { (void)generation::load(input, site.now); });
    ASSERT_GT(numbers.size(), 20u);
    for (const uint64_t nth : numbers)
    {
        const auto [built, hit] = load(nth);
        if (built == nullptr)
        {
            ASSERT_TRUE(hit);
            continue;
        }
        if (built->digest == reference->digest)
        {
            ASSERT_EQ(built->server_trust->anchors().size(), 4u) << "call " << nth;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SystemAuthorities, testing::Values(Resource::memory, Resource::files),
    [](const auto & test) { return std::string(test.param == Resource::memory ? "Memory" : "Files"); });

}
}
