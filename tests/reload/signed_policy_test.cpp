// Files that have to be signed: what is unsigned, wrongly signed or older than what was in force is not loaded, also after a
// restart, and the last good stays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reload/site.h"
#include "support/minisign_signer.h"

namespace chmtls::test
{
namespace
{

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class SignedSite : public Site
{
public:
    SignedSite()
    {
        mtls = fmt::format(
            "<signed_policy><public_key>{}</public_key><public_key>{}</public_key><require>rules</require>"
            "<require>bundles</require><require>crls</require><state_file>{}</state_file></signed_policy>",
            signer.public_key(), dir.write("second.pub", second.public_key() + "\n"), state_file);
        sign("rules.txt", 5);
        sign("bundle.pem", 5);
        sign("crl.pem", 5);
    }

    [[nodiscard]] std::string read(const std::string & name) const
    {
        return std::string(as_text(read_file(dir.file(name))->bytes));
    }

    void sign(const std::string & name, uint64_t sequence) const { sign(name, fmt::format("sequence:{}", sequence)); }
    void sign(const std::string & name, const std::string & comment) const
    {
        rename_over(name + ".minisig", signer.sign(read(name), comment));
    }

    /// Rules for another user, signed so.
    void write_rules(const std::string & user, uint64_t sequence) const
    {
        rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", user)}));
        sign("rules.txt", sequence);
    }

    MinisignSigner signer;
    MinisignSigner second;
    const std::string state_file = dir.file("state");
};

std::string user_in_force(const Managed & managed)
{
    return managed.manager.current()->rules->rules().front().user;
}

std::string refusal_of(const Site & site)
{
    const auto result = generation::load(site.input(), site.now);
    return result ? "" : describe(result.error());
}

TEST(SignedPolicy, SignedFilesAreTakenAndRemembered)
{
    const SignedSite site;
    Managed managed;
    const auto configured = managed.manager.configure(site.input());
    ASSERT_TRUE(configured.has_value()) << describe(configured.error());
    EXPECT_THAT(managed.log(), HasSubstr("remembers nothing yet"));
    const auto state = signature::parse_sequences(site.read("state"), "state");
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(state->size(), 3u);
    EXPECT_EQ(state->at(site.path("rules.txt")).sequence, 5u);

    site.write_rules("bob", 6);
    EXPECT_TRUE(managed.eventually([&] { return user_in_force(managed) == "bob"; })) << managed.log();
    EXPECT_EQ(signature::parse_sequences(site.read("state"), "state")->at(site.path("rules.txt")).sequence, 6u);

    // The other key may sign as well.
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "carol")}));
    site.rename_over("rules.txt.minisig", site.second.sign(site.read("rules.txt"), 7));
    EXPECT_TRUE(managed.eventually([&] { return user_in_force(managed) == "carol"; })) << managed.log();
}

struct Defect
{
    std::string name;
    std::function<void(const SignedSite &)> make;
    std::string reason;
};

void PrintTo(const Defect & one, std::ostream * out)
{
    *out << one.name;
}

class DefectiveSignature : public testing::TestWithParam<Defect>
{
};

TEST_P(DefectiveSignature, ChangesNothingUntilItIsMended)
{
    const SignedSite site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    site.rename_over("rules.txt", rules_text({common_name_rule("rule", "alice", "mallory")}));
    GetParam().make(site);
    EXPECT_TRUE(
        managed.eventually([&] { return managed.manager.state().last_error.find(GetParam().reason) != std::string::npos; }))
        << managed.manager.state().last_error;
    EXPECT_EQ(user_in_force(managed), "alice");
    EXPECT_EQ(signature::parse_sequences(site.read("state"), "state")->at(site.path("rules.txt")).sequence, 5u);
    site.write_rules("bob", 6);
    EXPECT_TRUE(managed.eventually([&] { return user_in_force(managed) == "bob"; })) << managed.log();
}

INSTANTIATE_TEST_SUITE_P(
    Cases, DefectiveSignature,
    testing::Values(
        Defect{"OfTheFormerContent", [](const SignedSite &) {}, "does not fit the file"},
        Defect{"None", [](const SignedSite & site) { fs::remove(site.dir.file("rules.txt.minisig")); }, "has to be signed"},
        Defect{
            "ByAnotherKey",
            [](const SignedSite & site)
            { site.rename_over("rules.txt.minisig", MinisignSigner().sign(site.read("rules.txt"), 6)); },
            "not trusted here"},
        Defect{"Older", [](const SignedSite & site) { site.sign("rules.txt", 4); }, "older than 5"},
        Defect{"SameSequence", [](const SignedSite & site) { site.sign("rules.txt", 5); }, "with other content"},
        Defect{"NoSequence", [](const SignedSite & site) { site.sign("rules.txt", "timestamp:9999999999"); }, "no sequence:N"},
        Defect{
            "OfAnotherFile", [](const SignedSite & site) { site.sign("rules.txt", "sequence:6 file:bundle.pem"); },
            "for a file named 'bundle.pem'"},
        Defect{
            "Torn",
            [](const SignedSite & site)
            {
                // The whole one never lies there: it would be taken.
                const std::string whole = site.signer.sign(site.read("rules.txt"), "sequence:6");
                site.rename_over("rules.txt.minisig", whole.substr(0, whole.size() / 2));
            },
            "rules.txt.minisig"}),
    [](const auto & one) { return one.param.name; });

