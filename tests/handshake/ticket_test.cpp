// Tickets, with a module whose answers the test chooses: a session stands for a handshake only as long as the module says yes
// to the chain inside it.

#include <functional>

#include <binding/ticket_content.h>

#include "fake_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

struct Change
{
    const char * name;
    std::function<void(FakeModule &)> make; ///< between the first connection and the second
    bool resumed;
    bool completed;
};

const Change changes[] = {
    {"nothing", [](FakeModule &) {}, true, true},
    {"other_session_id_context", [](FakeModule & fake) { fake.policy.session_id_context[0] = 2; }, false, true},
    {"other_ticket_key", [](FakeModule & fake) { fake.ticket_key_name = 9; }, false, true},
    {"tickets_forbidden", [](FakeModule & fake) { fake.policy.session_tickets = 0; }, false, true},
    {"chain_refused", [](FakeModule & fake) { fake.verify_status = CHMTLS_REFUSED; }, false, false},
    {"chain_judged_in_an_unheard_of_way", [](FakeModule & fake) { fake.verify_status = 4711; }, false, false},
    {"certificate_not_asked_for_any_more",
     [](FakeModule & fake) { fake.policy.client_certificate = CHMTLS_CLIENT_CERTIFICATE_NONE; }, false, true},
};

class Ticket : public testing::TestWithParam<std::tuple<Change, int>>
{
};

TEST_P(Ticket, AfterAChangeOf)
{
    const auto & [change, version] = GetParam();
    FakeWorld world;
    Bound bound(world.module.plugin());
    const auto server = bound.server(version);
    const auto client = world.plain_client(version);
    SessionPtr session;
    {
        TlsPair first(server.get(), client.get());
        ASSERT_TRUE(first.run().completed);
        session = first.client_session();
    }
    change.make(world.module);
    {
        TlsPair second(server.get(), client.get());
        SSL_set_session(second.client(), session.get());
        EXPECT_EQ(second.run().completed, change.completed) << second.run().server.error;
        EXPECT_EQ(SSL_session_reused(second.server()) == 1, change.resumed);
        const bool certificate_wanted = world.module.policy.client_certificate != CHMTLS_CLIENT_CERTIFICATE_NONE;
        EXPECT_EQ(SslBinding::identity_of(second.server()) != nullptr, change.completed && certificate_wanted);
    }
    session.reset();
    EXPECT_EQ(world.module.identities_out, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, Ticket, testing::Combine(testing::ValuesIn(changes), testing::Values(TLS1_2_VERSION, TLS1_3_VERSION)),
    [](const auto & test) { return std::string(std::get<0>(test.param).name) + "_" + version_name(std::get<1>(test.param)); });

class Tickets : public WithFakeModule
{
protected:
    /// Connects with the former session; the session of this connection, and whether it was resumed.
    struct Connected
    {
        bool completed;
        bool resumed;
        bool identified;
        SessionPtr session;
    };
    Connected connect(SSL_CTX * server, SSL_CTX * client, SSL_SESSION * session, const char * server_name = nullptr)
    {
        TlsPair pair(server, client);
        if (session != nullptr)
            SSL_set_session(pair.client(), session);
        if (server_name != nullptr)
            SSL_set_tlsext_host_name(pair.client(), server_name);
        const bool completed = pair.run().completed;
        return {
            completed, SSL_session_reused(pair.server()) == 1, SslBinding::identity_of(pair.server()) != nullptr,
            pair.client_session()};
    }
};

INSTANTIATE_TEST_SUITE_P(Handshake, Tickets, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), name_of_version);

TEST_P(Tickets, CarryTheWholeChain)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    auto client = client_context(version());
    believe(client.get(), world.root);
    const auto outer = intermediate("outer", world.root);
    const auto inner = intermediate("inner", outer);
    present(client.get(), leaf(client_spec("below"), inner), {inner, outer});
    auto first = connect(server.get(), client.get(), nullptr);
    ASSERT_TRUE(first.completed);
    EXPECT_EQ(world.module.asked_chain_length, 3u);
    world.module.asked_chain_length = 0;
    const auto second = connect(server.get(), client.get(), first.session.get());
    EXPECT_TRUE(second.resumed);
    EXPECT_EQ(world.module.asked_chain_length, 3u);
    EXPECT_EQ(world.module.asked_listener, "tcp_port_secure");
}

TEST_P(Tickets, OfAResumedConnectionResumeAgain)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    auto connected = connect(server.get(), client.get(), nullptr);
    for (int again = 0; again < 3; ++again)
    {
        connected = connect(server.get(), client.get(), connected.session.get());
        ASSERT_TRUE(connected.completed);
        EXPECT_TRUE(connected.resumed);
        EXPECT_TRUE(connected.identified);
    }
    EXPECT_EQ(world.module.judgements, 4);
}

TEST_P(Tickets, AreNotResumedUnderAnotherServerName)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    auto first = connect(server.get(), client.get(), nullptr, "server.test");
    const auto same = connect(server.get(), client.get(), first.session.get(), "server.test");
    EXPECT_TRUE(same.resumed);
    first = connect(server.get(), client.get(), nullptr, "server.test");
    const auto other = connect(server.get(), client.get(), first.session.get(), "other.test");
    EXPECT_TRUE(other.completed);
    EXPECT_FALSE(other.resumed);
}

TEST_P(Tickets, OfOneListenerAreNotResumedOnAnother)
{
    const auto plugin = world.module.plugin();
    Bound native(plugin, "tcp_port_secure");
    Bound http(plugin, "https_port");
    const auto native_server = native.server(version());
    const auto http_server = http.server(version());
    const auto client = world.plain_client(version());
    const auto first = connect(native_server.get(), client.get(), nullptr);
    world.module.policy.session_id_context[0] = 7; // the module derives it from the listener's name
    const auto other = connect(http_server.get(), client.get(), first.session.get());
    EXPECT_TRUE(other.completed);
    EXPECT_FALSE(other.resumed);
}

