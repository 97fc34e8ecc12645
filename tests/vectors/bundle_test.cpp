#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "openssl/pem_blocks.h"
#include "spiffe/bundle.h"
#include "vectors/jwk.h"
#include "vectors/svid_world.h"

// Trust bundles (Trust Domain and Bundle 4 and 5, X509-SVID 6): what loads, with how many authorities, and what fails with which
// code.

namespace
{

using namespace chmtls;
using namespace chmtls::test;
using namespace chmtls::test::svid;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

using Members = std::map<std::string, std::string>;

World & world()
{
    static World shared;
    return shared;
}

const openssl::Certificate & root(const std::string & name = "root-a")
{
    return world().signer(name).certificate;
}

Members good(const std::string & name = "root-a")
{
    return entry_members(root(name));
}

Members with(Members members, const std::string & name, const std::string & value)
{
    members[name] = value;
    return members;
}

Members without(Members members, const std::string & name)
{
    members.erase(name);
    return members;
}

std::string set_of(const Members & entry)
{
    return key_set(json_object(entry));
}

std::string x5c(const std::string & text)
{
    return "[" + json_text(text) + "]";
}

std::string encoded(const std::string & name = "root-a")
{
    return base64(root(name).der());
}

std::string pem(const std::string & name = "root-a")
{
    return openssl::to_pem(root(name));
}

struct Loads
{
    std::string name; ///< the one property that differs
    std::string text;
    size_t authorities = 1;
    std::string note = {}; ///< part of one note; empty: no note at all
};

struct Fails
{
    std::string name;
    std::string text;
    std::string code;
};

std::vector<Loads> loading()
{
    const std::string any = json_object(good());
    return {
        {"one_p256_authority", key_set(any)},
        {"rsa_authority", set_of(good("root-a2"))},
        {"p384_authority", set_of(good("root-f"))},
        {"ed25519_authority", set_of(good("root-ed"))},
        {"blanks_in_front", "\r\n\t " + key_set(any)},
        {"two_authorities", key_set(any + "," + json_object(good("root-a2"))), 2},
        {"authority_twice", key_set(any + "," + any), 1, "counted once"},
        {"unknown_members", key_set(json_object(with(good(), "x_vendor", "{\"a\":[1,2,{\"b\":null}]}")), ",\"vendor\":1.5")},
        {"entry_with_kid", set_of(with(good(), "kid", "\"k\""))},
        {"no_keys_at_all", key_set(""), 0, "no X.509-SVIDs"},
        {"sequence_of_64_bits", key_set(any, ",\"spiffe_sequence\":18446744073709551615")},
        {"sequence_zero", key_set(any, ",\"spiffe_sequence\":0")},
        {"refresh_hint", key_set(any, ",\"spiffe_refresh_hint\":300")},
        {"kty_missing", set_of(without(good(), "kty")), 0, "no kty"},
        {"kty_unknown", set_of(with(good(), "kty", "\"XYZ\"")), 0, "is not known"},
        {"kty_in_the_wrong_case", set_of(with(good(), "kty", "\"ec\"")), 0, "is not known"},
        {"kty_no_string", set_of(with(good(), "kty", "1")), 0, "no kty"},
        {"use_missing", set_of(without(good(), "use")), 0, "no use"},
        {"use_unknown", set_of(with(good(), "use", "\"sig\"")), 0, "is not known"},
        {"use_in_the_wrong_case", set_of(with(good(), "use", "\"X509-SVID\"")), 0, "is not known"},
        {"use_for_jwt_svids", set_of(with(good(), "use", "\"jwt-svid\"")), 0, "no X.509-SVIDs"},
        {"use_for_wit_svids", set_of(with(good(), "use", "\"wit-svid\"")), 0, "no X.509-SVIDs"},
        {"use_for_jwt_svids_beside", key_set(json_object(with(good("root-a2"), "use", "\"jwt-svid\"")) + "," + any)},
        {"x5c_missing", set_of(without(good(), "x5c")), 0, "x5c is missing"},
        {"x5c_empty", set_of(with(good(), "x5c", "[]")), 0, "x5c is empty"},
        {"x5c_missing_in_one_of_two", key_set(json_object(without(good("root-a2"), "x5c")) + "," + any), 1, "x5c is missing"},
        {"x5c_with_two_values",
         set_of(with(good(), "x5c", "[" + json_text(encoded()) + "," + json_text(encoded("root-a2")) + "]")), 1,
         "only the first"},
        {"x5c_with_a_damaged_second_value", set_of(with(good(), "x5c", "[" + json_text(encoded()) + ",\"?\"]")), 1,
         "only the first"},
        {"authority_not_self_signed", set_of(good("int-1"))},
        {"authority_that_is_none", set_of(good("root-notca")), 1, "no certificate authority"},
        {"authority_with_a_path_in_its_id", set_of(good("root-path")), 1, "should have no path"},
        {"pem", pem()},
        {"pem_two", pem() + pem("root-a2"), 2},
        {"pem_with_other_blocks", "-----BEGIN PARAMETERS-----\nAAAA\n-----END PARAMETERS-----\n" + pem()},
        {"pem_with_text_around", "root of example.org\n" + pem() + "end\n"},
        {"pem_empty_file", "", 0, "no authority"},
    };
}

std::vector<Fails> failing()
{
    const std::string any = json_object(good());
    std::string url_alphabet = encoded();
    for (char & c : url_alphabet)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    std::string damaged_pem = pem();
    damaged_pem[40] = '*';
    Bytes longer(root().der().begin(), root().der().end());
    longer.push_back(0);
    return {
        {"keys_missing", "{}", "KEYS"},
        {"keys_null", "{\"keys\":null}", "KEYS"},
        {"keys_no_array", "{\"keys\":{}}", "KEYS"},
        {"entry_no_object", key_set("1"), "KEYS"},
        {"keys_twice", "{\"keys\":[" + any + "],\"keys\":[]}", "DUPLICATE"},
        {"sequence_twice", key_set(any, ",\"spiffe_sequence\":1,\"spiffe_sequence\":2"), "DUPLICATE"},
        {"member_of_an_entry_twice", key_set("{\"use\":\"jwt-svid\"," + any.substr(1)), "DUPLICATE"},
        {"member_twice_by_escape", "{\"keys\":[],\"\\u006beys\":[]}", "DUPLICATE"},
        {"not_closed", "{\"keys\":[]", "JSON"},
        {"bytes_behind", key_set(any) + "x", "JSON"},
        {"two_documents", key_set(any) + key_set(any), "JSON"},
        {"trailing_comma", "{\"keys\":[],}", "JSON"},
        {"single_quotes", "{'keys':[]}", "JSON"},
        {"comment", "{\"keys\":[]/* */}", "JSON"},
        {"escaped_nul_in_a_name", "{\"keys\\u0000x\":[]}", "JSON"},
        {"raw_nul", std::string("{\"keys\":[]\0}", 12), "JSON"},
        {"too_deep", "{\"a\":" + std::string(64, '[') + std::string(64, ']') + ",\"keys\":[]}", "JSON"},
        {"much_too_deep", "{\"a\":" + std::string(100000, '['), "JSON"},
        {"too_large", "{\"keys\":[]" + std::string(17u << 20, ' ') + "}", "SIZE"},
        {"sequence_negative", key_set(any, ",\"spiffe_sequence\":-1"), "SEQUENCE"},
        {"sequence_fraction", key_set(any, ",\"spiffe_sequence\":1.0"), "SEQUENCE"},
        {"sequence_exponent", key_set(any, ",\"spiffe_sequence\":1e3"), "SEQUENCE"},
        {"sequence_text", key_set(any, ",\"spiffe_sequence\":\"1\""), "SEQUENCE"},
        {"sequence_null", key_set(any, ",\"spiffe_sequence\":null"), "SEQUENCE"},
        {"sequence_of_65_bits", key_set(any, ",\"spiffe_sequence\":18446744073709551616"), "JSON"},
        {"refresh_hint_text", key_set(any, ",\"spiffe_refresh_hint\":\"300\""), "REFRESH-HINT"},
        {"x5c_no_array", set_of(with(good(), "x5c", json_text(encoded()))), "X5C"},
        {"x5c_no_text", set_of(with(good(), "x5c", "[1]")), "X5C"},
        {"x5c_url_alphabet", set_of(with(good(), "x5c", x5c(url_alphabet + "-_-_"))), "X5C"},
        {"x5c_line_break", set_of(with(good(), "x5c", x5c(encoded().substr(0, 64) + "\\n" + encoded().substr(64)))), "X5C"},
        {"x5c_pem", set_of(with(good(), "x5c", x5c("-----BEGIN CERTIFICATE-----"))), "X5C"},
        {"x5c_not_padded", set_of(with(good(), "x5c", x5c("AAA"))), "X5C"},
        {"x5c_unused_bits", set_of(with(good(), "x5c", x5c("AB=="))), "X5C"},
        {"x5c_no_certificate", set_of(with(good(), "x5c", x5c("AAAA"))), "X5C"},
        {"x5c_byte_behind", set_of(with(good(), "x5c", x5c(base64(longer)))), "X5C"},
        {"x5c_damaged_in_one_of_two", key_set(any + "," + json_object(with(good("root-a2"), "x5c", x5c("AAAA")))), "X5C"},
        {"x_of_another_key", set_of(with(good(), "x", key_members(root("root-o")).at("x"))), "KEY-MISMATCH"},
        {"y_of_another_key", set_of(with(good(), "y", key_members(root("root-o")).at("y"))), "KEY-MISMATCH"},
        {"crv_of_another_curve", set_of(with(good(), "crv", "\"P-384\"")), "KEY-MISMATCH"},
        {"kty_of_another_key", set_of(with(good(), "kty", "\"RSA\"")), "KEY-MISMATCH"},
        {"n_of_another_key", set_of(with(good("root-a2"), "n", json_text(base64url(Bytes(256, 7))))), "KEY-MISMATCH"},
        {"e_of_another_key", set_of(with(good("root-a2"), "e", "\"Aw\"")), "KEY-MISMATCH"},
        {"ed25519_x_of_another_key", set_of(with(good("root-ed"), "x", json_text(base64url(Bytes(32, 7))))), "KEY-MISMATCH"},
        {"x_missing", set_of(without(good(), "x")), "KEY-MISMATCH"},
        {"n_missing", set_of(without(good("root-a2"), "n")), "KEY-MISMATCH"},
        {"certificate_of_another_key", set_of(with(good(), "x5c", x5c(encoded("root-o")))), "KEY-MISMATCH"},
        {"pem_no_block", "no certificate here\n", "PEM"},
        {"pem_only_blanks", " \n", "PEM"},
        {"pem_damaged", damaged_pem, "PEM"},
        {"pem_second_damaged", pem("root-a2") + damaged_pem, "PEM"},
        {"pem_cut", pem().substr(0, 200), "PEM"},
        {"json_array", "[]", "PEM"},
    };
}

Result<spiffe::Bundle> load(const std::string & text, const std::string & trust_domain = "example.org")
{
    return spiffe::parse_bundle(trust_domain, as_bytes(text), "bundle");
}

}

