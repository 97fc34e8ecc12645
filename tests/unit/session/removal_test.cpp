// Sessions that go, or come, while others are judged.

#include <array>
#include <thread>

#include "unit/session/sessions.h"

namespace chmtls::session
{
namespace
{

using test::leaf_spec;
using test::must;
using testing::ElementsAre;

TEST_F(Sessions, AreNotClosedAfterRemove)
{
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    const auto bob = identity(leaf_spec("bob"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, bob, "bob")).has_value());
    registry.remove(1);
    auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    publish(nobody);
    registry.generation_published();
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_, ElementsAre(testing::Key(2)));
}

TEST_F(Sessions, RemoveWaitsForTheCloseThatIsUnderWay)
{
    std::atomic<bool> inside{false};
    std::atomic<bool> finished{false};
    std::mutex gate;
    std::unique_lock closed_gate(gate);
    Registry registry(
        [&](const Session &, Reason, const std::string &)
        {
            inside = true;
            const std::lock_guard wait(gate);
            finished = true;
        },
        [this] { return published_.current(); }, [this] { return world_.now; });
    const auto alice = identity(leaf_spec("alice"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, alice, "alice")).has_value());
    auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    publish(nobody);
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return inside.load(); }));
    std::atomic<bool> removed{false};
    std::thread remover(
        [&]
        {
            registry.remove(1);
            registry.remove(2);
            EXPECT_TRUE(finished) << "one of the two was being closed";
            removed = true;
        });
    EXPECT_FALSE(removed);
    closed_gate.unlock();
    remover.join();
}

TEST_F(Sessions, MayBeRemovedFromTheCloseItself)
{
    Registry * own = nullptr;
    std::atomic<bool> done{false};
    Registry registry(
        [&](const Session & closed, Reason, const std::string &)
        {
            own->remove(closed.token);
            done = true;
        },
        [this] { return published_.current(); }, [this] { return world_.now; });
    own = &registry;
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    publish(nobody);
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return done.load(); }));
}

TEST_F(Sessions, NoneIsClosedAfterItsRemoveHasReturned)
{
    constexpr size_t sessions = 64;
    std::array<std::atomic<bool>, sessions> gone{};
    std::atomic<bool> late{false};
    std::atomic<uint64_t> closes_seen{0};
    Registry registry(
        [&](const Session & closed, Reason, const std::string &)
        {
            closes_seen.fetch_add(1);
            if (gone[closed.token])
                late = true;
        },
        [this] { return published_.current(); }, [this] { return world_.now; });
    const auto alice = identity(leaf_spec("alice"));
    const auto everybody = make();
    const auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    everybody->number = 100;
    nobody->number = 101;
    for (int round = 0; round < 40; ++round)
    {
        published_.publish(everybody);
        for (uint64_t token = 0; token < sessions; ++token)
        {
            gone[token] = false;
            ASSERT_TRUE(registry.add(session(token, alice, "alice")).has_value());
        }
        published_.publish(nobody);
        std::vector<std::thread> removers;
        for (size_t part = 0; part < 2; ++part)
            removers.emplace_back(
                [&, part]
                {
                    for (uint64_t token = part; token < sessions; token += 2)
                    {
                        registry.remove(token);
                        gone[token] = true;
                    }
                });
        registry.generation_published();
        for (std::thread & remover : removers)
            remover.join();
        EXPECT_EQ(registry.size(), 0u);
    }
    EXPECT_FALSE(late);
    RecordProperty("closed_while_removing", std::to_string(closes_seen));
}

TEST_F(Sessions, OneThatIsAddedWhileAGenerationComesIsJudgedByIt)
{
    // Every session is added against a generation that lets it in, while the next one, which does not, is being published.
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    const auto everybody = make();
    everybody->number = 100;
    auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    nobody->number = 101;
    for (uint64_t round = 0; round < 200; ++round)
    {
        published_.publish(everybody);
        std::thread publisher(
            [&]
            {
                published_.publish(nobody);
                registry.generation_published();
            });
        const bool added = registry.add(session(round, alice, "alice")).has_value();
        publisher.join();
        ASSERT_TRUE(eventually([&] { return !added || closed_.contains(round); })) << "round " << round;
    }
}

}
}
