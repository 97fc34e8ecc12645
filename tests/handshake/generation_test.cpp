// The real module behind the binding, across generations: resumption, server names, rotation, many connections at once.

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;

class Generations : public testing::TestWithParam<int>
{
protected:
    [[nodiscard]] static int version() { return GetParam(); }

    static SessionPtr first_session(SSL_CTX * server, SSL_CTX * client)
    {
        TlsPair pair(server, client);
        EXPECT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
        return pair.client_session();
    }

    /// Takes what is on disk now; a new generation must come of it.
    static void reload(const ModuleWorld & world, const Plugin & plugin)
    {
        const auto before = ModuleWorld::generation(plugin);
        const auto outcome = plugin.configure(world.configuration());
        ASSERT_TRUE(outcome.ok()) << outcome.message;
        ASSERT_GT(ModuleWorld::generation(plugin), before);
    }
};

INSTANTIATE_TEST_SUITE_P(
    Module, Generations, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(Generations, OneOfThemResumesWithTheSameIdentity)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = bound.server(version());
    const auto client = world.plain_client(version(), world.client);
    TlsPair first(server.get(), client.get());
    ASSERT_TRUE(first.run().completed);
    const auto session = first.client_session();
    TlsPair second(server.get(), client.get());
    SSL_set_session(second.client(), session.get());
    ASSERT_TRUE(second.run().completed) << second.run().server.error;
    EXPECT_EQ(SSL_session_reused(second.server()), 1);
    const auto fresh = SslBinding::identity_of(first.server());
    const auto resumed = SslBinding::identity_of(second.server());
    ASSERT_TRUE(fresh != nullptr && resumed != nullptr);
    EXPECT_EQ(resumed->valid_until, fresh->valid_until);
    EXPECT_EQ(plugin->identity_describe(resumed->identity).json, plugin->identity_describe(fresh->identity).json);
}

TEST_P(Generations, WithoutCachedSessionsResumeNothing)
{
    WorldOptions options;
    options.extra_server.clear();
    const ModuleWorld world(options);
    Bound bound(world.plugin());
    const auto server = bound.server(version());
    const auto client = world.plain_client(version(), world.client);
    const auto session = first_session(server.get(), client.get());
    TlsPair pair(server.get(), client.get());
    SSL_set_session(pair.client(), session.get());
    EXPECT_TRUE(pair.run().completed);
    EXPECT_EQ(SSL_session_reused(pair.server()), 0);
}

TEST_P(Generations, ANewOneAsksForAFullHandshake)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = bound.server(version());
    const auto client = world.plain_client(version(), world.client);
    const auto session = first_session(server.get(), client.get());
    world.serve(leaf(server_spec("server.test"), world.root));
    reload(world, *plugin);
    TlsPair pair(server.get(), client.get());
    SSL_set_session(pair.client(), session.get());
    EXPECT_TRUE(pair.run().completed);
    EXPECT_EQ(SSL_session_reused(pair.server()), 0);
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
}

TEST_P(Generations, ServeTheCertificateOfTheMoment)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin, "https_port");
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());
    for (const auto kind : {pki::KeyKind::ec_p256, pki::KeyKind::rsa_2048, pki::KeyKind::ec_p384, pki::KeyKind::ed25519})
    {
        auto spec = server_spec("server.test");
        spec.subject = {{"CN", "rotated"}};
        spec.key = kind;
        const auto middle = intermediate("middle", world.root);
        const auto next = leaf(spec, middle);
        world.serve(next, {middle});
        reload(world, *plugin);
        TlsPair pair(server.get(), client.get());
        ASSERT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
        const auto * const shown = SSL_get0_peer_certificate(pair.client());
        EXPECT_EQ(X509_cmp(shown, next.certificate.x509()), 0);
        EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client())), 2);
    }
}