TEST(BundleVectors, Load)
{
    for (const Loads & one : loading())
    {
        SCOPED_TRACE(one.name);
        const auto bundle = load(one.text);
        ASSERT_TRUE(bundle.has_value()) << bundle.error().describe();
        EXPECT_EQ(bundle->trust_domain, "example.org");
        EXPECT_EQ(bundle->authorities.size(), one.authorities);
        if (one.note.empty())
            EXPECT_THAT(bundle->notes, IsEmpty());
        else
            EXPECT_THAT(bundle->notes, Contains(HasSubstr(one.note)));
    }
}

TEST(BundleVectors, Fail)
{
    for (const Fails & one : failing())
    {
        SCOPED_TRACE(one.name);
        const auto bundle = load(one.text);
        ASSERT_FALSE(bundle.has_value());
        EXPECT_EQ(bundle.error().code, one.code) << bundle.error().describe();
        EXPECT_EQ(bundle.error().file, "bundle");
        EXPECT_FALSE(bundle.error().reason.empty());
    }
}

TEST(BundleVectors, IntegersArriveWhole)
{
    const auto bundle = load(key_set(json_object(good()), ",\"spiffe_sequence\":18446744073709551615,\"spiffe_refresh_hint\":7"));
    ASSERT_TRUE(bundle.has_value());
    EXPECT_EQ(bundle->sequence, 18446744073709551615u);
    EXPECT_EQ(bundle->refresh_hint, 7u);
    const auto bare = load(key_set(json_object(good())));
    ASSERT_TRUE(bare.has_value());
    EXPECT_FALSE(bare->sequence);
    EXPECT_FALSE(bare->refresh_hint);
}

