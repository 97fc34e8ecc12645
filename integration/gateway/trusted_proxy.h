#pragma once

// gateway.trusted_proxies: who in front of the gateway is believed when it says whose connection or request it passes on.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "address.h"
#include "handed_on.h"
#include "section.h"

namespace chmtls::gateway
{

/// A proxy, on a port of its own: nobody else gets in there, and what it hands on is read nowhere else.
struct TrustedProxy
{
    std::string name;
    HostPort listen;
    bool https = false; ///< else native: as whose listener its connections count
    HandsOn hands_on = HandsOn::proxy_protocol;
    size_t hops = 1; ///< XFCC
    /// By its own certificate, all that is given: exact, of the verified certificate.
    std::string common_name;
    std::string dns;
    std::string spiffe_id;
    /// Instead of a certificate, without TLS: loopback or private addresses that it connects from.
    std::vector<std::string> plain_from;

    bool operator==(const TrustedProxy &) const = default;
};

/// What cannot be used is a finding of `gateway`.
std::vector<TrustedProxy> read_trusted_proxies(Section & gateway);

/// Is the peer that the module describes so (identity_describe) this proxy? What cannot be read is not.
bool is_proxy(const TrustedProxy & proxy, const std::string & identity_json);

}
