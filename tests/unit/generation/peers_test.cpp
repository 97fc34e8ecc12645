// Between servers: what a load makes of <nodes>, <keeper> and <credentials>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generation/loader.h"
#include "generation/reading.h"
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

TEST(PurposeCredentials, AreReloadedByThemselvesAndFoundById)
{
    test::Site site;
    site.mtls = credentials(site);
    test::Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto first = managed.manager.current();
    const auto id = first->node_credentials->select({})->id;
    EXPECT_EQ(managed.manager.credential(id), first->node_credentials->select({}));
    EXPECT_EQ(managed.manager.credential(first->keeper_credentials->select({})->id), first->keeper_credentials->select({}));

    const pki::Issued issued = site.issue("renewed.example");
    site.write("node.key", test::text_of(pki::key_pem(issued.key, "secret of node")));
    site.write("node.crt", pki::certificate_pem(issued.certificate));
    ASSERT_TRUE(
        managed.eventually([&] { return shown_for(*managed.manager.current(), config::Purpose::node) == "renewed.example"; }))
        << managed.log();
    EXPECT_NE(managed.manager.credential(id), nullptr) << "of the generation before";
}

}
}
