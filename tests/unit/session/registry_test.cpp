// Live sessions: who may stay, who is closed, and when.

#include <thread>
#include <utility>

#include "unit/session/sessions.h"

namespace chmtls::session
{
namespace
{

using std::chrono::seconds;
using test::leaf_spec;
using test::must;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(Sessions, AreKeptAndRemoved)
{
    Registry registry = this->registry();
    EXPECT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    EXPECT_TRUE(registry.add(session(2, identity(leaf_spec("bob")), "")).has_value());
    EXPECT_EQ(registry.size(), 2u);
    registry.remove(1);
    registry.remove(1);
    registry.remove(77);
    EXPECT_EQ(registry.size(), 1u);
    EXPECT_EQ(registry.closed(), 0u);
}

TEST_F(Sessions, SameTokenReplaces)
{
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    ASSERT_TRUE(registry.add(session(1, alice, "")).has_value());
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    EXPECT_EQ(registry.size(), 1u);
}

TEST_F(Sessions, AreRefusedWhenTheGenerationDoesNotLetThemIn)
{
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    EXPECT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    const auto other = registry.add(session(2, alice, "bob"));
    ASSERT_FALSE(other.has_value());
    EXPECT_THAT(other.error().reason, HasSubstr("bob"));
    auto without = make();
    without->client_trust = must(trust::TrustStore::create({world_.foreign_root.certificate}, {}, {}));
    publish(without);
    EXPECT_FALSE(registry.add(session(3, alice, "alice")).has_value());
    EXPECT_FALSE(registry.add(session(4, nullptr, "alice")).has_value());
    EXPECT_FALSE(registry.add(session(5, alice, "")).has_value()) << "nor before anybody has logged in";
}

// A connection that we made is judged again by the name that it proved; without it extendedVerification would end it.
TEST_F(Sessions, OfServersKeepTheNameTheyProved)
{
    Registry registry = this->registry();
    auto extended = make();
    extended->settings.client.extended_verification = true;
    publish(extended);
    const auto spec = leaf_spec("node", {{pki::AltName::Kind::dns, "node.test"}});
    const pki::Issued server = must(pki::issue(spec, world_.server_root, world_.now));
    const auto verdict = world_.verify(*published_.current(), {server.certificate}, test::World::server_query("node.test"));
    ASSERT_TRUE(verdict.accepted()) << verdict.message;
    EXPECT_EQ(verdict.identity->met.expected_name, "node.test");
    EXPECT_TRUE(registry.add(session(1, verdict.identity, "")).has_value());

    auto again = make();
    again->settings.client.extended_verification = true;
    publish(again);
    EXPECT_TRUE(registry.add(session(1, verdict.identity, "")).has_value());
}

TEST_F(Sessions, AreClosedWhenTheirAuthorityIsGone)
{
    Registry registry = this->registry();
    auto both = make();
    both->client_trust
        = must(trust::TrustStore::create({world_.client_root.certificate, world_.foreign_root.certificate}, {}, {}));
    publish(both);
    const auto alice = identity(leaf_spec("alice"));
    const pki::Issued foreign = must(pki::issue(leaf_spec("carol"), world_.foreign_root, world_.now));
    const auto carol = world_.verify_client(*published_.current(), {foreign.certificate}).identity;
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, carol, "carol")).has_value());
    ASSERT_TRUE(registry.add(session(3, carol, "")).has_value());

    publish(make());
    registry.generation_published();
    EXPECT_TRUE(closes(2));
    EXPECT_THAT(closed_[2], AllOf(StartsWith("UNKNOWN-CA: "), HasSubstr("no longer accepted")));
    EXPECT_THAT(closed_[3], HasSubstr("no longer accepted"));
    EXPECT_EQ(registry.size(), 1u) << "alice stays";
    EXPECT_EQ(registry.closed(), 2u);
}

