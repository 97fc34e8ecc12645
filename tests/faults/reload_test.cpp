// Want of memory while trust is loaded or asked: a refusal or the generation that was in force, and never half of the next one.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "faults/injection.h"
#include "faults/revoking_site.h"
#include "generation/loader.h"
#include "policy/authorize.h"
#include "policy/verify.h"

namespace chmtls::test
{
namespace
{

/// What a generation is for: lets alice in, and nobody else.
void expect_alice_only(const RevokingSite & site, const generation::Generation & generation, uint64_t nth)
{
    const auto alice = verdict_on(generation, site.alice, site.now);
    EXPECT_EQ(alice.reason, Reason::valid) << "allocation " << nth << ": " << alice.message;
    const auto mallory = verdict_on(generation, site.mallory, site.now);
    EXPECT_EQ(mallory.reason, Reason::revoked) << "allocation " << nth << ": " << mallory.message;
    EXPECT_GE(generation.rules->size(), 1u) << "allocation " << nth;
}

TEST(MemoryInReloads, BuildsAWholeGenerationOrNone)
{
    const RevokingSite site;
    const auto input = site.input();
    const auto load = [&](uint64_t nth) -> std::pair<std::shared_ptr<generation::Generation>, bool>
    {
        const Injection injection(Resource::memory, nth, ENOMEM);
        try
        {
            auto asked = generation::ask(input);
            auto reading = generation::read(asked);
            auto built = generation::build(asked, reading, site.now, nullptr);
            return {built ? *built : nullptr, injection.fired()};
        }
        catch (const std::bad_alloc &)
        {
            return {nullptr, injection.fired()};
        }
    };
    const auto [reference, ignored] = load(UINT64_MAX);
    ASSERT_NE(reference, nullptr);
    expect_alice_only(site, *reference, 0);
    // A load makes some 36,000 allocations, most of them in loops over extensions and names.
    const auto numbers = first_calls_from_each_place(Resource::memory, [&] { (void)generation::load(input, site.now); });
    RecordProperty("places", std::to_string(numbers.size()));
    ASSERT_GT(numbers.size(), 500u);
    for (const uint64_t nth : numbers)
    {
        const auto [built, hit] = load(nth);
        if (built == nullptr)
        {
            ASSERT_TRUE(hit);
            continue;
        }
        ASSERT_EQ(to_hex(built->digest), to_hex(reference->digest)) << "allocation " << nth;
        expect_alice_only(site, *built, nth);
        if (HasFailure())
            return;
    }
}

/// What a manager does with one allocation failing in `configure`: the outcome, and whether an allocation failed at all.
struct Configured
{
    bool taken = false;
    bool fired = false;
    uint64_t calls = 0;
};

Configured configure_with(generation::Manager & manager, const generation::Input & input, uint64_t nth)
{
    auto copy = input;
    Configured result;
    const Injection injection(Resource::memory, nth, ENOMEM);
    try
    {
        result.taken = manager.configure(std::move(copy)).has_value();
    }
    catch (const std::bad_alloc &)
    {
    }
    injection.pause();
    result.fired = injection.fired();
    result.calls = injection.calls();
    return result;
}

TEST(MemoryInReloads, AConfigurationIsTakenOrChangesNothing)
{
    RevokingSite site;
    const auto first = site.input();
    site.poll_interval = "7200";
    const auto second = site.input();

    generation::Manager manager({}, system_time);
    ASSERT_TRUE(manager.configure(second).has_value());
    const auto digest_of_second = manager.current()->digest;
    ASSERT_TRUE(manager.configure(first).has_value());
    const auto digest_of_first = manager.current()->digest;
    const auto all = configure_with(manager, second, UINT64_MAX);
    ASSERT_TRUE(all.taken);
    ASSERT_TRUE(manager.configure(first).has_value());

    // Reading and building have their own test above; here all that follows, and samples of what comes before.
    constexpr uint64_t closely = 300;
    for (uint64_t nth = 1; nth <= all.calls + 4; nth += nth + closely < all.calls ? 411 : 1)
    {
        const auto outcome = configure_with(manager, second, nth);
        ASSERT_TRUE(outcome.taken || outcome.fired);
        ASSERT_EQ(to_hex(manager.current()->digest), to_hex(outcome.taken ? digest_of_second : digest_of_first))
            << "allocation " << nth << " of " << all.calls << (outcome.taken ? ", taken" : ", not taken");
        if (outcome.taken)
        {
            ASSERT_TRUE(manager.configure(first).has_value());
        }
    }
    ASSERT_TRUE(manager.configure(second).has_value());
    expect_alice_only(site, *manager.current(), 0);
}

TEST(MemoryInReloads, TheWatchingThreadSurvivesItsOwnWant)
{
    const RevokingSite site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    for (const uint64_t each : {2u, 3u, 7u, 31u, 127u, 1009u, 5003u})
    {
        const auto next = site.make(fmt::format("user{}", each));
        const auto good = managed.manager.current();
        {
            // Until it has failed often, or has got through.
            const Injection injection(Resource::memory, each, ENOMEM, Failing::every, Whose::other_threads);
            site.write("rules.txt", next.rules);
            ASSERT_TRUE(managed.eventually(
                [&] {
                    return managed.manager.state().failures > 1 || managed.manager.current() != good
                           || injection.calls() > 20 * each;
                }));
        }
        ASSERT_TRUE(
            managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == fmt::format("user{}", each); }))
            << managed.log();
    }
}

TEST(MemoryInJudgements, RefuseRatherThanBelieve)
{
    const RevokingSite site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto generation = managed.manager.current();
    const auto stranger = must(pki::issue(leaf_spec("alice"), site.other_root, site.now));
    for (const auto * peer : {&site.alice, &site.mallory, &stranger})
    {
        const auto due = verdict_on(*generation, *peer, site.now).reason;
        uint64_t nth = 1;
        for (bool fired = true; fired; ++nth)
        {
            std::optional<Reason> reason;
            {
                const Injection injection(Resource::memory, nth, ENOMEM);
                try
                {
                    reason = verdict_on(*generation, *peer, site.now).reason;
                }
                catch (const std::bad_alloc &)
                {
                }
                fired = injection.fired();
            }
            ASSERT_TRUE(fired || reason.has_value());
            ASSERT_TRUE(reason != Reason::valid || due == Reason::valid) << "allocation " << nth;
        }
    }
}

TEST(MemoryInLogins, GrantNobodyElse)
{
    const RevokingSite site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto generation = managed.manager.current();
    const auto identity = verdict_on(*generation, site.alice, site.now).identity;
    ASSERT_NE(identity, nullptr);
    for (const std::string user : {"alice", "root"})
    {
        policy::Login login;
        login.user = user;
        login.user_named = true;
        uint64_t nth = 1;
        for (bool fired = true; fired; ++nth)
        {
            policy::LoginDecision decision;
            {
                const Injection injection(Resource::memory, nth, ENOMEM);
                try
                {
                    decision = policy::authorize(policy::standing_of(*generation, identity, site.now), login);
                }
                catch (const std::bad_alloc &)
                {
                }
                fired = injection.fired();
            }
            const bool granted = decision.outcome == policy::Outcome::granted;
            ASSERT_TRUE(!granted || (user == "alice" && decision.user == "alice")) << user << ": allocation " << nth;
            ASSERT_TRUE(granted || fired || user == "root");
        }
    }
}

}
}
