#include <gtest/gtest.h>

#include <gateway/proxy_header.h>

namespace
{

using namespace chmtls::gateway;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
const std::string v4("\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x24\xe0", 12); // 192.0.2.7:50000 to 192.0.2.1:9440

std::string two(size_t number)
{
    return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string tlv(char type, const std::string & value)
{
    return std::string(1, type) + two(value.size()) + value;
}

std::string header(const std::string & body, char command = 1, char family = 0x11)
{
    return signature + static_cast<char>(0x20 | command) + family + two(body.size()) + body;
}

std::string tls(const std::string & inner, char flags = 0x07, const std::string & verify = std::string(4, '\0'))
{
    return tlv(0x20, std::string(1, flags) + verify + inner);
}

std::string with_checksum(char wrong = 0)
{
    auto bytes = header(v4 + tlv(0x03, std::string(4, '\0')));
    const auto crc = crc32c(bytes);
    bytes.resize(bytes.size() - 4);
    bytes += two(crc >> 16) + two(crc & 0xFFFFU);
    bytes.back() = static_cast<char>(bytes.back() ^ wrong);
    return bytes;
}

TEST(ProxyHeaders, GiveAddressAndCertificate)
{
    const struct
    {
        const char * name;
        std::string bytes;
        std::string address;
        std::string certificate;
    } cases[]{
        {"version 1", "PROXY TCP4 192.0.2.7 192.0.2.1 50000 9440\r\n", "192.0.2.7:50000", ""},
        {"version 1, IPv6", "PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1", ""},
        {"version 1, unknown", "PROXY UNKNOWN whatever it says\r\n", "", ""},
        {"version 2", header(v4), "192.0.2.7:50000", ""},
        {"unspecified", header("", 1, 0), "", ""},
        {"a Unix socket", header(std::string(216, 'x'), 1, 0x31), "", ""},
        {"certificate", header(v4 + tls(tlv(0x28, "DER"))), "192.0.2.7:50000", "DER"},
        {"beside others", header(v4 + tlv(0x01, "h2") + tls(tlv(0x22, "alice") + tlv(0x28, "DER"))), "192.0.2.7:50000", "DER"},
        {"of the session", header(v4 + tls(tlv(0x28, "DER"), 0x05)), "192.0.2.7:50000", "DER"},
        {"a name alone", header(v4 + tls(tlv(0x22, "alice"))), "192.0.2.7:50000", ""},
        {"not verified", header(v4 + tls(tlv(0x28, "DER"), 0x07, {0, 0, 0, 1})), "192.0.2.7:50000", ""},
        {"no TLS", header(v4 + tls(tlv(0x28, "DER"), 0x06)), "192.0.2.7:50000", ""},
        {"no certificate shown", header(v4 + tls(tlv(0x28, "DER"), 0x01)), "192.0.2.7:50000", ""},
        {"the TLV outside of TLS", header(v4 + tlv(0x28, "DER")), "192.0.2.7:50000", ""},
        {"checksum", with_checksum(), "192.0.2.7:50000", ""},
    };
    for (const auto & each : cases)
    {
        const auto parsed = parse_proxy_header(each.bytes);
        ASSERT_EQ(parsed.state, ProxyState::complete) << each.name << ": " << parsed.fault;
        EXPECT_EQ(parsed.header.address, each.address) << each.name;
        EXPECT_EQ(parsed.header.certificate, each.certificate) << each.name;
        EXPECT_FALSE(parsed.header.local) << each.name;
    }
}

TEST(ProxyHeaders, OfTheProxyItselfNameNobody)
{
    const auto parsed = parse_proxy_header(header(v4 + tls(tlv(0x28, "DER")), 0));
    ASSERT_EQ(parsed.state, ProxyState::complete);
    EXPECT_TRUE(parsed.header.local);
    EXPECT_TRUE(parsed.header.address.empty() && parsed.header.certificate.empty());
}

TEST(ProxyHeaders, ThatCannotBeReadAreRefused)
{
    const auto certificate = tlv(0x28, "DER");
    const std::string cases[]{
        "PROXY TCP4 192.0.2.7 192.0.2.1 50000 9440\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 50000 99999\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 050 1\r\n",
        "PROXY TCP4 ::1 192.0.2.1 50 1\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 50 1 \r\n",
        "PROXY TCP5 192.0.2.7 192.0.2.1 50 1\r\n",
        "PROXY TCP4  192.0.2.7 192.0.2.1 50 1\r\n",
        "PROXY " + std::string(101, 'x'),
        "GET / HTTP/1.1\r\n",
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8),
        header(v4, 2),
        header(v4, 1, 0x41),
        header(v4.substr(1)),
        header(v4 + "\x01"),
        header(
            v4
            + std::string(
                "\x01\x00\x05"
                "abcd",
                7)),
        header(v4 + tls(certificate + certificate)),
        header(v4 + tls(certificate) + tls(certificate)),
        header(
            v4
            + tls(std::string(
                "\x28\x00\x09"
                "DER",
                6))),
        header(v4 + tlv(0x20, "abcd")),
        header(v4 + tlv(0x03, "abc")),
        header(v4) + "more",
        with_checksum(1),
        signature + "\x21\x11" + two(max_proxy_header_bytes),
    };
    for (const auto & each : cases)
        EXPECT_EQ(parse_proxy_header(each).state, ProxyState::refused) << each;
}

TEST(ProxyHeaders, AreReadToTheirLastByteAndNoFurther)
{
    for (const auto & whole : {std::string("PROXY UNKNOWN\r\n"), header(v4 + tls(tlv(0x28, "DER")))})
    {
        size_t size = 0;
        for (;;)
        {
            const auto parsed = parse_proxy_header(whole.substr(0, size));
            if (parsed.state == ProxyState::complete)
                break;
            ASSERT_EQ(parsed.state, ProxyState::incomplete);
            ASSERT_GT(parsed.needs, 0U);
            size += parsed.needs;
            ASSERT_LE(size, whole.size());
        }
        EXPECT_EQ(size, whole.size());
    }
}

TEST(ProxyHeaders, HaveTheChecksumOfTheStandard)
{
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U); // RFC 3720 B.4 and the catalogues of checksums
}

}
