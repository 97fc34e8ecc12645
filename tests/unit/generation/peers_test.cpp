// Between servers: what a load makes of <nodes>, <keeper> and <credentials>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generation/loader.h"
#include "reload/site.h"

namespace chmtls::generation
{
namespace
{

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Matches;
using testing::Pair;

std::shared_ptr<Generation> loaded(const test::Site & site)
{
    auto result = load(site.input(), site.now);
    if (!result)
        throw std::runtime_error(describe(result.error()));
    return std::move(result->generation);
}

Errors refused(const test::Site & site)
{
    auto result = load(site.input(), site.now);
    EXPECT_FALSE(result.has_value());
    return result ? Errors() : result.error();
}

constexpr const char * rule = "<rule><name>cluster</name><dns>*.nodes</dns></rule>";

TEST(LoadedPeers, AreThereOnlyWhenAskedFor)
{
    const test::Site site;
    const auto generation = loaded(site);
    EXPECT_EQ(generation->nodes, nullptr);
    EXPECT_EQ(generation->keeper, nullptr);
}

TEST(LoadedPeers, AreCompiled)
{
    test::Site site;
    site.mtls = std::string("<nodes>") + rule
                + "<acts_as><user>default</user></acts_as>"
                  "<expect><host>CH1.nodes.</host><spiffe_id>spiffe://example.org/ch/1</spiffe_id></expect>"
                  "<expect><host>[2001:DB8::1]</host><spiffe_id>spiffe://example.org/ch/2</spiffe_id></expect></nodes>"
                  "<keeper><expect><host>zk</host><spiffe_id>spiffe://example.org/zk</spiffe_id></expect></keeper>";
    const auto generation = loaded(site);
    ASSERT_NE(generation->nodes, nullptr);
    ASSERT_NE(generation->nodes->rules, nullptr);
    EXPECT_EQ(generation->nodes->rules->rules().size(), 1u);
    EXPECT_THAT(generation->nodes->acts_as, ElementsAre("default"));
    EXPECT_THAT(
        generation->nodes->expected,
        ElementsAre(Pair("2001:db8::1", "spiffe://example.org/ch/2"), Pair("ch1.nodes", "spiffe://example.org/ch/1")));
    ASSERT_NE(generation->keeper, nullptr);
    EXPECT_EQ(generation->keeper->rules, nullptr) << "anybody with that ID";
    EXPECT_THAT(generation->warnings, IsEmpty());
}

TEST(LoadedPeers, ARuleThatLeavesTheTrustDomainOpenIsWarnedOf)
{
    const struct
    {
        const char * matchers;
        bool open;
    } cases[]{
        {"<spiffe_id>spiffe://example.org/ns/*</spiffe_id>", false},
        {"<spiffe_id>spiffe://*/ns/a</spiffe_id>", true},
        {"<spiffe_id>spiffe://{td}/ns/a</spiffe_id>", true},
        {"<spiffe_id>spiffe://*/ns/a</spiffe_id><trust_domain>example.org</trust_domain>", false},
        {"<spiffe_id>regex:spiffe://example[.]org/.*</spiffe_id>", false},
        {"<spiffe_id>regex:spiffe://[a-z.]+/.*</spiffe_id>", true},
        {"<spiffe_id>regex:spiffe://example.org/.*</spiffe_id>", false},
        {"<spiffe_id>regex:.*/ns/a</spiffe_id>", true},
    };
    for (const auto & each : cases)
    {
        test::Site site;
        site.mtls = std::string("<nodes><rule><name>cluster</name>") + each.matchers + "</rule></nodes>";
        const auto warnings = loaded(site)->warnings;
        EXPECT_EQ(testing::Value(warnings, Contains(HasSubstr("every trust domain"))), each.open) << each.matchers;
    }
}

struct Bad
{
    const char * name;
    const char * mtls;
    const char * where;
    const char * what;
};

class BadPeers : public testing::TestWithParam<Bad>
{
};

TEST_P(BadPeers, AreRefused)
{
    test::Site site;
    site.mtls = GetParam().mtls;
    const Errors errors = refused(site);
    ASSERT_EQ(errors.size(), 1u) << describe(errors);
    EXPECT_THAT(describe(errors), AllOf(HasSubstr(GetParam().where), HasSubstr(GetParam().what)));
    EXPECT_FALSE(errors[0].remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Are, BadPeers,
    testing::Values(
        Bad{"UnknownField", "<nodes><rule><name>a</name><host>x</host></rule></nodes>", "mtls.nodes.rule[0]", "host"},
        Bad{"BadPattern", "<nodes><rule><name>a</name><dns>a.**</dns></rule></nodes>", "mtls.nodes.rule[0]", "**"},
        Bad{"NameTwice", "<keeper><rule><name>a</name><dns>a</dns></rule><rule><name>a</name><dns>b</dns></rule></keeper>",
            "mtls.keeper.rule[1]", "also the name"},
        Bad{"NoId",
            "<nodes><rule><name>a</name><dns>a</dns></rule><expect><host>h</host><spiffe_id>https://a/b</spiffe_id></expect>"
            "</nodes>",
            "mtls.nodes.expect[0]", "no SPIFFE ID"},
        Bad{"HostTwice",
            "<keeper><expect><host>h</host><spiffe_id>spiffe://example.org/a</spiffe_id></expect><expect><host>H.</host>"
            "<spiffe_id>spiffe://example.org/b</spiffe_id></expect></keeper>",
            "mtls.keeper.expect[1]", "spiffe://example.org/a already"},
        Bad{"NoTableFunctionUserName",
            "<nodes><rule><name>a</name><dns>a</dns></rule><table_functions><user>a&#9;b</user></table_functions></nodes>",
            "mtls.nodes.table_functions.user", "no user name"},
        Bad{"NoUserName", "<nodes><rule><name>a</name><dns>a</dns></rule><acts_as><user>a&#9;b</user></acts_as></nodes>",
            "mtls.nodes.acts_as.user", "no user name"}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(LoadedPeers, SayWhenNobodyCanHaveAnId)
{
    const char * const sections[] = {
        "<nodes><rule><name>a</name><spiffe_id>spiffe://x/y</spiffe_id></rule></nodes>",
        "<keeper><rule><name>a</name><trust_domain>x</trust_domain></rule></keeper>",
        "<keeper><expect><host>h</host><spiffe_id>spiffe://x/y</spiffe_id></expect></keeper>",
    };
    for (const char * section : sections)
    {
        test::Site site;
        site.mtls = section;
        EXPECT_THAT(loaded(site)->warnings, IsEmpty()) << section;
        Input input = site.input();
        const auto begin = input.server_xml.find("<trust_domains>");
        input.server_xml.erase(begin, input.server_xml.find("</trust_domains>") + 16 - begin);
        const auto without = load(input, site.now);
        ASSERT_TRUE(without.has_value()) << describe(without.error());
        EXPECT_THAT(without->generation->warnings, Contains(HasSubstr("no mtls.trust_domains"))) << section;
    }
}

/// Two more pairs, as node.* and keeper.*.
std::string credentials(const test::Site & site)
{
    std::string section = "<credentials>";
    for (const std::string name : {"node", "keeper"})
    {
        const pki::Issued issued = site.issue(name + ".example");
        site.write(name + ".crt", pki::certificate_pem(issued.certificate));
        site.write(name + ".key", test::text_of(pki::key_pem(issued.key, "secret of " + name)));
        section += "<" + name + "><certificateFile>" + site.path(name + ".crt") + "</certificateFile><privateKeyFile>"
                   + site.path(name + ".key")
                   + "</privateKeyFile><privateKeyPassphraseHandler><name>KeyFileHandler</name><options>" + "<password>secret of "
                   + name + "</password></options></privateKeyPassphraseHandler></" + name + ">";
    }
    return section + "</credentials>";
}

std::string shown_for(const Generation & generation, config::Purpose purpose)
{
    return generation.client_credentials_for(purpose)->select({})->chain.front().facts().san.dns.front();
}

TEST(PurposeCredentials, EachPurposeHasItsOwn)
{
    test::Site site;
    EXPECT_EQ(shown_for(*loaded(site), config::Purpose::node), "client.example");
    EXPECT_EQ(shown_for(*loaded(site), config::Purpose::keeper), "client.example");
    site.mtls = credentials(site);
    const auto generation = loaded(site);
    EXPECT_EQ(shown_for(*generation, config::Purpose::general), "client.example");
    EXPECT_EQ(shown_for(*generation, config::Purpose::node), "node.example");
    EXPECT_EQ(shown_for(*generation, config::Purpose::keeper), "keeper.example");
    EXPECT_EQ(generation->settings.node_certificate->passphrase, "") << "passphrases are in guarded memory only";
    EXPECT_EQ(generation->settings.keeper_certificate->passphrase, "");
}

struct Known
{
    const char * name;
    const char * mtls; ///< more of <mtls>
    const char * users;
    const char * by;                   ///< nothing: nobody knows the certificate
    const char * rules = "# nobody\n"; ///< the rules file
};

void PrintTo(const Known & one, std::ostream * out)
{
    *out << one.name;
}

class OwnCertificate : public testing::TestWithParam<Known>
{
};

/// A certificate of ours that would be somebody where it is shown is for nodes and Keeper alone.
TEST_P(OwnCertificate, IsShownToAnybodyOnlyIfNothingOfOursKnowsIt)
{
    test::Site site;
    const auto spec = test::leaf_spec("client", {test::dns("client.example"), test::uri("spiffe://example.org/ch/1")});
    const auto issued = test::must(pki::issue(spec, site.root, site.now));
    site.write("client.crt", pki::certificate_pem(issued.certificate));
    site.write("client.key", test::text_of(pki::key_pem(issued.key)));
    site.write("rules.txt", GetParam().rules);
    site.mtls = GetParam().mtls;
    if (const std::string users = GetParam().users; !users.empty())
        site.users_xml = "<clickhouse><users><bob><ssl_certificates>" + users + "</ssl_certificates></bob></users></clickhouse>";
    if (const auto at = site.mtls.find("SIGNER"); at != std::string::npos)
        site.mtls.replace(at, 6, to_hex(ByteView(site.root.certificate.facts().spki_sha256)));

    const auto generation = loaded(site);
    EXPECT_EQ(shown_for(*generation, config::Purpose::node), "client.example");
    EXPECT_EQ(shown_for(*generation, config::Purpose::keeper), "client.example");
    const std::string by = GetParam().by;
    EXPECT_EQ(generation->client_credentials_for(config::Purpose::general) == nullptr, !by.empty());
    const auto said = Contains(AllOf(HasSubstr("openSSL.client:"), HasSubstr(by), HasSubstr("mtls.credentials")));
    EXPECT_EQ(Matches(said)(generation->warnings), !by.empty()) << testing::PrintToString(generation->warnings);
}

INSTANTIATE_TEST_SUITE_P(
    Is, OwnCertificate,
    testing::Values(
        Known{
            "NobodyOfOurs",
            "<nodes><rule><name>n</name><dns>*.nodes</dns></rule><rule><name>s</name><spiffe_id>spiffe://example.org/x</"
            "spiffe_id>"
            "</rule></nodes><keeper><rule><name>k</name><common_name>zk</common_name></rule></keeper>",
            "<common_name>bob</common_name>", "", "u: common_name=alice -> alice\n"},
        Known{
            "ANode", "<nodes><rule><name>cluster</name><dns>*.example</dns></rule></nodes>", "", "rule 'cluster' of mtls.nodes"},
        Known{
            "ANodeById", "<nodes><rule><name>ids</name><spiffe_id>spiffe://example.org/ch/*</spiffe_id></rule></nodes>", "",
            "rule 'ids' of mtls.nodes"},
        Known{
            "ANodeByADomainThatOthersMayBelieve",
            "<nodes><rule><name>td</name><trust_domain>example.org</trust_domain></rule></nodes>", "", "rule 'td' of mtls.nodes"},
        Known{
            "ANodeByItsSigner", "<nodes><rule><name>key</name><issuer_spki_sha256>SIGNER</issuer_spki_sha256></rule></nodes>", "",
            "rule 'key' of mtls.nodes"},
        Known{
            "AnExpectedNode",
            "<nodes><rule><name>n</name><dns>n</dns></rule><expect><host>h</host><spiffe_id>spiffe://example.org/ch/1</spiffe_id>"
            "</expect></nodes>",
            "", "<expect> of mtls.nodes for h"},
        Known{
            "AKeeper", "<keeper><rule><name>zk</name><common_name>cli*</common_name></rule></keeper>", "",
            "rule 'zk' of mtls.keeper"},
        Known{"AUser", "", "", "rule 'u' of mtls.users", "u: common_name=\"{who}\" -> \"{who}\"\n"},
        Known{"AUserOfAnotherTime", "", "", "of mtls.users", "past: common_name=client -> c valid_until=2001-01-01T00:00:00Z\n"},
        Known{
            "AUserWithCertificates", "", "<subject_alt_name>DNS:client.*</subject_alt_name>",
            "subject_alt_name 'DNS:client.*' of user 'bob'"}),
    [](const auto & test) { return std::string(test.param.name); });

TEST(PurposeCredentials, AreShownToWhomAStatementNamesOnlyForUsersWhoMay)
{
    test::Site site;
    site.mtls = "<nodes><rule><name>n</name><dns>node.*</dns></rule><table_functions><user>etl</user></table_functions></nodes>"
                + credentials(site);
    const auto generation = loaded(site);
    const auto shown = [&](std::string_view asker)
    {
        const auto & set = generation->client_credentials_for(config::Purpose::node, asker);
        return set->select({})->chain.front().facts().san.dns.front();
    };
    EXPECT_EQ(shown("etl"), "node.example");
    for (const char * asker : {"", "eve", "ETL", "etl "})
        EXPECT_EQ(shown(asker), "client.example") << asker;
    EXPECT_EQ(shown_for(*generation, config::Purpose::node), "node.example");
}

TEST(PurposeCredentials, TheirFilesAreWatchedAndChecked)
{
    test::Site site;
    site.mtls = credentials(site);
    const auto result = load(site.input(), site.now);
    ASSERT_TRUE(result.has_value()) << describe(result.error());
    EXPECT_THAT(result->files, AllOf(Contains(site.path("node.crt")), Contains(site.path("keeper.key"))));
    site.write("node.key", test::text_of(pki::key_pem(site.issue("x").key)));
    site.write("keeper.crt", "rubbish");
    const std::string all = describe(refused(site));
    EXPECT_THAT(all, AllOf(HasSubstr("node.key"), HasSubstr("does not match"), HasSubstr("mtls.credentials.keeper")));
}

}
}
