// Whose a query is that comes from a node, and what anybody else may say of it.

#include <gmock/gmock.h>

#include "policy/on_behalf.h"
#include "world.h"

namespace chmtls::test
{

namespace
{

using policy::Outcome;
using policy::Query;
using testing::AllOf;
using testing::HasSubstr;

/// Nodes by *.nodes.internal, who may act as default.
std::shared_ptr<generation::Generation> with_nodes(uint64_t number = 1)
{
    auto made = world().generation(number);
    auto nodes = std::make_shared<generation::Peers>();
    nodes->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::dns, "*.nodes.internal"}}, {}, "test"}}));
    nodes->acts_as = {"default"};
    made->nodes = std::move(nodes);
    made->rules = must(mapping::RuleSet::compile({{"alices", {{mapping::Field::common_name, "alice"}}, "alice", "test"}}));
    return made;
}

policy::IdentityPtr node(const generation::Generation & by)
{
    return world()
        .verify_client(by, {world().client(leaf_spec("ch1", {{pki::AltName::Kind::dns, "ch1.nodes.internal"}})).certificate})
        .identity;
}

policy::IdentityPtr alice(const generation::Generation & by)
{
    return world().verify_client(by, {world().client(leaf_spec("alice")).certificate}).identity;
}

Query query(std::string_view session_user, std::string_view initial_user)
{
    return {
        .session_user = session_user,
        .session_granted = true,
        .initial_user = initial_user,
        .initial_address = initial_user.empty() ? "" : "192.0.2.7:5000"};
}

enum class Peer
{
    node,
    user,
    nobody, ///< no certificate
};

struct Case
{
    const char * name;
    Peer peer;
    Query query;
    Outcome outcome;
    std::string_view user;         ///< when granted
    std::string_view rule;         ///< when granted
    Reason reason = Reason::valid; ///< when refused
};

Query by_password(Query query)
{
    query.session_granted = false;
    return query;
}

class QueryOnBehalf : public testing::TestWithParam<Case>
{
};

