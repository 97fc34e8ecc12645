// One load: everything is read, everything is checked, everything that is wrong is said at once.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generation/loader.h"
#include "unit/generation/loading.h"

namespace chmtls::generation
{
namespace
{

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(Loader, EverythingIsThere)
{
    const test::Site site;
    const Loaded result = loaded(site);
    const Generation & generation = *result.generation;
    ASSERT_NE(generation.credentials[generation::Use::server], nullptr);
    EXPECT_EQ(generation.credentials[generation::Use::server]->all().size(), 2u);
    EXPECT_NE(
        generation.credentials[generation::Use::server]->select("sni.example"),
        generation.credentials[generation::Use::server]->select(""));
    EXPECT_NE(generation.credentials[generation::Use::client]->select(""), nullptr);
    EXPECT_EQ(generation.client_trust->anchors().size(), 1u);
    EXPECT_EQ(generation.client_trust->crls().size(), 1u);
    EXPECT_EQ(generation.server_trust->anchors().size(), 1u);
    ASSERT_NE(generation.bundles->find("example.org"), nullptr);
    EXPECT_EQ(generation.rules->size(), 1u);
    EXPECT_NE(generation.users, nullptr);
    EXPECT_EQ(generation.ticket_key.aes.size(), 32u);
    EXPECT_THAT(generation.warnings, IsEmpty());
    EXPECT_NE(generation.listener("tcp_port_secure"), nullptr);
    EXPECT_EQ(generation.listener("https_port"), nullptr);
    EXPECT_THAT(result.files, AllOf(Contains(site.path("server.key")), Contains(site.path("rules.txt"))));
}

TEST(Loader, AUserOpenToEverybodyBesidesTheCertificateIsWarnedOf)
{
    const struct
    {
        const char * password;
        bool open;
    } cases[]{
        {"", false},
        {"<password>secret</password>", false},
        {"<password></password>", true},
        {"<password_sha256_hex>e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</password_sha256_hex>", true},
        {"<no_password/>", true},
    };
    for (const auto & each : cases)
    {
        test::Site site;
        site.users_xml = std::string("<clickhouse><users><alice><ssl_certificates><common_name>alice</common_name>"
                                     "</ssl_certificates>")
                         + each.password + "</alice><other><password></password></other></users></clickhouse>";
        const auto warnings = loaded(site).generation->warnings;
        EXPECT_EQ(testing::Value(warnings, Contains(HasSubstr("users.alice: has <ssl_certificates>"))), each.open)
            << each.password;
        EXPECT_THAT(warnings, Not(Contains(HasSubstr("users.other"))));
    }
}

TEST(Loader, UsersAndRulesThatDoNotFitAreSpokenOf)
{
    test::Site site;
    const auto warnings = [&](const std::string & users, const std::string & listen_host = "::")
    {
        site.users_xml = "<clickhouse><users>" + users + "</users></clickhouse>";
        generation::Input input = site.input();
        const std::string host = "<clickhouse>\n<listen_host>" + listen_host + "</listen_host>";
        input.server_xml.replace(0, input.server_xml.find('\n'), host);
        auto result = load(input, site.now);
        EXPECT_TRUE(result.has_value());
        return result ? result->generation->warnings : std::vector<std::string>();
    };
    const std::string alice = "<alice/>"; // the rule's
    EXPECT_THAT(warnings(alice), IsEmpty());
    EXPECT_THAT(
        warnings("<bob><password>x</password></bob>"),
        ElementsAre(AllOf(HasSubstr("rules.txt:2"), HasSubstr("rule 'rule' gives the user 'alice', who is not in"))));
    EXPECT_THAT(warnings(alice + "<bob/>"), ElementsAre(HasSubstr("users.bob: nothing lets this user in")));
    EXPECT_THAT(warnings(alice + "<bob><password>x</password></bob>"), IsEmpty());

    const std::string open = "<default><password/><networks><ip>::/0</ip></networks></default>";
    EXPECT_THAT(warnings(alice + open), ElementsAre(HasSubstr("users.default: has an empty password and may come from")));
    EXPECT_THAT(warnings(alice + open, "127.0.0.1"), IsEmpty()) << "nobody else reaches a port";
    EXPECT_THAT(warnings(alice + "<default><password/><networks><ip>127.0.0.1</ip></networks></default>"), IsEmpty());

    std::string many;
    for (int i = 0; i < 12; ++i)
        many += fmt::format("<u{}/>", i);
    EXPECT_THAT(warnings(alice + many), AllOf(testing::SizeIs(11), Contains(HasSubstr("2 more users are let in by nothing"))));

    site.write("rules.txt", "any: common_name={who} -> \"{who}\"\n");
    EXPECT_THAT(warnings(alice + many), IsEmpty()) << "a rule may give any of them";
}

TEST(Loader, AnAuthorityWhoseKeyNobodyKnowsIsSpokenOf)
{
    const test::Site site;
    const ByteView whole = site.root.certificate.der();
    Bytes der(whole.begin(), whole.end());
    const Bytes ec{0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}; // id-ecPublicKey
    const auto at = std::search(der.begin(), der.end(), ec.begin(), ec.end());
    ASSERT_NE(at, der.end());
    *(at + 8) = 0x7f;
    const auto unknown = test::must(openssl::Certificate::from_der(der));
    site.write("ca.pem", pki::certificate_pem(site.root.certificate) + pki::certificate_pem(unknown));
    EXPECT_THAT(
        loaded(site).generation->warnings,
        Contains(AllOf(HasSubstr("openSSL.server.caConfig"), HasSubstr("the key of CN=root"))));
    site.write("ca.pem", pki::certificate_pem(site.root.certificate));
    EXPECT_THAT(loaded(site).generation->warnings, IsEmpty());
}

TEST(Loader, SameContentHasTheSameDigestAndOtherTicketKeys)
{
    const test::Site site;
    const auto first = loaded(site).generation;
    site.rename_over("server.crt", site.contents.server_certificate);
    const auto second = loaded(site).generation;
    EXPECT_EQ(first->digest, second->digest);
    EXPECT_NE(first->ticket_key.name, second->ticket_key.name);
}

TEST(Loader, EveryFileIsInTheDigest)
{
    const test::Site site;
    const Digest32 before = loaded(site).generation->digest;
    for (const auto & [name, content] : test::Site::named(site.contents))
    {
        site.write(name, content + "\n");
        EXPECT_NE(loaded(site).generation->digest, before) << name;
        site.write(name, content);
        EXPECT_EQ(loaded(site).generation->digest, before) << name;
    }
}

TEST(Loader, AuthoritiesFromAHashedDirectory)
{
    test::Site site;
    site.ca_config = "ca.d";
    site.write("ca.d/" + test::hash_name(site.other_root.certificate), pki::certificate_pem(site.other_root.certificate));
    site.write("ca.d/README", "not read");
    site.write("ca.d/ABCDEF01.0", "not read: OpenSSL asks for small letters");
    EXPECT_EQ(loaded(site).generation->client_trust->anchors().size(), 2u);
}

TEST(Loader, ADirectoryWithoutHashNamesIsRefused)
{
    test::Site site;
    site.ca_config = "ca.d";
    fs::remove(site.dir.file("ca.d/" + test::hash_name(site.root.certificate)));
    site.write("ca.d/root.pem", site.contents.authorities);
    const Errors errors = refused(site);
    ASSERT_THAT(errors, SizeIs(1));
    EXPECT_EQ(errors[0].field, "openSSL.server.caConfig");
    EXPECT_THAT(errors[0].remedy, HasSubstr("rehash"));
}

TEST(Loader, KeyAndCertificateInOneFile)
{
    test::Site site;
    site.write("server.key", site.contents.server_certificate + site.contents.server_key);
    Input input = site.input();
    const std::string element = "<certificateFile>" + site.path("server.crt") + "</certificateFile>";
    input.server_xml.replace(input.server_xml.find(element), element.size(), "");
    EXPECT_TRUE(load(input, site.now).has_value());
}

TEST(Loader, EncryptedKeyNeedsItsPassphrase)
{
    test::Site site;
    const pki::Issued issued = site.issue("server.example");
    site.write("server.crt", pki::certificate_pem(issued.certificate));
    site.write("server.key", test::text_of(pki::key_pem(issued.key, "open sesame")));
    const auto handler = [](const std::string & passphrase)
    {
        return "<privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password>" + passphrase
               + "</password></options></privateKeyPassphraseHandler>";
    };
    site.openssl_server = handler("open sesame");
    const auto generation = loaded(site).generation;
    EXPECT_EQ(generation->settings.server.passphrase, "");
    site.openssl_server = handler("wrong");
    const Errors errors = refused(site);
    EXPECT_THAT(describe(errors), HasSubstr("server.key"));
    EXPECT_THAT(describe(errors), Not(HasSubstr("wrong\n")));
}

TEST(Loader, AllFindingsOfAllSourcesAtOnce)
{
    test::Site site;
    fs::remove(site.dir.file("server.crt"));
    site.write("client.key", "no key");
    site.write("ca.pem", "");
    site.write("bundle.pem", "{\"keys\": 1}");
    site.write("crl.pem", "no list");
    site.write("rules.txt", "no rule\n");
    site.mtls = "<poll>1</poll><users/>";
    site.users_xml = "<clickhouse><users><bob><ssl_certificates><common_name/></ssl_certificates></bob></users></clickhouse>";
    const std::string all = describe(refused(site));
    for (const char * part :
         {"server.crt", "client.key", "ca.pem", "bundle.pem", "crl.pem", "rules.txt", "mtls.poll", "mtls.users", "bob"})
        EXPECT_THAT(all, HasSubstr(part));
}

struct BadFile
{
    std::string name;
    std::string file;
    std::function<void(const test::Site &, const std::string &)> spoil;
};

void PrintTo(const BadFile & one, std::ostream * out)
{
    *out << one.name;
}

class BadFiles : public testing::TestWithParam<BadFile>
{
};

TEST_P(BadFiles, AreRefusedByName)
{
    const test::Site site;
    EXPECT_TRUE(load(site.input(), site.now).has_value());
    GetParam().spoil(site, GetParam().file);
    const Errors errors = refused(site);
    ASSERT_THAT(errors, Not(IsEmpty()));
    EXPECT_THAT(describe(errors), HasSubstr(site.path(GetParam().file)));
    EXPECT_THAT(errors, Each(Field(&Error::remedy, Not(IsEmpty()))));
    EXPECT_THAT(errors, Each(Field(&Error::field, Not(IsEmpty())))) << describe(errors);
}

std::vector<BadFile> bad_files()
{
    std::vector<BadFile> all;
    for (const std::string file :
         {"server.crt", "server.key", "sni.crt", "sni.key", "client.crt", "client.key", "ca.pem", "bundle.pem", "crl.pem",
          "rules.txt"})
    {
        const std::string name = test::case_name(file);
        all.push_back(
            {"Missing_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 fs::remove(site.dir.file(f));
             }});
        all.push_back(
            {"Empty_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 site.write(f, "");
             }});
        all.push_back(
            {"Rubbish_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 site.write(f, "rubbish\n");
             }});
        all.push_back(
            {"Half_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 const std::string whole = [&]
                 {
                     for (const auto & [n, content] : test::Site::named(site.contents))
                         if (n == f)
                             return content;
                     return std::string();
                 }();
                 site.write(f, whole.substr(0, whole.size() / 2));
             }});
        all.push_back(
            {"Directory_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 fs::remove(site.dir.file(f));
                 fs::create_directory(site.dir.file(f));
             }});
        all.push_back(
            {"Loop_" + name, file,
             [](const test::Site & site, const std::string & f)
             {
                 fs::remove(site.dir.file(f));
                 fs::create_symlink(f, site.dir.file(f));
             }});
        if (file.ends_with(".key"))
            all.push_back(
                {"Mismatched_" + name, file,
                 [](const test::Site & site, const std::string & f)
                 {
                     site.write(f, test::text_of(pki::key_pem(site.issue("x").key)));
                 }});
        if (file.ends_with(".key"))
            all.push_back(
                {"Huge_" + name, file,
                 [](const test::Site & site, const std::string & f)
                 {
                     site.write(f, std::string(max_key_file + 1, ' '));
                 }});
    }
    // A directory is a good <crl>, though an empty one; a directory is a bad everything else.
    std::erase_if(all, [](const BadFile & one) { return one.name == "Directory_crl_pem"; });
    return all;
}

