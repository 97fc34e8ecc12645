// Peers that mean harm to time and memory. Each connection ends or is served within the bounds that docs/bounds.md names, and the
// next one is served as if nothing had been.

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;
using testing::HasSubstr;

// docs/bounds.md. Time is the processor's, of both sides together, and generous: a sanitizer or a slow machine is no attack.
constexpr double most_seconds = 2;
constexpr size_t most_bytes_held = 2u << 20;

double processor_seconds()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

pki::AltName dns_name(std::string value)
{
    return {pki::AltName::Kind::dns, std::move(value)};
}

std::vector<pki::AltName> dns_names(size_t count, const std::string & ending)
{
    std::vector<pki::AltName> names;
    for (size_t i = 0; i < count; ++i)
        names.push_back(dns_name(std::to_string(i) + ending));
    return names;
}

class Hostile : public testing::TestWithParam<int>
{
protected:
    [[nodiscard]] static int version() { return GetParam(); }

    /// Runs a connection within the bounds; what the server made of it.
    const Report & meet(TlsPair & pair)
    {
        const double begin = processor_seconds();
        const size_t held = ::mallinfo2().uordblks;
        const Report & report = pair.run();
        EXPECT_LT(processor_seconds() - begin, most_seconds);
        const size_t now_held = ::mallinfo2().uordblks;
        EXPECT_LT(now_held, held + most_bytes_held);
        return report;
    }

    void TearDown() override
    {
        const auto good = world.plain_client(version(), world.client);
        TlsPair next(server.get(), good.get());
        EXPECT_TRUE(next.run().completed) << next.run().server.error;
    }

    /// A ticket holds the client's certificate, and the pipe between the two ends of a TlsPair holds less than a large one.
    void issue_no_tickets() const { SSL_CTX_set_num_tickets(server.get(), 0); }

    /// What the login of a peer with this identity comes to.
    Authorization log_in(SSL * ssl) const
    {
        chmtls_login login{};
        login.interface = CHMTLS_INTERFACE_NATIVE;
        login.flags = CHMTLS_LOGIN_USER_NAMED;
        login.user = bytes_of("someone");
        const auto identity = SslBinding::identity_of(ssl);
        return identity == nullptr ? Authorization{} : plugin->authorize(identity->identity, login);
    }

    ModuleWorld world;
    std::shared_ptr<Plugin> plugin = world.plugin();
    Bound bound{plugin};
    ContextPtr server = bound.server(version());
};

