// Revocation lists over time: what is said before they end, what stays in force when they vanish, and whose they are.

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/verify.h"
#include "reload/site.h"

namespace chmtls::test
{
namespace
{

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

std::string list_text(const Site & site, const pki::Issued * revoked, seconds next_update = hours(24), uint64_t number = 1)
{
    pki::CrlSpec spec;
    spec.number = number;
    spec.next_update = next_update;
    if (revoked != nullptr)
        spec.revoked = {{.serial_hex = revoked->certificate.facts().serial_hex}};
    return pki::crl_pem(must(pki::issue_crl(spec, site.root, site.now)));
}

Reason verdict_on(const generation::GenerationPtr & generation, const pki::Issued & peer, UnixTime now)
{
    const std::vector<ByteView> chain{peer.certificate.der()};
    return policy::verify_peer(
               *generation,
               {.role = policy::PeerRole::client, .listener = "tcp_port_secure", .chain = chain, .expected_name = {}}, now)
        .reason;
}

TEST(RevocationOverTime, AListThatEndsIsSpokenOfBeforeAndNothingElseHasToHappen)
{
    Site site;
    site.poll_interval = "0.1";
    site.mtls = "<revocation><grace>1h</grace><warn_before>2h</warn_before></revocation>";
    std::atomic<int64_t> offset{0};
    Managed managed([&] { return site.now + seconds(offset.load()); });
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto said = [&](const std::string & text)
    {
        return managed.count([&](const Managed::Line & line)
                             { return line.level == LogLevel::warning && line.text.find(text) != std::string::npos; });
    };
    EXPECT_EQ(said("must be renewed before"), 0u);

    offset = seconds(hours(22)).count() + 1;
    EXPECT_TRUE(managed.eventually([&] { return said("must be renewed before") == 1; })) << managed.log();
    offset = seconds(hours(24)).count() + 1;
    EXPECT_TRUE(managed.eventually([&] { return said("should have been renewed at") == 1; })) << managed.log();
    offset = seconds(hours(25)).count() + 1;
    EXPECT_TRUE(managed.eventually([&] { return said("what it is for is refused") >= 2; })) << managed.log();
    EXPECT_EQ(managed.number(), 1u);

    offset = 0; // set back: nothing is said again
    site.rename_over("crl.pem", list_text(site, nullptr, hours(48), 2));
    EXPECT_TRUE(managed.eventually([&] { return managed.number() == 2; })) << managed.log();
    EXPECT_EQ(said("must be renewed before"), 1u);
}

TEST(RevocationOverTime, ADirectoryThatVanishesTakesNothingBack)
{
    Site site;
    fs::create_directory(site.dir.file("crls"));
    const pki::Issued revoked = site.issue("revoked");
    const pki::Issued good = site.issue("good");
    site.write("crls/one.crl", list_text(site, &revoked));
    site.mtls = "<crl>" + site.dir.file("crls") + "</crl>";
    site.poll_interval = "0.1";
    fs::remove(site.dir.file("crl.pem"));
    auto input = site.input();
    const std::string own = "<crl>" + site.path("crl.pem") + "</crl>";
    input.server_xml.replace(input.server_xml.find(own), own.size(), "");

    Managed managed;
    ASSERT_TRUE(managed.manager.configure(input).has_value());
    EXPECT_EQ(verdict_on(managed.manager.current(), revoked, site.now), Reason::revoked);
    EXPECT_EQ(verdict_on(managed.manager.current(), good, site.now), Reason::valid);

    fs::rename(site.dir.file("crls"), site.dir.file("gone"));
    EXPECT_TRUE(managed.eventually([&] { return !managed.manager.state().last_error.empty(); }));
    EXPECT_EQ(managed.number(), 1u);
    EXPECT_EQ(verdict_on(managed.manager.current(), revoked, site.now), Reason::revoked);

    fs::rename(site.dir.file("gone"), site.dir.file("crls"));
    site.write("crls/one.crl", list_text(site, &good, hours(24), 2));
    EXPECT_TRUE(managed.eventually([&] { return managed.number() == 2; })) << managed.log();
    EXPECT_EQ(verdict_on(managed.manager.current(), good, site.now), Reason::revoked);
    EXPECT_EQ(verdict_on(managed.manager.current(), revoked, site.now), Reason::valid);
}

TEST(RevocationOverTime, AListFromTheFutureWaitsForItsTimeAndOneOfAClockAheadDoesNot)
{
    Site site;
    site.poll_interval = "0.1";
    const pki::Issued peer = site.issue("peer");
    const pki::Issued other = site.issue("other");
    std::atomic<int64_t> offset{0};
    Managed managed([&] { return site.now + seconds(offset.load()); });
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto ahead = [&](seconds by, const pki::Issued & revoked, uint64_t number)
    {
        pki::CrlSpec spec;
        spec.number = number;
        spec.this_update = by;
        spec.revoked = {{.serial_hex = revoked.certificate.facts().serial_hex}};
        return pki::crl_pem(must(pki::issue_crl(spec, site.root, site.now)));
    };
    site.rename_over("crl.pem", ahead(seconds(30), peer, 2));
    ASSERT_TRUE(managed.eventually([&] { return managed.number() == 2; })) << managed.log();
    EXPECT_EQ(verdict_on(managed.manager.current(), peer, site.now), Reason::revoked);
    EXPECT_EQ(verdict_on(managed.manager.current(), other, site.now), Reason::valid);

    site.rename_over("crl.pem", ahead(hours(1), other, 3));
    ASSERT_TRUE(managed.eventually([&] { return !managed.manager.state().last_error.empty(); }));
    EXPECT_THAT(managed.manager.state().last_error, HasSubstr("is not valid before"));
    EXPECT_EQ(managed.number(), 2u);
    EXPECT_EQ(verdict_on(managed.manager.current(), peer, site.now), Reason::revoked);
    EXPECT_EQ(verdict_on(managed.manager.current(), other, site.now), Reason::valid);

    offset = seconds(hours(1)).count();
    EXPECT_TRUE(managed.eventually([&] { return managed.number() == 3; })) << managed.log();
    EXPECT_EQ(verdict_on(managed.manager.current(), other, site.now + hours(1)), Reason::revoked);
}

TEST(RevocationOverTime, PolicyIsReloadedAsEverythingElse)
{
    Site site;
    auto input = site.input();
    const std::string own = "<crl>" + site.path("crl.pem") + "</crl>";
    input.server_xml.replace(input.server_xml.find(own), own.size(), "");
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(input).has_value());
    const pki::Issued peer = site.issue("peer");
    EXPECT_EQ(verdict_on(managed.manager.current(), peer, site.now), Reason::valid);