TEST_P(Tickets, WithoutACertificateAreOfNoUseWhereOneIsRequired)
{
    world.module.policy.client_certificate = CHMTLS_CLIENT_CERTIFICATE_OPTIONAL;
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    auto bare = client_context(version());
    believe(bare.get(), world.root);
    auto first = connect(server.get(), bare.get(), nullptr);
    ASSERT_TRUE(first.completed);
    const auto twin = connect(server.get(), bare.get(), first.session.get());
    EXPECT_TRUE(twin.resumed);
    EXPECT_FALSE(twin.identified);
    first = connect(server.get(), bare.get(), nullptr);
    world.module.policy.client_certificate = CHMTLS_CLIENT_CERTIFICATE_REQUIRED;
    const auto refused = connect(server.get(), bare.get(), first.session.get());
    EXPECT_FALSE(refused.completed);
    EXPECT_FALSE(refused.identified);
}

TEST_P(Tickets, AreNotMadeOfVeryLongChainsAndThoseStillConnect)
{
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    auto client = client_context(version());
    believe(client.get(), world.root);
    std::vector<pki::Issued> fat;
    for (int i = 0; i < 4; ++i)
    {
        auto spec = pki::Spec::authority("fat");
        spec.extra = {{"1.3.6.1.4.1.55555.1", false, Bytes(8000, 0x30)}};
        fat.push_back(value(pki::issue(spec, world.root)));
    }
    present(client.get(), world.client, fat);
    const auto first = connect(server.get(), client.get(), nullptr);
    ASSERT_TRUE(first.completed);
    const auto second = connect(server.get(), client.get(), first.session.get());
    EXPECT_TRUE(second.completed);
    EXPECT_FALSE(second.resumed);
    EXPECT_TRUE(second.identified);
}

TEST_P(Tickets, AreNotGivenOutWhenThePolicySaysSo)
{
    world.module.policy.session_tickets = 0;
    world.module.ticket_status = CHMTLS_INTERNAL_ERROR; // would end the handshake if it were asked
    Bound bound(world.module.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    const auto first = connect(server.get(), client.get(), nullptr);
    ASSERT_TRUE(first.completed);
    EXPECT_EQ(SSL_SESSION_has_ticket(first.session.get()), 0);
    const auto second = connect(server.get(), client.get(), first.session.get());
    EXPECT_TRUE(second.completed);
    EXPECT_FALSE(second.resumed);
}

TEST_P(Tickets, OfThePlainContextAreOfNoUseOnceItIsBound)
{
    const auto server = world.plain_server(version());
    SSL_CTX_set_session_id_context(server.get(), reinterpret_cast<const unsigned char *>("x"), 1);
    SSL_CTX_set_options(server.get(), SSL_OP_NO_TICKET); // so that it keeps sessions of its own
    const auto client = world.plain_client(version());
    auto first = connect(server.get(), client.get(), nullptr);
    ASSERT_TRUE(first.completed);
    EXPECT_TRUE(connect(server.get(), client.get(), first.session.get()).resumed) << "the control does not resume";
    first = connect(server.get(), client.get(), nullptr);

    Bound bound(world.module.plugin());
    bound.binding.attach_server(server.get());
    const auto second = connect(server.get(), client.get(), first.session.get());
    EXPECT_TRUE(second.completed);
    EXPECT_FALSE(second.resumed);
}

chmtls_bytes view(const std::vector<unsigned char> & bytes)
{
    return {bytes.data(), bytes.size()};
}

TEST(TicketContent, ComesBackAsItWasWritten)
{
    const std::vector<unsigned char> one{1, 2, 3};
    const std::vector<unsigned char> two(1000, 4);
    const auto encoded = host::encode({"server.test", {view(one), view(two)}});
    ASSERT_TRUE(encoded);
    const auto decoded = host::decode(view(*encoded));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->server_name, "server.test");
    ASSERT_EQ(decoded->intermediates.size(), 2u);
    EXPECT_EQ(text_of(decoded->intermediates[0]), text_of(view(one)));
    EXPECT_EQ(text_of(decoded->intermediates[1]), text_of(view(two)));
}

TEST(TicketContent, IsRefusedWhenCutAnywhereButBetweenCertificates)
{
    const std::vector<unsigned char> one{1, 2, 3};
    const auto encoded = host::encode({"name", {view(one), view(one)}});
    ASSERT_TRUE(encoded);
    constexpr size_t name_end = 1 + 3 + 4;
    for (size_t size = 0; size <= encoded->size(); ++size)
    {
        const bool whole = size >= name_end && (size - name_end) % (3 + one.size()) == 0;
        EXPECT_EQ(host::decode({encoded->data(), size}).has_value(), whole) << size;
    }
}

TEST(TicketContent, OfAnotherVersionIsRefused)
{
    auto encoded = host::encode({"name", {}});
    ASSERT_TRUE(encoded && host::decode(view(*encoded)));
    for (unsigned version = 0; version < 256; ++version)
    {
        const bool ours = encoded->front() == version;
        auto other = *encoded;
        other.front() = static_cast<unsigned char>(version);
        EXPECT_EQ(host::decode(view(other)).has_value(), ours) << version;
    }
}

TEST(TicketContent, HasABound)
{
    const std::vector<unsigned char> big(host::max_ticket_content - 1 - 3 - 3, 0);
    EXPECT_TRUE(host::encode({"", {view(big)}}));
    EXPECT_FALSE(host::encode({"a", {view(big)}}));
}

}
}
