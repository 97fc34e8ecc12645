// Every way of replacing files, for every kind of file: the new content is in force a moment later.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reload/site.h"

namespace chmtls::test
{
namespace
{

using generation::Generation;
using testing::HasSubstr;

std::string served(const Generation & generation, const std::string & name)
{
    return pki::certificate_pem(generation.credentials[generation::Use::server]->select(name)->chain.front());
}

/// One kind of content: which files, and how to tell that the new one is in force.
struct Kind
{
    std::string name;
    std::vector<std::string> files;
    std::function<bool(const Generation &, const Contents &)> in_force;
};

const std::vector<Kind> & kinds()
{
    static const std::vector<Kind> all{
        {"ServerPair",
         {"server.crt", "server.key"},
         [](const Generation & g, const Contents & c)
         {
             return served(g, "") == c.server_certificate;
         }},
        {"SniPair",
         {"sni.crt", "sni.key"},
         [](const Generation & g, const Contents & c)
         {
             return served(g, "sni.example") == c.sni_certificate;
         }},
        {"ClientPair",
         {"client.crt", "client.key"},
         [](const Generation & g, const Contents & c)
         {
             return pki::certificate_pem(g.credentials[generation::Use::client]->select("")->chain.front())
                    == c.client_certificate;
         }},
        {"Authorities",
         {"ca.pem"},
         [](const Generation & g, const Contents &)
         {
             return g.client_trust->anchors().size() == 2;
         }},
        {"Bundle",
         {"bundle.pem"},
         [](const Generation & g, const Contents &)
         {
             return g.bundles->find("example.org")->anchors().size() == 2;
         }},
        {"Crl",
         {"crl.pem"},
         [](const Generation & g, const Contents &)
         {
             return g.client_trust->crls().size() == 1 && g.client_trust->crls()[0].entries() == 1;
         }},
        {"Rules",
         {"rules.txt"},
         [](const Generation & g, const Contents &)
         {
             return g.rules->rules()[0].user == "bob";
         }},
        {"Everything",
         {"server.crt", "server.key", "sni.crt", "sni.key", "client.crt", "client.key", "ca.pem", "bundle.pem", "crl.pem",
          "rules.txt"},
         [](const Generation & g, const Contents & c)
         {
             return served(g, "") == c.server_certificate && served(g, "sni.example") == c.sni_certificate
                    && g.rules->rules()[0].user == "bob" && g.client_trust->anchors().size() == 2
                    && g.client_trust->crls()[0].entries() == 1;
         }}};
    return all;
}

/// Other contents of every kind.
Contents renewed(const Site & site)
{
    Contents next = site.make("bob");
    next.authorities += pki::certificate_pem(site.other_root.certificate);
    next.bundle += pki::certificate_pem(site.other_root.certificate);
    pki::CrlSpec crl;
    crl.number = 2;
    crl.revoked.push_back({"abc"});
    next.crl = pki::crl_pem(must(pki::issue_crl(crl, site.root, site.now)));
    return next;
}

std::vector<std::pair<std::string, std::string>> files_of(const Kind & kind, const Contents & contents)
{
    std::vector<std::pair<std::string, std::string>> result;
    for (auto & file : Site::named(contents))
        if (std::find(kind.files.begin(), kind.files.end(), file.first) != kind.files.end())
            result.push_back(std::move(file));
    return result;
}

void write_tree(const Site & site, const std::string & directory, const Contents & contents)
{
    fs::create_directory(site.dir.file(directory));
    for (const auto & [name, content] : Site::named(contents))
        site.write(directory + "/" + name, content);
}

/// Points `link` at `target` by rename, as the kubelet and deploy tools do.
void swing_link(const Site & site, const std::string & link, const std::string & target)
{
    fs::create_directory_symlink(target, site.dir.file(link + "_tmp"));
    fs::rename(site.dir.file(link + "_tmp"), site.dir.file(link));
}

/// A way of replacing files. `prepare` lays the site out for it, `apply` brings the new contents.
struct Style
{
    std::string name;
    std::function<void(Site &)> prepare;
    std::function<void(const Site &, Managed &, const Kind &, const Contents &)> apply;
};

void data_directory(Site & site)
{
    write_tree(site, "..1", site.contents);
    swing_link(site, "..data", "..1");
    for (const auto & [name, content] : Site::named(site.contents))
    {
        fs::remove(site.dir.file(name));
        fs::create_symlink("..data/" + name, site.dir.file(name));
    }
}

/// The old contents but for the files of this kind.
Contents mixed(const Site & site, const Kind & kind, const Contents & next)
{
    if (kind.files.size() > 2)
        return next;
    Contents result = site.contents;
    const auto take = [&](const std::string & file, std::string Contents::*member)
    {
        if (std::find(kind.files.begin(), kind.files.end(), file) != kind.files.end())
            result.*member = next.*member;
    };
    take("server.crt", &Contents::server_certificate);
    take("server.key", &Contents::server_key);
    take("sni.crt", &Contents::sni_certificate);
    take("sni.key", &Contents::sni_key);
    take("client.crt", &Contents::client_certificate);
    take("client.key", &Contents::client_key);
    take("ca.pem", &Contents::authorities);
    take("bundle.pem", &Contents::bundle);
    take("crl.pem", &Contents::crl);
    take("rules.txt", &Contents::rules);
    return result;
}

const std::vector<Style> & styles()
{
    static const std::vector<Style> all{
        {"Rename", [](Site &) {},
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             for (const auto & [name, content] : files_of(kind, next))
                 site.rename_over(name, content);
         }},
        {"InPlace", [](Site &) {},
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             for (const auto & [name, content] : files_of(kind, next))
                 site.write(name, content);
         }},
        {"RemovedAndWrittenAgain", [](Site &) {},
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             for (const auto & [name, content] : files_of(kind, next))
                 fs::remove(site.dir.file(name));
             for (const auto & [name, content] : files_of(kind, next))
                 site.write(name, content);
         }},
        // The first file alone is seen to fail (of a pair) before the second one comes.
        {"OneByOne", [](Site &) {},
         [](const Site & site, Managed & managed, const Kind & kind, const Contents & next)
         {
             const auto files = files_of(kind, next);
             for (size_t i = 0; i < files.size(); ++i)
             {
                 site.rename_over(files[i].first, files[i].second);
                 if (i == 0 && files.size() == 2)
                 {
                     EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().failures > 0; }));
                     EXPECT_EQ(managed.number(), 1u);
                 }
             }
         }},
        {"HalfThenTheRest", [](Site &) {},
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             std::vector<std::unique_ptr<std::ofstream>> open;
             const auto files = files_of(kind, next);
             for (const auto & [name, content] : files)
             {
                 open.push_back(std::make_unique<std::ofstream>(site.dir.file(name), std::ios::binary | std::ios::trunc));
                 open.back()->write(content.data(), static_cast<std::streamsize>(content.size() / 2)).flush();
             }
             for (size_t i = 0; i < files.size(); ++i)
             {
                 const std::string rest = files[i].second.substr(files[i].second.size() / 2);
                 open[i]->write(rest.data(), static_cast<std::streamsize>(rest.size())).flush();
             }
         }},
        {"KubernetesData", data_directory,
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             write_tree(site, "..2", mixed(site, kind, next));
             swing_link(site, "..data", "..2");
             fs::remove_all(site.dir.file("..1"));
         }},
        {"DirectoryLink",
         [](Site & site)
         {
             write_tree(site, "v1", site.contents);
             swing_link(site, "current", "v1");
             site.files = "current/";
         },
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             write_tree(site, "v2", mixed(site, kind, next));
             swing_link(site, "current", "v2");
         }},
        {"DirectoryRenamed",
         [](Site & site)
         {
             write_tree(site, "live", site.contents);
             site.files = "live/";
         },
         [](const Site & site, Managed &, const Kind & kind, const Contents & next)
         {
             write_tree(site, "next", mixed(site, kind, next));
             fs::rename(site.dir.file("live"), site.dir.file("old"));
             fs::rename(site.dir.file("next"), site.dir.file("live"));
         }}};
    return all;
}

