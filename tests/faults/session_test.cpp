// Want of memory while live sessions are judged again: whoever no longer passes is closed, if a little later.

#include <atomic>
#include <cerrno>

#include <gtest/gtest.h>

#include "faults/injection.h"
#include "faults/revoking_site.h"
#include "generation/loader.h"
#include "session/registry.h"

namespace chmtls::test
{
namespace
{

generation::GenerationPtr loaded(const Site & site, uint64_t number)
{
    auto result = must(generation::load(site.input(), site.now));
    result.generation->number = number;
    return result.generation;
}

session::Session session_of(const generation::Generation & generation, const pki::Issued & peer, uint64_t token, UnixTime now)
{
    session::Session session;
    session.token = token;
    session.identity = verdict_on(generation, peer, now).identity;
    return session;
}

TEST(MemoryInSessions, ARevokedOneIsClosedAllTheSame)
{
    RevokingSite site;
    const std::string lists = std::exchange(site.mtls, "");
    const auto before = loaded(site, 1);
    site.mtls = lists;
    const auto after = loaded(site, 2);

    for (const uint64_t each : {1u, 2u, 3u, 5u, 11u, 37u, 211u})
    {
        std::atomic<bool> revoked{false};
        std::atomic<uint64_t> closed{0};
        session::Registry registry(
            [&](const session::Session & session, Reason, const std::string &) { closed = session.token; },
            [&] { return revoked ? after : before; }, [&] { return site.now; });
        ASSERT_TRUE(registry.add(session_of(*before, site.mallory, 7, site.now)));
        revoked = true;
        const auto deadline = SteadyClock::now() + std::chrono::seconds(30);
        {
            const Injection injection(Resource::memory, each, ENOMEM, Failing::every, Whose::other_threads);
            registry.generation_published();
            while (closed == 0 && injection.calls() < 3 * each + 3 && SteadyClock::now() < deadline)
                std::this_thread::yield();
        }
        while (closed == 0 && SteadyClock::now() < deadline)
            std::this_thread::yield();
        EXPECT_EQ(closed, 7u) << "each " << each;
    }
}

// Nothing is left of it that would keep the others from being judged.
TEST(MemoryInSessions, OneThatCannotBeAddedIsNotThere)
{
    const RevokingSite site;
    const auto generation = loaded(site, 1);
    std::atomic<int64_t> ahead{0};
    std::atomic<uint64_t> closed{0};
    session::Registry registry(
        [&](const session::Session & session, Reason, const std::string &) { closed = session.token; },
        [&] { return generation; }, [&] { return site.now + std::chrono::seconds(ahead); });
    const auto session = session_of(*generation, site.alice, 8, site.now);
    for (uint64_t nth = 1;; ++nth)
    {
        bool fired = false;
        auto fresh = session;
        {
            const Injection injection(Resource::memory, nth, ENOMEM);
            try
            {
                (void)registry.add(std::move(fresh));
            }
            catch (const std::bad_alloc &)
            {
            }
            fired = injection.fired();
        }
        if (!fired)
            break;
        registry.remove(8);
        ASSERT_EQ(registry.size(), 0u) << "allocation " << nth;
    }
    registry.remove(8);
    auto last = session;
    last.token = 9;
    ASSERT_TRUE(registry.add(std::move(last)));
    ahead = (session.identity->valid_until - site.now).count() + 1;
    const auto deadline = SteadyClock::now() + std::chrono::seconds(30);
    while (closed == 0 && SteadyClock::now() < deadline)
        std::this_thread::yield();
    EXPECT_EQ(closed, 9u);
}

TEST(MemoryInSessions, OneThatCannotBeRenewedStaysWatched)
{
    const RevokingSite site;
    const auto generation = loaded(site, 1);
    session::Registry registry(
        [](const session::Session &, Reason, const std::string &) {}, [&] { return generation; }, [&] { return site.now; });
    const auto session = session_of(*generation, site.alice, 8, site.now);
    ASSERT_TRUE(registry.add(session));
    for (uint64_t nth = 1;; ++nth)
    {
        bool fired = false;
        auto renewed = session;
        {
            const Injection injection(Resource::memory, nth, ENOMEM);
            try
            {
                (void)registry.add(std::move(renewed));
            }
            catch (const std::bad_alloc &)
            {
            }
            fired = injection.fired();
        }
        ASSERT_EQ(registry.size(), 1u) << "allocation " << nth;
        if (!fired)
            break;
    }
}

}
}
