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

/// A path of one.
std::vector<openssl::Certificate> certificate_with(const std::vector<pki::AltName> & names)
{
    return {must(pki::self_signed(leaf_spec("cn.example.org", names))).certificate};
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

namespace
{

struct Constrained
{
    std::vector<std::string> permitted;
    std::vector<std::string> excluded;
    std::string certified;
    std::string wanted;
    bool proved;
};

}

/// The path itself is valid in every case: "*.example.org" as it stands lies within what the authority may certify.
TEST(ProvesName, AWildcardProvesNothingThatAnAuthorityMayNotCertify)
{
    const std::vector<Constrained> cases{
        {{}, {"DNS:secret.example.org"}, "*.example.org", "secret.example.org", false},
        {{}, {"DNS:secret.example.org"}, "*.example.org", "SECRET.example.org.", false},
        {{}, {"DNS:secret.example.org"}, "*.example.org", "open.example.org", true},
        {{}, {"DNS:secret.example.org"}, "*.example.org", "xsecret.example.org", true},
        {{}, {"DNS:.secret.example.org"}, "*.example.org", "secret.example.org", true},
        {{"DNS:example.org"}, {"DNS:secret.example.org"}, "*.example.org", "secret.example.org", false},
        {{"DNS:example.org"}, {}, "*.example.org", "open.example.org", true},
        {{"DNS:.example.org"}, {}, "*.example.org", "open.example.org", true},
        {{"EMAIL:example.com"}, {}, "*.example.org", "open.example.org", true},
        {{}, {"IP:10.0.0.0/255.0.0.0"}, "*.example.org", "open.example.org", true},
    };
    const UnixTime now = system_time();
    for (const Constrained & one : cases)
    {
        SCOPED_TRACE(one.certified + " for " + one.wanted);
        pki::Spec spec = pki::Spec::authority("root");
        spec.permitted_names = one.permitted;
        spec.excluded_names = one.excluded;
        const pki::Issued constrained = must(pki::self_signed(spec, now));
        const pki::Issued root = must(pki::self_signed(pki::Spec::authority("upper"), now));
        const pki::Issued below = must(pki::issue(spec, root, now));
        for (const pki::Issued * issuer : {&constrained, &below})
        {
            const pki::Issued leaf = must(pki::issue(leaf_spec("leaf", {dns(one.certified)}), *issuer, now));
            const auto store = must(trust::TrustStore::create({constrained.certificate, root.certificate}, {}, {}));
            const std::vector<openssl::Certificate> sent{below.certificate};
            const auto verdict = store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = now});
            ASSERT_TRUE(verdict.accepted()) << verdict.message;
            EXPECT_EQ(trust::proves_name(verdict.path, one.wanted), one.proved);
        }
    }
}
