// loadDefaultCAFile over time: authorities that the system's store loses and gains while the server runs. Nothing polls here.

#include <gtest/gtest.h>

#include "policy/verify.h"
#include "reload/site.h"
#include "support/system_store.h"

namespace chmtls::test
{
namespace
{

/// A server that the authority vouches for.
class Vouched
{
public:
    explicit Vouched(const std::string & name)
        : authority(must(pki::self_signed(pki::Spec::authority(name)))),
          server(must(pki::issue(leaf_spec("server." + name, {dns("server.example")}), authority)))
    {
    }

    const pki::Issued authority;
    const pki::Issued server;

    [[nodiscard]] std::string pem() const { return pki::certificate_pem(authority.certificate); }
    [[nodiscard]] std::string hashed() const { return "certs/" + hash_name(authority.certificate); }
};

class SystemAuthorities : public testing::Test
{
protected:
    SystemAuthorities()
    {
        site.openssl_client = "<loadDefaultCAFile>true</loadDefaultCAFile>";
        system.dir.write(stays.hashed(), stays.pem());
    }

    void start() { ASSERT_TRUE(managed.manager.configure(site.input()).has_value()); }

    [[nodiscard]] Reason verdict(const Vouched & peer)
    {
        const std::vector<ByteView> chain{peer.server.certificate.der()};
        return policy::verify_peer(
                   *managed.manager.current(),
                   {.role = policy::PeerRole::server, .listener = {}, .chain = chain, .expected_name = "server.example"},
                   system_time())
            .reason;
    }

    [[nodiscard]] bool becomes(const Vouched & peer, Reason wanted)
    {
        return managed.eventually([&] { return verdict(peer) == wanted; });
    }

    const SystemStore system; // before the threads of the manager, and after them
    Site site;
    const Vouched stays{"stays"};
    const Vouched other{"other"};
    Managed managed;
};

TEST_F(SystemAuthorities, OneThatIsRemovedVouchesNoMoreAndOneThatIsAddedDoes)
{
    system.dir.write(other.hashed(), other.pem());
    start();
    EXPECT_EQ(verdict(other), Reason::valid);
    fs::remove(system.dir.file(other.hashed()));
    EXPECT_TRUE(becomes(other, Reason::unknown_ca)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
    EXPECT_EQ(managed.number(), 2u);

    system.dir.write(other.hashed(), other.pem());
    EXPECT_TRUE(becomes(other, Reason::valid)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
}

TEST_F(SystemAuthorities, OneThatIsRemovedGoesAlsoBesideAFileThatIsBroken)
{
    system.dir.write(other.hashed(), other.pem());
    start();
    const Vouched third{"third"};
    site.write("server.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    fs::remove(system.dir.file(other.hashed()));
    system.dir.write(third.hashed(), third.pem());
    EXPECT_TRUE(becomes(other, Reason::unknown_ca)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
    EXPECT_NE(verdict(third), Reason::valid) << "additions wait";
    site.write("server.key", site.contents.server_key);
    EXPECT_TRUE(becomes(third, Reason::valid)) << managed.log();
    EXPECT_EQ(verdict(other), Reason::unknown_ca);
}

/// As in /etc/ssl/certs: what is behind the links lies in a directory of its own.
TEST_F(SystemAuthorities, OneWhoseFileBehindTheLinksIsReplacedVouchesNoMore)
{
    fs::create_directory(system.dir.file("share"));
    system.dir.write("share/other.crt", other.pem());
    fs::create_symlink("../share/other.crt", system.dir.file("certs/other.pem"));
    fs::create_symlink("other.pem", system.dir.file(other.hashed()));
    start();
    EXPECT_EQ(verdict(other), Reason::valid);
    const Vouched third("third");
    EXPECT_EQ(verdict(third), Reason::unknown_ca);
    fs::rename(system.dir.write("share/new", third.pem()), system.dir.file("share/other.crt"));
    EXPECT_TRUE(becomes(third, Reason::valid)) << managed.log();
    EXPECT_EQ(verdict(other), Reason::unknown_ca);
    EXPECT_EQ(verdict(stays), Reason::valid);
}

TEST_F(SystemAuthorities, TheFileCountsLikewise)
{
    start();
    EXPECT_EQ(verdict(other), Reason::unknown_ca);
    system.dir.write("cert.pem", other.pem() + stays.pem());
    EXPECT_TRUE(becomes(other, Reason::valid)) << managed.log();
    fs::rename(system.dir.write("new.pem", stays.pem()), system.dir.file("cert.pem"));
    EXPECT_TRUE(becomes(other, Reason::unknown_ca)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
}

TEST_F(SystemAuthorities, ADirectoryThatAppearsCounts)
{
    SystemStore::set("SSL_CERT_DIR", system.dir.file("certs") + ":" + system.dir.file("later"));
    start();
    EXPECT_EQ(verdict(other), Reason::unknown_ca);
    fs::create_directory(system.dir.file("unseen"));
    system.dir.write("unseen/" + hash_name(other.authority.certificate), other.pem());
    fs::rename(system.dir.file("unseen"), system.dir.file("later"));
    EXPECT_TRUE(becomes(other, Reason::valid)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
}

/// The rest of the store goes on, and so does news of our own files.
TEST_F(SystemAuthorities, ADamagedFileIsLeftOutAndKeepsNothingFromBeingTaken)
{
    system.dir.write(other.hashed(), other.pem());
    start();
    EXPECT_EQ(verdict(other), Reason::valid);
    system.dir.write(other.hashed(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    EXPECT_TRUE(becomes(other, Reason::unknown_ca)) << managed.log();
    EXPECT_EQ(verdict(stays), Reason::valid);
    EXPECT_EQ(managed.failure_lines(), 0u);
    const std::string left_out = system.dir.file(other.hashed());
    EXPECT_TRUE(managed.eventually([&] { return managed.log().find(left_out) != std::string::npos; })) << managed.log();

    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "bob")}));
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; })) << managed.log();
}

}
}
