// Files as people have them: what a server takes, what it refuses, and whether the message says the right thing. From public
// reports.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/x509v3.h>

#include "generation/loader.h"
#include "reload/site.h"
#include "support/minisign_signer.h"
#include "support/mutations.h"
#include "vectors/jwk.h"

namespace chmtls::test
{
namespace
{

using testing::HasSubstr;

std::string pem_of(const pki::Issued & issued)
{
    return pki::certificate_pem(issued.certificate);
}

/// For the CRL of the authority.
std::string list_of(const pki::Issued & authority, UnixTime now)
{
    return pki::crl_pem(must(pki::issue_crl({}, authority, now)));
}

std::string with_mark(const std::string & text)
{
    return "\xef\xbb\xbf" + text;
}

struct FileCase
{
    const char * name;
    std::function<void(const Site &)> change;
    bool taken;
    const char * word; ///< of a warning when it is taken (empty: there is none), else of a finding
};

std::vector<FileCase> file_cases()
{
    return {
        {"AListBehindLinesOfText",
         [](const Site & site) { site.write("crl.pem", "- fetched daily\n--- Example CA ---\n" + site.contents.crl); }, true, ""},
        {"AMarkBeforeACertificate",
         [](const Site & site) { site.write("server.crt", with_mark(site.contents.server_certificate)); }, true, ""},
        {"AMarkBeforeAnAuthority", [](const Site & site) { site.write("ca.pem", with_mark(site.contents.authorities)); }, true,
         ""},
        {"AMarkBeforeAList", [](const Site & site) { site.write("crl.pem", with_mark(site.contents.crl)); }, true, ""},
        {"TheLeafTwice",
         [](const Site & site) { site.write("server.crt", site.contents.server_certificate + site.contents.server_certificate); },
         true, "signs none of those before it"},
        {"AnotherAuthorityBehindTheLeaf",
         [](const Site & site) { site.write("server.crt", site.contents.server_certificate + pem_of(site.other_root)); }, true,
         "signs none of those before it"},
        {"NoLineEndBetweenTwoBlocks",
         [](const Site & site)
         {
             const std::string & leaf = site.contents.server_certificate;
             site.write("server.crt", leaf.substr(0, leaf.size() - 1) + site.contents.authorities);
         },
         false, "two blocks on one line"},
        {"AKeyForAnAuthority", [](const Site & site) { site.write("ca.pem", site.contents.server_key); }, false, "PRIVATE KEY"},
        {"AListOfAnAuthorityThatMaySignNone",
         [](const Site & site)
         {
             pki::Spec spec = pki::Spec::authority("signs no lists");
             spec.key_usages = {"keyCertSign"};
             const auto authority = must(pki::self_signed(spec, site.now));
             site.write("ca.pem", site.contents.authorities + pem_of(authority));
             site.write("crl.pem", site.contents.crl + list_of(authority, site.now));
         },
         false, "key usage does not allow it to sign CRLs"},
        {"AListWithANamesakesSignature",
         [](const Site & site)
         {
             const auto namesake = must(pki::self_signed(pki::Spec::authority("root"), site.now));
             site.write("crl.pem", list_of(namesake, site.now));
         },
         false, "does not verify with the key of the authority it names"},
    };
}

class OwnFiles : public testing::TestWithParam<FileCase>
{
};

TEST_P(OwnFiles, AreTakenOrRefusedForTheRightReason)
{
    const Site site;
    GetParam().change(site);
    const auto result = generation::load(site.input(), site.now);
    ASSERT_EQ(result.has_value(), GetParam().taken) << (result ? "" : describe(result.error()));
    std::string said;
    if (result)
        for (const std::string & warning : result->generation->warnings)
            said += warning + "\n";
    else
        said = describe(result.error());
    EXPECT_THAT(said, HasSubstr(GetParam().word));
    if (GetParam().taken)
    {
        EXPECT_EQ(said.empty(), *GetParam().word == '\0') << said;
    }
}

INSTANTIATE_TEST_SUITE_P(Each, OwnFiles, testing::ValuesIn(file_cases()), [](const auto & one) { return one.param.name; });

/// As public authorities sent it for years: behind the path that counts stands the root once more, signed by an older one, and
/// that certificate has ended.
TEST(OwnChain, AnEndedCrossSignBehindTheGoodPathIsSent)
{
    const Site site;
    const auto older = must(pki::self_signed(pki::Spec::authority("older root"), site.now));
    const auto root = must(pki::self_signed(pki::Spec::authority("newer root"), site.now));
    pki::Spec crossed = pki::Spec::authority("newer root");
    crossed.not_before = std::chrono::hours(-48);
    crossed.not_after = std::chrono::hours(-24);
    const auto cross = must(pki::issue_for_key(crossed, root.key, &older, site.now));
    const auto issuing = must(pki::issue(pki::Spec::authority("issuing"), root, site.now));
    const auto leaf = must(pki::issue(leaf_spec("server.example", {dns("server.example")}), issuing, site.now));
    site.write("server.crt", pem_of(leaf) + pem_of(issuing) + pem_of(cross));
    site.write("server.key", text_of(pki::key_pem(leaf.key)));
    site.write("ca.pem", site.contents.authorities + pem_of(root));
    const auto result = generation::load(site.input(), site.now);
    ASSERT_TRUE(result.has_value()) << describe(result.error());
    EXPECT_EQ(result->generation->credentials[generation::Use::server]->select({})->chain.size(), 3u);
    EXPECT_THAT(result->generation->warnings, testing::Contains(HasSubstr("newer root")));
}

using AuthorityKeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, openssl::Freed<AUTHORITY_KEYID_free>>;

/// As "authorityKeyIdentifier=keyid,issuer:always" makes it: fits one certificate of the authority only.
pki::RawExtension identifier_by_serial(const openssl::Certificate & issuer)
{
    const AuthorityKeyIdPtr identifier(AUTHORITY_KEYID_new());
    GENERAL_NAME * const name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_get_subject_name(issuer.x509())));
    identifier->issuer = sk_GENERAL_NAME_new_null();
    sk_GENERAL_NAME_push(identifier->issuer, name);
    identifier->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(issuer.x509()));
    Bytes der(static_cast<size_t>(i2d_AUTHORITY_KEYID(identifier.get(), nullptr)));
    unsigned char * at = der.data();
    i2d_AUTHORITY_KEYID(identifier.get(), &at);
    return {"2.5.29.35", false, der};
}