INSTANTIATE_TEST_SUITE_P(All, BadFiles, testing::ValuesIn(bad_files()), [](const auto & one) { return one.param.name; });

TEST(Loader, ExpiredCertificateIsRefusedAtTheFirstLoad)
{
    const test::Site site;
    const auto result = load(site.input(), site.now + std::chrono::hours(48));
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(describe(result.error()), HasSubstr("expired"));
}

/// The rest of the server works, as that of a stock one does.
TEST(Loader, AnExpiredClientOrSniCertificateStopsNoStart)
{
    const test::Site site;
    for (const std::string name : {"client", "sni"})
    {
        pki::Spec spec = test::leaf_spec(name + ".example", {test::dns(name + ".example")});
        spec.not_before = std::chrono::hours(-2);
        spec.not_after = std::chrono::hours(-1);
        const pki::Issued ended = test::must(pki::issue(spec, site.root, site.now));
        site.write(name + ".crt", pki::certificate_pem(ended.certificate));
        site.write(name + ".key", test::text_of(pki::key_pem(ended.key)));
    }
    const auto generation = loaded(site).generation;
    EXPECT_THAT(generation->warnings, ElementsAre(HasSubstr("expired"), HasSubstr("expired")));
    EXPECT_EQ(generation->credentials[generation::Use::server]->all().size(), 2u);
}

