#include <gtest/gtest.h>

#include "support/issue.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;

namespace
{

struct Case
{
    std::vector<pki::AltName> certified;
    std::string wanted;
    bool proved;
};

openssl::Certificate certificate_with(const std::vector<pki::AltName> & names)
{
    return must(pki::self_signed(leaf_spec("cn.example.org", names))).certificate;
}

}

TEST(ProvesName, ByTable)
{
    const std::vector<Case> cases{
        {{dns("db.example.org")}, "dns:db.example.org", true},
        {{dns("db.example.org")}, "db.example.org", true},
        {{dns("db.example.org")}, "DB.Example.Org", true},
        {{dns("DB.EXAMPLE.ORG")}, "db.example.org", true},
        {{dns("db.example.org")}, "db.example.org.", true},
        {{dns("db.example.org")}, "example.org", false},
        {{dns("db.example.org")}, "xdb.example.org", false},
        {{dns("db.example.org")}, "", false},
        {{dns("db.example.org")}, "dns:", false},
        {{dns("localhost")}, "localhost", true},
        {{dns("a.test"), dns("b.test")}, "b.test", true},
        {{dns("*.example.org")}, "db.example.org", true},
        {{dns("*.example.org")}, "example.org", false},
        {{dns("*.example.org")}, ".example.org", false},
        {{dns("*.example.org")}, "a.db.example.org", false},
        {{dns("*.example.org")}, "*.example.org", false},
        {{dns("d*.example.org")}, "db.example.org", false},
        {{dns("*b.example.org")}, "db.example.org", false},
        {{dns("db.*.org")}, "db.example.org", false},
        {{dns("*.*.org")}, "db.example.org", false},
        {{dns("*.org")}, "example.org", false},
        {{dns("*")}, "localhost", false},
        {{}, "cn.example.org", false},
        {{uri("https://db.example.org/")}, "db.example.org", false},
        {{email("db.example.org")}, "db.example.org", false},
        {{ip("127.0.0.1")}, "127.0.0.1", true},
        {{ip("127.0.0.1")}, "ip:127.0.0.1", true},
        {{ip("127.0.0.1")}, "dns:127.0.0.1", false},
        {{ip("127.0.0.1")}, "ip:127.0.0.2", false},
        {{dns("127.0.0.1")}, "127.0.0.1", false},
        {{dns("127.0.0.1")}, "ip:127.0.0.1", false},
        {{ip("::1")}, "::1", true},
        {{ip("::1")}, "[::1]", true},
        {{ip("::1")}, "ip:0:0:0:0:0:0:0:1", true},
        {{ip("::1")}, "ip:::1", true},
        {{ip("2001:db8::1")}, "2001:DB8::1", true},
        {{ip("::1")}, "127.0.0.1", false},
        {{ip("127.0.0.1")}, "ip:localhost", false},
    };
    for (const Case & one : cases)
    {
        SCOPED_TRACE((one.certified.empty() ? std::string("no name") : one.certified.front().value) + " for " + one.wanted);
        EXPECT_EQ(trust::proves_name(certificate_with(one.certified), one.wanted), one.proved);
    }
}

TEST(ProvesName, NulEndsNothing)
{
    using namespace std::string_literals;
    EXPECT_FALSE(trust::proves_name(certificate_with({dns("db.example.org\0.evil.test"s)}), "db.example.org"));
    EXPECT_FALSE(trust::proves_name(certificate_with({dns("db.example.org")}), "db.example.org\0.evil.test"s));
    EXPECT_FALSE(trust::proves_name(certificate_with({ip("127.0.0.1")}), "ip:127.0.0.1\0x"s));
}
