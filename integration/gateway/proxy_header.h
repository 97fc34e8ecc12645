#pragma once

// The header that a proxy may put in front of a connection: HAProxy's PROXY protocol, versions 1 and 2 (proxy-protocol.txt of the
// HAProxy project; the certificate's TLV 0x28 is in revision 3.4 and later). Pure functions.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chmtls::gateway
{

/// Far above a header with addresses, TLVs and a certificate.
inline constexpr size_t max_proxy_header_bytes = 16 << 10;

struct ProxyHeader
{
    bool local = false;      ///< the proxy's own check: nobody is behind it
    std::string address;     ///< "192.0.2.1:50000", "[2001:db8::1]:50000"; empty: the header names none
    std::string certificate; ///< DER; only of a TLS connection on which the proxy verified it, else empty
};

enum class ProxyState : uint8_t
{
    incomplete,
    complete,
    refused,
};

struct ProxyParse
{
    ProxyState state = ProxyState::incomplete;
    size_t needs = 0;       ///< incomplete: so many bytes more belong to the header for certain; what follows it stays unread
    ProxyHeader header;     ///< complete
    std::string_view fault; ///< refused; a literal
};

/// Of a prefix of a connection that is no longer than the header. Refused, among others: lengths that do not add up, TLVs beyond
/// the end, a TLV twice, a checksum that is wrong, an address that is none.
ProxyParse parse_proxy_header(std::string_view bytes);

/// CRC-32C (RFC 3720 B.4), of TLV 0x03.
uint32_t crc32c(std::string_view bytes);

}