TEST(Loader, ACertificateForTheOtherSideIsSpokenOf)
{
    const test::Site site;
    const auto write = [&](const std::string & name, const std::string & usage)
    {
        pki::Spec spec = test::leaf_spec(name + ".example", {test::dns(name + ".example")});
        spec.extended_key_usages = {usage};
        const pki::Issued made = test::must(pki::issue(spec, site.root, site.now));
        site.write(name + ".crt", pki::certificate_pem(made.certificate));
        site.write(name + ".key", test::text_of(pki::key_pem(made.key)));
    };
    write("server", "serverAuth");
    write("client", "clientAuth");
    EXPECT_THAT(loaded(site).generation->warnings, IsEmpty());
    write("server", "clientAuth");
    write("client", "serverAuth");
    EXPECT_THAT(loaded(site).generation->warnings, ElementsAre(HasSubstr("for clients only"), HasSubstr("for servers only")));
}

TEST(Loader, AWeakCertificateIsRefusedBeforeEveryHandshakeFails)
{
    test::Site site;
    pki::Spec spec = test::leaf_spec("server.example", {test::dns("server.example")});
    spec.key = pki::KeyKind::rsa_1024;
    const pki::Issued weak = test::must(pki::issue(spec, site.root, site.now));
    site.write("server.crt", pki::certificate_pem(weak.certificate));
    site.write("server.key", test::text_of(pki::key_pem(weak.key)));
    site.openssl_server = "<cipherList>DEFAULT:@SECLEVEL=2</cipherList>";
    EXPECT_THAT(describe(refused(site)), HasSubstr("ee key too small"));
    site.openssl_server = "<cipherList>DEFAULT:@SECLEVEL=0</cipherList>";
    EXPECT_THAT(loaded(site).generation->warnings, IsEmpty());
}