TEST(BundleVectors, OnlyTheFirstX5cValueCounts)
{
    const auto bundle = load(set_of(with(good(), "x5c", "[" + json_text(encoded()) + "," + json_text(encoded("root-a2")) + "]")));
    ASSERT_TRUE(bundle.has_value());
    ASSERT_EQ(bundle->authorities.size(), 1u);
    EXPECT_EQ(bundle->authorities.front(), root());
}

TEST(BundleVectors, NamesOfTheTrustDomainAreChecked)
{
    EXPECT_TRUE(load(pem(), "example.org").has_value());
    const auto as_id = load(pem(), "spiffe://example.org");
    ASSERT_TRUE(as_id.has_value());
    EXPECT_EQ(as_id->trust_domain, "example.org");
    for (const std::string name :
         {"", "Example.org", "spiffe://example.org/", "spiffe://example.org/ca", "example.org:443", "a b"})
    {
        SCOPED_TRACE(name);
        const auto bundle = load(pem(), name);
        ASSERT_FALSE(bundle.has_value());
        EXPECT_EQ(bundle.error().code, "TRUST-DOMAIN");
    }
}

TEST(BundleVectors, NoPrefixOfABundleLoads)
{
    const std::string whole = key_set(json_object(good()));
    for (size_t length = 1; length < whole.size(); ++length)
        EXPECT_FALSE(load(whole.substr(0, length)).has_value()) << length;
}

