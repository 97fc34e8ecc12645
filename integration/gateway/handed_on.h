#pragma once

// The certificate of a client that a proxy hands on with a request: RFC 9440, Envoy's XFCC, nginx's and HAProxy's ways. Pure
// functions. What they yield is what the proxy says and nothing more: it is verified like a chain of our own handshake.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http_head.h"

namespace chmtls::gateway
{

/// How a proxy hands a client's certificate on.
enum class HandsOn : uint8_t
{
    proxy_protocol, ///< in front of the connection; see proxy_header.h
    client_cert,    ///< Client-Cert and Client-Cert-Chain (RFC 9440)
    xfcc,           ///< X-Forwarded-Client-Cert, its Cert and Chain (Envoy)
    nginx,          ///< X-SSL-Client-Cert: $ssl_client_escaped_cert; X-SSL-Client-Verify: $ssl_client_verify
    haproxy, ///< X-SSL-Client-DER: %[ssl_c_der,base64]; X-SSL-Client-Chain-DER: %[ssl_c_chain_der,base64]; X-SSL-Client-Used and
             ///< X-SSL-Client-Verify: %[ssl_c_used], %[ssl_c_verify]
};

struct HandedOn
{
    std::vector<std::string> chain; ///< DER, leaf first; empty: see the fault
    std::string_view fault;         ///< a literal
};

/// `hops`: which element of X-Forwarded-Client-Cert counts, from the right; 1 is the last. Refused: a field that is missing,
/// given twice or misspelt, and everything that two readers could understand differently.
HandedOn handed_on(const RequestHead & head, HandsOn how, size_t hops);

/// The address in front of which the proxy stands, by the last element of its X-Forwarded-For; empty: it names none.
std::string forwarded_for(const RequestHead & head);

}
