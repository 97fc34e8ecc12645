// The real module behind the binding, between servers: who gets through a handshake at all, and what we show.

#include <condition_variable>
#include <map>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

using host::SslBinding;
using testing::AllOf;
using testing::HasSubstr;

pki::Spec with_dns(pki::Spec spec, const std::string & name)
{
    spec.alt_names = {{pki::AltName::Kind::dns, name}};
    return spec;
}

/// Good for both ends of a connection.
pki::Spec svid(const std::string & id)
{
    pki::Spec spec;
    spec.subject = {};
    spec.san_critical = true;
    spec.alt_names = {{pki::AltName::Kind::uri, id}};
    return spec;
}

constexpr const char * node_section
    = "<nodes><rule><name>cluster</name><dns>*.nodes.test</dns></rule>"
      "<rule><name>svids</name><spiffe_id>spiffe://test/ch/*</spiffe_id></rule>"
      "<acts_as><user>default</user></acts_as>"
      "<expect><host>ch7.nodes.test</host><spiffe_id>spiffe://test/ch/7</spiffe_id></expect></nodes>"
      "<keeper><rule><name>ensemble</name><dns>*.zk.test</dns></rule></keeper>";

std::string trust_domain(const ModuleWorld & world)
{
    return "<trust_domains><trust_domain><name>test</name><bundle>" + world.directory.file("ca.crt")
           + "</bundle></trust_domain></trust_domains>";
}

class Nodes : public testing::TestWithParam<int>
{
protected:
    Nodes() { world.options.extra_mtls = trust_domain(world) + node_section; }

    [[nodiscard]] static int version() { return GetParam(); }

    /// A client of ours, or of whoever holds `shown`, at one of our listeners.
    struct Met
    {
        bool completed;
        std::string refusal;
        int alert;
        std::string server_saw; ///< application data would have arrived: empty when none did
    };

    Met meet(const std::shared_ptr<Plugin> & plugin, const std::string & listener, const pki::Issued & shown)
    {
        Bound bound(plugin, listener);
        const auto server = bound.server(version());
        const auto client = world.plain_client(version(), shown);
        TlsPair pair(server.get(), client.get());
        const auto & report = pair.run();
        return {
            report.completed, SslBinding::refusal_of(pair.server()), report.client.alert_received,
            SSL_is_init_finished(pair.server()) == 1 ? "finished" : ""};
    }

    /// We call a server that shows `presented`.
    Met call(
        const std::shared_ptr<Plugin> & plugin, const pki::Issued & presented, uint32_t purpose, const std::string & name,
        std::string * shown_to_it = nullptr)
    {
        auto server = server_context(version());
        present(server.get(), presented);
        believe(server.get(), world.root);
        Bound bound(plugin);
        const auto client = bound.client(version());
        TlsPair pair(server.get(), client.get());
        SslBinding::set_purpose(pair.client(), purpose);
        SslBinding::expect_name(pair.client(), name);
        const auto & report = pair.run();
        if (shown_to_it != nullptr)
            *shown_to_it = common_name_of_peer(pair.server());
        EXPECT_EQ(SslBinding::identity_of(pair.client()) != nullptr, report.completed);
        return {report.completed, SslBinding::refusal_of(pair.client()), report.server.alert_received, {}};
    }

    ModuleWorld world;
};