using Case = std::tuple<Style, Kind>;

void PrintTo(const Case & one, std::ostream * out)
{
    *out << std::get<0>(one).name << " " << std::get<1>(one).name;
}

class Writers : public testing::TestWithParam<Case>
{
};

TEST_P(Writers, NewContentComesIntoForce)
{
    const auto & style = std::get<0>(GetParam());
    const auto & kind = std::get<1>(GetParam());
    Site site;
    style.prepare(site);
    Managed managed;
    const auto first = managed.manager.configure(site.input());
    ASSERT_TRUE(first.has_value()) << describe(first.error());
    const Contents next = renewed(site);
    ASSERT_FALSE(kind.in_force(*managed.manager.current(), next));

    style.apply(site, managed, kind, next);
    EXPECT_TRUE(managed.eventually([&] { return kind.in_force(*managed.manager.current(), next); })) << managed.log();
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().last_error.empty(); }));
    EXPECT_EQ(managed.failure_lines(), 0u) << "what a writer leaves behind for a moment is not worth a line\n" << managed.log();
}

INSTANTIATE_TEST_SUITE_P(
    All, Writers, testing::Combine(testing::ValuesIn(styles()), testing::ValuesIn(kinds())),
    [](const auto & one) { return std::get<0>(one.param).name + "_" + std::get<1>(one.param).name; });

