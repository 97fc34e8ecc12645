#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "credentials/credential.h"
#include "credentials/server_name.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::credentials;
using test::must;
using testing::HasSubstr;

namespace
{

std::shared_ptr<const Credential> credential(uint64_t id, std::vector<std::string> server_names)
{
    static const auto issued = must(pki::self_signed(test::leaf_spec("leaf")));
    return std::make_shared<const Credential>(
        Credential{.id = id, .chain = {issued.certificate}, .key = issued.key, .server_names = std::move(server_names)});
}

}

struct SelectCase
{
    std::string sent;
    uint64_t id;
};

class Select : public testing::TestWithParam<SelectCase>
{
};

TEST_P(Select, ChoosesByServerName)
{
    const auto set = must(CredentialSet::create(
        credential(1, {}), {credential(2, {"a.example.org"}), credential(3, {"*.example.org"}),
                            credential(4, {"*.b.example.org", "b.example.org"}), credential(5, {"single"})}));
    const auto chosen = set->select(GetParam().sent);
    ASSERT_NE(chosen, nullptr);
    EXPECT_EQ(chosen->id, GetParam().id) << GetParam().sent;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Select,
    testing::Values(
        SelectCase{"a.example.org", 2}, SelectCase{"A.Example.ORG", 2}, SelectCase{"a.example.org.", 2},
        SelectCase{"a.example.org..", 1}, SelectCase{"c.example.org", 3}, SelectCase{"b.example.org", 4},
        SelectCase{"x.b.example.org", 4}, SelectCase{"x.y.b.example.org", 1}, SelectCase{"x.a.example.org", 1},
        SelectCase{"example.org", 1}, SelectCase{".example.org", 1}, SelectCase{"*.example.org", 3}, SelectCase{"single", 5},
        SelectCase{"x.single", 1}, SelectCase{"", 1}, SelectCase{".", 1}, SelectCase{"other.test", 1},
        SelectCase{"a.example.org.evil.test", 1}, SelectCase{std::string("a.example.org\0", 14), 1},
        SelectCase{std::string(300, 'a'), 1}, SelectCase{std::string(253, 'a'), 1}));

TEST(CredentialSet, WithoutADefaultServesOnlyItsNames)
{
    const auto set = must(CredentialSet::create(nullptr, {credential(2, {"a.example.org"})}));
    EXPECT_EQ(set->select("a.example.org")->id, 2u);
    EXPECT_EQ(set->select("b.example.org"), nullptr);
    EXPECT_EQ(set->select(""), nullptr);
}

TEST(CredentialSet, MayBeEmpty)
{
    const auto set = must(CredentialSet::create(nullptr, {}));
    EXPECT_EQ(set->select("a.example.org"), nullptr);
    EXPECT_EQ(set->find(1), nullptr);
    EXPECT_TRUE(set->all().empty());
}

TEST(CredentialSet, FindsByIdAndListsAll)
{
    const auto set = must(CredentialSet::create(credential(1, {}), {credential(2, {"a.example.org"})}));
    EXPECT_EQ(set->find(1)->id, 1u);
    EXPECT_EQ(set->find(2)->id, 2u);
    EXPECT_EQ(set->find(3), nullptr);
    EXPECT_EQ(set->all().size(), 2u);
    EXPECT_EQ(set->all().front()->id, 1u);
}

TEST(CredentialSet, RefusesAServerNameTwice)
{
    EXPECT_TRUE(CredentialSet::create(nullptr, {credential(1, {"a.example.org"}), credential(2, {"*.example.org"})}));
    for (const char * again : {"a.example.org", "A.EXAMPLE.org", "a.example.org."})
    {
        const auto refused = CredentialSet::create(nullptr, {credential(1, {"a.example.org"}), credential(2, {again})});
        ASSERT_FALSE(refused);
        EXPECT_THAT(describe(refused.error()), HasSubstr("server name a.example.org: has two certificates"));
    }
    EXPECT_FALSE(CredentialSet::create(nullptr, {credential(1, {"*.example.org"}), credential(2, {"*.example.org"})}));
}

TEST(CredentialSet, RefusesACredentialWithoutAName)
{
    const auto refused = CredentialSet::create(credential(1, {}), {credential(2, {})});
    ASSERT_FALSE(refused);
    EXPECT_THAT(describe(refused.error()), HasSubstr("CN=leaf"));
}

struct PatternCase
{
    std::string written;
    std::optional<std::string> normal;
};

class Patterns : public testing::TestWithParam<PatternCase>
{
};

TEST_P(Patterns, AreNormalOrRefused)
{
    EXPECT_EQ(normal_pattern(GetParam().written), GetParam().normal) << GetParam().written;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Patterns,
    testing::Values(
        PatternCase{"a.example.org", "a.example.org"}, PatternCase{"A.Example.ORG.", "a.example.org"},
        PatternCase{"*.Example.org", "*.example.org"}, PatternCase{"my_host-1", "my_host-1"},
        PatternCase{"xn--bcher-kva.example", "xn--bcher-kva.example"}, PatternCase{"", {}}, PatternCase{".", {}},
        PatternCase{"*", {}}, PatternCase{"*.", {}}, PatternCase{"*.*.example.org", {}}, PatternCase{"a.*.org", {}},
        PatternCase{"a*.example.org", {}}, PatternCase{"*example.org", {}}, PatternCase{"a..b", {}}, PatternCase{".a", {}},
        PatternCase{"a b", {}},
        PatternCase{
            "b\xc3\xbc"
            "cher.example",
            {}},
        PatternCase{"a:443", {}}, PatternCase{"a/b", {}}, PatternCase{std::string("a\0b", 3), {}},
        PatternCase{std::string(63, 'a'), std::string(63, 'a')}, PatternCase{std::string(64, 'a'), {}}));

TEST(Patterns, TakeLettersDigitsDashUnderscoreAndNothingElse)
{
    size_t accepted = 0;
    for (int c = 0; c < 256; ++c)
        accepted += normal_pattern("a" + std::string(1, static_cast<char>(c)) + "b") ? 1u : 0u;
    EXPECT_EQ(accepted, 26u * 2 + 10 + 2 + 1); // and the dot between two labels
}
