// What is wrong on disk changes nothing: the last good generation stays, one line is logged, and it is tried again.

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reload/site.h"

namespace chmtls::test
{
namespace
{

using testing::HasSubstr;

std::string content_of(const Site & site, const std::string & file)
{
    for (auto & [name, content] : Site::named(site.contents))
        if (name == file)
            return content;
    return {};
}

struct Fault
{
    std::string name;
    std::string file;
    std::function<void(const Site &, const std::string &)> spoil;
};

void PrintTo(const Fault & one, std::ostream * out)
{
    *out << one.name;
}

std::vector<Fault> faults()
{
    std::vector<Fault> all;
    for (const std::string file :
         {"server.crt", "server.key", "sni.key", "client.crt", "client.key", "ca.pem", "bundle.pem", "crl.pem", "rules.txt"})
    {
        const std::string name = case_name(file);
        all.push_back(
            {"Missing_" + name, file,
             [](const Site & site, const std::string & f)
             {
                 fs::remove(site.dir.file(f));
             }});
        all.push_back(
            {"Empty_" + name, file,
             [](const Site & site, const std::string & f)
             {
                 site.write(f, "");
             }});
        all.push_back(
            {"Torn_" + name, file,
             [](const Site & site, const std::string & f)
             {
                 const std::string whole = content_of(site, f);
                 site.write(f, whole.substr(0, whole.size() * 2 / 3));
             }});
    }
    const auto directory = [](const Site & site, const std::string & f)
    {
        fs::remove(site.dir.file(f));
        fs::create_directory(site.dir.file(f));
    };
    const auto loop = [](const Site & site, const std::string & f)
    {
        fs::remove(site.dir.file(f));
        fs::create_symlink(f, site.dir.file(f));
    };
    all.push_back({"Directory_server_key", "server.key", directory});
    all.push_back({"Directory_ca_pem", "ca.pem", directory});
    all.push_back({"Loop_bundle_pem", "bundle.pem", loop});
    all.push_back({"Loop_rules_txt", "rules.txt", loop});
    all.push_back(
        {"Huge_server_key", "server.key",
         [](const Site & site, const std::string & f)
         {
             site.write(f, std::string(max_key_file + 1, 'x'));
         }});
    all.push_back(
        {"Mismatched_server_key", "server.key",
         [](const Site & site, const std::string & f)
         {
             site.write(f, text_of(pki::key_pem(site.issue("x").key)));
         }});
    all.push_back(
        {"Expired_server_crt", "server.crt",
         [](const Site & site, const std::string & f)
         {
             pki::Spec spec = leaf_spec("server.example");
             spec.not_before = std::chrono::hours(-2);
             spec.not_after = std::chrono::hours(-1);
             const pki::Issued expired = must(pki::issue(spec, site.root, site.now));
             site.write(f, pki::certificate_pem(expired.certificate));
             site.write("server.key", text_of(pki::key_pem(expired.key)));
         }});
    all.push_back(
        {"NotYetValid_server_crt", "server.crt",
         [](const Site & site, const std::string & f)
         {
             pki::Spec spec = leaf_spec("server.example");
             spec.not_before = std::chrono::hours(1);
             const pki::Issued early = must(pki::issue(spec, site.root, site.now));
             site.write(f, pki::certificate_pem(early.certificate));
             site.write("server.key", text_of(pki::key_pem(early.key)));
         }});
    all.push_back(
        {"BadRule_rules_txt", "rules.txt",
         [](const Site & site, const std::string & f)
         {
             site.write(f, content_of(site, f) + content_of(site, f));
         }});
    all.push_back(
        {"ForeignCrl_crl_pem", "crl.pem",
         [](const Site & site, const std::string & f)
         {
             const pki::Issued impostor = must(pki::self_signed(pki::Spec::authority("root"), site.now));
             site.write(f, pki::crl_pem(must(pki::issue_crl({}, impostor, site.now))));
         }});
    return all;
}

class Faults : public testing::TestWithParam<Fault>
{
};

TEST_P(Faults, KeepTheLastGoodGenerationAndAreLoggedOnce)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const generation::GenerationPtr good = managed.manager.current();

    GetParam().spoil(site, GetParam().file);
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().failures >= 3 && managed.failure_lines() > 0; }))
        << managed.log();
    EXPECT_EQ(managed.manager.current(), good);
    EXPECT_EQ(managed.failure_lines(), 1u) << managed.log();
    const generation::ReloadState failing = managed.manager.state();
    EXPECT_THAT(failing.last_error, HasSubstr(site.path(GetParam().file)));
    EXPECT_TRUE(failing.failing_since.has_value());
    EXPECT_EQ(failing.reloads, 0u);

    // Its accepted twin: mended, and changed so that something is to be published.
    if (fs::symlink_status(site.dir.file(GetParam().file)).type() != fs::file_type::regular)
        fs::remove(site.dir.file(GetParam().file));
    Contents next = site.make("bob");
    site.write_all(next);
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; })) << managed.log();
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().last_error.empty(); }));
    EXPECT_FALSE(managed.manager.state().failing_since.has_value());
    // Of what a writer leaves behind for a moment, in between, only those who debug read.
    EXPECT_EQ(
        managed.count([](const auto & line)
                      { return line.level <= LogLevel::information && line.text.starts_with("the files are in order again"); }),
        1u)
        << managed.log();
}

