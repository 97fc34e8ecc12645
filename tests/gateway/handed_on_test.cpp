#include <gtest/gtest.h>

#include <gateway/handed_on.h>

namespace
{

using namespace chmtls::gateway;

// No certificate: the parsers look for one DER sequence, and what is in it the module judges.
const std::string leaf("\x30\x03\x02\x01\x05", 5);
const std::string other("\x30\x03\x02\x01\x06", 5);
constexpr const char * leaf64 = "MAMCAQU=";
constexpr const char * other64 = "MAMCAQY=";

std::string pem(const std::string & base64)
{
    return "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n";
}

std::string escaped(const std::string & text)
{
    std::string out;
    for (const char c : text)
    {
        constexpr const char * digits = "0123456789ABCDEF";
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            out.push_back(c);
        else
            out.append({'%', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 0xF]});
    }
    return out;
}

struct Read
{
    std::vector<std::string> chain;
    std::string fault;
};

Read read(const std::string & fields, HandsOn how, size_t hops = 1)
{
    const auto bytes = "GET / HTTP/1.1\r\n" + fields + "\r\n";
    const auto parsed = parse_request_head(bytes);
    EXPECT_TRUE(parsed.head) << parsed.fault;
    const auto found = handed_on(*parsed.head, how, hops);
    EXPECT_EQ(found.chain.empty(), !found.fault.empty()) << fields;
    return {found.chain, std::string(found.fault)};
}

using Chain = std::vector<std::string>;

TEST(HandedOn, ByClientCert)
{
    const std::string one = std::string("Client-Cert: :") + leaf64 + ":\r\n";
    EXPECT_EQ(read(one, HandsOn::client_cert).chain, Chain{leaf});
    const std::string list = std::string("Client-Cert-Chain: :") + other64 + ": , :" + leaf64 + ":\r\n";
    EXPECT_EQ(read(one + list, HandsOn::client_cert).chain, (Chain{leaf, other, leaf}));
    const std::string bad[]{
        "",
        list,
        one + one,
        one + "client_cert: x\r\n",
        std::string("Client-Cert: ") + leaf64 + "\r\n",
        "Client-Cert: ::\r\n",
        "Client-Cert: :MAMCAQU:\r\n",
        "Client-Cert: :MAMCAQV=:\r\n", // bits beyond the last byte
        "Client-Cert: :MAMC AQU=:\r\n",
        "Client-Cert: :MAMCAQU=:;a=1\r\n",
        "Client-Cert: :MAMCAQUA:\r\n", // a byte behind the certificate
        "Client-Cert: :" + escaped(pem(leaf64)) + ":\r\n",
        one + "Client-Cert-Chain: :x:\r\n",
        one + "Client-Cert-Chain: :" + other64 + ":,\r\n",
    };
    for (const auto & fields : bad)
        EXPECT_TRUE(read(fields, HandsOn::client_cert).chain.empty()) << fields;
}

TEST(HandedOn, ByXfcc)
{
    const auto field = [](const std::string & value)
    {
        return "X-Forwarded-Client-Cert: " + value + "\r\n";
    };
    const auto cert = "Cert=\"" + escaped(pem(leaf64)) + "\"";
    const auto chain = "Chain=\"" + escaped(pem(leaf64) + pem(other64)) + "\"";
    EXPECT_EQ(read(field(cert), HandsOn::xfcc).chain, Chain{leaf});
    EXPECT_EQ(read(field("By=x;Hash=00;" + cert + ";Subject=\"CN=\\\"a\\\",O=b;c\";URI="), HandsOn::xfcc).chain, Chain{leaf});
    EXPECT_EQ(read(field("cert=" + escaped(pem(leaf64))), HandsOn::xfcc).chain, Chain{leaf});
    EXPECT_EQ(read(field(cert + ";" + chain), HandsOn::xfcc).chain, (Chain{leaf, other}));
    EXPECT_EQ(read(field(chain), HandsOn::xfcc).chain, (Chain{leaf, other}));
    const auto second = "By=\"a,b\";Cert=" + escaped(pem(other64));
    EXPECT_EQ(read(field(cert + "," + second), HandsOn::xfcc).chain, Chain{other});
    EXPECT_EQ(read(field(cert + ", " + second), HandsOn::xfcc, 2).chain, Chain{leaf});
    const std::string bad[]{
        "",
        "=",
        "Cert",
        "By=x;Subject=\"CN=alice\"",
        cert + "," + "By=x",
        cert + ",",
        cert + ";",
        cert + ";" + cert,
        "Cert=\"" + escaped(pem(leaf64)),
        "Cert=\"" + escaped(pem(leaf64)) + "\"x",
        "Cert=\"" + escaped(pem(leaf64) + pem(other64)) + "\"",
        "Cert=\"" + escaped(pem(other64)) + "\";" + chain,
        "Cert=%2",
        "Cert=\"" + escaped("x" + pem(leaf64)) + "\"",
        "[{\"Cert\":\"x\"}]",
    };
    for (const auto & value : bad)
        EXPECT_TRUE(read(field(value), HandsOn::xfcc).chain.empty()) << value;
    EXPECT_TRUE(read(field(cert), HandsOn::xfcc, 2).chain.empty());
    EXPECT_TRUE(read(field(cert) + field(cert), HandsOn::xfcc).chain.empty());
}

