// One source is broken: what the others take away counts, and nothing is added.

#include <gtest/gtest.h>

#include "policy/authorize.h"
#include "policy/verify.h"
#include "reload/site.h"

namespace chmtls::test
{
namespace
{

bool says(const std::string & text, std::string_view what)
{
    return text.find(what) != std::string::npos;
}

std::string list_of(const Site & site, const std::vector<pki::Issued> & revoked, uint64_t number)
{
    pki::CrlSpec spec;
    spec.number = number;
    for (const pki::Issued & each : revoked)
        spec.revoked.push_back({.serial_hex = each.certificate.facts().serial_hex});
    return pki::crl_pem(must(pki::issue_crl(spec, site.root, site.now)));
}

/// A site with a manager, a client of its root and one of the other root.
class InPart : public testing::Test
{
protected:
    void configure()
    {
        const auto done = managed_.manager.configure(site_.input());
        ASSERT_TRUE(done.has_value()) << describe(done.error());
    }

    /// The key of one moment, the certificate of another: as after a renewal without chown, or half of one.
    void break_key() const { site_.write("server.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"); }
    void mend_key() const { site_.write("server.key", site_.contents.server_key); }

    [[nodiscard]] policy::PeerVerdict verdict(const pki::Issued & peer) const
    {
        const std::vector<ByteView> chain{peer.certificate.der()};
        return policy::verify_peer(
            *managed_.manager.current(),
            {.role = policy::PeerRole::client, .listener = "tcp_port_secure", .chain = chain, .expected_name = {}}, site_.now);
    }

    [[nodiscard]] Reason reason(const pki::Issued & peer) const { return verdict(peer).reason; }

    [[nodiscard]] bool enters(const pki::Issued & peer, const std::string & user) const
    {
        policy::Login login;
        login.user = user;
        login.user_named = true;
        return policy::authorize(policy::standing_of(*managed_.manager.current(), verdict(peer).identity, site_.now), login)
                   .outcome
               == policy::Outcome::granted;
    }

    [[nodiscard]] bool in_part() const { return managed_.manager.current()->floor != nullptr; }

    void expect_eventually(const std::function<bool()> & holds) { EXPECT_TRUE(managed_.eventually(holds)) << managed_.log(); }

    void expect_whole_after_mending()
    {
        mend_key();
        expect_eventually([&] { return !in_part(); });
        expect_eventually([&] { return managed_.manager.state().last_error.empty(); });
    }

