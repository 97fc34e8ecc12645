// Revocation lists in a load: whose they are, and where they count.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/generation/loading.h"

namespace chmtls::generation
{
namespace
{

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(LoaderOfLists, CrlOfTheAuthoritysNameButNotItsKeyIsRefused)
{
    const test::Site site;
    const pki::Issued impostor = test::must(pki::self_signed(pki::Spec::authority("root"), site.now));
    site.write("crl.pem", pki::crl_pem(test::must(pki::issue_crl({}, impostor, site.now))));
    const Errors errors = refused(site);
    ASSERT_THAT(errors, SizeIs(1));
    EXPECT_THAT(errors[0].reason, HasSubstr("signature"));
}

TEST(LoaderOfLists, CrlOfOneOfTwoNamesakesGoesToThatOne)
{
    const test::Site site;
    const pki::Issued namesake = test::must(pki::self_signed(pki::Spec::authority("root"), site.now));
    site.write("bundle.pem", pki::certificate_pem(namesake.certificate));
    const auto generation = loaded(site).generation;
    EXPECT_EQ(generation->client_trust->crls().size(), 1u);
    EXPECT_EQ(generation->bundles->find("example.org")->crls().size(), 0u);
}

TEST(LoaderOfLists, ARevocationRuleForNobodyGetsAWarning)
{
    test::Site site;
    const auto with = [&](const std::string & subject)
    {
        site.mtls = "<revocation><authority><subject>" + subject + "</subject><policy>require</policy></authority></revocation>";
        return loaded(site).generation;
    };
    EXPECT_THAT(with("cn = root")->warnings, IsEmpty());
    EXPECT_THAT(with("CN=Root")->warnings, ElementsAre(AllOf(HasSubstr("revocation.authority"), HasSubstr("CN=Root"))));
}

TEST(LoaderOfLists, NamesakesWhoseNameIsNotAsciiHaveAListEach)
{
    const test::Site site;
    const auto namesake = [&]
    {
        return test::must(pki::self_signed(pki::Spec::authority("Soci\xc3\xa9t\xc3\xa9"), site.now));
    };
    const pki::Issued one = namesake();
    const pki::Issued two = namesake();
    const auto list_of = [&](const pki::Issued & issuer)
    {
        return pki::crl_pem(test::must(pki::issue_crl({}, issuer, site.now)));
    };
    site.write("ca.pem", site.contents.authorities + pki::certificate_pem(one.certificate));
    site.write("bundle.pem", pki::certificate_pem(two.certificate));
    site.write("crl.pem", list_of(one) + list_of(two));
    const auto generation = loaded(site).generation;
    EXPECT_EQ(generation->client_trust->crls().size(), 1u);
    EXPECT_EQ(generation->bundles->find("example.org")->crls().size(), 1u);
    EXPECT_EQ(generation->client_trust->crls()[0].issuer(), one.certificate.facts().subject);
}

TEST(LoaderOfLists, CrlOfAnotherAuthorityGoesToAll)
{
    const test::Site site;
    site.write("crl.pem", pki::crl_pem(test::must(pki::issue_crl({}, site.other_root, site.now))));
    const auto generation = loaded(site).generation;
    EXPECT_EQ(generation->client_trust->crls().size(), 1u);
    EXPECT_EQ(generation->bundles->find("example.org")->crls().size(), 1u);
}

TEST(LoaderOfLists, CrlDirectory)
{
    test::Site site;
    fs::create_directory(site.dir.file("crl.d"));
    site.mtls = "<crl>" + site.dir.file("crl.d") + "</crl>";
    EXPECT_THAT(loaded(site).generation->warnings, ElementsAre(HasSubstr("empty: nothing is revoked")));
    site.write("crl.d/anything", site.contents.crl);
    EXPECT_THAT(loaded(site).generation->warnings, IsEmpty());
    site.write("crl.d/other", "rubbish");
    EXPECT_THAT(describe(refused(site)), HasSubstr("crl.d/other"));
}

}
}