TEST(Loader, CaConfigWithoutARootIsSpokenOf)
{
    const test::Site site;
    const auto upper = test::must(pki::issue(pki::Spec::authority("upper"), site.root, site.now));
    const auto lower = test::must(pki::issue(pki::Spec::authority("lower"), upper, site.now));
    const std::string both = pki::chain_pem({lower.certificate, upper.certificate});
    site.write("ca.pem", both);
    site.write("crl.pem", pki::crl_pem(test::must(pki::issue_crl({}, site.other_root, site.now))));
    EXPECT_THAT(
        loaded(site).generation->warnings,
        ElementsAre(HasSubstr("openSSL.server.caConfig: none of the 2"), HasSubstr("openSSL.client.caConfig: none of the 2")));
    site.write("ca.pem", both + pki::certificate_pem(site.other_root.certificate));
    EXPECT_THAT(loaded(site).generation->warnings, Contains(HasSubstr("CN=upper does not lead to a self-signed certificate")));
    site.write("ca.pem", both + pki::certificate_pem(site.root.certificate));
    EXPECT_THAT(loaded(site).generation->warnings, IsEmpty());
}

TEST(Loader, WhatIsInForceMayExpireButNotBeReplacedByAnExpiredOne)
{
    const test::Site site;
    const UnixTime later = site.now + std::chrono::hours(48);
    const auto in_force = loaded(site).generation;
    site.write("rules.txt", test::rules_text({test::common_name_rule("new", "bob", "bob")}));
    const Asked asked = ask(site.input());
    {
        Reading reading = read(asked);
        const auto next = build(asked, reading, later, in_force.get());
        ASSERT_TRUE(next.has_value()) << describe(next.error());
        EXPECT_EQ((*next)->rules->rules()[0].name, "new");
        EXPECT_THAT((*next)->warnings, Contains(HasSubstr("expired")));
        Reading again = read(asked);
        EXPECT_TRUE(build(asked, again, later + std::chrono::hours(1), next->get()).has_value()) << "and stays so";
    }
    site.write_all(site.make());
    Reading reading = read(asked);
    EXPECT_FALSE(build(asked, reading, later, in_force.get()).has_value());
}