TEST(SignedPolicy, EveryKindOfFileIsChecked)
{
    for (const std::string name : {"rules.txt", "bundle.pem", "crl.pem"})
    {
        const SignedSite site;
        EXPECT_EQ(refusal_of(site), "");
        fs::remove(site.dir.file(name + ".minisig"));
        EXPECT_THAT(refusal_of(site), AllOf(HasSubstr(name + ".minisig"), HasSubstr("has to be signed")));
        site.sign(name, "sequence:1 file:" + name);
        EXPECT_EQ(refusal_of(site), "");
    }
}

TEST(SignedPolicy, EachListOfADirectoryIsSigned)
{
    SignedSite site;
    fs::create_directory(site.dir.file("lists"));
    site.mtls += "<crl>" + site.path("lists") + "</crl>";
    site.write("lists/one.pem", site.contents.crl);
    EXPECT_THAT(refusal_of(site), HasSubstr("lists/one.pem.minisig"));
    site.sign("lists/one.pem", "sequence:1 file:one.pem");
    EXPECT_EQ(refusal_of(site), "");
}

TEST(SignedPolicy, AnOldListOfADirectoryDoesNotComeBackUnderANewName)
{
    SignedSite site;
    fs::create_directory(site.dir.file("lists"));
    site.mtls += "<crl>" + site.path("lists") + "</crl>";
    site.write("lists/one.pem", site.contents.crl);
    site.sign("lists/one.pem", "sequence:3 file:one.pem");
    const std::string old_signature = site.read("lists/one.pem.minisig");
    site.sign("lists/one.pem", 3);
    EXPECT_THAT(refusal_of(site), AllOf(HasSubstr("lists/one.pem.minisig"), HasSubstr("which file of the directory")));

    site.sign("lists/one.pem", "sequence:4 file:one.pem");
    EXPECT_EQ(refusal_of(site), "");
    site.write("lists/two.pem", site.contents.crl);
    site.write("lists/two.pem.minisig", old_signature);
    EXPECT_THAT(refusal_of(site), AllOf(HasSubstr("lists/two.pem.minisig"), HasSubstr("named 'one.pem'")));
    site.sign("lists/two.pem", "sequence:1 file:two.pem");
    EXPECT_EQ(refusal_of(site), "");
}

TEST(SignedPolicy, OnlyWhatIsRequiredIsSigned)
{
    SignedSite site;
    fs::remove(site.dir.file("bundle.pem.minisig"));
    site.mtls.replace(site.mtls.find("<require>bundles</require>"), 26, "");
    EXPECT_EQ(refusal_of(site), "");
}

TEST(SignedPolicy, TheSequenceIsRememberedAcrossARestart)
{
    const SignedSite site;
    {
        Managed managed;
        ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    }
    site.write_rules("mallory", 4);
    Managed after;
    const auto refused = after.manager.configure(site.input());
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(describe(refused.error()), HasSubstr("sequence 4 is older than 5"));
    site.write_rules("bob", 6);
    EXPECT_TRUE(after.manager.configure(site.input()).has_value());
    EXPECT_THAT(after.log(), Not(HasSubstr("remembers nothing yet")));
}

TEST(SignedPolicy, ADamagedStateFileStopsALoadAndALostOneIsWrittenAgain)
{
    const SignedSite site;
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const std::string state = site.read("state");

    site.write("state", state.substr(0, state.size() - 2));
    EXPECT_THAT(refusal_of(site), AllOf(HasSubstr("mtls.signed_policy.state_file"), HasSubstr("is damaged")));
    site.write("state", state);
    EXPECT_EQ(refusal_of(site), "");

    // Lost while the server runs: the process still knows, and writes what it knows.
    fs::remove(site.state_file);
    site.write_rules("mallory", 4);
    EXPECT_TRUE(managed.eventually([&] { return managed.manager.state().last_error.find("older than 5") != std::string::npos; }));
    site.write_rules("bob", 6);
    EXPECT_TRUE(managed.eventually([&] { return user_in_force(managed) == "bob"; })) << managed.log();
    EXPECT_EQ(signature::parse_sequences(site.read("state"), "state")->size(), 3u);
}

TEST(SignedPolicy, WhatCannotBeRememberedIsNotTaken)
{
    const SignedSite site;
    fs::create_directory(site.state_file + ".new"); // in the way of the file that is written
    Managed managed;
    const auto refused = managed.manager.configure(site.input());
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(describe(refused.error()), HasSubstr("state.new: mtls.signed_policy.state_file: cannot create"));
    fs::remove(site.state_file + ".new");
    EXPECT_TRUE(managed.manager.configure(site.input()).has_value());
}

TEST(SignedPolicy, ALoadAloneRemembersNothing)
{
    const SignedSite site;
    const auto result = generation::load(site.input(), site.now);
    ASSERT_TRUE(result.has_value());
    EXPECT_FALSE(fs::exists(site.state_file));
    EXPECT_THAT(result->files, Contains(site.path("rules.txt.minisig")));
}

TEST(SignedPolicy, KeysThatCannotBeReadAreNamed)
{
    SignedSite site;
    const std::string good = site.signer.public_key();
    for (const auto & [key, reason] : std::vector<std::pair<std::string, std::string>>{
             {good.substr(0, 50), "no minisign public key"},
             {site.path("none.pub"), "cannot open"},
             {site.path("rules.txt"), "no minisign public key"},
             {site.path("second.pub"), "is given twice"}})
    {
        SignedSite other;
        const std::string old_key = other.signer.public_key();
        other.mtls.replace(
            other.mtls.find(old_key), old_key.size(), key == site.path("second.pub") ? other.path("second.pub") : key);
        EXPECT_THAT(refusal_of(other), AllOf(HasSubstr("mtls.signed_policy.public_key"), HasSubstr(reason)));
    }
}

}
}
