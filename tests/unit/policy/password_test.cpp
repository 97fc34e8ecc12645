// A rule with <password>required</password>: the certificate and the password, neither alone.

#include <gmock/gmock.h>

#include "world.h"

namespace chmtls::test
{

namespace
{

using policy::Interface;
using policy::Login;
using policy::Outcome;
using testing::HasSubstr;

/// eve by certificate and password; frank by certificate alone.
std::shared_ptr<generation::Generation> with_both(uint64_t number = 1)
{
    auto made = world().generation(number);
    mapping::RuleText both{"both", {{mapping::Field::common_name, "eve"}}, "eve", "test"};
    both.terms.password = mapping::PasswordNeed::required;
    made->rules = must(mapping::RuleSet::compile({both, {"alone", {{mapping::Field::common_name, "frank"}}, "frank", "test"}}));
    return made;
}

policy::IdentityPtr identity_of(const generation::Generation & by, const std::string & common_name)
{
    return common_name.empty() ? nullptr
                               : world().verify_client(by, {world().client(leaf_spec(common_name)).certificate}).identity;
}

struct LoginCase
{
    std::string name;
    std::string certificate;
    Login login;
    Outcome outcome;
    Reason reason;
    std::string rule;
};

void PrintTo(const LoginCase & one, std::ostream * out)
{
    *out << one.name;
}

Login native(std::string_view user, bool password)
{
    return {.interface = Interface::native, .user = user, .user_named = true, .password_given = password};
}

Login http(std::string_view user, bool password, bool asked)
{
    return {
        .interface = Interface::http, .user = user, .user_named = true, .password_given = password, .certificate_asked = asked};
}

class CertificateAndPassword : public testing::TestWithParam<LoginCase>
{
};

TEST_P(CertificateAndPassword, Decide)
{
    const LoginCase & one = GetParam();
    const auto made = with_both();
    const auto decision
        = policy::authorize(policy::standing_of(*made, identity_of(*made, one.certificate), world().now), one.login);
    EXPECT_EQ(decision.outcome, one.outcome) << decision.message;
    if (one.outcome == Outcome::refused)
    {
        EXPECT_EQ(decision.reason, one.reason) << decision.message;
    }
    EXPECT_EQ(decision.rule, one.rule);
}

INSTANTIATE_TEST_SUITE_P(
    All, CertificateAndPassword,
    testing::Values(
        LoginCase{"NativeBoth", "eve", native("eve", true), Outcome::declined, Reason::valid, "both"},
        LoginCase{"NativeCertificateAlone", "eve", native("eve", false), Outcome::refused, Reason::password_required, ""},
        LoginCase{"NativePasswordAlone", "", native("eve", true), Outcome::refused, Reason::certificate_required, ""},
        LoginCase{"NativeOtherCertificate", "frank", native("eve", true), Outcome::refused, Reason::other_user, ""},
        LoginCase{"NativeNothing", "", native("eve", false), Outcome::refused, Reason::certificate_required, ""},
        LoginCase{"NativeOtherUser", "frank", native("frank", false), Outcome::granted, Reason::valid, "alone"},
        LoginCase{"NativeOtherUsersPassword", "eve", native("frank", true), Outcome::declined, Reason::valid, ""},
        LoginCase{"HttpBoth", "eve", http("eve", true, false), Outcome::declined, Reason::valid, "both"},
        LoginCase{"HttpCertificateAlone", "eve", http("eve", false, true), Outcome::refused, Reason::password_required, ""},
        LoginCase{"HttpPasswordAlone", "", http("eve", true, false), Outcome::refused, Reason::certificate_required, ""},
        LoginCase{"HttpOtherCertificate", "frank", http("eve", true, false), Outcome::refused, Reason::other_user, ""},
        LoginCase{"HttpMixed", "eve", http("eve", true, true), Outcome::refused, Reason::mixed_credentials, ""}),
    [](const auto & one) { return one.param.name; });

TEST(StandsByRule, AsLongAsTheRuleAndTheCertificateDo)
{
    const auto made = with_both();
    const auto eve = identity_of(*made, "eve");
    EXPECT_EQ(policy::stands_by_rule(policy::standing_of(*made, eve, world().now), "both").outcome, Outcome::granted);
    EXPECT_THAT(
        policy::stands_by_rule(policy::standing_of(*made, eve, world().now), "gone").message, HasSubstr("no rule 'gone'"));
    EXPECT_EQ(
        policy::stands_by_rule(policy::standing_of(*made, identity_of(*made, "frank"), world().now), "both").outcome,
        Outcome::refused);
    EXPECT_EQ(policy::stands_by_rule(policy::standing_of(*made, eve, eve->valid_until), "both").reason, Reason::expired);
}

}

}
