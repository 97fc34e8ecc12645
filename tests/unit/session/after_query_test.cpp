// mtls.sessions.on_revoked after_query: what runs may end.

#include <new>

#include "unit/session/sessions.h"

namespace chmtls::session
{
namespace
{

using std::chrono::seconds;
using test::leaf_spec;
using test::must;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class AfterQuery : public Sessions
{
protected:
    /// Everybody may log in, and nobody; both give running queries their time.
    void publish_everybody(std::chrono::milliseconds max_wait = seconds(3600)) { publish_waiting(make(), max_wait); }
    void publish_nobody(std::chrono::milliseconds max_wait = seconds(3600))
    {
        auto nobody = make();
        nobody->rules = must(mapping::RuleSet::compile({}));
        publish_waiting(nobody, max_wait);
    }

    void publish_waiting(std::shared_ptr<generation::Generation> next, std::chrono::milliseconds max_wait)
    {
        next->settings.sessions = {config::OnRevoked::after_query, max_wait};
        publish(std::move(next));
    }
};

TEST_F(AfterQuery, ABusySessionIsClosedWhenItsQueryEndsAndAnIdleOneAtOnce)
{
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    for (uint64_t token = 1; token <= 3; ++token)
        ASSERT_TRUE(registry.add(session(token, alice, "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    registry.set_activity(2, Activity::busy);
    registry.set_activity(2, Activity::idle);
    registry.set_activity(77, Activity::busy);
    publish_nobody();
    registry.generation_published();
    EXPECT_TRUE(closes(2));
    EXPECT_THAT(closed_, ElementsAre(testing::Key(2), testing::Key(3)));
    ASSERT_TRUE(reaches([&] { return registry.ending() == 1; })) << "it may be the last one that is judged";
    registry.set_activity(1, Activity::idle);
    EXPECT_TRUE(closes(3));
    EXPECT_THAT(closed_[1], AllOf(StartsWith("NO-RULE: "), HasSubstr("no longer granted")));
    EXPECT_EQ(registry.size(), 0u);
    EXPECT_EQ(registry.ending(), 0u);
}

TEST_F(AfterQuery, TheWaitIsBounded)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_nobody(std::chrono::milliseconds(200));
    const auto start = std::chrono::steady_clock::now();
    registry.generation_published();
    EXPECT_TRUE(closes(1));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
}

TEST_F(AfterQuery, FurtherGenerationsDoNotProlongTheWait)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_nobody(std::chrono::milliseconds(500));
    registry.generation_published();
    // On a busy machine its time may be up before we look.
    ASSERT_TRUE(reaches([&] { return registry.ending() + registry.closed() > 0; }));
    publish_nobody();
    registry.generation_published();
    EXPECT_TRUE(closes(1));
}

TEST_F(AfterQuery, AShorterWaitCounts)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_nobody();
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return registry.ending() == 1; }));
    publish_nobody(std::chrono::milliseconds(1));
    registry.generation_published();
    EXPECT_TRUE(closes(1));
    EXPECT_EQ(registry.ending(), 0u);
}

TEST_F(AfterQuery, OneThatPassesAgainStays)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_nobody();
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return registry.ending() == 1; }));
    publish_everybody();
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return registry.ending() == 0; }));
    registry.set_activity(1, Activity::idle);
    EXPECT_EQ(registry.size(), 1u);
    EXPECT_EQ(registry.closed(), 0u);
    // It is still known to be busy or not: what it does afterwards counts as before.
    registry.set_activity(1, Activity::busy);
    publish_nobody();
    registry.generation_published();
    ASSERT_TRUE(reaches([&] { return registry.ending() == 1; }));
    registry.remove(1);
    EXPECT_EQ(registry.ending(), 0u);
}

TEST_F(AfterQuery, OneThatPassesMeanwhileIsStillBusy)
{
    publish_everybody();
    Registry registry = this->registry();
    const auto alice = identity(leaf_spec("alice"));
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_everybody();
    goes_over_all(registry);
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value()); // another login on the same connection
    publish_nobody();
    goes_over_all(registry);
    EXPECT_EQ(registry.ending(), 1u);
    EXPECT_EQ(registry.closed(), 0u);
    registry.set_activity(1, Activity::idle);
    EXPECT_TRUE(closes(1));
}

