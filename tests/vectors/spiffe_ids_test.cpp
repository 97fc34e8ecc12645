#include <gtest/gtest.h>

#include "spiffe/id.h"

// What a SPIFFE ID is and is not, by defect. The ID itself names the case.

namespace
{

using namespace std::string_view_literals;
using chmtls::spiffe::Id;

struct GoodId
{
    std::string_view text;
    std::string_view trust_domain;
    std::string_view path;
};

struct BadId
{
    std::string_view text;
    std::string_view code;
};

// clang-format off
constexpr GoodId good_ids[] = {
    GoodId{"spiffe://trustdomain"sv, "trustdomain"sv, ""sv},
    GoodId{"spiffe://trustdomain/path"sv, "trustdomain"sv, "/path"sv},
    GoodId{"spiffe://trustdomain/path/element"sv, "trustdomain"sv, "/path/element"sv},
    GoodId{"spiffe://foo.test/A"sv, "foo.test"sv, "/A"sv},
    GoodId{"spiffe://staging.example.com/payments/mysql"sv, "staging.example.com"sv, "/payments/mysql"sv},
    GoodId{"spiffe://k8s-west.example.com/ns/staging/sa/default"sv, "k8s-west.example.com"sv, "/ns/staging/sa/default"sv},
    GoodId{"spiffe://example.org/workload-1"sv, "example.org"sv, "/workload-1"sv},
    GoodId{"spiffe://domain.test/spire/server"sv, "domain.test"sv, "/spire/server"sv},
    GoodId{"spiffe://a"sv, "a"sv, ""sv},
    GoodId{"spiffe://abcdefghijklmnopqrstuvwxyz/path"sv, "abcdefghijklmnopqrstuvwxyz"sv, "/path"sv},
    GoodId{"spiffe://trustdomain./path"sv, "trustdomain."sv, "/path"sv},
    GoodId{"spiffe://trustdomain-/path"sv, "trustdomain-"sv, "/path"sv},
    GoodId{"spiffe://trustdomain_/path"sv, "trustdomain_"sv, "/path"sv},
    GoodId{"spiffe://../path"sv, ".."sv, "/path"sv},
    GoodId{"spiffe://127.0.0.1/path"sv, "127.0.0.1"sv, "/path"sv},
    GoodId{"spiffe://xn--bcher-kva.example/x"sv, "xn--bcher-kva.example"sv, "/x"sv},
    GoodId{"spiffe://1f0e4b7a-6f3a-4b43-9f1c-2d7e5b0c9a11/x"sv, "1f0e4b7a-6f3a-4b43-9f1c-2d7e5b0c9a11"sv, "/x"sv},
    GoodId{"spiffe://trustdomain/ABCDEFGHIJKLMNOPQRSTUVWXYZ"sv, "trustdomain"sv, "/ABCDEFGHIJKLMNOPQRSTUVWXYZ"sv},
    GoodId{"spiffe://trustdomain/0123456789"sv, "trustdomain"sv, "/0123456789"sv},
    GoodId{"spiffe://trustdomain/path."sv, "trustdomain"sv, "/path."sv},
    GoodId{"spiffe://trustdomain/path_"sv, "trustdomain"sv, "/path_"sv},
    GoodId{"spiffe://trustdomain/.path"sv, "trustdomain"sv, "/.path"sv},
    GoodId{"spiffe://trustdomain/..path"sv, "trustdomain"sv, "/..path"sv},
    GoodId{"spiffe://trustdomain/..."sv, "trustdomain"sv, "/..."sv},
    GoodId{"spiffe://trustdomain/path/PATH/Path"sv, "trustdomain"sv, "/path/PATH/Path"sv},
};

constexpr BadId bad_ids[] = {
    BadId{""sv, "EMPTY"sv},
    BadId{"s"sv, "SCHEME"sv},
    BadId{"spiffe:"sv, "SCHEME"sv},
    BadId{"spiffe:/"sv, "SCHEME"sv},
    BadId{"spiffe:/trustdomain/path"sv, "SCHEME"sv},
    BadId{"Spiffe://"sv, "SCHEME"sv},
    BadId{"SPIFFE://trustdomain"sv, "SCHEME"sv},
    BadId{"http://trustdomain/path"sv, "SCHEME"sv},
    BadId{"sparfe://domain1.test/workload"sv, "SCHEME"sv},
    BadId{"spiff://trustdomain/path"sv, "SCHEME"sv},
    BadId{"urn:spiffe://trustdomain/path"sv, "SCHEME"sv},
    BadId{"//trustdomain/path"sv, "SCHEME"sv},
    BadId{"trustdomain"sv, "SCHEME"sv},
    BadId{" spiffe://trustdomain/path"sv, "SCHEME"sv},
    BadId{"spiffe:\\\\trustdomain\\path"sv, "SCHEME"sv},
    BadId{"spiffe://"sv, "TD-EMPTY"sv},
    BadId{"spiffe:///"sv, "TD-EMPTY"sv},
    BadId{"spiffe://:443/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://#fragment"sv, "TD-CHARS"sv},
    BadId{"spiffe://user@trustdomain/path"sv, "TD-USERINFO"sv},
    BadId{"spiffe://trustdomain:8443/path"sv, "TD-PORT"sv},
    BadId{"spiffe://[::1]/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://[2001:db8::1]:8443/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://::1/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://Trustdomain/path"sv, "TD-CASE"sv},
    BadId{"spiffe://exampleZ/path"sv, "TD-CASE"sv},
    BadId{"spiffe://%F0%9F%A4%AF/path"sv, "TD-PERCENT"sv},
    BadId{"spiffe://%62%61%64/path"sv, "TD-PERCENT"sv},
    BadId{"spiffe://trust domain/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\012/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://*.example.org/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://b\303\274cher.example/path"sv, "TD-NONASCII"sv},
    BadId{"spiffe://\360\237\244\257/path"sv, "TD-NONASCII"sv},
    BadId{"spiffe://trustdomain?query"sv, "QUERY"sv},
    BadId{"spiffe://trustdomain/path?query"sv, "QUERY"sv},
    BadId{"spiffe://trustdomain?"sv, "QUERY"sv},
    BadId{"spiffe://trustdomain#frag"sv, "FRAGMENT"sv},
    BadId{"spiffe://trustdomain/path#frag"sv, "FRAGMENT"sv},
    BadId{"spiffe://trustdomain/"sv, "TRAILING-SLASH"sv},
    BadId{"spiffe://trustdomain/path/"sv, "TRAILING-SLASH"sv},
    BadId{"spiffe://trustdomain//"sv, "EMPTY-SEGMENT"sv},
    BadId{"spiffe://trustdomain//path"sv, "EMPTY-SEGMENT"sv},
    BadId{"spiffe://trustdomain/path//element"sv, "EMPTY-SEGMENT"sv},
    BadId{"spiffe://trustdomain/."sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/./path"sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/path/./other"sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/path/."sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/../path"sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/path/.."sv, "DOT-SEGMENT"sv},
    BadId{"spiffe://trustdomain/%F0%9F%A4%AF"sv, "PATH-PERCENT"sv},
    BadId{"spiffe://trustdomain/%62%61%64"sv, "PATH-PERCENT"sv},
    BadId{"spiffe://trustdomain/a%2fb"sv, "PATH-PERCENT"sv},
    BadId{"spiffe://trustdomain/hello%20world"sv, "PATH-PERCENT"sv},
    BadId{"spiffe://trustdomain/%25"sv, "PATH-PERCENT"sv},
    BadId{"spiffe://trustdomain/hello world"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/path\012"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/path\000"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/\303\251"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/p\303\244th"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/path\302\200"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/a\342\200\213b"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/\360\237\244\257"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/pa\314\201th"sv, "PATH-NONASCII"sv},
    BadId{"spiffe://trustdomain/user@host"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/ns:staging"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/~user"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/*"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain/path spiffe://trustdomain/other"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain!/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path\""sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain#/path"sv, "FRAGMENT"sv},
    BadId{"spiffe://trustdomain/path$"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain%/path"sv, "TD-PERCENT"sv},
    BadId{"spiffe://trustdomain/path&"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain'/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path("sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain)/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path*"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain+/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path,"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain:/path"sv, "TD-PORT"sv},
    BadId{"spiffe://trustdomain/path;"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain</path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path="sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain>/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path?"sv, "QUERY"sv},
    BadId{"spiffe://trustdomain@/path"sv, "TD-USERINFO"sv},
    BadId{"spiffe://trustdomain/path["sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain\\/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path]"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain^/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path`"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain{/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path|"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain}/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain/path~"sv, "PATH-CHARS"sv},
    BadId{"spiffe://trustdomain\001/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\010/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\013/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\015/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\037/path"sv, "TD-CHARS"sv},
    BadId{"spiffe://trustdomain\302\240/path"sv, "TD-NONASCII"sv},
    BadId{"spiffe://trustdomain\302\265/path"sv, "TD-NONASCII"sv},
    BadId{"spiffe://trustdomain\303\237/path"sv, "TD-NONASCII"sv},
};
// clang-format on

std::string trust_domain_of_length(size_t length)
{
    return std::string(length, 'a');
}

std::string id_of_length(size_t length)
{
    const std::string start = "spiffe://trustdomain/";
    return start + std::string(length - start.size(), 'p');
}

std::string code_of(std::string_view text)
{
    const auto id = Id::parse(text);
    return id ? "VALID" : std::string(code(id.error()));
}

}

TEST(IdVectors, GoodOnesSplitIntoTrustDomainAndPath)
{
    for (const GoodId & good : good_ids)
    {
        SCOPED_TRACE(chmtls::printable(good.text));
        const auto id = Id::parse(good.text);
        ASSERT_TRUE(id.has_value());
        EXPECT_EQ(id->text(), good.text);
        EXPECT_EQ(id->trust_domain(), good.trust_domain);
        EXPECT_EQ(id->path(), good.path);
    }
}

TEST(IdVectors, BadOnesHaveTheirOneCode)
{
    for (const BadId & bad : bad_ids)
    {
        SCOPED_TRACE(chmtls::printable(bad.text));
        EXPECT_EQ(code_of(bad.text), bad.code);
    }
}

TEST(IdVectors, LengthsAtTheirLimits)
{
    EXPECT_EQ(code_of("spiffe://" + trust_domain_of_length(255) + "/x"), "VALID");
    EXPECT_EQ(code_of("spiffe://" + trust_domain_of_length(256) + "/x"), "TD-LENGTH");
    EXPECT_EQ(code_of(id_of_length(2048)), "VALID");
    EXPECT_EQ(code_of(id_of_length(2049)), "ID-LENGTH");
}
