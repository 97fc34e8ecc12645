// loadDefaultCAFile: which files of the system count, for whom, and what is wrong with them.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generation/loader.h"
#include "generation/system_authorities.h"
#include "reload/site.h"
#include "support/system_store.h"

namespace chmtls::generation
{
namespace
{

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char * asked_for = "<loadDefaultCAFile>true</loadDefaultCAFile>";

std::shared_ptr<const Generation> loaded(const test::Site & site)
{
    auto result = load(site.input(), site.now);
    if (!result)
        throw std::runtime_error(describe(result.error()));
    return std::move(result->generation);
}

pki::Issued authority(const std::string & name)
{
    return test::must(pki::self_signed(pki::Spec::authority(name)));
}

/// Under its hash in the system's directory; the name in there.
std::string add(const test::SystemStore & system, const openssl::Certificate & certificate)
{
    std::string name = "certs/" + test::hash_name(certificate);
    system.dir.write(name, pki::certificate_pem(certificate));
    return name;
}

size_t servers_anchors(const test::Site & site)
{
    return loaded(site)->server_trust->anchors().size();
}

TEST(SystemAuthorities, AreTheFileAndTheHashedNamesOfEachDirectory)
{
    const test::SystemStore system;
    const auto & dir = system.dir;
    for (const char * name : {"more", "certs/33333333.0"})
        fs::create_directory(dir.file(name));
    for (const char * name :
         {"cert.pem", "certs/22222222.1", "certs/11111111.0", "certs/11111111.10", "certs/ABCDEF01.0", "certs/11111111.r0",
          "certs/11111111.", "certs/1111111.0", "certs/README", "more/00000000.0"})
        dir.write(name, "");
    const auto paths = []
    {
        FileSet files;
        std::vector<std::string> result;
        for (const Piece & piece : system_authority_files(files))
            result.push_back(piece.path);
        return result;
    };
    const std::vector<std::string> first{
        dir.file("cert.pem"), dir.file("certs/11111111.0"), dir.file("certs/11111111.10"), dir.file("certs/22222222.1")};
    EXPECT_EQ(paths(), first);

    test::SystemStore::set("SSL_CERT_DIR", ":" + dir.file("missing") + ":" + dir.file("cert.pem") + ":" + dir.file("more") + ":");
    EXPECT_THAT(paths(), ElementsAre(dir.file("cert.pem"), dir.file("more/00000000.0")));
    test::SystemStore::set("SSL_CERT_FILE", dir.file("missing"));
    EXPECT_THAT(paths(), ElementsAre(dir.file("more/00000000.0")));
    test::SystemStore::set("SSL_CERT_FILE", "");
    test::SystemStore::set("SSL_CERT_DIR", "");
    EXPECT_THAT(paths(), IsEmpty());
}

TEST(SystemAuthorities, CountOnlyForTheSectionThatAsks)
{
    const test::SystemStore system;
    add(system, authority("one").certificate);
    system.dir.write("cert.pem", pki::certificate_pem(authority("two").certificate));
    test::Site site;
    site.rename_over("rules.txt", "# nobody\n");
    const auto counts = [&]
    {
        const auto generation = loaded(site);
        return std::pair(generation->client_trust->anchors().size(), generation->server_trust->anchors().size());
    };
    EXPECT_EQ(counts(), std::pair(size_t{1}, size_t{1}));
    site.openssl_client = asked_for;
    EXPECT_EQ(counts(), std::pair(size_t{1}, size_t{3}));
    site.openssl_server = asked_for;
    EXPECT_EQ(counts(), std::pair(size_t{3}, size_t{3}));
    site.openssl_client = "";
    EXPECT_EQ(counts(), std::pair(size_t{3}, size_t{1}));
}

TEST(SystemAuthorities, AreReadOnlyWhenASectionAsks)
{
    const test::SystemStore system;
    const std::string name = add(system, authority("one").certificate);
    test::Site site;
    const auto files = [&]
    {
        return read(ask(site.input())).files.paths();
    };
    const auto digest = [&]
    {
        return read(ask(site.input())).digest;
    };
    EXPECT_THAT(files(), Not(Contains(StartsWith(system.dir.file("")))));
    const Digest32 before = digest();
    system.dir.write("cert.pem", "other");
    EXPECT_EQ(digest(), before);

    site.openssl_client = asked_for;
    EXPECT_THAT(files(), Contains(system.dir.file(name)));
    EXPECT_THAT(files(), Contains(system.dir.file("cert.pem")));
}

struct StoreChange
{
    std::string name;
    std::function<void(const test::ScratchDir &)> apply;
    bool counts = true;
};

void PrintTo(const StoreChange & one, std::ostream * out)
{
    *out << one.name;
}

class StoreChanges : public testing::TestWithParam<StoreChange>
{
};

/// What lies behind the links of the directory as well, as in /etc/ssl/certs.
TEST_P(StoreChanges, MakeAnotherGeneration)
{
    const test::SystemStore system;
    fs::create_directory(system.dir.file("share"));
    system.dir.write("share/one.crt", "one");
    fs::create_symlink("../share/one.crt", system.dir.file("certs/one.pem"));
    fs::create_symlink("one.pem", system.dir.file("certs/11111111.0"));
    test::Site site;
    site.openssl_client = asked_for;
    const Reading before = read(ask(site.input()));
    EXPECT_FALSE(before.files.changed());
    GetParam().apply(system.dir);
    EXPECT_EQ(before.files.changed(), GetParam().counts);
    EXPECT_EQ(read(ask(site.input())).digest != before.digest, GetParam().counts);

    const files::WatchList & watches = before.files.watches();
    const auto watch_of = [&](const char * name)
    {
        const auto found = watches.find(system.dir.file(name));
        return found == watches.end() ? files::Watch() : found->second;
    };
    EXPECT_TRUE(watch_of("certs").everything);
    EXPECT_THAT(watch_of("share").names, ElementsAre("one.crt"));
}

INSTANTIATE_TEST_SUITE_P(
    All, StoreChanges,
    testing::Values(
        StoreChange{
            "LinkRemoved",
            [](const test::ScratchDir & dir)
            {
                fs::remove(dir.file("certs/11111111.0"));
            }},
        StoreChange{
            "LinkAdded",
            [](const test::ScratchDir & dir)
            {
                fs::create_symlink("one.pem", dir.file("certs/22222222.0"));
            }},
        StoreChange{
            "FileBehindItRemoved",
            [](const test::ScratchDir & dir)
            {
                fs::remove(dir.file("share/one.crt"));
            }},
        StoreChange{
            "FileBehindItWritten",
            [](const test::ScratchDir & dir)
            {
                dir.write("share/one.crt", "two");
            }},
        StoreChange{
            "FileAppears",
            [](const test::ScratchDir & dir)
            {
                dir.write("cert.pem", "one");
            }},
        StoreChange{"AnotherFile", [](const test::ScratchDir & dir) { dir.write("share/two.crt", "two"); }, false}),
    [](const auto & one) { return one.param.name; });

TEST(SystemAuthorities, WhatIsDamagedIsLeftOutWithAWarning)
{
    const test::SystemStore system;
    add(system, authority("good").certificate);
    const std::string name = add(system, authority("bad").certificate);
    test::Site site;
    site.openssl_client = asked_for;
    EXPECT_EQ(servers_anchors(site), 3u);
    EXPECT_THAT(loaded(site)->warnings, IsEmpty());

    system.dir.write(name, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    EXPECT_EQ(servers_anchors(site), 2u);
    EXPECT_THAT(loaded(site)->warnings, ElementsAre(HasSubstr(system.dir.file(name))));
    fs::remove(system.dir.file(name));
    fs::create_symlink("missing", system.dir.file(name));
    EXPECT_EQ(servers_anchors(site), 2u);
    EXPECT_THAT(loaded(site)->warnings, ElementsAre(HasSubstr(system.dir.file(name))));
    fs::remove(system.dir.file(name));
    EXPECT_THAT(loaded(site)->warnings, IsEmpty());

    system.dir.write("cert.pem", "no certificate");
    EXPECT_THAT(loaded(site)->warnings, ElementsAre(HasSubstr(system.dir.file("cert.pem"))));
    EXPECT_EQ(servers_anchors(site), 2u);
}

TEST(SystemAuthorities, NoneAtAllIsAWarning)
{
    const test::SystemStore system;
    test::Site site;
    site.rename_over("rules.txt", "# nobody\n");
    site.openssl_client = asked_for;
    site.openssl_server = asked_for;
    EXPECT_EQ(servers_anchors(site), 1u);
    EXPECT_THAT(loaded(site)->warnings, ElementsAre(HasSubstr("the system has no authority"))) << "once for both sections";
    Input input = site.input();
    const std::string own = "<caConfig>" + site.path("ca.pem") + "</caConfig>";
    for (size_t at = 0; (at = input.server_xml.find(own)) != std::string::npos;)
        input.server_xml.erase(at, own.size());
    input.server_xml.replace(input.server_xml.find("<crl>"), std::string("<crl>" + site.path("crl.pem") + "</crl>").size(), "");
    const auto nobody = load(input, site.now);
    ASSERT_TRUE(nobody.has_value()) << describe(nobody.error());
    ASSERT_NE(nobody->generation->server_trust, nullptr) << "asked for and empty: nobody is believed";
    EXPECT_TRUE(nobody->generation->server_trust->empty());
}

TEST(SystemAuthorities, CountInObserveModeAsWell)
{
    const test::SystemStore system;
    add(system, authority("one").certificate);
    test::Site site;
    site.openssl_client = asked_for;
    EXPECT_EQ(loaded(site)->stock_server_trust, nullptr);
    site.mtls = "<mode>observe</mode>";
    const auto generation = loaded(site);
    EXPECT_THAT(generation->stock_server_trust->anchors(), SizeIs(2));
    EXPECT_THAT(generation->stock_client_trust->anchors(), SizeIs(1));
}

TEST(SystemAuthorities, TheirListsCountWhenTheySignedThem)
{
    const test::SystemStore system;
    const pki::Issued known = authority("known");
    add(system, known.certificate);
    test::Site site;
    const auto list_of = [&](const pki::Issued & issuer)
    {
        site.write("more.pem", pki::crl_pem(test::must(pki::issue_crl({}, issuer, site.now))));
    };
    site.mtls = "<crl>" + site.dir.file("more.pem")
                + "</crl><revocation><authority><subject>CN=known</subject></authority>"
                  "</revocation>";
    site.openssl_client = asked_for;
    list_of(known);
    EXPECT_THAT(loaded(site)->server_trust->crls(), SizeIs(2));
    EXPECT_THAT(loaded(site)->warnings, IsEmpty());
    list_of(authority("known"));
    const auto refused = load(site.input(), site.now);
    ASSERT_FALSE(refused.has_value());
    ASSERT_THAT(refused.error(), SizeIs(1));
    EXPECT_EQ(refused.error()[0].field, "mtls.crl");
    EXPECT_EQ(refused.error()[0].file, site.dir.file("more.pem"));
}

}
}
