// The configuration itself: offered again, refused, watched.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reload/site.h"

namespace chmtls::test
{
namespace
{

using testing::HasSubstr;

std::string users(const std::string & common_name)
{
    return "<clickhouse><users><alice><ssl_certificates><common_name>" + common_name
           + "</common_name></ssl_certificates></alice></users></clickhouse>";
}

TEST(Configuration, ANewOneIsPublished)
{
    Site site;
    Managed managed;
    ASSERT_EQ(managed.manager.configure(site.input()).value_or(0), 1u);
    site.users_xml = users("alice");
    ASSERT_EQ(managed.manager.configure(site.input()).value_or(0), 2u);
    EXPECT_EQ(managed.manager.current()->users->users().size(), 1u);
    site.mtls = "<certificate_login>always</certificate_login>";
    ASSERT_EQ(managed.manager.configure(site.input()).value_or(0), 3u);
    EXPECT_EQ(managed.manager.current()->settings.certificate_login, config::CertificateLogin::always);
    EXPECT_EQ(managed.manager.state().reloads, 2u);
}

TEST(Configuration, ARefusedOneChangesNothing)
{
    Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.users_xml = users("");
    const auto refused = managed.manager.configure(site.input());
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(describe(refused.error()), HasSubstr("alice"));
    EXPECT_EQ(managed.number(), 1u);
    EXPECT_THAT(managed.manager.state().last_error, HasSubstr("alice"));
    EXPECT_TRUE(managed.manager.state().failing_since.has_value()) << "an error has a beginning";
    site.users_xml = users("alice");
    EXPECT_EQ(managed.manager.configure(site.input()).value_or(0), 2u);
    EXPECT_EQ(managed.manager.state().last_error, "");
    EXPECT_FALSE(managed.manager.state().failing_since.has_value());
}

TEST(Configuration, FilesGoOnBeingWatchedWhileAnotherIsRefused)
{
    Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.mtls = "<nonsense/>";
    ASSERT_FALSE(managed.manager.configure(site.input()).has_value());
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "bob")}));
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; })) << managed.log();
    EXPECT_THAT(managed.manager.state().last_error, HasSubstr("nonsense")) << "still not what the host asked for";
}

TEST(Configuration, TheHostIsAskedAgainWhenTheFilesOfARefusedOneAreThere)
{
    Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.mtls = "<crl>" + site.dir.file("more.pem") + "</crl>";
    ASSERT_FALSE(managed.manager.configure(site.input()).has_value());
    EXPECT_EQ(managed.configuration_changes(), 0u);
    site.write("more.pem", site.contents.crl);
    ASSERT_TRUE(managed.eventually([&] { return managed.configuration_changes() == 1; })) << managed.log();
    EXPECT_EQ(managed.number(), 1u) << "it is the host's to offer";
    EXPECT_EQ(managed.manager.configure(site.input()).value_or(0), 2u);
}

TEST(Configuration, WatchedFilesTellTheHost)
{
    Site site;
    site.write("users.xml", users("alice"));
    site.watched = {site.dir.file("users.xml"), site.dir.file("config.xml")};
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    // The files are known once the first look is over; a change of a certificate's file shows that it is.
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "bob")}));
    ASSERT_TRUE(managed.eventually([&] { return managed.number() == 2; }));
    EXPECT_EQ(managed.configuration_changes(), 0u);

    site.rename_over("users.xml", users("bob"));
    EXPECT_TRUE(managed.eventually([&] { return managed.configuration_changes() == 1; })) << managed.log();
    site.write("config.xml", "appeared");
    EXPECT_TRUE(managed.eventually([&] { return managed.configuration_changes() == 2; })) << managed.log();
    EXPECT_EQ(managed.number(), 2u);
}

TEST(Configuration, OneThatIsNotTakenLeavesTheFormerPassphraseInForce)
{
    Site site;
    const auto encrypted = [&](const std::string & rule_user)
    {
        const pki::Issued issued = site.issue("server.example");
        site.write("server.crt", pki::certificate_pem(issued.certificate));
        site.write("server.key", text_of(pki::key_pem(issued.key, "right")));
        site.write("rules.txt", rules_text({common_name_rule("rule", "alice", rule_user)}));
    };
    const auto handler = [](const std::string & passphrase)
    {
        return "<privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password>" + passphrase
               + "</password></options></privateKeyPassphraseHandler>";
    };
    encrypted("alice");
    site.openssl_server = handler("right");
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.openssl_server = handler("wrong");
    EXPECT_FALSE(managed.manager.configure(site.input()).has_value());
    encrypted("bob");
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; })) << managed.log();
    EXPECT_THAT(managed.log(), testing::Not(HasSubstr("right")));
}

TEST(Configuration, AnotherPassphraseAloneIsTried)
{
    for (const std::string purpose : {"node", "keeper"})
    {
        Site site;
        const pki::Issued issued = site.issue(purpose + ".example");
        site.write("own.crt", pki::certificate_pem(issued.certificate));
        site.write("own.key", text_of(pki::key_pem(issued.key, "right")));
        const auto with = [&](const std::string & passphrase)
        {
            site.mtls = "<credentials><" + purpose + "><certificateFile>" + site.dir.file("own.crt")
                        + "</certificateFile><privateKeyFile>" + site.dir.file("own.key")
                        + "</privateKeyFile><privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password>"
                        + passphrase + "</password></options></privateKeyPassphraseHandler></" + purpose + "></credentials>";
            return site.input();
        };
        Managed managed;
        ASSERT_TRUE(managed.manager.configure(with("right")).has_value()) << purpose;
        EXPECT_FALSE(managed.manager.configure(with("wrong")).has_value()) << purpose;
        EXPECT_TRUE(managed.manager.configure(with("right")).has_value()) << purpose;
    }
}

TEST(Configuration, CredentialsOfThePreviousGenerationAreStillFound)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto id = [&]
    {
        return managed.manager.current()->credentials[generation::Use::server]->select("")->id;
    };
    const uint64_t first = id();
    const auto renew = [&]
    {
        const uint64_t before = managed.number();
        const Contents next = site.make();
        site.write("server.crt", next.server_certificate);
        site.write("server.key", next.server_key);
        ASSERT_TRUE(managed.eventually([&] { return managed.number() > before; }));
    };
    renew();
    const uint64_t second = id();
    EXPECT_NE(first, second);
    EXPECT_NE(managed.manager.credential(first), nullptr);
    EXPECT_NE(managed.manager.credential(second), nullptr);
    EXPECT_EQ(managed.manager.credential(first ^ second ^ 1), nullptr);
}

TEST(Configuration, StartsAndStopsAtOnce)
{
    const Site site;
    for (int i = 0; i < 50; ++i)
    {
        Managed managed;
        ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    }
    Managed never_configured;
    EXPECT_EQ(never_configured.manager.current(), nullptr);
}

}
}