    auto requiring = input;
    const std::string users = "<users>";
    requiring.server_xml.insert(requiring.server_xml.find(users), "<revocation><policy>require</policy></revocation>");
    ASSERT_TRUE(managed.manager.configure(requiring).has_value());
    EXPECT_EQ(verdict_on(managed.manager.current(), peer, site.now), Reason::crl_missing);
    EXPECT_THAT(managed.log(), HasSubstr("there is no CRL of CN=root"));
    ASSERT_TRUE(managed.manager.configure(input).has_value());
    EXPECT_EQ(verdict_on(managed.manager.current(), peer, site.now), Reason::valid);
}

TEST(RevocationOverTime, ATrustDomainsListIsForItsBundleAlone)
{
    Site site;
    auto spec = leaf_spec("service", {{pki::AltName::Kind::uri, "spiffe://example.org/service"}});
    const pki::Issued svid = must(pki::issue(spec, site.root, site.now));
    const pki::Issued plain = site.issue("plain");
    pki::CrlSpec both;
    both.revoked = {{.serial_hex = svid.certificate.facts().serial_hex}, {.serial_hex = plain.certificate.facts().serial_hex}};
    site.write("domain.crl", pki::crl_pem(must(pki::issue_crl(both, site.root, site.now))));
    auto input = site.input();
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(input).has_value());
    EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::valid);

    const std::string name = "<name>example.org</name>";
    input.server_xml.insert(input.server_xml.find(name), "<crl>" + site.path("domain.crl") + "</crl>");
    ASSERT_TRUE(managed.manager.configure(input).has_value());
    EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::revoked);
    EXPECT_EQ(verdict_on(managed.manager.current(), plain, site.now), Reason::valid);

    // Under the name of the bundle's authority, but not by its key.
    const pki::Issued imposter = must(pki::self_signed(pki::Spec::authority("root"), site.now));
    site.write("domain.crl", pki::crl_pem(must(pki::issue_crl({}, imposter, site.now))));
    const auto refused = managed.manager.configure(input);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(describe(refused.error()), HasSubstr("signature"));
    EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::revoked);
}

TEST(RevocationOverTime, ATrustDomainWrittenAsItsIdHasItsListsAndItsPolicy)
{
    const Site site;
    const pki::Issued svid = must(pki::issue(leaf_spec("service", {uri("spiffe://example.org/service")}), site.root, site.now));
    pki::CrlSpec revoking;
    revoking.revoked = {{.serial_hex = svid.certificate.facts().serial_hex}};
    site.write("domain.crl", pki::crl_pem(must(pki::issue_crl(revoking, site.root, site.now))));
    const std::string name = "<name>example.org</name>";
    const std::string crl = "<crl>" + site.path("crl.pem") + "</crl>";
    for (const std::string spelling : {"example.org", "spiffe://example.org"})
    {
        auto input = site.input();
        input.server_xml.replace(input.server_xml.find(crl), crl.size(), "");
        const auto with = [&](const std::string & more)
        {
            auto other = input;
            other.server_xml.replace(other.server_xml.find(name), name.size(), "<name>" + spelling + "</name>" + more);
            return other;
        };
        Managed managed;
        ASSERT_TRUE(managed.manager.configure(with("")).has_value());
        EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::valid) << spelling;
        ASSERT_TRUE(managed.manager.configure(with("<crl>" + site.path("domain.crl") + "</crl>")).has_value());
        EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::revoked) << spelling;
        ASSERT_TRUE(managed.manager.configure(with("<revocation><policy>require</policy></revocation>")).has_value());
        EXPECT_EQ(verdict_on(managed.manager.current(), svid, site.now), Reason::crl_missing) << spelling;
    }
}

}
}
