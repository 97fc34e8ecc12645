#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "credentials/credential.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::credentials;
using pki::Spec;
using test::dns;
using test::leaf_spec;
using test::must;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace
{

/// What a load is asked with; every case changes one part.
struct Files
{
    std::string certificate;
    std::string key;
    mode_t key_mode = 0600;
    std::string passphrase = {};
    std::vector<std::string> server_names = {};
    std::vector<openssl::Certificate> extra = {};
    UnixTime now = system_time();
};

std::string text_of(const SecretBytes & secret)
{
    return std::string(as_text(secret.view()));
}

Files files_of(const test::GoodPki & pki)
{
    return {.certificate = pki::chain_pem(pki.chain()), .key = text_of(pki::key_pem(pki.leaf.key)), .now = pki.now};
}

Files files_of(const test::GoodPki & pki, const pki::Issued & issued)
{
    return {.certificate = pki::chain_pem(pki.chain(issued)), .key = text_of(pki::key_pem(issued.key)), .now = pki.now};
}

Checked<LoadedCredential> load(const Files & files)
{
    const SecretBytes passphrase(as_bytes(files.passphrase));
    return load_credential(
        {.certificate_file = "server.crt",
         .certificate_pem = as_bytes(files.certificate),
         .private_key_file = "server.key",
         .private_key_pem = as_bytes(files.key),
         .private_key_facts = {.mode = files.key_mode, .owner = 0},
         .passphrase = passphrase,
         .server_names = files.server_names,
         .extra_chain = files.extra,
         .now = files.now});
}

/// All findings in one text; empty when it was accepted.
std::string findings(const Files & files)
{
    const auto loaded = load(files);
    return loaded ? std::string() : describe(loaded.error());
}

}

TEST(LoadCredential, GivesLeafChainAndKey)
{
    const auto pki = test::good_pki();
    const auto loaded = must(load(files_of(pki)));
    EXPECT_EQ(loaded.credential->chain, pki.chain());
    EXPECT_TRUE(loaded.credential->key.matches(pki.leaf.certificate));
    EXPECT_NE(loaded.credential->id, 0u);
    EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST(LoadCredential, ReadsAnEncryptedKey)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    files.key = text_of(pki::key_pem(pki.leaf.key, "secret"));
    files.passphrase = "secret";
    EXPECT_EQ(findings(files), "");
    files.passphrase = "other";
    EXPECT_THAT(findings(files), HasSubstr("passphrase is wrong"));
    files.passphrase = "";
    EXPECT_THAT(findings(files), HasSubstr("privateKeyPassphraseHandler"));
}

TEST(LoadCredential, ReadsKeyAndCertificateFromOneFile)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    files.certificate = files.key + files.certificate;
    files.key = files.certificate;
    EXPECT_EQ(findings(files), "");
}

TEST(LoadCredential, IdFollowsContent)
{
    const auto pki = test::good_pki();
    const auto id = [](const Files & files)
    {
        return must(load(files)).credential->id;
    };
    Files files = files_of(pki);
    const uint64_t first = id(files);
    files.server_names = {"other.example.org"};
    files.certificate = "# a comment\n" + files.certificate;
    files.key = text_of(pki::key_pem(pki.leaf.key, "secret"));
    files.passphrase = "secret";
    EXPECT_EQ(id(files), first);
    EXPECT_NE(id(files_of(pki, pki.issue(leaf_spec("leaf")))), first);
    EXPECT_NE(id({.certificate = pki::certificate_pem(pki.leaf.certificate), .key = files.key, .passphrase = "secret"}), first);
}

TEST(LoadCredential, RefusesAKeyOfAnotherCertificate)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    files.key = text_of(pki::key_pem(pki.issue(leaf_spec("other")).key));
    EXPECT_THAT(findings(files), HasSubstr("server.key: private key: does not match certificate 1 (CN=leaf) of server.crt"));
}

TEST(LoadCredential, SaysWhichCertificateTheKeyBelongsTo)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    files.certificate = pki::chain_pem({pki.intermediate.certificate, pki.leaf.certificate});
    const std::string found = findings(files);
    EXPECT_THAT(found, HasSubstr("does not match certificate 1 (CN=intermediate)"));
    EXPECT_THAT(found, HasSubstr("put certificate 2 (CN=leaf) first, the key belongs to it"));
}

TEST(LoadCredential, RefusesACertificateOutOfItsTime)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    const auto & facts = pki.leaf.certificate.facts();
    files.now = facts.not_after;
    EXPECT_EQ(findings(files), "");
    files.now = facts.not_after + std::chrono::seconds(1);
    EXPECT_THAT(findings(files), HasSubstr("certificate 1 (CN=leaf): expired at " + format_rfc3339(facts.not_after)));
    files.now = facts.not_before;
    EXPECT_EQ(findings(files), "");
    files.now = facts.not_before - std::chrono::seconds(1);
    EXPECT_THAT(findings(files), HasSubstr("is not valid before " + format_rfc3339(facts.not_before)));
}

