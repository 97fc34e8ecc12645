// Want of memory in a handshake: for every allocation that the server's side makes, that one failing ends in a refusal or in
// exactly the identity that was due; a certificate that must be refused is never let in by it.

#include <cerrno>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "faults/injection.h"
#include "handshake/bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

enum class End
{
    over, ///< no identity, or no handshake
    let_in,
};

/// One connection; only what the server does is under the injection.
struct Connection
{
    Connection(SSL_CTX * server, SSL_CTX * client) : pair(server, client) {}

    End run(const Injection & injection)
    {
        injection.pause();
        for (int turn = 0; turn < 8; ++turn)
        {
            const int client_result = SSL_do_handshake(pair.client());
            injection.resume();
            const int server_result = SSL_do_handshake(pair.server());
            injection.pause();
            ERR_clear_error();
            if (server_result == 1)
                return SslBinding::identity_of(pair.server()) != nullptr ? End::let_in : End::over;
            if (SSL_get_error(pair.server(), server_result) != SSL_ERROR_WANT_READ
                || (client_result != 1 && SSL_get_error(pair.client(), client_result) != SSL_ERROR_WANT_READ))
                return End::over;
        }
        return End::over;
    }

    TlsPair pair;
};

class MemoryInHandshakes : public testing::TestWithParam<int>
{
protected:
    [[nodiscard]] static int version() { return GetParam(); }
};

TEST_P(MemoryInHandshakes, NeverLetsInWhomItShouldNot)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = bound.server(version());
    const auto good = world.plain_client(version(), world.client);
    const auto bad = world.plain_client(version(), leaf(client_spec("client"), authority("root")));
    const auto without = world.plain_client(version());

    std::string expected;
    {
        Connection warm(server.get(), good.get());
        ASSERT_TRUE(warm.pair.run().completed);
        expected = plugin->identity_describe(SslBinding::identity_of(warm.pair.server())->identity).json;
    }
    uint64_t refused = 0;
    uint64_t allocations = 0;
    for (const bool must_be_refused : {false, true})
    {
        for (uint64_t nth = 1;; ++nth)
        {
            SSL_CTX * const client = !must_be_refused ? good.get() : nth % 2 == 0 ? bad.get() : without.get();
            Connection connection(server.get(), client);
            const Injection injection(Resource::memory, nth, ENOMEM);
            const auto end = connection.run(injection);
            if (end == End::let_in)
            {
                ASSERT_FALSE(must_be_refused) << "allocation " << nth;
                const auto identity = SslBinding::identity_of(connection.pair.server());
                ASSERT_EQ(plugin->identity_describe(identity->identity).json, expected) << "allocation " << nth;
            }
            else
                ++refused;
            if (!injection.fired())
            {
                ASSERT_EQ(end, must_be_refused ? End::over : End::let_in);
                allocations += nth;
                break;
            }
        }
    }
    RecordProperty("allocations", std::to_string(allocations));
    EXPECT_GT(refused, 100u);

    // And after all that the next one is served.
    TlsPair after(server.get(), good.get());
    EXPECT_TRUE(after.run().completed);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, MemoryInHandshakes, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

}
}