// The file holds the leaf alone, and caConfig no longer the one who signed it: that is news of trust.
TEST(Loader, WhatIsInForceMayExpireAndLoseWhoSignedIt)
{
    const test::Site site;
    const pki::Issued middle = test::must(pki::issue(pki::Spec::authority("middle"), site.root, site.now));
    const pki::Issued server = test::must(pki::issue(test::leaf_spec("server.example"), middle, site.now));
    site.write("server.crt", pki::certificate_pem(server.certificate));
    site.write("server.key", test::text_of(pki::key_pem(server.key)));
    site.write("ca.pem", pki::certificate_pem(middle.certificate) + pki::certificate_pem(site.root.certificate));
    const auto in_force = loaded(site).generation;
    ASSERT_EQ(in_force->credentials[Use::server]->select("")->chain.size(), 2u);
    ASSERT_EQ(in_force->client_trust->anchors().size(), 2u);
    site.write("ca.pem", pki::certificate_pem(site.root.certificate));
    const Asked asked = ask(site.input());
    Reading reading = read(asked);
    const auto next = build(asked, reading, site.now + std::chrono::hours(48), in_force.get());
    ASSERT_TRUE(next.has_value()) << describe(next.error());
    EXPECT_EQ((*next)->client_trust->anchors().size(), 1u);
    EXPECT_EQ((*next)->credentials[Use::server]->select("")->chain.front(), server.certificate);
}