trust::PathVerdict verdict_of(const Site & site, const openssl::Certificate & leaf)
{
    const auto result = generation::load(site.input(), site.now);
    EXPECT_TRUE(result.has_value());
    return result->generation->client_trust->verify(
        {.leaf = leaf, .intermediates = {}, .purpose = trust::Purpose::client_auth, .at = site.now});
}

TEST(PeerChain, AnAuthorityRenewedWithItsKeyDoesNotFitAnIdentifierBySerial)
{
    const Site site;
    const auto renewed = must(pki::issue_for_key(pki::Spec::authority("root"), site.root.key, nullptr, site.now));
    pki::Spec spec = leaf_spec("alice");
    spec.authority_key_identifier = false;
    spec.extra = {identifier_by_serial(site.root.certificate)};
    const auto alice = must(pki::issue(spec, site.root, site.now));
    EXPECT_TRUE(verdict_of(site, alice.certificate).accepted());
    site.write("ca.pem", pem_of(renewed));
    const auto refused = verdict_of(site, alice.certificate);
    EXPECT_EQ(code(refused.reason), code(Reason::unknown_ca));
    EXPECT_THAT(refused.message, HasSubstr("authorityKeyIdentifier asks for another one"));
    EXPECT_THAT(refused.message, HasSubstr("authorityKeyIdentifier=keyid"));
    const auto by_key = site.issue("bob");
    EXPECT_TRUE(verdict_of(site, by_key.certificate).accepted());
}