INSTANTIATE_TEST_SUITE_P(All, Faults, testing::ValuesIn(faults()), [](const auto & one) { return one.param.name; });

TEST(Failures, TheOldFilesPutBackEndTheFailureWithoutPublishing)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.write("server.key", "rubbish");
    ASSERT_TRUE(managed.eventually([&] { return !managed.manager.state().last_error.empty(); }));
    site.write("server.key", site.contents.server_key);
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().last_error.empty(); })) << managed.log();
    EXPECT_EQ(managed.number(), 1u);
}

TEST(Failures, EachCauseIsLoggedOnce)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.write("server.key", "rubbish");
    ASSERT_TRUE(managed.eventually([&] { return managed.failure_lines() == 1; })) << managed.log();
    fs::remove(site.dir.file("server.key"));
    ASSERT_TRUE(managed.eventually([&] { return managed.failure_lines() == 2; })) << managed.log();
    site.write("server.key", "rubbish");
    const uint64_t failures = managed.manager.state().failures;
    ASSERT_TRUE(managed.eventually([&] { return managed.manager.state().failures >= failures + 2; }));
    EXPECT_EQ(managed.failure_lines(), 2u) << managed.log();
}

TEST(Failures, HalfWrittenThenCompletedWithTheSameModificationTime)
{
    const Site site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const std::string whole = rules_text({common_name_rule("rule", "alice", "bob"), common_name_rule("other", "carol", "carol")});
    const std::string path = site.dir.file("rules.txt");
    site.write("rules.txt", whole.substr(0, whole.size() - 3));
    const auto time = fs::last_write_time(path);
    ASSERT_TRUE(managed.eventually([&] { return managed.manager.state().failures > 0 || managed.number() > 1; }));
    site.write("rules.txt", whole);
    fs::last_write_time(path, time);
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->size() == 2; })) << managed.log();
}

TEST(Failures, NotYetValidIsTriedAgainUntilItIs)
{
    std::atomic<int64_t> ahead{0};
    const Site site;
    Managed managed([&] { return site.now + std::chrono::seconds(ahead); });
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    pki::Spec spec = leaf_spec("server.example");
    spec.not_before = std::chrono::hours(1);
    const pki::Issued early = must(pki::issue(spec, site.root, site.now));
    site.write("server.crt", pki::certificate_pem(early.certificate));
    site.write("server.key", text_of(pki::key_pem(early.key)));
    ASSERT_TRUE(managed.eventually([&] { return managed.failure_lines() == 1; })) << managed.log();
    EXPECT_THAT(managed.manager.state().last_error, HasSubstr("not valid before"));
    ahead = 3700;
    EXPECT_TRUE(managed.eventually([&] { return managed.number() == 2; })) << managed.log();
}

TEST(Failures, TheFirstConfigurationFailsWithAllFindings)
{
    const Site site;
    fs::remove(site.dir.file("server.key"));
    site.write("rules.txt", "rubbish\n");
    Managed managed;
    const auto result = managed.manager.configure(site.input());
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(describe(result.error()), testing::AllOf(HasSubstr("server.key"), HasSubstr("rules.txt")));
    EXPECT_EQ(managed.manager.current(), nullptr);
    site.write_all(site.contents);
    EXPECT_EQ(managed.manager.configure(site.input()).value_or(0), 1u);
}

TEST(Failures, AWatchedFilesChangeIsSeenByPollingWhereInotifyIsBlind)
{
    Site site;
    site.poll_interval = "0.2";
    fs::create_directory(site.dir.file("elsewhere"));
    // Another name of the same file, in a directory that nobody watches.
    fs::create_hard_link(site.dir.file("rules.txt"), site.dir.file("elsewhere/rules.txt"));
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.write("elsewhere/rules.txt", rules_text({common_name_rule("rule", "alice", "bob")}));
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == "bob"; })) << managed.log();
}

/// In a process whose user may have no inotify instance: everything goes by polling, and one line says so.
void poll_without_inotify()
{
    if (::unshare(CLONE_NEWUSER) != 0)
        ::_exit(77);
    std::ofstream limit("/proc/sys/user/max_inotify_instances");
    limit << "0" << std::flush;
    if (!limit)
        ::_exit(77);
    Site site;
    site.poll_interval = "0.2";
    Managed managed;
    if (!managed.manager.configure(site.input()))
        ::_exit(2);
    for (const char * user : {"bob", "carol"})
    {
        site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", user)}));
        if (!managed.eventually([&] { return managed.manager.current()->rules->rules()[0].user == user; }))
            ::_exit(3);
    }
    const size_t lines = managed.count([](const auto & line) { return line.text.find("inotify") != std::string::npos; });
    ::_exit(lines == 1 ? 0 : 4);
}

TEST(Failures, WithoutInotifyPollingDoes)
{
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0)
        poll_without_inotify();
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        GTEST_SKIP() << "no user namespaces here";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}
}