TEST(Loader, UnknownMatcherNamesItsRule)
{
    test::Site site;
    Input input = site.input();
    const std::string rules_file = "<users>";
    input.server_xml.insert(
        input.server_xml.find(rules_file) + rules_file.size(), "<rule><name>r</name><dnsname>a</dnsname><user>u</user></rule>");
    const auto result = load(input, site.now);
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(describe(result.error()), AllOf(HasSubstr("mtls.users.rule[0]"), HasSubstr("dnsname")));
}

TEST(Loader, TrustDomainNameIsChecked)
{
    test::Site site;
    Input input = site.input();
    const std::string name = "<name>example.org</name>";
    input.server_xml.replace(input.server_xml.find(name), name.size(), "<name>Example.org</name>");
    const auto result = load(input, site.now);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error()[0].code, "TD-CASE");
}

struct GuardCase
{
    std::string name;
    std::string openssl_server;
    std::string setting;
};

void PrintTo(const GuardCase & one, std::ostream * out)
{
    *out << one.name;
}

class Guards : public testing::TestWithParam<GuardCase>
{
};

/// Refused while a rule or a user is matched against certificates; without any the setting is the operator's own affair.
TEST_P(Guards, RefuseForgeableIdentities)
{
    test::Site site;
    EXPECT_NE(loaded(site).generation, nullptr);
    site.openssl_server = GetParam().openssl_server;
    EXPECT_THAT(refused(site), ElementsAre(AllOf(Field(&Error::field, GetParam().setting), Field(&Error::code, "FORGEABLE"))));

    site.rename_over("rules.txt", "# nobody\n");
    EXPECT_NE(loaded(site).generation, nullptr);
    Input input = site.input();
    input.users_xml = "<clickhouse><users><alice><ssl_certificates><common_name>alice</common_name></ssl_certificates></alice>"
                      "</users></clickhouse>";
    const auto by_users = load(input, site.now);
    ASSERT_FALSE(by_users.has_value());
    EXPECT_THAT(by_users.error(), ElementsAre(Field(&Error::field, GetParam().setting)));
}

INSTANTIATE_TEST_SUITE_P(
    All, Guards,
    testing::Values(
        GuardCase{"NotVerified", "<verificationMode>none</verificationMode>", "openSSL.server.verificationMode"},
        GuardCase{
            "AcceptHandler", "<invalidCertificateHandler><name>AcceptCertificateHandler</name></invalidCertificateHandler>",
            "openSSL.server.invalidCertificateHandler.name"},
        GuardCase{"SystemAuthorities", "<loadDefaultCAFile>true</loadDefaultCAFile>", "openSSL.server.loadDefaultCAFile"}),
    [](const auto & one) { return one.param.name; });

TEST(Loader, KeyThatOthersCanReadGetsAWarning)
{
    const test::Site site;
    fs::permissions(site.dir.file("server.key"), fs::perms::group_read, fs::perm_options::add);
    EXPECT_THAT(loaded(site).generation->warnings, ElementsAre(HasSubstr("server.key")));
}

TEST(Loader, RequiredCertificatesWithoutAnyAuthorityAreRefused)
{
    const test::Site site;
    Input input = site.input();
    const auto cut = [&](const std::string & from, const std::string & to)
    {
        const size_t start = input.server_xml.find(from);
        input.server_xml.erase(start, input.server_xml.find(to, start) + to.size() - start);
    };
    cut("<caConfig>", "</caConfig>");
    cut("<trust_domains>", "</trust_domains>");
    const auto optional = load(input, site.now);
    ASSERT_TRUE(optional.has_value()) << describe(optional.error());
    EXPECT_THAT(optional->generation->warnings, Contains(HasSubstr("no authority is trusted")));
    EXPECT_EQ(optional->generation->client_trust, nullptr);
    const std::string key = "<openSSL>\n<server>";
    input.server_xml.insert(input.server_xml.find(key) + key.size(), "<verificationMode>strict</verificationMode>");
    EXPECT_FALSE(load(input, site.now).has_value());
}