TEST(HandedOn, ByNginx)
{
    const auto cert = "X-SSL-Client-Cert: " + escaped(pem(leaf64)) + "\r\n";
    const std::string well = "X-SSL-Client-Verify: SUCCESS\r\n";
    EXPECT_EQ(read(cert + well, HandsOn::nginx).chain, Chain{leaf});
    const std::string bad[]{
        cert,
        well,
        cert + "X-SSL-Client-Verify: FAILED:unable to verify\r\n",
        cert + "X-SSL-Client-Verify: NONE\r\n",
        cert + well + well,
        cert + cert + well,
        cert + well + "x.ssl.client.cert: x\r\n",
        "X-SSL-Client-Cert: " + escaped(pem(leaf64) + pem(other64)) + "\r\n" + well,
        "X-SSL-Client-Cert: -----BEGIN CERTIFICATE----- MAMCAQU= -----END CERTIFICATE-----\r\n" + well,
    };
    for (const auto & fields : bad)
        EXPECT_TRUE(read(fields, HandsOn::nginx).chain.empty()) << fields;
}

TEST(HandedOn, ByHaproxy)
{
    const std::string der = std::string("X-SSL-Client-DER: ") + leaf64 + "\r\n";
    const std::string well = "X-SSL-Client-Used: 1\r\nX-SSL-Client-Verify: 0\r\n";
    EXPECT_EQ(read(der + well, HandsOn::haproxy).chain, Chain{leaf});
    EXPECT_EQ(read(der + well + "X-SSL-Client-Chain-DER:\r\n", HandsOn::haproxy).chain, Chain{leaf});
    // 30 03 02 01 06, 30 03 02 01 05
    EXPECT_EQ(
        read(der + well + "X-SSL-Client-Chain-DER: MAMCAQYwAwIBBQ==\r\n", HandsOn::haproxy).chain, (Chain{leaf, other, leaf}));
    EXPECT_EQ(read(der + well + "X-SSL-Client-Chain-DER: MAMCAQUwAwIBBg==\r\n", HandsOn::haproxy).chain, (Chain{leaf, other}));
    const std::string bad[]{
        der,
        well,
        "X-SSL-Client-DER:\r\n" + well,
        der + "X-SSL-Client-Used: 0\r\nX-SSL-Client-Verify: 0\r\n",
        der + "X-SSL-Client-Verify: 0\r\n",
        der + "X-SSL-Client-Used: 1\r\nX-SSL-Client-Verify: 10\r\n",
        der + der + well,
        der + well + "X-SSL-Client-Chain-DER: MAMCAQYwAwIBBQA=\r\n",
    };
    for (const auto & fields : bad)
        EXPECT_TRUE(read(fields, HandsOn::haproxy).chain.empty()) << fields;
}

TEST(HandedOn, TheAddressIsThatOfTheLastProxy)
{
    const auto address = [](const std::string & fields)
    {
        const auto bytes = "GET / HTTP/1.1\r\n" + fields + "\r\n";
        return forwarded_for(*parse_request_head(bytes).head);
    };
    EXPECT_EQ(address("X-Forwarded-For: 192.0.2.66, 192.0.2.7\r\n"), "192.0.2.7");
    EXPECT_EQ(address("X-Forwarded-For: 2001:db8::1\r\n"), "2001:db8::1");
    EXPECT_EQ(address("X-Forwarded-For: 192.0.2.7, unknown\r\n"), "");
    EXPECT_EQ(address("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.8\r\n"), "");
    EXPECT_EQ(address(""), "");
}

}
