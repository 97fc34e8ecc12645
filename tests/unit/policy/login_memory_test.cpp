#include <functional>

#include <gtest/gtest.h>

#include "policy/login_memory.h"

namespace chmtls::test
{

namespace
{

using policy::Interface;
using policy::Login;
using policy::LoginDecision;
using policy::Outcome;

constexpr UnixTime at{std::chrono::seconds(1'000'000)};
constexpr uint64_t generation = 7;

Login alice()
{
    return {
        .interface = Interface::http,
        .user = "alice",
        .user_named = true,
        .password_given = false,
        .certificate_asked = true,
        .other_credentials = false,
        .again = false,
        .without_tls = false};
}

LoginDecision granted()
{
    mapping::RuleTerms terms;
    terms.max_session = std::chrono::seconds(60);
    return {Outcome::granted, Reason::valid, "alice", "by-cn", "why", false, terms};
}

struct Asked
{
    uint64_t generation = test::generation;
    Login login = alice();
    UnixTime now = at;
};

struct Case
{
    std::string name;
    std::function<void(Asked &)> change;
    bool remembered;
};

class LoginMemoryTest : public testing::TestWithParam<Case>
{
};

TEST_P(LoginMemoryTest, RemembersTheSameLoginOnly)
{
    policy::LoginMemory memory;
    memory.keep(generation, alice(), at, granted());
    Asked asked;
    GetParam().change(asked);
    const auto found = memory.find(asked.generation, asked.login, asked.now);
    ASSERT_EQ(found.has_value(), GetParam().remembered);
    if (!found)
        return;
    EXPECT_EQ(found->outcome, Outcome::granted);
    EXPECT_EQ(found->user, "alice");
    EXPECT_EQ(found->rule, "by-cn");
    EXPECT_EQ(found->message, "why");
    EXPECT_EQ(found->terms.max_session, std::chrono::seconds(60));
}

INSTANTIATE_TEST_SUITE_P(
    All, LoginMemoryTest,
    testing::Values(
        Case{"same", [](Asked &) {}, true}, //
        Case{"again", [](Asked & asked) { asked.login.again = true; }, true},
        Case{"newer_generation", [](Asked & asked) { ++asked.generation; }, false},
        Case{"next_second", [](Asked & asked) { asked.now += std::chrono::seconds(1); }, false},
        Case{"clock_set_back", [](Asked & asked) { asked.now -= std::chrono::seconds(1); }, false},
        Case{"other_user", [](Asked & asked) { asked.login.user = "bob"; }, false},
        Case{"nobody_named", [](Asked & asked) { asked.login.user_named = false; }, false},
        Case{"other_interface", [](Asked & asked) { asked.login.interface = Interface::native; }, false},
        Case{"password", [](Asked & asked) { asked.login.password_given = true; }, false},
        Case{"no_header", [](Asked & asked) { asked.login.certificate_asked = false; }, false},
        Case{"other_credentials", [](Asked & asked) { asked.login.other_credentials = true; }, false},
        Case{"without_tls", [](Asked & asked) { asked.login.without_tls = true; }, false}),
    [](const auto & each) { return each.param.name; });

TEST(LoginMemory, KeepsTheLastAndOwnsItsUser)
{
    policy::LoginMemory memory;
    EXPECT_FALSE(memory.find(generation, alice(), at));
    {
        std::string user = "a user whose name is on the heap";
        auto login = alice();
        login.user = user;
        memory.keep(generation, login, at, granted());
        user.assign(user.size(), 'x');
    }
    auto login = alice();
    login.user = "a user whose name is on the heap";
    EXPECT_TRUE(memory.find(generation, login, at));
    EXPECT_FALSE(memory.find(generation, alice(), at));
    memory.keep(generation, alice(), at, granted());
    EXPECT_TRUE(memory.find(generation, alice(), at));
    EXPECT_FALSE(memory.find(generation, login, at));
}

}

}