TEST(Loader, RulesThatLookAtNoIdAreIdleWhereOnlyTrustDomainsVouch)
{
    const test::Site site;
    Input input = site.input();
    const size_t start = input.server_xml.find("<caConfig>");
    input.server_xml.erase(start, input.server_xml.find("</caConfig>") + 11 - start);
    const auto warned = load(input, site.now);
    ASSERT_TRUE(warned.has_value()) << describe(warned.error());
    EXPECT_THAT(warned->generation->warnings, ElementsAre(AllOf(HasSubstr("rules.txt:2"), HasSubstr("match nobody"))));
    site.rename_over("rules.txt", "services: trust_domain=example.org common_name={name} -> {name}\n");
    const auto apart = load(input, site.now);
    ASSERT_TRUE(apart.has_value()) << describe(apart.error());
    EXPECT_THAT(apart->generation->warnings, IsEmpty());
}

TEST(Loader, TheInterserverPortNeedsNodeRulesWhereOnlyTrustDomainsVouch)
{
    test::Site site;
    Input input = site.input();
    const size_t start = input.server_xml.find("<caConfig>");
    input.server_xml.erase(start, input.server_xml.find("</caConfig>") + 11 - start);
    input.server_xml.insert(input.server_xml.find("<openSSL>"), "<interserver_https_port>9010</interserver_https_port>");
    EXPECT_THAT(
        describe(load(input, site.now).error()), AllOf(HasSubstr("interserver_https_port"), HasSubstr("nobody could connect")));
    input.server_xml.insert(
        input.server_xml.find("<users>"),
        "<nodes><rule><name>n</name><trust_domain>example.org</trust_domain></rule><plaintext>allow</plaintext></nodes>");
    const auto taken = load(input, site.now);
    EXPECT_TRUE(taken.has_value()) << describe(taken.error());
}

TEST(Loader, DhParametersAreLookedAt)
{
    test::Site site;
    site.openssl_server = "<dhParamsFile>" + site.path("dh.pem") + "</dhParamsFile>";
    const auto finding = [&]
    {
        const Errors errors = refused(site);
        EXPECT_EQ(errors.size(), 1u) << describe(errors);
        EXPECT_EQ(errors.front().field, "openSSL.server.dhParamsFile");
        return describe(errors);
    };
    EXPECT_THAT(finding(), HasSubstr(site.path("dh.pem")));
    site.write("dh.pem", "-----BEGIN CERTIFICATE-----\n");
    EXPECT_THAT(finding(), HasSubstr("holds no DH PARAMETERS"));
    const std::string small = "-----BEGIN DH PARAMETERS-----\n"
                              "MEYCQQDQuTtFleYKIfqDCQphKJcPkIKfiOdM04rWStSa3be45Yp7DBP8Xin4B1Cm\n"
                              "Jak567+U50h6qPLGUeqlXP1cvAB/AgEC\n-----END DH PARAMETERS-----\n";
    site.write("dh.pem", small.substr(0, small.size() / 2));
    EXPECT_THAT(finding(), HasSubstr("or they are damaged"));
    site.write("dh.pem", small);
    EXPECT_THAT(loaded(site).generation->warnings, ElementsAre(HasSubstr("too small"))) << "and it is not used";
}

TEST(Loader, WithoutMtlsNothingIsRead)
{
    Input input;
    input.server_xml = "<clickhouse><openSSL><server><privateKeyFile>/nowhere</privateKeyFile></server></openSSL></clickhouse>";
    const auto result = load(input, system_time());
    ASSERT_TRUE(result.has_value()) << describe(result.error());
    EXPECT_FALSE(result->generation->settings.enabled);
    EXPECT_THAT(result->files, IsEmpty());
}

}
}
