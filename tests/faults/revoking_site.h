#pragma once

// A site whose lists revoke "mallory"; authorities and lists lie in directories.

#include "policy/verify.h"
#include "reload/site.h"

namespace chmtls::test
{

struct RevokingSite : Site
{
    RevokingSite()
    {
        ca_config = "ca.d";
        fs::create_directory(dir.file("crl.d"));
        const auto list_of = [&](const pki::Issued & issuer, std::vector<pki::RevokedEntry> revoked)
        {
            return pki::crl_pem(must(pki::issue_crl({.revoked = std::move(revoked)}, issuer, now)));
        };
        write("crl.pem", list_of(other_root, {}));
        write("crl.d/first.crl", list_of(other_root, {}));
        write("crl.d/root.crl", list_of(root, {{.serial_hex = mallory.certificate.facts().serial_hex}}));
        mtls = "<crl>" + dir.file("crl.d") + "</crl>";
    }

    const pki::Issued mallory = issue("mallory");
    const pki::Issued alice = issue("alice");
};

[[nodiscard]] inline policy::PeerVerdict
verdict_on(const generation::Generation & generation, const pki::Issued & peer, UnixTime now)
{
    const ByteView chain[] = {peer.certificate.der()};
    return policy::verify_peer(generation, {policy::PeerRole::client, "tcp_port_secure", chain, {}}, now);
}

}