TEST(HashedDirectory, AuthoritiesComeAndGo)
{
    Site site;
    site.ca_config = "ca.d";
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto anchors = [&]
    {
        return managed.manager.current()->client_trust->anchors().size();
    };
    EXPECT_EQ(anchors(), 1u);
    const std::string added = "ca.d/" + hash_name(site.other_root.certificate);
    site.write(added, pki::certificate_pem(site.other_root.certificate));
    EXPECT_TRUE(managed.eventually([&] { return anchors() == 2; })) << managed.log();
    fs::remove(site.dir.file(added));
    EXPECT_TRUE(managed.eventually([&] { return anchors() == 1; })) << managed.log();
    // As c_rehash makes it: the hash is a link to the file, which may lie elsewhere.
    site.write("other.pem", pki::certificate_pem(site.other_root.certificate));
    fs::create_symlink("../other.pem", site.dir.file(added));
    EXPECT_TRUE(managed.eventually([&] { return anchors() == 2; })) << managed.log();
    site.write(
        "other.pem", pki::certificate_pem(site.other_root.certificate) + pki::certificate_pem(site.issue("third").certificate));
    EXPECT_TRUE(managed.eventually([&] { return anchors() == 3; })) << managed.log();
}

TEST(Writing, SteadyWriterStarvesNobody)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    std::atomic<bool> done{false};
    std::thread writer(
        [&]
        {
            for (int i = 0; !done; ++i)
                site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", fmt::format("user{}", i))}));
        });
    EXPECT_TRUE(managed.eventually([&] { return managed.number() >= 3; })) << managed.log();
    done = true;
    writer.join();
}

TEST(Writing, SameContentPublishesNothing)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.write_all(site.contents);
    for (const auto & [name, content] : Site::named(site.contents))
        site.rename_over(name, content);
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "bob")}));
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; }));
    EXPECT_EQ(managed.number(), 2u) << managed.log();
    EXPECT_EQ(managed.manager.configure(site.input()).value_or(0), 2u);
}

TEST(Writing, InForceWithinASecondOfTheWrite)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    std::vector<double> seconds;
    for (int i = 0; i < 9; ++i)
    {
        const uint64_t before = managed.number();
        const Contents next = site.make();
        site.rename_over("server.crt", next.server_certificate);
        site.rename_over("server.key", next.server_key);
        const auto written = SteadyClock::now();
        ASSERT_TRUE(managed.eventually([&] { return managed.number() > before; })) << managed.log();
        seconds.push_back(std::chrono::duration<double>(managed.published_at() - written).count());
    }
    std::sort(seconds.begin(), seconds.end());
    RecordProperty("median_seconds", fmt::format("{:.3f}", seconds[4]));
    RecordProperty("worst_seconds", fmt::format("{:.3f}", seconds[8]));
    EXPECT_LT(seconds[4], 1.0);
}

}
}