INSTANTIATE_TEST_SUITE_P(
    Binding, Hostile, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(Hostile, AVeryLongName)
{
    issue_no_tickets();
    auto spec = client_spec("client");
    std::string name = "a";
    while (name.size() < 16 * 1024)
        name += ".label";
    spec.alt_names = {dns_name(name)};
    const auto client = world.plain_client(version(), leaf(spec, world.root));
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(meet(pair).completed) << pair.run().server.error;
    EXPECT_TRUE(log_in(pair.server()).outcome.ok()); // by its common name; the long one is in nobody's way
}

TEST_P(Hostile, TenThousandNames)
{
    issue_no_tickets();
    auto spec = client_spec("client");
    spec.alt_names = dns_names(10'000, "");
    const auto client = world.plain_client(version(), leaf(spec, world.root));
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(meet(pair).completed) << pair.run().server.error;
    const auto login = log_in(pair.server());
    EXPECT_FALSE(login.outcome.ok());
    EXPECT_THAT(login.outcome.message, HasSubstr("names"));
}

TEST_P(Hostile, MoreCertificatesThanOpensslTakes)
{
    auto spec = client_spec("client");
    spec.alt_names = dns_names(10'000, ".example.org"); // more than 100 KiB
    const auto client = world.plain_client(version(), leaf(spec, world.root));
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(meet(pair).completed);
    EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
}

// A TLS 1.2 server has promised the ticket before it sees the certificate.
TEST_P(Hostile, ACertificateThatFitsInNoTicket)
{
    auto spec = client_spec("client");
    spec.alt_names = dns_names(4'000, ".example.org"); // more than 64 KiB, and names that a rule may look at
    const auto client = world.plain_client(version(), leaf(spec, world.root));
    TlsPair pair(server.get(), client.get());
    const bool can_do_without = version() == TLS1_3_VERSION;
    EXPECT_EQ(meet(pair).completed, can_do_without) << pair.run().server.error;
    EXPECT_EQ(log_in(pair.server()).outcome.ok(), can_do_without);
    const auto session = pair.client_session();
    EXPECT_FALSE(session != nullptr && SSL_SESSION_has_ticket(session.get()) == 1);
}

TEST_P(Hostile, AHundredCertificates)
{
    const auto middle = intermediate("middle", world.root);
    auto client = world.plain_client(version());
    present(client.get(), leaf(client_spec("client"), middle), std::vector<pki::Issued>(99, middle));
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(meet(pair).completed);
    EXPECT_THAT(SslBinding::refusal_of(pair.server()), HasSubstr("more than 16 certificates"));

    auto good = world.plain_client(version());
    present(good.get(), leaf(client_spec("client"), middle), std::vector<pki::Issued>(15, middle));
    TlsPair sixteen(server.get(), good.get());
    EXPECT_TRUE(meet(sixteen).completed) << SslBinding::refusal_of(sixteen.server());
}

TEST_P(Hostile, ADeepChain)
{
    std::vector<pki::Issued> chain{intermediate("0", world.root)};
    for (int depth = 1; depth < 12; ++depth)
        chain.insert(chain.begin(), intermediate(std::to_string(depth), chain.front()));
    auto client = world.plain_client(version());
    present(client.get(), leaf(client_spec("client"), chain.front()), chain);
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(meet(pair).completed);
    EXPECT_THAT(SslBinding::refusal_of(pair.server()), HasSubstr("more than 9 signing certificates"));
}

TEST_P(Hostile, ACycle)
{
    const auto stranger = authority("stranger");
    const auto other = authority("other");
    const auto crossing = [](const pki::Issued & subject, const pki::Issued & issuer)
    {
        auto spec = pki::Spec::authority(subject.certificate.facts().common_name.value_or(""));
        return pki::Issued{value(pki::issue_for_key(spec, subject.key, &issuer)).certificate, subject.key};
    };
    auto client = world.plain_client(version());
    present(client.get(), leaf(client_spec("client"), stranger), {crossing(stranger, other), crossing(other, stranger)});
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(meet(pair).completed);
    EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
}

TEST_P(Hostile, AProductOfNamesAndConstraints)
{
    auto spec = pki::Spec::authority("bomb");
    for (int i = 0; i < 1500; ++i)
        spec.permitted_names.push_back("DNS:p" + std::to_string(i));
    const auto bomb = leaf(spec, world.root);
    auto fuse = client_spec("client");
    fuse.alt_names = dns_names(1500, ".x");
    auto client = world.plain_client(version());
    present(client.get(), leaf(fuse, bomb), {bomb});
    TlsPair pair(server.get(), client.get());
    EXPECT_FALSE(meet(pair).completed);
    EXPECT_EQ(SslBinding::identity_of(pair.server()), nullptr);
}

TEST_P(Hostile, AClientHelloOfSixtyFourKilobytes)
{
    const auto client = world.plain_client(version(), world.client);
    std::vector<unsigned char> protocols;
    while (protocols.size() < 64'000)
    {
        protocols.push_back(255);
        protocols.resize(protocols.size() + 255, 'x');
    }
    ASSERT_EQ(SSL_CTX_set_alpn_protos(client.get(), protocols.data(), static_cast<unsigned>(protocols.size())), 0);
    TlsPair pair(server.get(), client.get());
    EXPECT_TRUE(meet(pair).completed) << pair.run().server.error;
}

TEST_P(Hostile, ThousandsThatNeverGoOn)
{
    const auto client = world.plain_client(version(), world.client);
    constexpr size_t connections = 500;
    const double begin = processor_seconds();
    const size_t held = ::mallinfo2().uordblks;
    std::vector<std::unique_ptr<TlsPair>> pairs;
    for (size_t i = 0; i < connections; ++i)
    {
        pairs.push_back(std::make_unique<TlsPair>(server.get(), client.get()));
        SSL_do_handshake(pairs.back()->client());
        SSL_do_handshake(pairs.back()->server()); // has sent its flight, and waits
    }
    EXPECT_LT((processor_seconds() - begin) / connections, most_seconds / 10);
    const size_t now_held = ::mallinfo2().uordblks;
    EXPECT_LT(now_held, held + connections * (most_bytes_held / 10)); // both ends and what lies between them
    EXPECT_EQ(SslBinding::identity_of(pairs.front()->server()), nullptr);
}

TEST_P(Hostile, OneByteAtATime)
{
    const auto client = world.plain_client(version(), world.client);
    const SslPtr sender(SSL_new(client.get()));
    const SslPtr receiver(SSL_new(server.get()));
    BIO * const out = BIO_new(BIO_s_mem());
    SSL_set_bio(sender.get(), BIO_new(BIO_s_mem()), out);
    BIO * const in = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(receiver.get(), in, BIO_new(BIO_s_mem()));
    SSL_set_connect_state(sender.get());
    SSL_set_accept_state(receiver.get());
    SSL_do_handshake(sender.get());
    char * hello = nullptr;
    const long size = BIO_get_mem_data(out, &hello);
    ASSERT_GT(size, 100);
    for (long i = 0; i + 1 < size; ++i)
    {
        BIO_write(in, hello + i, 1);
        ASSERT_EQ(SSL_get_error(receiver.get(), SSL_do_handshake(receiver.get())), SSL_ERROR_WANT_READ);
        ASSERT_TRUE(SslBinding::listener_of(receiver.get()).empty()); // nothing of ours exists before the hello is whole
    }
    BIO_write(in, hello + size - 1, 1);
    SSL_do_handshake(receiver.get());
    EXPECT_FALSE(SslBinding::listener_of(receiver.get()).empty());
}

TEST_P(Hostile, Renegotiation)
{
    const auto client = world.plain_client(version(), world.client);
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(meet(pair).completed);
    const auto before = SslBinding::identity_of(pair.server());
    if (SSL_renegotiate(pair.client()) == 1)
        SSL_do_handshake(pair.client());
    char ignored[16];
    SSL_read(pair.server(), ignored, sizeof(ignored));
    SSL_read(pair.client(), ignored, sizeof(ignored));
    EXPECT_EQ(SSL_total_renegotiations(pair.server()), 0);
    EXPECT_EQ(SslBinding::identity_of(pair.server()), before);
}

TEST_P(Hostile, EarlyData)
{
    if (version() != TLS1_3_VERSION)
        GTEST_SKIP() << "there is none before TLS 1.3";
    const auto client = world.plain_client(version(), world.client);
    SessionPtr session;
    {
        TlsPair first(server.get(), client.get());
        ASSERT_TRUE(first.run().completed);
        session = first.client_session();
    }
    EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), 0u);
    ASSERT_EQ(SSL_SESSION_set_max_early_data(session.get(), 1000), 1); // a client that does not keep to it
    TlsPair pair(server.get(), client.get());
    SSL_set_session(pair.client(), session.get());
    size_t written = 0;
    ASSERT_EQ(SSL_write_early_data(pair.client(), "SELECT 1", 8, &written), 1);
    meet(pair);
    EXPECT_NE(SSL_get_early_data_status(pair.server()), SSL_EARLY_DATA_ACCEPTED);
}

}
}