namespace
{

std::string map_of(const std::string & members)
{
    return "{\"trust_domains\":{" + members + "}}";
}

Result<std::vector<spiffe::Bundle>> load_map(const std::string & text)
{
    return spiffe::parse_bundle_map(as_bytes(text), "map");
}

}

TEST(BundleMapVectors, Load)
{
    const std::string one = "\"example.org\":" + set_of(good());
    const std::string two = "\"federated.test\":" + set_of(good("root-f"));
    const auto both = load_map(map_of(one + "," + two));
    ASSERT_TRUE(both.has_value()) << both.error().describe();
    ASSERT_EQ(both->size(), 2u);
    EXPECT_EQ((*both)[0].trust_domain, "example.org");
    EXPECT_EQ((*both)[0].authorities.front(), root());
    EXPECT_EQ((*both)[1].authorities.front(), root("root-f"));
    EXPECT_TRUE(load_map(map_of("")).value().empty());
    EXPECT_EQ(load_map("{\"trust_domains\":{},\"vendor\":true}").value().size(), 0u);
}

TEST(BundleMapVectors, Fail)
{
    const std::string set = set_of(good());
    const std::vector<Fails> cases{
        {"trust_domains_missing", "{}", "TRUST-DOMAINS"},
        {"trust_domains_no_object", "{\"trust_domains\":[]}", "TRUST-DOMAINS"},
        {"no_object", "[]", "TRUST-DOMAINS"},
        {"empty_input", "", "JSON"},
        {"trust_domain_twice", map_of("\"a.test\":" + set + ",\"a.test\":" + set), "DUPLICATE"},
        {"trust_domain_twice_by_escape", map_of("\"a.test\":" + set + ",\"\\u0061.test\":" + set), "DUPLICATE"},
        {"trust_domains_twice", "{\"trust_domains\":{},\"trust_domains\":{}}", "DUPLICATE"},
        {"upper_case_name", map_of("\"A.test\":" + set), "TRUST-DOMAIN"},
        {"name_with_scheme", map_of("\"spiffe://a.test\":" + set), "TRUST-DOMAIN"},
        {"empty_name", map_of("\"\":" + set), "TRUST-DOMAIN"},
        {"bundle_no_object", map_of("\"a.test\":[]"), "KEYS"},
        {"one_bad_bundle", map_of("\"a.test\":" + set + ",\"b.test\":{}"), "KEYS"},
    };
    for (const Fails & one : cases)
    {
        SCOPED_TRACE(one.name);
        const auto bundles = load_map(one.text);
        ASSERT_FALSE(bundles.has_value());
        EXPECT_EQ(bundles.error().code, one.code) << bundles.error().describe();
    }
}

TEST(BundleSetVectors, NeverMerges)
{
    EXPECT_TRUE(
        spiffe::BundleSet::create({world().bundle("a.test", {"root-a"}), world().bundle("b.test", {"root-a"})}).has_value());
    const auto twice = spiffe::BundleSet::create({world().bundle("a.test", {"root-a"}), world().bundle("a.test", {"root-a2"})});
    ASSERT_FALSE(twice.has_value());
    EXPECT_THAT(describe(twice.error()), HasSubstr("a.test"));
}

TEST(BundleSetVectors, FindsByWholeNameOnly)
{
    const auto set = must(spiffe::BundleSet::create({world().bundle("example.org", {"root-a"})}));
    EXPECT_NE(set->find("example.org"), nullptr);
    for (const std::string_view name : {"example.or", "example.org.", "sub.example.org", "EXAMPLE.ORG", ""})
        EXPECT_EQ(set->find(name), nullptr) << name;
}

TEST(BundleSetVectors, RevocationListsNeedABundleAndItsSignature)
{
    const auto lists = [](const std::string & issuer)
    {
        return must(trust::Crl::parse(must(pki::issue_crl({}, world().signer(issuer), usual_moment)), "test.crl"));
    };
    const auto bundles = []
    {
        return std::vector{world().bundle("example.org", {"root-a"})};
    };
    EXPECT_TRUE(spiffe::BundleSet::create(bundles(), {{"example.org", {lists("root-a")}}}).has_value());
    EXPECT_FALSE(spiffe::BundleSet::create(bundles(), {{"other.test", {lists("root-a")}}}).has_value());
    const auto forged = spiffe::BundleSet::create(bundles(), {{"example.org", {lists("imposter")}}});
    ASSERT_FALSE(forged.has_value());
    EXPECT_THAT(describe(forged.error()), HasSubstr("test.crl"));
}
