// Observe mode, with the real module behind the binding: what would be refused goes on without an identity, and what
// openSSL.server itself refuses does not.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>

#include <gtest/gtest.h>

#include "bound.h"
#include "support/module_world.h"

namespace chmtls::test
{
namespace
{

class Observe : public testing::TestWithParam<int>
{
protected:
    /// A world whose list revokes its client.
    struct Revoking : ModuleWorld
    {
        explicit Revoking(const std::string & mode)
        {
            const pki::CrlSpec spec{.revoked = {{client.certificate.facts().serial_hex, std::chrono::seconds(-60)}}};
            directory.write("crl.pem", pki::crl_pem(value(pki::issue_crl(spec, root))));
            options.extra_mtls = "<mode>" + mode + "</mode><crl>" + directory.file("crl.pem") + "</crl>";
        }
    };

    static Report connect(const ModuleWorld & world, const pki::Issued & shown, bool & identified)
    {
        Bound bound(world.plugin());
        const auto server = bound.server(GetParam());
        const auto client = world.plain_client(GetParam(), shown);
        TlsPair pair(server.get(), client.get());
        const Report report = pair.run();
        identified = host::SslBinding::identity_of(pair.server()) != nullptr;
        return report;
    }
};

INSTANTIATE_TEST_SUITE_P(
    Module, Observe, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
    [](const auto & test) { return std::string(version_name(test.param)); });

TEST_P(Observe, ARevokedClientGoesOnWithoutAnIdentity)
{
    const Revoking observing("observe");
    const Revoking enforcing("enforce");
    bool identified = true;
    const Report let_through = connect(observing, observing.client, identified);
    EXPECT_TRUE(let_through.completed) << let_through.server.error;
    EXPECT_FALSE(identified);
    EXPECT_FALSE(connect(enforcing, enforcing.client, identified).completed) << "the twin";
    EXPECT_FALSE(identified);
    EXPECT_TRUE(connect(observing, leaf(client_spec("other"), observing.root), identified).completed);
    EXPECT_TRUE(identified) << "what passes has an identity as ever";
}

class ClosedSessions : public HostCallbacks
{
public:
    void log(uint32_t, std::string_view message) override
    {
        const std::lock_guard guard(mutex_);
        said_ += std::string(message) + "\n";
        changed_.notify_all();
    }
    void close_session(uint64_t session_token, std::string_view) override
    {
        const std::lock_guard guard(mutex_);
        closed_.insert(session_token);
        changed_.notify_all();
    }
    void configuration_changed() override {}

    [[nodiscard]] bool says(std::string_view text)
    {
        return eventually([&] { return said_.find(text) != std::string::npos; });
    }
    [[nodiscard]] bool closes(uint64_t token)
    {
        return eventually([&] { return closed_.contains(token); });
    }

private:
    [[nodiscard]] bool eventually(const std::function<bool()> & holds)
    {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), holds);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string said_;
    std::set<uint64_t> closed_;
};

constexpr uint64_t token = 7;

chmtls_login certificate_login(std::string_view user)
{
    chmtls_login login{};
    login.interface = CHMTLS_INTERFACE_HTTP;
    login.flags = CHMTLS_LOGIN_USER_NAMED | CHMTLS_LOGIN_CERTIFICATE_ASKED;
    login.user = bytes_of(user);
    return login;
}

// What a login and a live session come to: nothing is granted, nothing is closed, and the log says what would have been.
TEST_P(Observe, LoginsAndSessionsGoOnToo)
{
    ModuleWorld world;
    const auto callbacks = std::make_shared<ClosedSessions>();
    const auto plugin = world.plugin(callbacks);
    Bound bound(plugin);
    const auto server = bound.server(GetParam());
    const auto person = leaf(client_spec("person"), world.root);
    const auto client = world.plain_client(GetParam(), person);
    TlsPair pair(server.get(), client.get());
    ASSERT_TRUE(pair.run().completed);
    const auto identity = host::SslBinding::identity_of(pair.server());
    ASSERT_NE(identity, nullptr);
    EXPECT_EQ(plugin->authorize(identity->identity, certificate_login("someone")).user, "someone");
    EXPECT_EQ(plugin->authorize(identity->identity, certificate_login("other")).outcome.status, CHMTLS_REFUSED);
    chmtls_session session{};
    session.interface = CHMTLS_INTERFACE_HTTP;
    session.session_token = token;
    session.user = bytes_of("someone");
    ASSERT_TRUE(plugin->session_opened(identity->identity, session).ok());

    const pki::CrlSpec spec{.revoked = {{person.certificate.facts().serial_hex, std::chrono::seconds(-60)}}};
    world.directory.write("crl.pem", pki::crl_pem(value(pki::issue_crl(spec, world.root))));
    const auto configure = [&](const std::string & mode)
    {
        world.options.extra_mtls = "<mode>" + mode + "</mode><crl>" + world.directory.file("crl.pem") + "</crl>";
        ASSERT_TRUE(plugin->configure(world.configuration()).ok());
    };
    configure("observe");
    for (const std::string_view user : {"someone", "other"})
        EXPECT_EQ(plugin->authorize(identity->identity, certificate_login(user)).outcome.status, CHMTLS_DECLINED) << user;
    EXPECT_TRUE(callbacks->says("observed"));
    configure("enforce");
    EXPECT_EQ(plugin->authorize(identity->identity, certificate_login("someone")).outcome.status, CHMTLS_REFUSED);
    EXPECT_TRUE(callbacks->closes(token));
}

TEST_P(Observe, WhatTheStockServerRefusesStaysRefused)
{
    const Revoking observing("observe");
    bool identified = false;
    const Report stranger = connect(observing, leaf(client_spec("client"), authority("stranger")), identified);
    EXPECT_FALSE(stranger.completed);
    EXPECT_EQ(stranger.client.alert_received, SSL_AD_UNKNOWN_CA);
    auto spec = client_spec("client");
    spec.not_before = std::chrono::hours(-2);
    spec.not_after = std::chrono::hours(-1);
    const Report expired = connect(observing, leaf(spec, observing.root), identified);
    EXPECT_FALSE(expired.completed);
    EXPECT_EQ(expired.client.alert_received, SSL_AD_CERTIFICATE_EXPIRED);
    EXPECT_FALSE(identified);
}

}
}
