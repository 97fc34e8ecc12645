// Every file system call of a load fails once, in each way: the load is refused, or what it gives is whole.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "faults/injection.h"
#include "faults/revoking_site.h"
#include "generation/loader.h"

namespace chmtls::test
{
namespace
{

struct Way
{
    const char * name;
    int error;
    Failing failing;
};

void PrintTo(const Way & way, std::ostream * out)
{
    *out << way.name;
}

class FileSystem : public testing::TestWithParam<Way>
{
};

TEST_P(FileSystem, ALoadIsWholeOrRefused)
{
    const RevokingSite site;
    const auto input = site.input();
    const auto asked = generation::ask(input);
    const auto load = [&](uint64_t nth) -> std::pair<std::shared_ptr<generation::Generation>, bool>
    {
        const Injection injection(Resource::files, nth, GetParam().error, GetParam().failing);
        auto reading = generation::read(asked);
        auto built = generation::build(asked, reading, site.now, nullptr);
        return {built ? *built : nullptr, injection.fired()};
    };
    const auto [reference, ignored] = load(UINT64_MAX);
    ASSERT_NE(reference, nullptr);
    uint64_t nth = 1;
    for (bool fired = true; fired; ++nth)
    {
        const auto [built, hit] = load(nth);
        fired = hit;
        if (built == nullptr)
            continue;
        ASSERT_EQ(to_hex(built->digest), to_hex(reference->digest)) << "call " << nth;
        ASSERT_EQ(verdict_on(*built, site.alice, site.now).reason, Reason::valid) << "call " << nth;
        ASSERT_EQ(verdict_on(*built, site.mallory, site.now).reason, Reason::revoked) << "call " << nth;
    }
    RecordProperty("calls", std::to_string(nth));
    EXPECT_GT(nth, 50u); // the calls are indeed behind the injection
}

TEST_P(FileSystem, TheWatchingThreadSurvives)
{
    RevokingSite site;
    site.poll_interval = "0.2";
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    for (const uint64_t each : {1u, 2u, 5u, 23u})
    {
        const auto user = fmt::format("user{}", each);
        {
            const Injection injection(Resource::files, each, GetParam().error, Failing::every, Whose::other_threads);
            site.write("rules.txt", site.make(user).rules);
            ASSERT_TRUE(managed.eventually(
                [&]
                {
                    const auto current = managed.manager.current();
                    return current->rules->rules()[0].user == user || injection.calls() > 200;
                }))
                << "each " << each << ", " << injection.calls() << " calls\n"
                << managed.log();
        }
        ASSERT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == user; }))
            << managed.log();
        ASSERT_EQ(verdict_on(*managed.manager.current(), site.mallory, site.now).reason, Reason::revoked);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FileSystem,
    testing::Values(
        Way{"EIO", EIO, Failing::one}, Way{"ENOSPC", ENOSPC, Failing::one}, Way{"EMFILE", EMFILE, Failing::from_then_on},
        Way{"EINTR", EINTR, Failing::one}),
    [](const auto & test) { return std::string(test.param.name); });

}
}