/// What a stock server starts with and peers bear.
TEST(LoadCredential, WarnsOfWhatStandsBehindTheLeaf)
{
    const auto pki = test::good_pki();
    Spec expired = Spec::authority("intermediate");
    expired.not_after = std::chrono::seconds(-1);
    const auto old = must(pki::issue_for_key(expired, pki.intermediate.key, &pki.root, pki.now));
    Spec namesake = Spec::authority("intermediate");
    namesake.subject_key_identifier = false; // otherwise the identifiers already tell
    const auto imposter = must(pki::issue(namesake, pki.root, pki.now));
    const auto & leaf = pki.leaf.certificate;
    const auto & middle = pki.intermediate.certificate;
    const auto & root = pki.root.certificate;
    const auto warnings = [&](const std::vector<openssl::Certificate> & chain)
    {
        Files files = files_of(pki);
        files.certificate = pki::chain_pem(chain);
        const auto loaded = must(load(files));
        EXPECT_EQ(loaded.credential->chain, chain) << "sent as it is";
        return loaded.warnings;
    };
    EXPECT_THAT(warnings({leaf, middle, root}), IsEmpty());
    EXPECT_THAT(warnings({leaf, middle}), IsEmpty());
    EXPECT_THAT(warnings({leaf, old.certificate}), ElementsAre(HasSubstr("certificate 2 (CN=intermediate) expired at")));
    EXPECT_THAT(warnings({leaf, leaf, middle}), ElementsAre(HasSubstr("certificate 2 (CN=leaf) signs none")));
    EXPECT_THAT(warnings({leaf, root, middle}), ElementsAre(HasSubstr("are not in order")));
    EXPECT_THAT(warnings({leaf, imposter.certificate}), ElementsAre(HasSubstr("signs none of those before it")));
}

/// What `openssl req -x509` makes, as ClickHouse's documentation shows it.
TEST(LoadCredential, WarnsOfAnAuthorityAsLeaf)
{
    const auto now = system_time();
    const auto root = must(pki::self_signed(Spec::authority("root"), now));
    const auto self = must(pki::self_signed(leaf_spec("host"), now));
    const auto warnings = [&](const pki::Issued & issued)
    {
        return must(load(
                        {.certificate = pki::certificate_pem(issued.certificate),
                         .key = text_of(pki::key_pem(issued.key)),
                         .now = now}))
            .warnings;
    };
    EXPECT_THAT(warnings(self), IsEmpty());
    EXPECT_THAT(warnings(root), testing::Contains(HasSubstr("certificate 1 (CN=root) is a CA certificate")));
}

TEST(LoadCredential, RefusesFilesWithoutTheirContent)
{
    const auto pki = test::good_pki();
    const Files good = files_of(pki);
    Files files = good;
    files.certificate = "";
    EXPECT_THAT(findings(files), HasSubstr("server.crt: holds no certificate"));
    files.certificate = good.key;
    EXPECT_THAT(findings(files), HasSubstr("server.crt: holds no certificate"));
    files = good;
    files.key = good.certificate;
    EXPECT_THAT(findings(files), HasSubstr("server.key: private key: holds no private key"));
}

TEST(LoadCredential, ReportsEverythingAtOnce)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    files.key = "";
    files.now = pki.leaf.certificate.facts().not_after + std::chrono::hours(24 * 365);
    files.server_names = {"bad name"};
    const auto loaded = load(files);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().size(), 3u) << describe(loaded.error()); // name, key, leaf
}

TEST(LoadCredential, NeverPrintsTheKey)
{
    const auto pki = test::good_pki();
    Files files = files_of(pki);
    for (size_t length = 0; length < files.key.size(); length += 7)
    {
        Files torn = files;
        torn.key = files.key.substr(0, length);
        EXPECT_EQ(findings(torn).find(files.key.substr(28, 20)), std::string::npos);
    }
}

struct ModeCase
{
    mode_t mode;
    const char * open_to;
};

class KeyFileModes : public testing::TestWithParam<ModeCase>
{
};

TEST_P(KeyFileModes, AreWarnedOf)
{
    Files files = files_of(test::good_pki());
    files.key_mode = GetParam().mode;
    const auto warnings = must(load(files)).warnings;
    if (GetParam().open_to == nullptr)
    {
        EXPECT_THAT(warnings, IsEmpty());
        return;
    }
    EXPECT_THAT(
        warnings,
        ElementsAre(testing::AllOf(HasSubstr("server.key"), HasSubstr(GetParam().open_to), HasSubstr("chmod 0600 server.key"))));
}

