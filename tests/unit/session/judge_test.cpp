// One session judged by one generation at one moment: what is asked again, and what sessions share.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/judge.h"
#include "unit/policy/world.h"

namespace chmtls::session
{
namespace
{

using policy::Interface;
using std::chrono::seconds;
using test::leaf_spec;
using test::must;
using test::World;
using test::world;
using testing::HasSubstr;

std::shared_ptr<generation::Generation> made(uint64_t number = 1)
{
    auto generation = world().generation(number);
    generation->rules
        = must(mapping::RuleSet::compile({{"by-name", {{mapping::Field::common_name, "{user}"}}, "{user}", "test"}}));
    return generation;
}

policy::IdentityPtr identity(const generation::Generation & by, const test::Chain & chain, const policy::PeerQuery & query)
{
    const auto verdict = world().verify(by, chain, query);
    EXPECT_TRUE(verdict.accepted()) << verdict.message;
    return verdict.identity;
}

test::Chain client(const std::string & name)
{
    return {world().client(leaf_spec(name)).certificate};
}

Session session(policy::IdentityPtr identity, const std::string & user, Interface interface = Interface::native)
{
    const std::string rule = user.empty() ? "" : "by-name";
    return {
        .token = 1,
        .interface = interface,
        .identity = std::move(identity),
        .user = user,
        .rule = rule,
        .opened_at = world().now,
        .opened = std::chrono::steady_clock::now(),
    };
}

TEST(JudgeSession, ByTheInterfaceItLoggedInOn)
{
    const auto generation = made();
    for (const Interface interface : {Interface::native, Interface::http})
    {
        const auto alice = identity(*generation, client("alice"), World::client_query());
        EXPECT_TRUE(judge_one(*generation, session(alice, "alice", interface), world().now).passes);
        const auto as_bob = judge_one(*generation, session(alice, "bob", interface), world().now);
        EXPECT_FALSE(as_bob.passes);
        EXPECT_EQ(as_bob.reason, Reason::other_user);
        EXPECT_THAT(as_bob.message, HasSubstr("user 'bob' is no longer granted"));
    }
}

TEST(JudgeSession, UntilItsCertificateEndsToTheSecond)
{
    const auto generation = made();
    const auto next = made(2);
    const auto alice = identity(*generation, client("alice"), World::client_query());
    const UnixTime end = alice->valid_until;
    for (const auto & by : {generation, next})
        for (const std::string user : {"alice", ""}) // one that nobody has logged in on is judged by its chain alone
        {
            SCOPED_TRACE(user + " by " + std::to_string(by->number));
            const auto before = judge_one(*by, session(alice, user), end - seconds(1));
            EXPECT_TRUE(before.passes) << before.message;
            EXPECT_EQ(before.valid_until, end);
            for (const UnixTime now : {end, end + seconds(1)})
            {
                const auto after = judge_one(*by, session(alice, user), now);
                EXPECT_FALSE(after.passes);
                EXPECT_EQ(after.reason, Reason::expired);
            }
        }
}

TEST(JudgeSession, OnlyAsLongAsItsListenerStillAsks)
{
    const auto before = made();
    const auto alice = client("alice");
    const auto on_https = identity(*before, alice, World::client_query("https_port"));
    const auto on_tcp = identity(*before, alice, World::client_query("tcp_port_secure"));
    const auto after = made(2);
    after->settings.listeners[1].client_certificate = config::ClientCertificate::none;
    // In either order: the same chain, and not the same verdict.
    for (const bool tcp_first : {true, false})
    {
        Judge judge(*after, world().now);
        for (const bool tcp : {tcp_first, !tcp_first})
        {
            const auto judgement = judge(session(tcp ? on_tcp : on_https, "alice"));
            EXPECT_EQ(judgement.passes, tcp) << judgement.message;
            EXPECT_EQ(judgement.reason, tcp ? Reason::valid : Reason::verification_off);
        }
    }
}

TEST(JudgeSession, OfServersByPurposeAndName)
{
    const auto before = made();
    const auto spec = leaf_spec("server", {{pki::AltName::Kind::dns, "a.nodes.test"}});
    const test::Chain chain{must(pki::issue(spec, world().server_root, world().now)).certificate};
    const auto connection = [&](config::Purpose purpose, std::string_view name)
    {
        auto query = World::server_query(name);
        query.purpose = purpose;
        return session(identity(*before, chain, query), "");
    };
    const Session of_node = connection(config::Purpose::node, "a.nodes.test");
    const Session of_other_node = connection(config::Purpose::node, "b.nodes.test"); // nobody compares the name yet
    const Session of_any = connection(config::Purpose::general, "a.nodes.test");

    const auto after = made(2);
    auto nodes = std::make_shared<generation::Peers>();
    nodes->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::dns, "*.nodes.test"}}, {}, "test"}}));
    after->nodes = nodes;
    auto strict = std::make_shared<generation::Peers>(*nodes);
    strict->rules = must(mapping::PeerRules::compile({{"cluster", {{mapping::Field::dns, "*.other.test"}}, {}, "test"}}));
    const auto last = made(3);
    last->nodes = strict;

    Judge named(*after, world().now);
    EXPECT_TRUE(named(of_node).passes);
    EXPECT_EQ(named(of_other_node).reason, Reason::name_mismatch);
    EXPECT_TRUE(named(of_any).passes);
    Judge renamed(*last, world().now);
    EXPECT_TRUE(renamed(of_any).passes);
    EXPECT_EQ(renamed(of_node).reason, Reason::node_rule);
}

