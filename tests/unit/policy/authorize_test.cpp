#include <gmock/gmock.h>

#include "world.h"

namespace chmtls::test
{

namespace
{

using mapping::Field;
using policy::Interface;
using policy::Login;
using policy::Outcome;
using testing::AllOf;
using testing::HasSubstr;

mapping::RuleText rule(const std::string & name, Field field, const std::string & pattern, const std::string & user)
{
    return {.name = name, .matchers = {{field, pattern}}, .user = user, .source = "test"};
}

/// alice and bob by rules; carol by <ssl_certificates> alone; dave by <ssl_certificates> or password; the certificate "two" means
/// two users.
std::shared_ptr<generation::Generation> with_users(uint64_t number = 1)
{
    auto made = world().generation(number);
    made->rules = must(mapping::RuleSet::compile({
        rule("by-cn", Field::common_name, "alice", "alice"),
        rule("bobs", Field::dns, "*.bob.internal", "bob"),
        rule("two-a", Field::common_name, "two", "user_a"),
        rule("two-b", Field::dns, "two.internal", "user_b"),
    }));
    made->users = must(mapping::ClickHouseUsers::compile({
        {.user = "carol", .common_names = {"carol"}, .subject_alt_names = {}, .has_password = false, .source = "users.xml"},
        {.user = "dave", .common_names = {"dave"}, .subject_alt_names = {}, .has_password = true, .source = "users.xml"},
    }));
    return made;
}

pki::Issued certificate_of(const std::string & common_name)
{
    if (common_name == "bob")
        return world().client(leaf_spec("bob", {{pki::AltName::Kind::dns, "app.bob.internal"}}));
    if (common_name == "two")
        return world().client(leaf_spec("two", {{pki::AltName::Kind::dns, "two.internal"}}));
    return world().client(leaf_spec(common_name));
}

policy::IdentityPtr identity_of(const generation::Generation & by, const std::string & common_name)
{
    if (common_name.empty())
        return nullptr;
    auto verdict = world().verify_client(by, {certificate_of(common_name).certificate});
    EXPECT_TRUE(verdict.accepted()) << verdict.message;
    return verdict.identity;
}

Login native(std::string_view user)
{
    return {.interface = Interface::native, .user = user, .user_named = !user.empty()};
}

Login native_password(std::string_view user)
{
    auto login = native(user);
    login.password_given = true;
    return login;
}

Login http(std::string_view user)
{
    return {.interface = Interface::http, .user = user, .user_named = true, .certificate_asked = true};
}

Login http_not_asked(std::string_view user)
{
    auto login = http(user);
    login.certificate_asked = false;
    return login;
}

Login changed(Login login, bool Login::*member, bool value)
{
    login.*member = value;
    return login;
}

struct Case
{
    const char * name;
    const char * certificate; ///< common name; empty: none shown
    Login login;
    Outcome outcome;
    const char * user;    ///< when granted
    const char * rule;    ///< when granted
    Reason reason;        ///< when refused
    const char * message; ///< part of it, when refused
};

Case granted(const char * name, const char * certificate, Login login, const char * user, const char * rule)
{
    return {name, certificate, login, Outcome::granted, user, rule, Reason::valid, ""};
}

Case refused(const char * name, const char * certificate, Login login, Reason reason, const char * message)
{
    return {name, certificate, login, Outcome::refused, "", "", reason, message};
}

Case declined(const char * name, const char * certificate, Login login)
{
    return {name, certificate, login, Outcome::declined, "", "", Reason::valid, ""};
}

void check(const generation::Generation & generation, const std::vector<Case> & cases)
{
    for (const auto & each : cases)
    {
        SCOPED_TRACE(each.name);
        const auto identity = identity_of(generation, each.certificate);
        const auto decision = policy::authorize(policy::standing_of(generation, identity, world().now), each.login);
        ASSERT_EQ(static_cast<int>(decision.outcome), static_cast<int>(each.outcome))
            << code(decision.reason) << ": " << decision.message;
        EXPECT_EQ(decision.user, each.user);
        if (each.outcome == Outcome::granted)
        {
            EXPECT_EQ(decision.reason, Reason::valid);
            EXPECT_THAT(decision.rule, HasSubstr(each.rule));
        }
        if (each.outcome == Outcome::refused)
        {
            EXPECT_EQ(code(decision.reason), code(each.reason)) << decision.message;
            EXPECT_THAT(decision.message, HasSubstr(each.message));
        }
        const auto explanation = policy::explain(policy::standing_of(generation, identity, world().now), each.login);
        EXPECT_EQ(static_cast<int>(explanation.decision.outcome), static_cast<int>(decision.outcome));
        EXPECT_EQ(explanation.decision.message, decision.message);
        EXPECT_EQ(explanation.traces.empty(), identity == nullptr);
    }
}

TEST(Authorize, NamesThatWouldForgeALogAreRefusedBeforeAllElse)
{
    check(
        *with_users(),
        {
            granted("the twin", "alice", native("alice"), "alice", "by-cn"),
            refused("line end", "alice", native("alice\nbob"), Reason::unprintable, "control characters"),
            refused("with a password", "", native_password("alice\x1b"), Reason::unprintable, "control characters"),
            refused("not UTF-8", "", native_password("alice\xff"), Reason::unprintable, "UTF-8"),
            refused("turned around", "", native_password("alice\xe2\x80\xae"), Reason::unprintable, "control characters"),
            refused("HTTP", "alice", http("a\rb"), Reason::unprintable, "control characters"),
            refused(
                "something else", "alice", changed(native("alice"), &Login::unprintable, true), Reason::unprintable, "besides"),
        });
    auto observing = with_users();
    observing->settings.mode = config::Mode::observe;
    for (auto & listener : observing->settings.listeners)
        listener.mode = config::Mode::observe;
    check(
        *observing,
        {
            declined("the twin", "", http("alice")),
            refused("line end", "", http("alice\n"), Reason::unprintable, "control characters"),
            refused("something else", "", changed(http("alice"), &Login::unprintable, true), Reason::unprintable, "besides"),
        });
}

TEST(Authorize, WhatAnotherSiteAsksForIsNotTheWishOfTheCertificatesHolder)
{
    auto always = with_users();
    always->settings.certificate_login = config::CertificateLogin::always;
    const auto from_elsewhere = [](Login login)
    {
        return changed(login, &Login::cross_site, true);
    };
    auto with_other_means = from_elsewhere(http_not_asked("dave"));
    with_other_means.password_given = true;
    check(
        *always, {
                     granted("the twin", "alice", http_not_asked("alice"), "alice", "by-cn"),
                     refused("from another site", "alice", from_elsewhere(http_not_asked("alice")), Reason::cross_site, "site"),
                     granted("with a header that needs leave", "alice", from_elsewhere(http("alice")), "alice", "by-cn"),
                     declined("with a password of its own", "alice", with_other_means),
                     declined("no certificate", "", from_elsewhere(http_not_asked("dave"))),
                 });
    check(*with_users(), {declined("a certificate is not asked for", "alice", from_elsewhere(http_not_asked("dave")))});
}

TEST(Authorize, WhereNobodyIsNamedTheOneUserOfTheCertificateIsFound)
{
    auto always = with_users();
    always->settings.certificate_login = config::CertificateLogin::always;
    always->users = must(mapping::ClickHouseUsers::compile({
        {.user = "carol", .common_names = {"carol"}, .subject_alt_names = {}, .has_password = false, .source = "users.xml"},
        {.user = "one", .common_names = {"shared"}, .subject_alt_names = {}, .has_password = false, .source = "users.xml"},
        {.user = "other", .common_names = {"shared"}, .subject_alt_names = {}, .has_password = true, .source = "users.xml"},
    }));
    auto unnamed = http_not_asked("default");
    unnamed.user_named = false;
    auto with_header = changed(unnamed, &Login::certificate_asked, true);
    check(
        *always, {
                     granted("a rule comes first", "alice", unnamed, "alice", "by-cn"),
                     granted("one user", "carol", unnamed, "carol", "ssl_certificates: common_name 'carol'"),
                     granted("one user, with the header", "carol", with_header, "carol", "ssl_certificates"),
                     refused("two users", "shared", unnamed, Reason::ambiguous, "'one' and of 'other'"),
                     granted("two users, one named", "shared", http_not_asked("other"), "other", "ssl_certificates"),
                     refused("nobody", "nobody", unnamed, Reason::no_rule, "no user named"),
                     refused("rules that disagree stay so", "two", unnamed, Reason::ambiguous, "two-a"),
                 });
    check(
        *with_users(), {
                           declined("only `always` looks for the user", "carol", unnamed),
                           refused("the header alone does not", "carol", with_header, Reason::no_rule, "'default'"),
                       });
}

TEST(Authorize, Native)
{
    check(
        *with_users(), {
                           granted("rule by CN", "alice", native("alice"), "alice", "by-cn"),
                           granted("rule by SAN", "bob", native("bob"), "bob", "bobs"),
                           granted("ssl_certificates", "carol", native("carol"), "carol", "ssl_certificates"),
                           granted("ssl_certificates beside a password", "dave", native("dave"), "dave", "ssl_certificates"),
                           granted("two users, one named", "two", native("user_b"), "user_b", "two-b"),
                           granted("nobody named, one rule", "alice", native(""), "alice", "by-cn"),
                           refused("nobody named, two users", "two", native(""), Reason::ambiguous, "two-a"),
                           declined("nobody named, no rule", "nobody", native("")),
                           declined("another user than the certificate's", "alice", native("bob")),
                           declined("no rule at all", "nobody", native("default")),
                           declined("no certificate", "", native("default")),
                           declined("no certificate, user with a rule", "", native("alice")),
                           declined("a password is never overridden", "alice", native_password("alice")),
                           declined("a password beside ssl_certificates", "dave", native_password("dave")),
                           declined("a password, no certificate", "", native_password("default")),
                       });
}

TEST(Authorize, CertificateOnlyUserHasNoOtherDoor)
{
    check(
        *with_users(),
        {
            granted("by its certificate", "carol", native("carol"), "carol", "ssl_certificates"),
            refused("no certificate, no password", "", native("carol"), Reason::certificate_required, "certificate only"),
            refused("any password", "", native_password("carol"), Reason::certificate_required, "'carol'"),
            refused(
                "any password, right certificate", "carol", native_password("carol"), Reason::certificate_required, "password"),
            refused("another certificate", "alice", native("carol"), Reason::other_user, "carol"),
            refused("certificate without a rule", "nobody", native("carol"), Reason::no_rule, "certificate only"),
            refused("HTTP, nothing", "", http_not_asked("carol"), Reason::certificate_required, "certificate only"),
            refused(
                "HTTP, certificate shown but not asked for", "carol", http_not_asked("carol"), Reason::certificate_required,
                "X-ClickHouse-SSL-Certificate-Auth"),
            refused(
                "HTTP, password", "carol", changed(http_not_asked("carol"), &Login::password_given, true),
                Reason::certificate_required, "certificate only"),
            refused(
                "HTTP, Authorization", "carol", changed(http_not_asked("carol"), &Login::other_credentials, true),
                Reason::certificate_required, "certificate only"),
            granted("HTTP, asked for", "carol", http("carol"), "carol", "ssl_certificates"),
        });
}

TEST(Authorize, HttpByHeader)
{
    check(
        *with_users(),
        {
            granted("rule by CN", "alice", http("alice"), "alice", "by-cn"),
            granted("ssl_certificates", "dave", http("dave"), "dave", "ssl_certificates"),
            refused("no certificate", "", http("alice"), Reason::certificate_required, "showed no certificate"),
            refused("another user", "alice", http("bob"), Reason::other_user, "bob"),
            refused("no rule", "nobody", http("alice"), Reason::no_rule, "CN=nobody"),
            refused(
                "with a password", "alice", changed(http("alice"), &Login::password_given, true), Reason::mixed_credentials,
                "password"),
            refused(
                "with Authorization", "alice", changed(http("alice"), &Login::other_credentials, true), Reason::mixed_credentials,
                "Authorization"),
            refused(
                "with a password and no certificate", "", changed(http("alice"), &Login::password_given, true),
                Reason::mixed_credentials, "password"),
            refused(
                "nobody named: the default was asked for", "alice", changed(http("default"), &Login::user_named, false),
                Reason::other_user, "default"),
            refused("nobody at all", "alice", changed(http(""), &Login::user_named, false), Reason::other_user, "no user"),
            declined("not asked for", "alice", http_not_asked("alice")),
            declined("not asked for, password", "alice", changed(http_not_asked("alice"), &Login::password_given, true)),
            declined("no certificate, not asked for", "", http_not_asked("default")),
        });
}

TEST(Authorize, HttpAlways)
{
    const auto generation = with_users();
    generation->settings.certificate_login = config::CertificateLogin::always;
    const auto unnamed = changed(http_not_asked("default"), &Login::user_named, false);
    check(
        *generation,
        {
            granted("not asked for", "alice", http_not_asked("alice"), "alice", "by-cn"),
            granted("nobody named", "alice", unnamed, "alice", "by-cn"),
            granted("asked for, nobody named", "alice", changed(unnamed, &Login::certificate_asked, true), "alice", "by-cn"),
            granted("asked for", "alice", http("alice"), "alice", "by-cn"),
            granted("ssl_certificates, named", "dave", http_not_asked("dave"), "dave", "ssl_certificates"),
            refused("nobody named, two users", "two", unnamed, Reason::ambiguous, "two-b"),
            refused("nobody named, no rule: never anonymous", "nobody", unnamed, Reason::no_rule, "CN=nobody"),
            refused("another user named", "alice", http_not_asked("bob"), Reason::other_user, "bob"),
            refused(
                "asked for with a password", "alice", changed(http("alice"), &Login::password_given, true),
                Reason::mixed_credentials, "password"),
            declined("a password came", "alice", changed(http_not_asked("alice"), &Login::password_given, true)),
            declined("Authorization came", "alice", changed(http_not_asked("alice"), &Login::other_credentials, true)),
            declined("no certificate", "", unnamed),
        });
}

TEST(Authorize, OlderIdentityIsJudgedByTheCurrentGeneration)
{
    const auto older = with_users(1);
    const auto alice = identity_of(*older, "alice");

    const auto same_trust = with_users(2);
    EXPECT_EQ(policy::authorize(policy::standing_of(*same_trust, alice, world().now), native("alice")).outcome, Outcome::granted);

    const auto other_trust = with_users(2);
    other_trust->client_trust = must(trust::TrustStore::create({world().foreign_root.certificate}, {}, {}));
    for (const auto & login : {native("alice"), http("alice")})
    {
        const auto decision = policy::authorize(policy::standing_of(*other_trust, alice, world().now), login);
        EXPECT_EQ(decision.outcome, Outcome::refused);
        EXPECT_EQ(decision.reason, Reason::unknown_ca);
        EXPECT_THAT(decision.message, AllOf(HasSubstr("CN=alice"), HasSubstr("no longer accepted")));
    }

    const auto other_rules = with_users(2);
    other_rules->rules = must(mapping::RuleSet::compile({}));
    EXPECT_EQ(policy::authorize(policy::standing_of(*other_rules, alice, world().now), http("alice")).reason, Reason::no_rule);

    const auto no_listener = with_users(2);
    no_listener->settings.listeners.clear();
    EXPECT_EQ(
        policy::authorize(policy::standing_of(*no_listener, alice, world().now), http("alice")).reason, Reason::unknown_listener);
}

TEST(Authorize, CertificateThatEndedLogsNobodyIn)
{
    const auto generation = with_users();
    const auto alice = identity_of(*generation, "alice");
    const auto end = alice->valid_until;
    for (const auto & login : {native("alice"), http("alice")})
    {
        EXPECT_EQ(
            policy::authorize(policy::standing_of(*generation, alice, end - std::chrono::seconds(1)), login).outcome,
            Outcome::granted);
        const auto decision = policy::authorize(policy::standing_of(*generation, alice, end), login);
        EXPECT_EQ(decision.outcome, Outcome::refused);
        EXPECT_EQ(decision.reason, Reason::expired);
    }
}

TEST(Authorize, ServerThatWeConnectedToCannotLogIn)
{
    const auto & w = world();
    const auto generation = with_users();
    generation->server_trust = generation->client_trust;
    const auto verdict = w.verify(*generation, {certificate_of("alice").certificate}, World::server_query());
    ASSERT_TRUE(verdict.accepted());
    for (const auto & login : {native("alice"), http("alice")})
    {
        const auto decision = policy::authorize(policy::standing_of(*generation, verdict.identity, w.now), login);
        EXPECT_EQ(decision.outcome, Outcome::refused);
        EXPECT_EQ(decision.reason, Reason::purpose);
    }
}

TEST(Authorize, SpiffeIdOnlyWhenVerified)
{
    const auto & w = world();
    const auto leaf_of = [&](const pki::Issued & root)
    {
        return must(pki::issue(svid_spec("spiffe://example.org/ingest"), root, w.now)).certificate;
    };
    const auto make = [&]
    {
        auto made = w.generation();
        made->rules = must(
            mapping::RuleSet::compile({rule("svid", Field::spiffe_id, "spiffe://example.org/{service}", "svc_{service}")}));
        return made;
    };
    const auto with_domain = make();
    w.add_trust_domain(*with_domain);
    const auto verified = w.verify_client(*with_domain, {leaf_of(w.domain_root)});
    ASSERT_TRUE(verified.accepted()) << verified.message;
    EXPECT_EQ(policy::authorize(policy::standing_of(*with_domain, verified.identity, w.now), native("")).user, "svc_ingest");

    const auto without = make();
    const auto ordinary = w.verify_client(*without, {leaf_of(w.client_root)});
    ASSERT_TRUE(ordinary.accepted()) << ordinary.message;
    EXPECT_EQ(
        policy::authorize(policy::standing_of(*without, ordinary.identity, w.now), http("svc_ingest")).reason, Reason::no_rule);
}

TEST(Authorize, ForeignTextInMessagesIsPrintable)
{
    const auto generation = with_users();
    const auto alice = identity_of(*generation, "alice");
    const auto decision = policy::authorize(policy::standing_of(*generation, alice, world().now), http("x\nforged\x1b[2J"));
    EXPECT_EQ(decision.outcome, Outcome::refused);
    EXPECT_EQ(decision.message.find('\n'), std::string::npos) << decision.message;
    EXPECT_EQ(decision.message.find('\x1b'), std::string::npos);
}

TEST(Explain, EveryRuleAndTheUsersEntries)
{
    const auto generation = with_users();
    const auto explanation
        = policy::explain(policy::standing_of(*generation, identity_of(*generation, "alice"), world().now), native("carol"));
    EXPECT_EQ(explanation.decision.outcome, Outcome::refused);
    ASSERT_EQ(explanation.traces.size(), 5u);
    EXPECT_TRUE(explanation.traces[0].matched);
    EXPECT_EQ(explanation.traces[0].user, "alice");
    EXPECT_FALSE(explanation.traces[4].matched);
}

}

}