INSTANTIATE_TEST_SUITE_P(
    Table, KeyFileModes,
    testing::Values(
        ModeCase{0600, nullptr}, ModeCase{0400, nullptr}, ModeCase{0700, nullptr}, ModeCase{0640, "its group"},
        ModeCase{0660, "its group"}, ModeCase{0644, "every user"}, ModeCase{0604, "every user"}, ModeCase{0602, "every user"}));

TEST(LoadCredential, WarnsOfALeafThatPeersWillRefuse)
{
    const auto pki = test::good_pki();
    const auto warnings = [&](const Spec & spec, std::vector<std::string> names = {})
    {
        Files files = files_of(pki, pki.issue(spec));
        files.server_names = std::move(names);
        return must(load(files)).warnings;
    };
    Spec spec = leaf_spec("leaf", {dns("A.example.org"), dns("*.b.example.org")});
    EXPECT_THAT(warnings(spec, {"a.example.org.", "x.b.example.org", "*.B.example.org"}), IsEmpty());
    EXPECT_THAT(warnings(spec, {"b.example.org"}), ElementsAre(HasSubstr("does not name b.example.org")));
    EXPECT_THAT(warnings(spec, {"*.example.org"}), ElementsAre(HasSubstr("does not name *.example.org")));
    EXPECT_THAT(warnings(spec, {"x.y.b.example.org"}), ElementsAre(HasSubstr("does not name x.y.b.example.org")));
    spec.key_usages = {"keyEncipherment"};
    EXPECT_THAT(warnings(spec), ElementsAre(HasSubstr("digitalSignature")));
    spec = leaf_spec("leaf");
    spec.extended_key_usages = {"codeSigning"};
    EXPECT_THAT(warnings(spec), ElementsAre(HasSubstr("extended key usage")));
}

TEST(LoadCredential, CompletesALoneLeafFromTheAuthorities)
{
    const auto pki = test::good_pki();
    const auto upper = must(pki::issue(Spec::authority("upper"), pki.root, pki.now));
    const auto lower = must(pki::issue(Spec::authority("lower"), upper, pki.now));
    const auto leaf = must(pki::issue(leaf_spec("leaf"), lower, pki.now));
    Files files{.certificate = pki::certificate_pem(leaf.certificate), .key = text_of(pki::key_pem(leaf.key)), .now = pki.now};
    EXPECT_EQ(must(load(files)).credential->chain.size(), 1u);

    files.extra = {pki.root.certificate, upper.certificate, pki.intermediate.certificate, lower.certificate};
    EXPECT_THAT(
        must(load(files)).credential->chain, ElementsAre(leaf.certificate, lower.certificate, upper.certificate)); // no root

    files.certificate = pki::chain_pem({leaf.certificate, lower.certificate}); // a chain that was given is left as it is
    EXPECT_THAT(must(load(files)).credential->chain, ElementsAre(leaf.certificate, lower.certificate));
}

TEST(LoadCredential, CompletesWithTheAuthorityThatReallySigned)
{
    const auto now = system_time();
    Spec authority = Spec::authority("intermediate");
    authority.subject_key_identifier = false;
    const auto root = must(pki::self_signed(Spec::authority("root"), now));
    const auto old_one = must(pki::issue(authority, root, now));
    const auto new_one = must(pki::issue(authority, root, now));
    authority.not_after = std::chrono::seconds(-1);
    const auto expired = must(pki::issue_for_key(authority, new_one.key, &root, now));
    const auto leaf = must(pki::issue(leaf_spec("leaf"), new_one, now));
    const Files files{
        .certificate = pki::certificate_pem(leaf.certificate),
        .key = text_of(pki::key_pem(leaf.key)),
        .extra = {old_one.certificate, expired.certificate, new_one.certificate},
        .now = now};
    EXPECT_THAT(must(load(files)).credential->chain, ElementsAre(leaf.certificate, new_one.certificate));
}

TEST(LoadCredential, CompletionEndsWithAuthoritiesThatSignEachOther)
{
    const auto now = system_time();
    const auto a_root = must(pki::self_signed(Spec::authority("a"), now));
    const auto b_by_a = must(pki::issue(Spec::authority("b"), a_root, now));
    const auto a_by_b = must(pki::issue_for_key(Spec::authority("a"), a_root.key, &b_by_a, now));
    const auto leaf = must(pki::issue(leaf_spec("leaf"), a_by_b, now));
    const Files files{
        .certificate = pki::certificate_pem(leaf.certificate),
        .key = text_of(pki::key_pem(leaf.key)),
        .extra = {a_by_b.certificate, b_by_a.certificate},
        .now = now};
    EXPECT_THAT(must(load(files)).credential->chain, ElementsAre(leaf.certificate, a_by_b.certificate, b_by_a.certificate));
}