TEST_P(Generations, AHandshakeInFlightSurvivesAReload)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = bound.server(version());
    const auto client = world.plain_client(version(), world.client);
    TlsPair pair(server.get(), client.get());
    SSL_do_handshake(pair.client()); // ClientHello
    SSL_do_handshake(pair.server()); // ServerHello ... : the policy and the certificate are those of the first generation
    world.serve(leaf(server_spec("server.test"), world.root));
    reload(world, *plugin);
    EXPECT_TRUE(pair.run().completed) << pair.run().server.error << " / " << pair.run().client.error;
    EXPECT_NE(SslBinding::identity_of(pair.server()), nullptr);
}

TEST_P(Generations, ServeByServerName)
{
    WorldOptions options;
    ModuleWorld world(options);
    for (const char * name : {"one.example", "wild"})
        world.serve_as(name, leaf(server_spec(std::string(name) == "wild" ? "*.wild.example" : name), world.root));
    const auto certificate = [&](const char * files, const char * server_name)
    {
        return "<certificate><server_name>" + std::string(server_name) + "</server_name><certificateFile>"
               + world.directory.file(std::string(files) + ".crt") + "</certificateFile><privateKeyFile>"
               + world.directory.file(std::string(files) + ".key") + "</privateKeyFile></certificate>";
    };
    world.options.extra_mtls = "<server_certificates>" + certificate("one.example", "one.example")
                               + certificate("wild", "*.wild.example") + "</server_certificates>";
    Bound bound(world.plugin(), "https_port");
    const auto server = bound.server(version());
    const auto client = world.plain_client(version());

    struct Choice
    {
        const char * asked; ///< null: no SNI
        const char * shown;
    };
    for (const auto & choice :
         {Choice{nullptr, "server.test"}, Choice{"server.test", "server.test"}, Choice{"one.example", "one.example"},
          Choice{"ONE.example", "one.example"}, Choice{"a.wild.example", "*.wild.example"},
          Choice{"a.b.wild.example", "server.test"}, Choice{"unknown.example", "server.test"}})
    {
        TlsPair pair(server.get(), client.get());
        if (choice.asked != nullptr)
            SSL_set_tlsext_host_name(pair.client(), choice.asked);
        ASSERT_TRUE(pair.run().completed);
        EXPECT_EQ(common_name_of_peer(pair.client()), choice.shown) << (choice.asked != nullptr ? choice.asked : "no name");
    }
}

TEST_P(Generations, RotateUnderConcurrentHandshakes)
{
    const ModuleWorld world;
    const auto plugin = world.plugin();
    Bound bound(plugin);
    const auto server = bound.server(version());
    const auto good = world.plain_client(version(), world.client);
    const auto bad = world.plain_client(version(), leaf(client_spec("client"), authority("root")));

    constexpr int threads = 4;
    constexpr int rotations = 12;
    std::atomic<bool> stop{false};
    std::atomic<int> failed{0};
    std::atomic<int> let_in{0};
    std::atomic<int> done{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i)
        workers.emplace_back(
            [&]
            {
                while (!stop)
                {
                    TlsPair pair(server.get(), good.get());
                    if (!pair.run().completed || SslBinding::identity_of(pair.server()) == nullptr)
                        ++failed;
                    TlsPair refused(server.get(), bad.get());
                    if (refused.run().completed || SslBinding::identity_of(refused.server()) != nullptr)
                        ++let_in;
                    ++done;
                }
            });
    for (int i = 0; i < rotations; ++i)
    {
        world.serve(leaf(server_spec("server.test"), world.root));
        const auto outcome = plugin->configure(world.configuration());
        EXPECT_TRUE(outcome.ok()) << outcome.message;
        for (const int seen = done; done < seen + threads;)
            std::this_thread::yield();
    }
    stop = true;
    for (auto & worker : workers)
        worker.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(let_in, 0);
    EXPECT_GT(ModuleWorld::generation(*plugin), uint64_t{rotations});
}

}
}