    Site site_;
    Managed managed_;
    const pki::Issued alice_ = site_.issue("alice");
    const pki::Issued bob_ = site_.issue("bob");
};

TEST_F(InPart, ARevocationDoesNotWaitForAKey)
{
    configure();
    ASSERT_EQ(reason(alice_), Reason::valid);
    break_key();
    site_.rename_over("crl.pem", list_of(site_, {alice_}, 2));
    expect_eventually([&] { return reason(alice_) == Reason::revoked; });
    EXPECT_EQ(reason(bob_), Reason::valid);
    EXPECT_TRUE(in_part());
    // Both are told after the generation is in force.
    expect_eventually([&] { return says(managed_.manager.state().last_error, "server.key"); });
    expect_eventually([&] { return says(managed_.log(), "is in force in part"); });

    site_.rename_over("crl.pem", list_of(site_, {alice_, bob_}, 3));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_EQ(managed_.manager.current()->floor->number, 1u) << "the last one that was whole";

    // A list that takes nobody's trust away is an addition.
    site_.rename_over("crl.pem", list_of(site_, {}, 4));
    expect_eventually([&] { return reason(bob_) == Reason::valid; }); // as in the last one that was whole
    EXPECT_TRUE(in_part());
    expect_whole_after_mending();
    EXPECT_EQ(reason(alice_), Reason::valid);
}

TEST_F(InPart, WhatWasRevokedInTheWholeStaysRevoked)
{
    site_.write("crl.pem", list_of(site_, {alice_}, 1));
    configure();
    break_key();
    site_.rename_over("crl.pem", list_of(site_, {bob_}, 2));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_EQ(reason(alice_), Reason::revoked) << "nothing is added";
    expect_whole_after_mending();
    EXPECT_EQ(reason(alice_), Reason::valid);
    EXPECT_EQ(reason(bob_), Reason::revoked);
}

TEST_F(InPart, AuthoritiesGoAndNoneComes)
{
    const pki::Issued stranger = must(pki::issue(leaf_spec("alice"), site_.other_root, site_.now));
    const std::string both = site_.contents.authorities + pki::certificate_pem(site_.other_root.certificate);
    configure();
    break_key();
    site_.rename_over("ca.pem", both);
    site_.rename_over("crl.pem", list_of(site_, {bob_}, 2));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_EQ(reason(stranger), Reason::unknown_ca);
    EXPECT_EQ(reason(alice_), Reason::valid);
    expect_whole_after_mending();
    EXPECT_EQ(reason(stranger), Reason::valid);

    break_key();
    site_.rename_over("crl.pem", pki::crl_pem(must(pki::issue_crl({}, site_.other_root, site_.now))));
    site_.rename_over("ca.pem", pki::certificate_pem(site_.other_root.certificate));
    expect_eventually([&] { return reason(alice_) == Reason::unknown_ca; });
    EXPECT_EQ(reason(stranger), Reason::valid);
}

TEST_F(InPart, RulesGoAndNoneComes)
{
    const auto alice = common_name_rule("alice", "alice", "alice");
    const auto bob = common_name_rule("bob", "bob", "bob");
    site_.write("rules.txt", rules_text({alice, bob}));
    configure();
    ASSERT_TRUE(enters(alice_, "alice") && enters(bob_, "bob"));
    break_key();
    const auto carol = site_.issue("carol");
    const auto more = common_name_rule("more", "carol", "admin");
    site_.rename_over("rules.txt", rules_text({bob, more}));
    expect_eventually([&] { return !enters(alice_, "alice"); });
    EXPECT_TRUE(enters(bob_, "bob"));
    EXPECT_FALSE(enters(carol, "admin"));
    expect_whole_after_mending();
    EXPECT_TRUE(enters(carol, "admin"));
    EXPECT_FALSE(enters(alice_, "alice"));
}

TEST_F(InPart, ARuleThatNowWantsAPasswordDoes)
{
    auto rule = common_name_rule("alice", "alice", "alice");
    site_.write("rules.txt", rules_text({rule}));
    configure();
    ASSERT_TRUE(enters(alice_, "alice"));
    break_key();
    rule.terms.password = mapping::PasswordNeed::required;
    site_.rename_over("rules.txt", rules_text({rule}));
    expect_eventually([&] { return !enters(alice_, "alice"); });

    rule.terms.password = mapping::PasswordNeed::none;
    site_.rename_over("rules.txt", rules_text({rule}));
    expect_eventually([&] { return enters(alice_, "alice"); });
    EXPECT_TRUE(in_part()) << "which is what the last whole one says";
}

/// The configuration of the site with rules of its own.
generation::Input with_rules(const Site & site, const std::string & rules, const std::string & users)
{
    generation::Input input = site.input();
    const std::string begin = "<users><rules_file>";
    input.server_xml.replace(input.server_xml.find(begin), begin.size(), "<users>" + rules + "<rules_file>");
    input.users_xml = "<clickhouse><users>" + users + "</users></clickhouse>";
    return input;
}

std::string rule_of(const std::string & name)
{
    return fmt::format("<rule><name>of-{0}</name><common_name>{0}</common_name><user>{0}</user></rule>", name);
}

std::string user_of(const std::string & name)
{
    return fmt::format("<{0}><ssl_certificates><common_name>{0}</common_name></ssl_certificates></{0}>", name);
}

TEST_F(InPart, RulesAndUsersOfARefusedConfigurationGoAndNoneComes)
{
    const auto carol = site_.issue("carol");
    const auto dave = site_.issue("dave");
    site_.write("rules.txt", rules_text({}));
    auto & manager = managed_.manager;
    ASSERT_TRUE(manager.configure(with_rules(site_, rule_of("alice") + rule_of("bob"), user_of("carol"))).has_value());
    ASSERT_TRUE(enters(alice_, "alice") && enters(bob_, "bob") && enters(carol, "carol") && !enters(dave, "dave"));

    break_key();
    const auto other = with_rules(site_, rule_of("bob") + rule_of("dave"), user_of("eve"));
    ASSERT_FALSE(manager.configure(other).has_value());
    expect_eventually([&] { return !enters(alice_, "alice"); });
    EXPECT_FALSE(enters(carol, "carol"));
    EXPECT_TRUE(enters(bob_, "bob"));
    EXPECT_FALSE(enters(dave, "dave")) << "additions wait";
    EXPECT_TRUE(in_part());

    site_.rename_over("crl.pem", list_of(site_, {bob_}, 2));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_FALSE(enters(alice_, "alice"));

    const auto asked = managed_.configuration_changes();
    mend_key();
    expect_eventually([&] { return managed_.configuration_changes() > asked; });
    EXPECT_FALSE(enters(dave, "dave")) << "until the host has offered it";
    ASSERT_TRUE(manager.configure(other).has_value());
    EXPECT_TRUE(enters(dave, "dave"));
    EXPECT_FALSE(enters(alice_, "alice"));
    EXPECT_FALSE(in_part());
}

TEST_F(InPart, RulesThatAreBrokenThemselvesTakeNothingAway)
{
    site_.write("rules.txt", rules_text({}));
    auto & manager = managed_.manager;
    ASSERT_TRUE(manager.configure(with_rules(site_, rule_of("alice") + rule_of("bob"), "")).has_value());
    break_key();
    ASSERT_FALSE(manager.configure(with_rules(site_, "<rule><name>x</name><dns>**</dns><user>x</user></rule>", "")).has_value());
    site_.rename_over("crl.pem", list_of(site_, {bob_}, 2));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_TRUE(enters(alice_, "alice"));
}

TEST_F(InPart, HalfAFileRemovesNothing)
{
    const std::string rules = rules_text({common_name_rule("alice", "alice", "alice"), common_name_rule("bob", "bob", "bob")});
    site_.write("rules.txt", rules);
    configure();
    site_.write("rules.txt", rules.substr(0, rules.size() / 2));
    site_.rename_over("crl.pem", list_of(site_, {bob_}, 2));
    expect_eventually([&] { return reason(bob_) == Reason::revoked; });
    EXPECT_TRUE(enters(alice_, "alice"));
    EXPECT_EQ(managed_.manager.current()->rules->size(), 2u);

    site_.write("ca.pem", site_.contents.authorities.substr(0, 100));
    const uint64_t number = managed_.number();
    site_.rename_over("crl.pem", list_of(site_, {}, 3));
    expect_eventually([&] { return managed_.number() > number; });
    EXPECT_TRUE(enters(alice_, "alice"));
}

TEST_F(InPart, OneBrokenListOfADirectoryHoldsUpNoOther)
{
    fs::create_directory(site_.dir.file("crls"));
    site_.write("crls/one.crl", list_of(site_, {}, 1));
    site_.mtls = "<crl>" + site_.dir.file("crls") + "</crl>";
    configure();
    site_.write("crls/broken.crl", "-----BEGIN X509 CRL-----\n");
    site_.rename_over("crls/one.crl", list_of(site_, {alice_}, 2));
    expect_eventually([&] { return reason(alice_) == Reason::revoked; });
    EXPECT_TRUE(in_part());
    fs::remove(site_.dir.file("crls/broken.crl"));
    expect_eventually([&] { return !in_part(); });
    EXPECT_EQ(reason(alice_), Reason::revoked);
}

}
}