// A generation that comes while a session is judged by the one before: its own round may be over when the session is there.
TEST_F(Sessions, AreJudgedByAGenerationThatComesWhileTheyAreAdded)
{
    const auto adder = std::this_thread::get_id();
    std::shared_ptr<generation::Generation> coming;
    Registry registry(
        noted(),
        [&]
        {
            auto current = published_.current();
            if (std::this_thread::get_id() == adder && coming != nullptr)
                publish(std::exchange(coming, nullptr));
            return current;
        },
        [this] { return world_.now; });
    const auto alice = identity(leaf_spec("alice"));
    const auto bob = identity(leaf_spec("bob"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    coming = make();
    coming->rules = must(mapping::RuleSet::compile({{"alice", {{mapping::Field::common_name, "alice"}}, "alice", "test"}}));
    ASSERT_TRUE(registry.add(session(2, bob, "bob")).has_value()) << "by the generation before";
    EXPECT_TRUE(closes(1)) << "nobody has to say that there is another";
    EXPECT_THAT(closed_[2], HasSubstr("bob"));
    EXPECT_EQ(registry.size(), 1u) << "alice stays";
}

TEST_F(Sessions, AreClosedWhenTheirRuleIsGone)
{
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    const auto bob = identity(leaf_spec("bob"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, bob, "bob")).has_value());
    ASSERT_TRUE(registry.add(session(3, bob, "")).has_value());
    auto only_alice = make();
    only_alice->rules = must(mapping::RuleSet::compile({{"alice", {{mapping::Field::common_name, "alice"}}, "alice", "test"}}));
    publish(only_alice);
    registry.generation_published();
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_[2], HasSubstr("bob"));
    EXPECT_EQ(registry.size(), 2u) << "alice, and the one that nobody has logged in on";
}

TEST_F(Sessions, AreClosedWhenTheirCertificateEnds)
{
    Registry registry = this->registry();
    pki::Spec brief = leaf_spec("alice");
    brief.not_after = seconds(600);
    ASSERT_TRUE(registry.add(session(1, identity(brief), "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, identity(leaf_spec("bob")), "bob")).has_value());
    ahead_ = 601;
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_[1], AllOf(StartsWith("TIME: "), HasSubstr("expired")));
    EXPECT_EQ(registry.size(), 1u);
}

TEST_F(Sessions, OneThatIsRenewedWhileItIsJudgedIsJudgedByWhatItIsNow)
{
    Registry * renewing = nullptr;
    policy::IdentityPtr alice;
    Registry registry(
        noted(), looking(), [this] { return world_.now; },
        [&](const Session & observed, Reason, const std::string &)
        {
            const bool due = observed.token == 1 && observed.user == "alice";
            EXPECT_TRUE(!due || renewing->add(session(1, alice, "other")).has_value());
        });
    renewing = &registry;
    alice = identity(leaf_spec("alice"));
    for (const uint64_t token : {1u, 2u})
        ASSERT_TRUE(registry.add(session(token, alice, "alice")).has_value());
    const auto other = [this](config::Mode mode)
    {
        auto made = make();
        made->rules = must(mapping::RuleSet::compile({{"by-name", {{mapping::Field::common_name, "alice"}}, "other", "test"}}));
        for (config::Listener & listener : made->settings.listeners)
            listener.mode = mode;
        return made;
    };
    publish(other(config::Mode::observe));
    goes_over_all(registry);
    publish(other(config::Mode::enforce));
    goes_over_all(registry);
    EXPECT_EQ(registry.size(), 1u);
    EXPECT_EQ(closed_.count(2), 1u);
}

TEST_F(Sessions, StayWhereTheirListenerOnlyObserves)
{
    std::vector<std::pair<uint64_t, Reason>> observed;
    Registry registry(
        noted(), [this] { return published_.current(); }, [this] { return world_.now + seconds(ahead_); },
        [&](const Session & session, Reason reason, const std::string &)
        {
            const std::lock_guard guard(mutex_);
            observed.emplace_back(session.token, reason);
            changed_.notify_all();
        });
    const auto alice = identity(leaf_spec("alice"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    const auto nobody = [this](config::Mode mode)
    {
        auto made = make();
        made->rules = must(mapping::RuleSet::compile({}));
        for (config::Listener & listener : made->settings.listeners)
            listener.mode = mode;
        return made;
    };
    publish(nobody(config::Mode::observe));
    registry.generation_published();
    EXPECT_TRUE(eventually([&] { return observed.size() == 1; }));
    EXPECT_EQ(observed[0], (std::pair<uint64_t, Reason>(1, Reason::no_rule)));
    EXPECT_TRUE(registry.add(session(2, alice, "alice")).has_value()) << "nor is one refused";
    EXPECT_EQ(registry.size(), 2u);
    publish(nobody(config::Mode::enforce));
    registry.generation_published();
    EXPECT_TRUE(closes(2));
}

}
}
