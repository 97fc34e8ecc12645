#pragma once

#include <chrono>
#include <string>

#include "doctor/finding.h"
#include "generation/generation.h"

namespace chmtls::doctor
{

struct PeerAddress
{
    std::string host; ///< a name, or an address without brackets
    std::string port;
};

/// Makes a TLS handshake with the server there, showing no certificate, and judges what it shows by our trust in servers. Goes as
/// far as it can: address, connect, handshake, chain, name. `patience` is for each address, connect and handshake together.
[[nodiscard]] Findings examine_peer(
    const PeerAddress & peer, const generation::Generation & generation, UnixTime now, std::chrono::milliseconds patience);

}
