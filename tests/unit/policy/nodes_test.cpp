// Between servers: who is a node or a Keeper, by which name, and as whom a node logs in.

#include <gmock/gmock.h>

#include "policy/describe.h"
#include "world.h"

namespace chmtls::test
{

namespace
{

using config::Purpose;
using mapping::Field;
using policy::Interface;
using policy::Login;
using policy::Outcome;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view interserver = "interserver_https_port";

std::shared_ptr<const mapping::PeerRules> peer_rules(const std::string & name, Field field, const std::string & pattern)
{
    return must(mapping::PeerRules::compile({{name, {{field, pattern}}, {}, "test"}}));
}

/// Nodes by *.nodes.internal, who may act as default and carol; Keepers by *.zk.internal; alice by rule, carol by
/// <ssl_certificates>, who has no password.
std::shared_ptr<generation::Generation> with_nodes(uint64_t number = 1)
{
    auto made = world().generation(number);
    made->settings.listeners[2].client_certificate = config::ClientCertificate::required;
    auto nodes = std::make_shared<generation::Peers>();
    nodes->rules = peer_rules("cluster", Field::dns, "*.nodes.internal");
    nodes->acts_as = {"default", "carol"};
    made->nodes = std::move(nodes);
    auto keeper = std::make_shared<generation::Peers>();
    keeper->rules = peer_rules("ensemble", Field::dns, "*.zk.internal");
    made->keeper = std::move(keeper);
    made->rules = must(mapping::RuleSet::compile({
        {"alices", {{Field::common_name, "alice"}}, "alice", "test"},
        {"by-node", {{Field::dns, "ch1.nodes.internal"}}, "reports", "test"},
        {"everybody", {{Field::common_name, "{user}"}}, "{user}", "test"},
    }));
    made->users = must(mapping::ClickHouseUsers::compile(
        {{.user = "carol", .common_names = {"ch1"}, .subject_alt_names = {}, .has_password = false, .source = "users.xml"}}));
    return made;
}

pki::Spec node_spec(const std::string & name, const std::string & domain = "nodes.internal")
{
    return leaf_spec(name, {{pki::AltName::Kind::dns, name + "." + domain}});
}

policy::PeerVerdict as_client(const generation::Generation & by, const pki::Spec & spec, std::string_view listener)
{
    return world().verify(by, {world().client(spec).certificate}, World::client_query(listener));
}

policy::PeerVerdict
as_server(const generation::Generation & by, const pki::Issued & server, Purpose purpose, std::string_view name)
{
    auto query = World::server_query(name);
    query.purpose = purpose;
    return world().verify(by, {server.certificate}, query);
}

pki::Issued server(const pki::Spec & spec)
{
    return must(pki::issue(spec, world().server_root, world().now));
}

pki::Issued svid_server(const std::string & id)
{
    return must(pki::issue(svid_spec(id), world().domain_root, world().now));
}

// ---- the interserver port ----

TEST(InterserverPeer, OnlyNodesAreLetIn)
{
    const auto generation = with_nodes();
    EXPECT_TRUE(as_client(*generation, node_spec("ch1"), interserver).accepted());
    const auto refused = as_client(*generation, leaf_spec("alice"), interserver);
    EXPECT_EQ(refused.reason, Reason::node_rule);
    EXPECT_EQ(refused.identity, nullptr);
    EXPECT_THAT(
        refused.message,
        AllOf(HasSubstr("CN=alice"), HasSubstr("interserver_https_port"), HasSubstr("mtls.nodes"), HasSubstr("'cluster'")));
    EXPECT_EQ(code(refused.reason), "NODE-RULE");
    EXPECT_EQ(tls_alert(refused.reason), 49) << "access_denied";
}

TEST(InterserverPeer, UsersAreLetInWhereTheyBelong)
{
    const auto generation = with_nodes();
    EXPECT_TRUE(as_client(*generation, leaf_spec("alice"), "https_port").accepted());
    EXPECT_TRUE(as_client(*generation, node_spec("ch1"), "https_port").accepted());
}

TEST(InterserverPeer, WithoutNodesEveryCertificateIsLetIn)
{
    const auto generation = with_nodes();
    generation->nodes = nullptr;
    EXPECT_TRUE(as_client(*generation, leaf_spec("alice"), interserver).accepted());
}

/// A node by one of its names, if anybody looked at them all.
pki::Spec crowded_spec()
{
    auto spec = node_spec("ch1");
    while (spec.alt_names.size() <= 4096)
        spec.alt_names.push_back({pki::AltName::Kind::dns, "x"});
    return spec;
}

TEST(InterserverPeer, OneWithTooManyNamesToLookAtIsRefused)
{
    const auto generation = with_nodes();
    EXPECT_EQ(as_client(*generation, crowded_spec(), interserver).reason, Reason::resource);
    auto fewer = crowded_spec();
    fewer.alt_names.resize(4096 - 1);
    EXPECT_TRUE(as_client(*generation, fewer, interserver).accepted());
}

TEST(InterserverPeer, AChainThatDoesNotVerifyIsRefusedForThat)
{
    const auto generation = with_nodes();
    const auto foreign = must(pki::issue(node_spec("ch1"), world().foreign_root, world().now));
    EXPECT_EQ(world().verify(*generation, {foreign.certificate}, World::client_query(interserver)).reason, Reason::unknown_ca);
}

// ---- servers that we connect to ----

struct Outgoing
{
    const char * name;
    const char * certificate; ///< label of nodes.internal, or a whole SPIFFE ID
    Purpose purpose;
    const char * expected;
    Reason reason;
};

class OutgoingPeer : public testing::TestWithParam<Outgoing>
{
};

TEST_P(OutgoingPeer, IsJudgedByPurposeAndName)
{
    const auto & each = GetParam();
    const auto generation = with_nodes();
    world().add_trust_domain(*generation);
    auto nodes = std::make_shared<generation::Peers>(*generation->nodes);
    nodes->rules = must(mapping::PeerRules::compile(
        {{"cluster", {{Field::dns, "*.nodes.internal"}}, {}, "test"},
         {"svids", {{Field::spiffe_id, "spiffe://example.org/ch/*"}}, {}, "test"}}));
    nodes->expected = {{"ch7.nodes.internal", "spiffe://example.org/ch/7"}, {"192.0.2.7", "spiffe://example.org/ch/7"}};
    generation->nodes = nodes;
    const std::string certificate = each.certificate;
    const auto issued = certificate.starts_with("spiffe:")
                            ? svid_server(certificate)
                            : server(leaf_spec("server", {{pki::AltName::Kind::dns, certificate}}));
    const auto verdict = as_server(*generation, issued, each.purpose, each.expected);
    EXPECT_EQ(code(verdict.reason), code(each.reason)) << verdict.message;
    EXPECT_EQ(verdict.identity != nullptr, each.reason == Reason::valid);
    if (verdict.identity)
    {
        EXPECT_EQ(verdict.identity->met.purpose, each.purpose);
        EXPECT_EQ(verdict.identity->met.expected_name, each.expected);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, OutgoingPeer,
    testing::Values(
        Outgoing{"Node", "ch1.nodes.internal", Purpose::node, "ch1.nodes.internal", Reason::valid},
        Outgoing{"NodeWrittenOtherwise", "ch1.nodes.internal", Purpose::node, "CH1.nodes.internal.", Reason::valid},
        Outgoing{"AnotherNode", "ch2.nodes.internal", Purpose::node, "ch1.nodes.internal", Reason::name_mismatch},
        Outgoing{"NodeWithoutAName", "ch1.nodes.internal", Purpose::node, "", Reason::name_mismatch},
        Outgoing{"NoNode", "ch1.other.internal", Purpose::node, "ch1.other.internal", Reason::node_rule},
        Outgoing{"KeeperIsNoNode", "a.zk.internal", Purpose::node, "a.zk.internal", Reason::node_rule},
        Outgoing{"ExpectedId", "spiffe://example.org/ch/7", Purpose::node, "ch7.nodes.internal", Reason::valid},
        Outgoing{"ExpectedIdByAddress", "spiffe://example.org/ch/7", Purpose::node, "192.0.2.7", Reason::valid},
        Outgoing{
            "ExpectedIdOfAHostWrittenOtherwise", "spiffe://example.org/ch/7", Purpose::node, "CH7.Nodes.Internal.",
            Reason::valid},
        Outgoing{
            "TheNameIsNotTheIdHoweverItIsWritten", "ch7.nodes.internal", Purpose::node, "CH7.Nodes.Internal.",
            Reason::name_mismatch},
        Outgoing{"AnotherId", "spiffe://example.org/ch/8", Purpose::node, "ch7.nodes.internal", Reason::name_mismatch},
        Outgoing{"IdThatIsNoNode", "spiffe://example.org/zk/7", Purpose::node, "ch7.nodes.internal", Reason::node_rule},
        Outgoing{"TheNameIsNotTheId", "ch7.nodes.internal", Purpose::node, "ch7.nodes.internal", Reason::name_mismatch},
        Outgoing{
            "IdOfAHostWithoutExpect", "spiffe://example.org/ch/7", Purpose::node, "ch1.nodes.internal", Reason::name_mismatch},
        Outgoing{"Keeper", "a.zk.internal", Purpose::keeper, "a.zk.internal", Reason::valid},
        Outgoing{"AnotherKeeper", "b.zk.internal", Purpose::keeper, "a.zk.internal", Reason::name_mismatch},
        Outgoing{"NodeIsNoKeeper", "ch1.nodes.internal", Purpose::keeper, "ch1.nodes.internal", Reason::keeper_rule},
        Outgoing{"KeeperWithoutAName", "a.zk.internal", Purpose::keeper, "", Reason::name_mismatch},
        Outgoing{"KeepersHaveExpectationsOfTheirOwn", "ch7.zk.internal", Purpose::keeper, "ch7.zk.internal", Reason::valid},
        Outgoing{"GeneralIsAskedNeither", "ch1.other.internal", Purpose::general, "", Reason::valid},
        Outgoing{"GeneralByName", "ch1.other.internal", Purpose::general, "ch1.other.internal", Reason::valid},
        Outgoing{"GeneralByAnotherName", "ch1.other.internal", Purpose::general, "ch2.other.internal", Reason::name_mismatch}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(OutgoingPeerMessage, SaysWhoWasThereAndWhatWasWanted)
{
    const auto generation = with_nodes();
    const auto no_node = as_server(*generation, server(node_spec("ch1", "other.internal")), Purpose::node, "ch1.other.internal");
    EXPECT_THAT(no_node.message, AllOf(HasSubstr("ch1.other.internal"), HasSubstr("no node of ours"), HasSubstr("'cluster'")));
    const auto no_keeper = as_server(*generation, server(node_spec("ch1")), Purpose::keeper, "ch1.nodes.internal");
    EXPECT_THAT(no_keeper.message, AllOf(HasSubstr("ch1.nodes.internal"), HasSubstr("mtls.keeper"), HasSubstr("'ensemble'")));
}

// Without <nodes> a node is called as before: its name counts when extendedVerification says so.
TEST(OutgoingPeerWithoutNodes, IsJudgedAsAnyServer)
{
    const auto generation = with_nodes();
    generation->nodes = nullptr;
    const auto any = server(leaf_spec("any", {{pki::AltName::Kind::dns, "any.internal"}}));
    EXPECT_TRUE(as_server(*generation, any, Purpose::node, "other.internal").accepted());
    EXPECT_TRUE(as_server(*generation, any, Purpose::node, "").accepted());
    generation->settings.client.extended_verification = true;
    EXPECT_EQ(as_server(*generation, any, Purpose::node, "other.internal").reason, Reason::name_mismatch);
    EXPECT_EQ(as_server(*generation, any, Purpose::node, "").reason, Reason::name_mismatch);
    EXPECT_TRUE(as_server(*generation, any, Purpose::node, "any.internal").accepted());
}

TEST(OutgoingPeerWithoutKeeper, HasToProveItsName)
{
    const auto generation = with_nodes();
    generation->keeper = nullptr;
    const auto any = server(leaf_spec("any", {{pki::AltName::Kind::dns, "any.internal"}}));
    EXPECT_TRUE(as_server(*generation, any, Purpose::keeper, "any.internal").accepted());
    EXPECT_EQ(as_server(*generation, any, Purpose::keeper, "other.internal").reason, Reason::name_mismatch);
}

TEST(ExplainPeer, ShowsTheRulesThatCount)
{
    const auto generation = with_nodes();
    auto query = World::client_query(interserver);
    const auto alice = world().client(leaf_spec("alice"));
    const auto chain = views({alice.certificate});
    query.chain = chain;
    const auto refused = policy::explain_peer(*generation, query, world().now);
    EXPECT_EQ(refused.verdict.reason, Reason::node_rule);
    ASSERT_EQ(refused.traces.size(), 1u);
    EXPECT_EQ(refused.traces[0].rule, "nodes: cluster");
    EXPECT_FALSE(refused.traces[0].matched);
    query.listener = "https_port";
    EXPECT_TRUE(policy::explain_peer(*generation, query, world().now).traces.empty());
}

// ---- as whom a node logs in ----

struct NodeLogin
{
    const char * name;
    const char * certificate; ///< label of nodes.internal; "alice": a user's
    Login login;
    Outcome outcome;
    Reason reason = Reason::valid;
    const char * rule = ""; ///< when granted
};

Login native(std::string_view user)
{
    return {.interface = Interface::native, .user = user, .user_named = true};
}

Login http(std::string_view user)
{
    return {.interface = Interface::http, .user = user, .user_named = true, .certificate_asked = true};
}

Login changed(Login login, bool Login::*member, bool value = true)
{
    login.*member = value;
    return login;
}

class LoginOfANode : public testing::TestWithParam<NodeLogin>
{
};

TEST_P(LoginOfANode, Is)
{
    const auto & each = GetParam();
    const auto generation = with_nodes();
    const bool user = std::string_view(each.certificate) == "alice";
    const auto verdict = as_client(*generation, user ? leaf_spec("alice") : node_spec(each.certificate), "tcp_port_secure");
    ASSERT_TRUE(verdict.accepted()) << verdict.message;
    const auto decision = policy::authorize(policy::standing_of(*generation, verdict.identity, world().now), each.login);
    ASSERT_EQ(static_cast<int>(decision.outcome), static_cast<int>(each.outcome)) << decision.message;
    if (each.outcome == Outcome::granted)
    {
        EXPECT_EQ(decision.user, each.login.user);
        EXPECT_THAT(decision.rule, HasSubstr(each.rule));
    }
    if (each.outcome == Outcome::refused)
    {
        EXPECT_EQ(code(decision.reason), code(each.reason)) << decision.message;
    }
    if (decision.reason == Reason::node_user)
    {
        EXPECT_THAT(decision.message, AllOf(HasSubstr("nodes.internal"), HasSubstr("nodes: cluster")));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Policy, LoginOfANode,
    testing::Values(
        NodeLogin{"AsAUserOfActsAs", "ch2", native("default"), Outcome::granted, Reason::valid, "nodes: cluster"},
        NodeLogin{
            "ThatNamesNobody", "ch2", changed(native("default"), &Login::user_named, false), Outcome::granted, Reason::valid,
            "nodes: cluster"},
        NodeLogin{"ByTheUsersOwnCertificates", "ch1", native("carol"), Outcome::granted, Reason::valid, "ssl_certificates"},
        NodeLogin{"AsACertificateOnlyUser", "ch2", native("carol"), Outcome::granted, Reason::valid, "nodes: cluster"},
        NodeLogin{"AsAnotherUser", "ch2", native("alice"), Outcome::refused, Reason::node_user},
        NodeLogin{"AsAUserThatARuleYields", "ch1", native("reports"), Outcome::refused, Reason::node_user},
        NodeLogin{"AsItself", "ch2", native("ch2"), Outcome::refused, Reason::node_user},
        NodeLogin{"AsNobodyAtAll", "ch2", native(""), Outcome::refused, Reason::node_user},
        NodeLogin{
            "AsAnotherUserToRunTheQueriesOfOthers", "ch2", changed(native("alice"), &Login::queries_judged), Outcome::granted,
            Reason::valid, "nodes: cluster"},
        NodeLogin{
            "AsNobodyToRunTheQueriesOfOthers", "ch2", changed(native(""), &Login::queries_judged), Outcome::refused,
            Reason::node_user},
        NodeLogin{
            "OverHttpToRunTheQueriesOfOthers", "ch2", changed(http("alice"), &Login::queries_judged), Outcome::refused,
            Reason::node_user},
        NodeLogin{
            "OfAUserIsAsEverWhereQueriesAreJudged", "alice", changed(native("default"), &Login::queries_judged),
            Outcome::declined},
        NodeLogin{"WithAPassword", "ch2", changed(native("alice"), &Login::password_given), Outcome::declined},
        NodeLogin{
            "WithAPasswordOfOneWhoHasNone", "ch2", changed(native("carol"), &Login::password_given), Outcome::refused,
            Reason::certificate_required},
        NodeLogin{"OverHttp", "ch2", http("default"), Outcome::refused, Reason::node_user},
        NodeLogin{"OverHttpAsAnother", "ch2", http("alice"), Outcome::refused, Reason::node_user},
        NodeLogin{
            "OverHttpWithoutTheHeader", "ch2", changed(http("default"), &Login::certificate_asked, false), Outcome::refused,
            Reason::node_user},
        NodeLogin{
            "OverHttpWithoutTheHeaderButAPassword", "ch2",
            changed(changed(http("alice"), &Login::certificate_asked, false), &Login::password_given), Outcome::declined},
        NodeLogin{
            "OverHttpWithAnEmptyPasswordInTheUrl", "ch2",
            changed(changed(http("alice"), &Login::certificate_asked, false), &Login::other_credentials), Outcome::refused,
            Reason::node_user},
        NodeLogin{
            "OverHttpWithHeaderAndPassword", "ch2", changed(http("default"), &Login::password_given), Outcome::refused,
            Reason::mixed_credentials},
        NodeLogin{"OfAUserIsAsEver", "alice", native("alice"), Outcome::granted, Reason::valid, "alices"},
        NodeLogin{"OfAUserAsDefaultIsAsEver", "alice", native("default"), Outcome::declined},
        NodeLogin{
            "OfAUserOverHttpIsAsEver", "alice", changed(http("alice"), &Login::certificate_asked, false), Outcome::declined}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(NodeLoginDetails, IsNotOverHttpEvenWithAlways)
{
    const auto generation = with_nodes();
    generation->settings.certificate_login = config::CertificateLogin::always;
    const auto node = as_client(*generation, node_spec("ch2"), "https_port").identity;
    const auto ask = [&](Login login)
    {
        login.certificate_asked = false;
        return policy::authorize(policy::standing_of(*generation, node, world().now), login);
    };
    EXPECT_EQ(ask(http("default")).reason, Reason::node_user);
    EXPECT_EQ(ask(native("default")).outcome, Outcome::granted);
    EXPECT_EQ(ask(http("alice")).reason, Reason::node_user);
    EXPECT_EQ(ask(changed(http("default"), &Login::other_credentials)).reason, Reason::node_user)
        << "who brings credentials of another kind has not asked for the certificate to count";
}

TEST(NodeLoginDetails, WithoutActsAsThereIsNone)
{
    const auto generation = with_nodes();
    auto nodes = std::make_shared<generation::Peers>(*generation->nodes);
    nodes->acts_as.clear();
    generation->nodes = nodes;
    const auto node = as_client(*generation, node_spec("ch2"), "tcp_port_secure").identity;
    const auto decision = policy::authorize(policy::standing_of(*generation, node, world().now), native("default"));
    EXPECT_EQ(decision.reason, Reason::node_user);
    EXPECT_THAT(decision.message, HasSubstr("mtls.nodes.acts_as"));
}

TEST(NodeLoginDetails, WhereItIsOnlyObservedANodeLogsInUnlessItWouldWithoutUs)
{
    const auto generation = with_nodes();
    auto nodes = std::make_shared<generation::Peers>(*generation->nodes);
    nodes->open_users = {"everybody"};
    generation->nodes = nodes;
    const auto node = as_client(*generation, node_spec("ch2"), "tcp_port_secure").identity;
    const auto ask = [&](std::string_view user)
    {
        return policy::authorize(
            policy::standing_of(*generation, node, world().now), changed(native(user), &Login::queries_judged));
    };
    EXPECT_EQ(ask("everybody").outcome, Outcome::granted);
    generation->settings.mode = config::Mode::observe;
    generation->settings.listeners[0].mode = config::Mode::observe;
    EXPECT_EQ(ask("alice").outcome, Outcome::granted) << "as where it is enforced: nobody is shut out by observing";
    EXPECT_EQ(ask("everybody").reason, Reason::node_user) << "which is let through: the server's own login decides, as on stock";
    EXPECT_EQ(ask("default").outcome, Outcome::granted);
}

TEST(NodeLoginDetails, WhetherItIsANodesMustBeKnown)
{
    const auto generation = with_nodes();
    generation->users = must(mapping::ClickHouseUsers::compile({}));
    const auto crowded = as_client(*generation, crowded_spec(), "tcp_port_secure").identity;
    ASSERT_NE(crowded, nullptr);
    for (Login login : {native("default"), changed(native("default"), &Login::password_given), http("default")})
    {
        const auto decision = policy::authorize(policy::standing_of(*generation, crowded, world().now), login);
        EXPECT_EQ(decision.outcome, Outcome::refused) << decision.message;
        EXPECT_EQ(decision.reason, Reason::resource) << decision.message;
    }
}

TEST(NodeLoginDetails, EndsWithItsCertificate)
{
    const auto generation = with_nodes();
    const auto node = as_client(*generation, node_spec("ch2"), "tcp_port_secure").identity;
    for (const Login & login : {native("default"), changed(native("alice"), &Login::queries_judged)})
    {
        EXPECT_EQ(
            policy::authorize(policy::standing_of(*generation, node, node->valid_until - std::chrono::seconds(1)), login).outcome,
            Outcome::granted);
        const auto decision = policy::authorize(policy::standing_of(*generation, node, node->valid_until), login);
        EXPECT_EQ(decision.outcome, Outcome::refused);
        EXPECT_EQ(decision.reason, Reason::expired);
    }
}

TEST(NodeLoginDetails, FollowsTheRulesOfToday)
{
    const auto before = with_nodes(1);
    before->nodes = nullptr;
    const auto after = with_nodes(2);
    const auto identity = as_client(*before, node_spec("ch1"), "tcp_port_secure").identity;
    EXPECT_EQ(
        policy::authorize(policy::standing_of(*before, identity, world().now), native("reports")).outcome, Outcome::granted);
    EXPECT_EQ(policy::authorize(policy::standing_of(*after, identity, world().now), native("reports")).reason, Reason::node_user);
}

TEST(NodeLoginDetails, IsExplainedWithTheNodeRules)
{
    const auto generation = with_nodes();
    const auto node = as_client(*generation, node_spec("ch2"), "tcp_port_secure").identity;
    const auto explanation = policy::explain(policy::standing_of(*generation, node, world().now), native("default"));
    ASSERT_FALSE(explanation.traces.empty());
    EXPECT_EQ(explanation.traces[0].rule, "nodes: cluster");
    EXPECT_TRUE(explanation.traces[0].matched);
    EXPECT_EQ(explanation.decision.rule, "nodes: cluster");
    EXPECT_EQ(explanation.traces.size(), 1 + generation->rules->size());
}

TEST(Nodes, AreDescribedAsSuchByTheGenerationThatIsAsked)
{
    const auto generation = with_nodes();
    const auto node = as_client(*generation, node_spec("ch1"), "tcp_port_secure");
    const auto alice = as_client(*generation, leaf_spec("alice"), "tcp_port_secure");
    ASSERT_TRUE(node.accepted() && alice.accepted());
    EXPECT_THAT(policy::identity_json(*node.identity, *generation), HasSubstr(R"("node":"cluster")"));
    EXPECT_THAT(policy::identity_json(*alice.identity, *generation), HasSubstr(R"("node":null)"));
    EXPECT_THAT(policy::identity_json(*node.identity, *world().generation(2)), HasSubstr(R"("node":null)"));
}

}

}