INSTANTIATE_TEST_SUITE_P(
    Module, Nodes, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(Nodes, AUsersCertificateEndsAtTheInterserverPort)
{
    const auto plugin = world.plugin();
    const auto user = leaf(client_spec("alice"), world.root);
    const auto node = leaf(with_dns(client_spec("ch1"), "ch1.nodes.test"), world.root);

    const auto refused = meet(plugin, "interserver_https_port", user);
    EXPECT_FALSE(refused.completed);
    EXPECT_EQ(refused.server_saw, "") << "the handshake itself must end";
    EXPECT_EQ(refused.alert, SSL_AD_HANDSHAKE_FAILURE) << "nearest to access_denied that OpenSSL sends";
    EXPECT_THAT(refused.refusal, AllOf(HasSubstr("CN=alice"), HasSubstr("'cluster'")));

    EXPECT_TRUE(meet(plugin, "interserver_https_port", node).completed);
    EXPECT_TRUE(meet(plugin, "interserver_https_port", leaf(svid("spiffe://test/ch/1"), world.root)).completed);
    EXPECT_FALSE(meet(plugin, "interserver_https_port", leaf(svid("spiffe://test/people/alice"), world.root)).completed);
    EXPECT_TRUE(meet(plugin, "tcp_port_secure", user).completed) << "where users belong";
}

TEST_P(Nodes, OnlyTheRightNodeAnswersForAHost)
{
    const auto plugin = world.plugin();
    const auto node = leaf(with_dns(server_spec(""), "ch1.nodes.test"), world.root);
    const auto other = leaf(with_dns(server_spec(""), "ch2.nodes.test"), world.root);
    const auto stranger = leaf(with_dns(server_spec(""), "ch1.people.test"), world.root);

    EXPECT_TRUE(call(plugin, node, CHMTLS_PURPOSE_NODE, "ch1.nodes.test").completed);
    const auto moved = call(plugin, other, CHMTLS_PURPOSE_NODE, "ch1.nodes.test");
    EXPECT_FALSE(moved.completed);
    EXPECT_THAT(moved.refusal, AllOf(HasSubstr("ch2.nodes.test"), HasSubstr("ch1.nodes.test")));
    const auto strange = call(plugin, stranger, CHMTLS_PURPOSE_NODE, "ch1.people.test");
    EXPECT_FALSE(strange.completed);
    EXPECT_THAT(strange.refusal, AllOf(HasSubstr("ch1.people.test"), HasSubstr("no node of ours")));
    EXPECT_TRUE(call(plugin, stranger, CHMTLS_PURPOSE_GENERAL, "ch1.people.test").completed) << "url() may go there";
}

TEST_P(Nodes, AnExpectedIdTakesTheNamesPlace)
{
    const auto plugin = world.plugin();
    EXPECT_TRUE(call(plugin, leaf(svid("spiffe://test/ch/7"), world.root), CHMTLS_PURPOSE_NODE, "ch7.nodes.test").completed);
    const auto other = call(plugin, leaf(svid("spiffe://test/ch/8"), world.root), CHMTLS_PURPOSE_NODE, "ch7.nodes.test");
    EXPECT_FALSE(other.completed);
    EXPECT_THAT(other.refusal, AllOf(HasSubstr("spiffe://test/ch/8"), HasSubstr("spiffe://test/ch/7")));
    const auto named = leaf(with_dns(server_spec(""), "ch7.nodes.test"), world.root);
    EXPECT_FALSE(call(plugin, named, CHMTLS_PURPOSE_NODE, "ch7.nodes.test").completed) << "the name is not enough there";
}

TEST_P(Nodes, KeepersAreTheirOwnKind)
{
    const auto plugin = world.plugin();
    const auto keeper = leaf(with_dns(server_spec(""), "a.zk.test"), world.root);
    const auto node = leaf(with_dns(server_spec(""), "ch1.nodes.test"), world.root);
    EXPECT_TRUE(call(plugin, keeper, CHMTLS_PURPOSE_KEEPER, "a.zk.test").completed);
    EXPECT_FALSE(call(plugin, keeper, CHMTLS_PURPOSE_KEEPER, "b.zk.test").completed);
    EXPECT_FALSE(call(plugin, keeper, CHMTLS_PURPOSE_NODE, "a.zk.test").completed);
    EXPECT_FALSE(call(plugin, node, CHMTLS_PURPOSE_KEEPER, "ch1.nodes.test").completed);
}

// A host that takes unverified servers for url() must not thereby take any Keeper.
TEST_P(Nodes, AKeeperIsVerifiedWhateverTheContextSays)
{
    const auto plugin = world.plugin();
    auto server = server_context(version());
    present(server.get(), leaf(with_dns(server_spec(""), "ch1.nodes.test"), world.root));
    Bound bound(plugin);
    const auto client = bound.client(version());
    SSL_CTX_set_verify(client.get(), SSL_VERIFY_NONE, nullptr);
    for (const uint32_t purpose : {uint32_t{CHMTLS_PURPOSE_GENERAL}, uint32_t{CHMTLS_PURPOSE_KEEPER}})
    {
        TlsPair pair(server.get(), client.get());
        SslBinding::set_purpose(pair.client(), purpose);
        SslBinding::expect_name(pair.client(), "ch2.nodes.test");
        EXPECT_EQ(pair.run().completed, purpose == CHMTLS_PURPOSE_GENERAL);
        EXPECT_EQ(SslBinding::identity_of(pair.client()), nullptr);
    }
}

TEST_P(Nodes, EachPurposeShowsItsCertificateAndFollowsItsFiles)
{
    const auto keeper = leaf(with_dns(server_spec(""), "a.zk.test"), world.root);
    const auto node = leaf(with_dns(server_spec(""), "ch1.nodes.test"), world.root);
    world.serve_as("node", leaf(client_spec("as-node"), world.root));
    world.serve_as("keeper", leaf(client_spec("as-keeper"), world.root));
    const auto files = [&](const std::string & name)
    {
        return "<" + name + "><certificateFile>" + world.directory.file(name + ".crt") + "</certificateFile><privateKeyFile>"
               + world.directory.file(name + ".key") + "</privateKeyFile></" + name + ">";
    };
    const auto sections = world.options.extra_mtls;
    const auto plugin = world.plugin();
    std::string shown;
    ASSERT_TRUE(call(plugin, node, CHMTLS_PURPOSE_NODE, "ch1.nodes.test", &shown).completed);
    EXPECT_EQ(shown, "our.client") << "without <credentials> everybody sees openSSL.client's";

    world.options.extra_mtls = sections + "<credentials>" + files("node") + files("keeper") + "</credentials>";
    ASSERT_TRUE(plugin->configure(world.configuration()).ok());
    ASSERT_TRUE(call(plugin, node, CHMTLS_PURPOSE_NODE, "ch1.nodes.test", &shown).completed);
    EXPECT_EQ(shown, "as-node");
    ASSERT_TRUE(call(plugin, keeper, CHMTLS_PURPOSE_KEEPER, "a.zk.test", &shown).completed);
    EXPECT_EQ(shown, "as-keeper");
    ASSERT_TRUE(call(plugin, node, CHMTLS_PURPOSE_GENERAL, "ch1.nodes.test", &shown).completed);
    EXPECT_EQ(shown, "our.client");

    world.serve_as("node", leaf(client_spec("as-node-anew"), world.root));
    ASSERT_TRUE(plugin->configure(world.configuration()).ok());
    ASSERT_TRUE(call(plugin, node, CHMTLS_PURPOSE_NODE, "ch1.nodes.test", &shown).completed);
    EXPECT_EQ(shown, "as-node-anew");
    ASSERT_TRUE(call(plugin, keeper, CHMTLS_PURPOSE_KEEPER, "a.zk.test", &shown).completed);
    EXPECT_EQ(shown, "as-keeper");
}

class Closings final : public HostCallbacks
{
public:
    void log(uint32_t, std::string_view) override {}
    void close_session(uint64_t token, std::string_view reason) override
    {
        const std::lock_guard guard(mutex_);
        closed_[token] = reason;
        changed_.notify_all();
    }
    void configuration_changed() override {}

    /// The reason; empty when it does not come.
    [[nodiscard]] std::string wait_for(uint64_t token)
    {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(30), [&] { return closed_.count(token) != 0; });
        return closed_[token];
    }

    [[nodiscard]] bool has_closed(uint64_t token)
    {
        const std::lock_guard guard(mutex_);
        return closed_.count(token) != 0;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<uint64_t, std::string> closed_;
};

// What is open to a node ends when the rules no longer take it for one, in both directions.
TEST_P(Nodes, LiveConnectionsAreJudgedAgainByTheirPurpose)
{
    const auto callbacks = std::make_shared<Closings>();
    const auto plugin = world.plugin(callbacks);
    Bound bound(plugin, "interserver_https_port");
    const auto server = bound.server(version());
    const auto plain_client = world.plain_client(version(), leaf(with_dns(client_spec("ch1"), "ch1.nodes.test"), world.root));
    TlsPair incoming(server.get(), plain_client.get());
    ASSERT_TRUE(incoming.run().completed);

    auto plain_server = server_context(version());
    present(plain_server.get(), leaf(with_dns(server_spec(""), "ch1.nodes.test"), world.root));
    const auto client = bound.client(version());
    TlsPair to_node(plain_server.get(), client.get());
    SslBinding::set_purpose(to_node.client(), CHMTLS_PURPOSE_NODE);
    SslBinding::expect_name(to_node.client(), "ch1.nodes.test");
    ASSERT_TRUE(to_node.run().completed);
    TlsPair general(plain_server.get(), client.get());
    ASSERT_TRUE(general.run().completed);

    chmtls_session session{};
    session.interface = CHMTLS_INTERFACE_NATIVE;
    const auto open = [&](uint64_t token, const SSL * ssl)
    {
        session.session_token = token;
        const auto outcome = plugin->session_opened(SslBinding::identity_of(ssl)->identity, session);
        EXPECT_TRUE(outcome.ok()) << outcome.message;
    };
    open(1, incoming.server());
    open(2, to_node.client());
    open(3, general.client());

    auto & sections = world.options.extra_mtls;
    sections.replace(sections.find("*.nodes.test"), std::string("*.nodes.test").size(), "*.others.test");
    ASSERT_TRUE(plugin->configure(world.configuration()).ok());
    EXPECT_THAT(callbacks->wait_for(1), HasSubstr("no node of ours"));
    EXPECT_THAT(callbacks->wait_for(2), HasSubstr("no node of ours"));
    EXPECT_FALSE(callbacks->has_closed(3));
}

TEST(NodesPlaintext, StopsTheStartAndNamesEverything)
{
    ModuleWorld world;
    world.options.extra_mtls = "<nodes><rule><name>cluster</name><dns>*.nodes.test</dns></rule></nodes>";
    auto configuration = world.configuration();
    const auto end = configuration.server.rfind("</clickhouse>");
    configuration.server.insert(
        end, "<interserver_http_port>9009</interserver_http_port><remote_servers><prod><node><host>ch7</host></node></prod>"
             "</remote_servers><zookeeper><node><host>zk1</host></node></zookeeper>");
    const auto refused = Plugin::create(module_of_this_build(), configuration, nullptr);
    EXPECT_EQ(refused.outcome.status, CHMTLS_INVALID_CONFIGURATION);
    EXPECT_THAT(refused.outcome.message, AllOf(HasSubstr("interserver_http_port"), HasSubstr("ch7"), HasSubstr("zk1")));

    const auto plugin = world.plugin();
    const auto generation = ModuleWorld::generation(*plugin);
    EXPECT_EQ(plugin->configure(configuration).status, CHMTLS_INVALID_CONFIGURATION);
    EXPECT_EQ(ModuleWorld::generation(*plugin), generation) << "the former state stays";
}

}
}