// A thread that found something due each time it looks would never rest.
TEST_F(AfterQuery, WhileAQueryRunsNothingElseIsDue)
{
    publish_everybody(std::chrono::milliseconds(300));
    Registry registry = this->registry();
    pki::Spec brief = leaf_spec("alice");
    brief.not_after = seconds(600);
    const auto ends = identity(brief);
    for (const uint64_t token : {1u, 2u})
        ASSERT_TRUE(registry.add(session(token, ends, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, identity(leaf_spec("alice")), "alice"))
                    .has_value()); // renewed by a certificate that does not end
    registry.set_activity(1, Activity::busy);
    const uint64_t looks = looks_;
    ahead_ = 601;
    EXPECT_TRUE(closes(1));
    EXPECT_EQ(looks_, looks + 1) << "the one that found that its certificate has ended";
    EXPECT_EQ(registry.size(), 1u);
}

TEST_F(AfterQuery, NowMeansNowAlsoForAQuery)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    auto nobody = make();
    nobody->rules = must(mapping::RuleSet::compile({}));
    publish(nobody);
    registry.generation_published();
    EXPECT_TRUE(closes(1));
}

/// A connection of ours to a server of the server authority.
class Outgoing : public AfterQuery
{
protected:
    [[nodiscard]] policy::IdentityPtr server(const pki::Spec & spec)
    {
        const auto issued = must(pki::issue(spec, world_.server_root, world_.now));
        const auto verdict = world_.verify(*published_.current(), {issued.certificate}, test::World::server_query());
        EXPECT_TRUE(verdict.accepted()) << verdict.message;
        return verdict.identity;
    }

    void publish_neither_servers_nor_users()
    {
        auto next = make();
        next->rules = must(mapping::RuleSet::compile({}));
        next->server_trust = must(trust::TrustStore::create({world_.foreign_root.certificate}, {}, {}));
        publish_waiting(std::move(next), seconds(3600));
    }
};

TEST_F(Outgoing, OneInUseIsReplacedOnceAndClosedWhenItIsNoLongerInUse)
{
    Registry registry = this->registry();
    ASSERT_TRUE(registry.add(session(1, server(leaf_spec("ch2")), "")).has_value());
    ASSERT_TRUE(registry.add(session(2, identity(leaf_spec("alice")), "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    registry.set_activity(2, Activity::busy);
    for (int generation = 0; generation < 3; ++generation)
    {
        publish_neither_servers_nor_users();
        goes_over_all(registry);
    }
    EXPECT_EQ(registry.ending(), 2u);
    EXPECT_EQ(registry.closed(), 0u);
    registry.set_activity(1, Activity::idle);
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_, ElementsAre(testing::Key(1)));
    EXPECT_EQ(replaced_, 1) << "once, and not for the client, which is in no pool of ours";
}

TEST_F(Outgoing, ReplacingIsAskedForUntilItCouldBe)
{
    int asked = 0; // under mutex_
    Registry registry(
        noted(), [this] { return published_.current(); }, [this] { return world_.now; }, {},
        [&]
        {
            const std::lock_guard guard(mutex_);
            changed_.notify_all();
            if (++asked == 1)
                throw std::bad_alloc();
        });
    ASSERT_TRUE(registry.add(session(1, server(leaf_spec("ch2")), "")).has_value());
    registry.set_activity(1, Activity::busy);
    publish_neither_servers_nor_users();
    registry.generation_published();
    EXPECT_TRUE(eventually([&] { return asked == 2; }));
    EXPECT_EQ(registry.closed(), 0u);
    EXPECT_EQ(registry.ending(), 1u);
}

TEST_F(Outgoing, OneWhoseServerCertificateHasEndedIsReplaced)
{
    publish_everybody();
    Registry registry = this->registry();
    pki::Spec brief = leaf_spec("ch2");
    brief.not_after = seconds(600);
    ASSERT_TRUE(registry.add(session(1, server(brief), "")).has_value());
    registry.set_activity(1, Activity::busy);
    ahead_ = 601;
    EXPECT_TRUE(eventually([&] { return replaced_ == 1; }));
    EXPECT_EQ(registry.closed(), 0u);
}

TEST_F(AfterQuery, AnEndedCertificateLetsItsQueryEndToo)
{
    publish_everybody();
    Registry registry = this->registry();
    pki::Spec brief = leaf_spec("alice");
    brief.not_after = seconds(600);
    const auto alice = identity(brief);
    ASSERT_TRUE(registry.add(session(1, alice, "alice")).has_value());
    ASSERT_TRUE(registry.add(session(2, alice, "alice")).has_value());
    registry.set_activity(1, Activity::busy);
    ahead_ = 601;
    EXPECT_TRUE(closes(1));
    EXPECT_THAT(closed_, ElementsAre(testing::Key(2)));
    registry.set_activity(1, Activity::idle);
    EXPECT_TRUE(closes(2));
}

}
}