TEST(PeerChain, ADateWithoutSecondsIsNamed)
{
    const Site site;
    const auto good = site.issue("alice");
    const openssl::X509Ptr changed(X509_dup(good.certificate.x509()));
    constexpr std::string_view no_seconds = "4901010000Z"; // as UTCTime: in 2049
    ASN1_TIME * const ends = X509_getm_notAfter(changed.get());
    ends->type = V_ASN1_UTCTIME;
    ASSERT_EQ(ASN1_STRING_set(ends, no_seconds.data(), static_cast<int>(no_seconds.size())), 1);
    ASSERT_GT(X509_sign(changed.get(), must(site.root.key.open()).get(), EVP_sha256()), 0);
    Bytes der(static_cast<size_t>(i2d_X509(changed.get(), nullptr)));
    unsigned char * at = der.data();
    i2d_X509(changed.get(), &at);
    const auto certificate = must(openssl::Certificate::from_der(der));
    const auto refused = verdict_of(site, certificate);
    EXPECT_EQ(code(refused.reason), code(Reason::parse));
    EXPECT_THAT(refused.message, HasSubstr("notAfter '4901010000Z'"));
    EXPECT_TRUE(verdict_of(site, good.certificate).accepted());
}

// A hundred damaged files of each further kind; tests/unit/generation has those of certificates, keys, lists and rules.

class SignedSite : public Site
{
public:
    SignedSite()
    {
        write("policy.pub", "untrusted comment: policy\n" + signer.public_key() + "\n");
        write("rules.txt.minisig", signer.sign(contents.rules, 5));
        write("bundle.pem", key_set(json_object(entry_members(root.certificate))));
        mtls = fmt::format(
            "<signed_policy><public_key>{}</public_key><require>rules</require><state_file>{}</state_file></signed_policy>",
            dir.file("policy.pub"), dir.file("state"));
    }

    [[nodiscard]] std::string read(const std::string & name) const
    {
        return std::string(as_text(read_file(dir.file(name))->bytes));
    }

    const MinisignSigner signer;
};

class FurtherKinds : public testing::TestWithParam<const char *>
{
};

TEST_P(FurtherKinds, AreNeverInForceBroken)
{
    const SignedSite site;
    const auto first = generation::load(site.input(), site.now);
    ASSERT_TRUE(first.has_value()) << describe(first.error());
    const std::string whole = site.read(GetParam());
    ASSERT_FALSE(whole.empty());
    size_t refused = 0;
    for (const std::string & text : mutations(whole))
    {
        site.write(GetParam(), text);
        const auto result = generation::load(site.input(), site.now);
        refused += result ? 0 : 1;
        const bool cut = whole.starts_with(text) && text.size() + 2 < whole.size();
        EXPECT_FALSE(cut && result) << "cut off at " << text.size() << " of " << whole.size();
        if (!result)
            continue;
        const auto & generation = *result->generation;
        EXPECT_EQ(generation.rules->rules().front().user, "alice") << text;
        const auto * bundle = generation.bundles->find("example.org");
        ASSERT_NE(bundle, nullptr);
        EXPECT_LE(bundle->anchors().size(), 1u) << text;
    }
    EXPECT_GT(refused, 50u);
}

INSTANTIATE_TEST_SUITE_P(
    Each, FurtherKinds, testing::Values("bundle.pem", "rules.txt.minisig", "policy.pub"),
    [](const auto & one) { return case_name(one.param); });

/// config.xml and users.xml: cut off they are no document, and what still is one says what it says.
TEST(FurtherKindsOfText, HalfAConfigurationIsNone)
{
    Site site;
    site.users_xml = "<clickhouse><users><alice/><bob><ssl_certificates><common_name>bob</common_name></ssl_certificates></bob>"
                     "</users></clickhouse>";
    const generation::Input whole = site.input();
    for (std::string generation::Input::*document : {&generation::Input::server_xml, &generation::Input::users_xml})
        for (const std::string & text : mutations(whole.*document))
        {
            generation::Input input = whole;
            input.*document = text;
            const auto result = generation::load(input, site.now);
            const bool cut = (whole.*document).starts_with(text) && text.size() + 1 < (whole.*document).size() && !text.empty();
            EXPECT_FALSE(cut && result) << text;
            if (result && result->generation->settings.enabled)
            {
                EXPECT_LE(result->generation->users->users().size(), 1u) << text;
                EXPECT_LE(result->generation->rules->size(), 1u) << text;
            }
        }
}

}
}