// Who it is follows from who vouches for it now: what a trust domain's authority writes beside the ID counts no longer.
TEST(JudgeSession, ByTheIdentityThatTheNewerGenerationSees)
{
    const auto & w = world();
    const auto spec = leaf_spec("alice", {{pki::AltName::Kind::uri, "spiffe://example.org/alice"}});
    const test::Chain chain{must(pki::issue(spec, w.domain_root, w.now)).certificate};
    const auto before = made();
    before->client_trust = must(trust::TrustStore::create({w.domain_root.certificate}, {}, {}));
    const auto alice = session(identity(*before, chain, World::client_query()), "alice");
    EXPECT_TRUE(judge_one(*before, alice, w.now).passes);

    const auto by_name = made(2);
    w.add_trust_domain(*by_name);
    const auto judgement = judge_one(*by_name, alice, w.now);
    EXPECT_FALSE(judgement.passes);
    EXPECT_EQ(judgement.reason, Reason::no_rule);
    const auto by_id = made(3);
    w.add_trust_domain(*by_id);
    by_id->rules = must(
        mapping::RuleSet::compile({{"by-id", {{mapping::Field::spiffe_id, "spiffe://example.org/{user}"}}, "{user}", "test"}}));
    const auto accepted = judge_one(*by_id, alice, w.now);
    EXPECT_TRUE(accepted.passes) << accepted.message;
}

TEST(JudgeSession, ChainsThatShareALeafAreJudgedEach)
{
    const auto & w = world();
    const auto middle = must(pki::issue(pki::Spec::authority("Middle"), w.client_root, w.now));
    const auto leaf = must(pki::issue(leaf_spec("alice"), middle, w.now));
    const auto before = made();
    before->client_trust = must(trust::TrustStore::create({w.client_root.certificate, middle.certificate}, {}, {}));
    const auto whole = identity(*before, {leaf.certificate, middle.certificate}, World::client_query());
    const auto alone = identity(*before, {leaf.certificate}, World::client_query());
    const auto after = made(2); // the root alone
    for (const bool whole_first : {true, false})
    {
        Judge judge(*after, w.now);
        for (const bool each : {whole_first, !whole_first})
            EXPECT_EQ(judge(session(each ? whole : alone, "alice")).passes, each);
    }
}

}
}
