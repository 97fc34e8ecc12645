#include <thread>

#include <gtest/gtest.h>

#include "world.h"

namespace chmtls::test
{

namespace
{

using policy::PeerQuery;
using policy::Verifier;
using std::chrono::seconds;

/// A chain of a good client, and the query for it.
struct Asked
{
    explicit Asked(const std::string & common_name = "alice") : chain{world().client(leaf_spec(common_name)).certificate} {}

    [[nodiscard]] PeerQuery query(std::string_view listener = "tcp_port_secure") const
    {
        auto made = World::client_query(listener);
        made.chain = ders;
        return made;
    }

    Chain chain;
    std::vector<ByteView> ders = views(chain);
};

policy::IdentityPtr
accepted(Verifier & verifier, const generation::GenerationPtr & generation, const PeerQuery & query, UnixTime now)
{
    auto verdict = verifier.verify(generation, query, now);
    EXPECT_TRUE(verdict.accepted()) << verdict.message;
    EXPECT_NE(verdict.identity, nullptr);
    if (verdict.identity != nullptr)
    {
        EXPECT_EQ(verdict.identity->generation, generation->number);
        EXPECT_EQ(verdict.valid_until, verdict.identity->valid_until);
    }
    return verdict.identity;
}

TEST(Verifier, AKeptConnectionIsJudgedOnceByEachGeneration)
{
    Verifier verifier;
    const Asked alice;
    const auto before = accepted(verifier, world().generation(1), alice.query(), world().now);
    const generation::GenerationPtr next = world().generation(2);
    const auto first = verifier.standing_of(*next, before, world().now);
    ASSERT_NE(first.identity, nullptr) << first.message;
    EXPECT_EQ(first.identity->generation, 2u);
    EXPECT_EQ(verifier.standing_of(*next, before, world().now).identity, first.identity);

    const auto other_trust = world().generation(3);
    other_trust->client_trust = other_trust->server_trust;
    const auto none = verifier.standing_of(*other_trust, before, world().now);
    EXPECT_EQ(none.identity, nullptr);
    EXPECT_EQ(none.shown, before);
    EXPECT_EQ(none.reason, Reason::unknown_ca);
}

TEST(Verifier, SameQuestionSameIdentity)
{
    const auto & w = world();
    const Asked asked;
    const auto generation = w.generation();
    Verifier verifier;
    const auto first = accepted(verifier, generation, asked.query(), w.now);
    EXPECT_EQ(accepted(verifier, generation, asked.query(), w.now), first);
    EXPECT_EQ(accepted(verifier, generation, asked.query(), w.now + seconds(59)), first);
}

TEST(Verifier, EachPartOfTheQuestionCounts)
{
    const auto & w = world();
    const Asked asked;
    const auto generation = w.generation();
    generation->server_trust = generation->client_trust;
    Verifier verifier;
    const auto first = accepted(verifier, generation, asked.query(), w.now);

    const auto other_listener = accepted(verifier, generation, asked.query("https_port"), w.now);
    EXPECT_NE(other_listener, first);
    EXPECT_EQ(other_listener->met.listener, "https_port");

    auto as_server = asked.query();
    as_server.role = policy::PeerRole::server;
    const auto server = accepted(verifier, generation, as_server, w.now);
    EXPECT_NE(server, first);
    as_server.purpose = config::Purpose::node;
    const auto node = accepted(verifier, generation, as_server, w.now);
    EXPECT_NE(node, server);
    EXPECT_EQ(node->met.purpose, config::Purpose::node);
    as_server.purpose = config::Purpose::keeper;
    EXPECT_FALSE(verifier.verify(generation, as_server, w.now).accepted()) << "a Keeper has to prove a name";

    as_server.expected_name = "alice";
    EXPECT_FALSE(verifier.verify(generation, as_server, w.now).accepted());

    auto longer = asked.ders;
    longer.push_back(w.client_root.certificate.der());
    auto with_root = asked.query();
    with_root.chain = longer;
    EXPECT_NE(accepted(verifier, generation, with_root, w.now), first);

    EXPECT_EQ(accepted(verifier, generation, asked.query(), w.now), first);
}

TEST(Verifier, ListenerThatBelievesNobodyIsAskedEachTime)
{
    const auto & w = world();
    const Asked asked;
    const auto generation = w.generation();
    Verifier verifier;
    static_cast<void>(accepted(verifier, generation, asked.query(), w.now));
    EXPECT_EQ(verifier.verify(generation, asked.query("interserver_https_port"), w.now).reason, Reason::verification_off);
}

TEST(Verifier, EveryByteIsCompared)
{
    const auto & w = world();
    const Asked asked;
    const auto generation = w.generation();
    Verifier verifier;
    static_cast<void>(accepted(verifier, generation, asked.query(), w.now));
    // The last 64 bytes choose the entry: all others must be looked at as well.
    const auto der = asked.ders.front();
    for (size_t at = 0; at + 64 < der.size(); ++at)
    {
        Bytes changed(der.begin(), der.end());
        changed[at] ^= 0x01;
        const std::vector<ByteView> chain{changed};
        auto query = asked.query();
        query.chain = chain;
        ASSERT_FALSE(verifier.verify(generation, query, w.now).accepted()) << "byte " << at;
    }
}

// Of a name, too, only the last 64 bytes choose the entry.
TEST(Verifier, LongNamesAreCompared)
{
    const auto & w = world();
    const std::string label(40, 'x');
    const std::string common = "." + label + "." + label + ".test";
    const auto server = must(pki::issue(leaf_spec("long", {{pki::AltName::Kind::dns, "a" + common}}), w.server_root, w.now));
    const std::vector<ByteView> chain{server.certificate.der()};
    const auto generation = w.generation();
    Verifier verifier;
    const auto asked = [&](const std::string & name)
    {
        auto query = World::server_query(name);
        query.chain = chain;
        return verifier.verify(generation, query, w.now);
    };
    EXPECT_TRUE(asked("a" + common).accepted());
    EXPECT_EQ(asked("b" + common).reason, Reason::name_mismatch);
    EXPECT_TRUE(asked("a" + common).accepted());
}

TEST(Verifier, LongListenersAreCompared)
{
    const auto & w = world();
    const Asked alice;
    const std::string common(80, 'x');
    const auto generation = w.generation();
    generation->settings.listeners.push_back({"a" + common, 9441, config::ClientCertificate::required});
    generation->settings.listeners.push_back({"b" + common, 9442, config::ClientCertificate::none});
    Verifier verifier;
    const auto identity = accepted(verifier, generation, alice.query("a" + common), w.now);
    EXPECT_EQ(verifier.verify(generation, alice.query("b" + common), w.now).reason, Reason::verification_off);
    EXPECT_EQ(accepted(verifier, generation, alice.query("a" + common), w.now), identity);
}

TEST(Verifier, NothingOutlivesItsGeneration)
{
    const auto & w = world();
    const Asked asked;
    Verifier verifier;
    const auto first = accepted(verifier, w.generation(1), asked.query(), w.now);
    const auto second = accepted(verifier, w.generation(2), asked.query(), w.now);
    EXPECT_NE(second, first);

    const auto without = w.generation(3);
    without->client_trust = must(trust::TrustStore::create({w.foreign_root.certificate}, {}, {}));
    EXPECT_EQ(verifier.verify(without, asked.query(), w.now).reason, Reason::unknown_ca);
}

TEST(Verifier, HandshakeKeepsItsOlderGeneration)
{
    const auto & w = world();
    const Asked asked;
    const auto older = w.generation(1);
    const auto newer = w.generation(2);
    Verifier verifier;
    static_cast<void>(accepted(verifier, older, asked.query(), w.now));
    static_cast<void>(accepted(verifier, newer, asked.query(), w.now));
    static_cast<void>(accepted(verifier, older, asked.query(), w.now));
}

TEST(Verifier, JudgedAgainWhen)
{
    const auto & w = world();
    auto spec = leaf_spec("short");
    spec.not_after = seconds(30);
    const auto leaf = w.client(spec);
    const std::vector<ByteView> short_lived{leaf.certificate.der()};
    const Asked asked;
    const auto generation = w.generation();

    const struct
    {
        const char * name;
        std::vector<ByteView> chain;
        seconds later;
        bool accepted;
        bool remembered;
    } cases[]{
        {"at once", asked.ders, seconds(0), true, true},
        {"within the minute", asked.ders, seconds(59), true, true},
        {"after the minute", asked.ders, seconds(60), true, false},
        {"clock set back", asked.ders, seconds(-1), true, false},
        {"before notAfter", short_lived, seconds(29), true, true},
        {"after notAfter", short_lived, seconds(31), false, false},
    };
    for (const auto & each : cases)
    {
        SCOPED_TRACE(each.name);
        Verifier verifier;
        auto query = asked.query();
        query.chain = each.chain;
        const auto first = accepted(verifier, generation, query, w.now);
        const auto again = verifier.verify(generation, query, w.now + each.later);
        EXPECT_EQ(again.accepted(), each.accepted) << again.message;
        EXPECT_EQ(again.identity == first, each.remembered);
    }
}

TEST(Verifier, CandidateIsNeverRemembered)
{
    const auto & w = world();
    const Asked asked;
    const auto candidate = w.generation(0);
    Verifier verifier;
    EXPECT_NE(accepted(verifier, candidate, asked.query(), w.now), accepted(verifier, candidate, asked.query(), w.now));
}

TEST(Verifier, VeryLongChainsAreJudgedEachTime)
{
    const auto & w = world();
    auto spec = leaf_spec("padded");
    spec.extra = {{"1.3.6.1.4.1.55555.1", false, Bytes(20000, 0x30)}};
    const auto leaf = w.client(spec);
    const std::vector<ByteView> chain{leaf.certificate.der()};
    auto query = World::client_query();
    query.chain = chain;
    const auto generation = w.generation();
    Verifier verifier;
    EXPECT_NE(accepted(verifier, generation, query, w.now), accepted(verifier, generation, query, w.now));
}

TEST(Verifier, BoundsAreKept)
{
    const auto & w = world();
    const auto generation = w.generation();
    std::vector<Asked> many;
    many.reserve(20);
    for (int i = 0; i < 20; ++i)
        many.emplace_back("client" + std::to_string(i));
    Verifier verifier(1); // one set of eight
    std::vector<std::weak_ptr<const policy::Identity>> seen;
    seen.reserve(many.size());
    for (const auto & each : many)
        seen.push_back(accepted(verifier, generation, each.query(), w.now));
    size_t alive = 0;
    for (const auto & each : seen)
        alive += each.expired() ? 0 : 1;
    EXPECT_EQ(alive, 8u);
    EXPECT_FALSE(seen.back().expired());
}

TEST(Verifier, BytesAreBounded)
{
    const auto & w = world();
    const auto generation = w.generation();
    Verifier verifier(1);
    std::vector<std::weak_ptr<const policy::Identity>> seen;
    for (int i = 0; i < 8; ++i)
    {
        auto spec = leaf_spec("padded" + std::to_string(i));
        spec.extra = {{"1.3.6.1.4.1.55555.1", false, Bytes(15000, 0x30)}};
        const auto leaf = w.client(spec);
        const std::vector<ByteView> chain{leaf.certificate.der()};
        auto query = World::client_query();
        query.chain = chain;
        seen.push_back(accepted(verifier, generation, query, w.now));
    }
    size_t alive = 0;
    for (const auto & each : seen)
        alive += each.expired() ? 0 : 1;
    EXPECT_EQ(alive, 4u); // 4 x 15.4 KiB in 64 KiB
}

TEST(Verifier, ManyThreadsOneAnswer)
{
    const auto & w = world();
    const Asked alice("alice");
    const Asked bob("bob");
    const auto foreign = must(pki::issue(leaf_spec("alice"), w.foreign_root, w.now));
    const std::vector<ByteView> foreign_chain{foreign.certificate.der()};
    const std::vector<generation::GenerationPtr> generations{w.generation(1), w.generation(2)};
    Verifier verifier(16);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t)
    {
        threads.emplace_back(
            [&]
            {
                for (int i = 0; i < 200; ++i)
                {
                    const auto & generation = generations[static_cast<size_t>(i) % 2];
                    const auto & asked = i % 3 == 0 ? alice : bob;
                    const auto verdict = verifier.verify(generation, asked.query(), w.now);
                    if (!verdict.accepted() || verdict.identity->generation != generation->number
                        || verdict.identity->leaf.der().data() == nullptr
                        || verdict.identity->leaf.facts().common_name != (i % 3 == 0 ? "alice" : "bob"))
                        ++wrong;
                    auto query = asked.query();
                    query.chain = foreign_chain;
                    if (i % 50 == 0 && verifier.verify(generation, query, w.now).accepted())
                        ++wrong;
                }
            });
    }
    for (auto & thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

}

}