TEST_P(QueryOnBehalf, Is)
{
    const auto & each = GetParam();
    const auto generation = with_nodes();
    const auto identity = each.peer == Peer::node ? node(*generation) : each.peer == Peer::user ? alice(*generation) : nullptr;
    ASSERT_EQ(identity == nullptr, each.peer == Peer::nobody);
    const auto decision = policy::authorize_query(policy::standing_of(*generation, identity, world().now), each.query);
    ASSERT_EQ(static_cast<int>(decision.outcome), static_cast<int>(each.outcome)) << decision.message;
    if (each.outcome == Outcome::granted)
    {
        EXPECT_EQ(decision.user, each.user);
        EXPECT_EQ(decision.rule, each.rule);
    }
    if (each.outcome == Outcome::refused)
    {
        EXPECT_EQ(code(decision.reason), code(each.reason)) << decision.message;
        EXPECT_THAT(decision.message, HasSubstr("nodes.internal")) << "which node";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Policy, QueryOnBehalf,
    testing::Values(
        Case{"OfANodeIsTheAskers", Peer::node, query("default", "eve"), Outcome::granted, "eve", "nodes: cluster"},
        Case{"OfANodeThatMayRunNoneOfItsOwn", Peer::node, query("eve", "eve"), Outcome::granted, "eve", "nodes: cluster"},
        Case{"OfNobody", Peer::node, query("default", ""), Outcome::granted, "default", "nodes: cluster"},
        Case{"OfNobodyAsNoneOfActsAs", Peer::node, query("eve", ""), Outcome::refused, "", "", Reason::node_user},
        Case{"OfWhatIsNoUser", Peer::node, query("default", "e\nve"), Outcome::refused, "", "", Reason::on_behalf},
        Case{"OfANodeThatLoggedInByPassword", Peer::node, by_password(query("bob", "eve")), Outcome::declined, "", ""},
        Case{"OfANodeThatLoggedInByPasswordAndNobody", Peer::node, by_password(query("bob", "")), Outcome::declined, "", ""},
        Case{"OfAUserIsItsOwn", Peer::user, query("alice", "alice"), Outcome::granted, "alice", ""},
        Case{"OfAUserWhoNamesAnotherIsItsOwn", Peer::user, query("alice", "eve"), Outcome::granted, "alice", ""},
        Case{"OfAUserByPasswordIsItsOwn", Peer::user, by_password(query("bob", "eve")), Outcome::granted, "bob", ""},
        Case{"OfAPeerWithoutACertificateIsItsOwn", Peer::nobody, by_password(query("bob", "eve")), Outcome::granted, "bob", ""}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(QueryOnBehalfDetails, TheMessageNamesNodeAndAsker)
{
    const auto generation = with_nodes();
    const auto granted
        = policy::authorize_query(policy::standing_of(*generation, node(*generation), world().now), query("default", "eve"));
    EXPECT_THAT(granted.message, AllOf(HasSubstr("'eve'"), HasSubstr("192.0.2.7")));
    const auto refused
        = policy::authorize_query(policy::standing_of(*generation, node(*generation), world().now), query("eve", ""));
    EXPECT_THAT(refused.message, AllOf(HasSubstr("ch1.nodes.internal"), HasSubstr("'eve'"), HasSubstr("mtls.nodes.acts_as")));
}

TEST(QueryOnBehalfDetails, WithoutNodesNothingIsJudged)
{
    const auto generation = with_nodes();
    const auto identity = alice(*generation);
    generation->nodes = nullptr;
    EXPECT_EQ(
        policy::authorize_query(policy::standing_of(*generation, identity, world().now), query("alice", "eve")).outcome,
        Outcome::declined);
}

TEST(QueryOnBehalfDetails, WithoutActsAsNobodysQueryIsRefused)
{
    const auto generation = with_nodes();
    auto nodes = std::make_shared<generation::Peers>(*generation->nodes);
    nodes->acts_as.clear();
    generation->nodes = nodes;
    const auto ask = [&](std::string_view asker)
    {
        return policy::authorize_query(policy::standing_of(*generation, node(*generation), world().now), query("default", asker));
    };
    EXPECT_EQ(ask("").reason, Reason::node_user);
    EXPECT_EQ(ask("eve").user, "eve");
}

TEST(QueryOnBehalfDetails, ANodeOnAListenerThatObservesRunsItsOwn)
{
    const auto generation = with_nodes();
    const auto node_identity = node(*generation);
    const auto user_identity = alice(*generation);
    generation->settings.listeners[0].mode = config::Mode::observe;
    EXPECT_EQ(
        policy::authorize_query(policy::standing_of(*generation, node_identity, world().now), query("default", "eve")).outcome,
        Outcome::declined);
    EXPECT_EQ(
        policy::authorize_query(policy::standing_of(*generation, node_identity, world().now), query("eve", "")).reason,
        Reason::node_user)
        << "it logged in before, to run the queries of others";
    EXPECT_EQ(
        policy::authorize_query(policy::standing_of(*generation, user_identity, world().now), query("alice", "eve")).user,
        "alice")
        << "a user's word counts for nothing there, too";
}

TEST(QueryOnBehalfDetails, OfAUserGoesOnWhereItIsOnlyObserved)
{
    for (const bool named : {true, false})
    {
        const auto generation = with_nodes();
        const auto user = alice(*generation);
        const auto was_node = node(*generation);
        if (!named)
            generation->nodes = nullptr;
        const auto ask = [&](const policy::IdentityPtr & identity, std::string_view session_user)
        {
            return policy::authorize_query(
                policy::standing_of(*generation, identity, identity->valid_until), query(session_user, "admin"));
        };
        EXPECT_EQ(ask(user, "alice").outcome, Outcome::refused) << "its certificate has ended";
        generation->settings.listeners[0].mode = config::Mode::observe;
        const auto answer = ask(user, "alice");
        EXPECT_EQ(answer.outcome, named ? Outcome::granted : Outcome::declined);
        EXPECT_EQ(answer.user, named ? "alice" : "") << "its word on who asked counts for nothing";
        if (named)
        {
            EXPECT_EQ(ask(was_node, "eve").outcome, Outcome::refused) << "it logged in to run the queries of others";
        }
    }
}

TEST(QueryOnBehalfDetails, EndsWithTheCertificate)
{
    const auto generation = with_nodes();
    for (const auto & [identity, user] : {std::pair(node(*generation), "default"), std::pair(alice(*generation), "alice")})
    {
        const auto before = identity->valid_until - std::chrono::seconds(1);
        EXPECT_EQ(
            policy::authorize_query(policy::standing_of(*generation, identity, before), query(user, "eve")).outcome,
            Outcome::granted);
        EXPECT_EQ(
            policy::authorize_query(policy::standing_of(*generation, identity, identity->valid_until), query(user, "eve")).reason,
            Reason::expired);
    }
}

TEST(QueryOnBehalfDetails, FollowsTheRulesOfToday)
{
    const auto before = with_nodes(1);
    const auto after = with_nodes(2);
    auto nodes = std::make_shared<generation::Peers>(*after->nodes);
    nodes->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::dns, "*.others.internal"}}, {}, "test"}}));
    after->nodes = nodes;
    const auto identity = node(*before);
    EXPECT_EQ(policy::authorize_query(policy::standing_of(*before, identity, world().now), query("default", "eve")).user, "eve");
    const auto ask = [&](const Query & asked)
    {
        return policy::authorize_query(policy::standing_of(*after, identity, world().now), asked).outcome;
    };
    EXPECT_EQ(ask(query("default", "eve")), Outcome::refused) << "a node no more, and nobody else";
    EXPECT_EQ(ask(query("eve", "eve")), Outcome::refused);
    after->nodes = nullptr;
    EXPECT_EQ(ask(query("default", "eve")), Outcome::refused);
    EXPECT_EQ(ask(by_password(query("default", "eve"))), Outcome::declined) << "a password is for the server to judge";
}

TEST(QueryOnBehalfDetails, WhetherItIsANodesMustBeKnown)
{
    const auto generation = with_nodes();
    auto spec = leaf_spec("ch1", {{pki::AltName::Kind::dns, "ch1.nodes.internal"}});
    while (spec.alt_names.size() <= 4096)
        spec.alt_names.push_back({pki::AltName::Kind::dns, "x"});
    const auto crowded = world().verify_client(*generation, {world().client(spec).certificate}).identity;
    ASSERT_NE(crowded, nullptr);
    EXPECT_EQ(
        policy::authorize_query(policy::standing_of(*generation, crowded, world().now), query("default", "eve")).reason,
        Reason::resource);
}

}

}
