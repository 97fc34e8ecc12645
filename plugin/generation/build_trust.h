#pragma once

#include "generation/material.h"
#include "generation/revocation_list.h"

namespace chmtls::generation
{

/// Whom the candidate believes.
struct BuiltTrust
{
    std::vector<openssl::Certificate> server_authorities; ///< of openSSL.server.caConfig; complete a leaf-only certificate file
    std::vector<openssl::Certificate> client_authorities; ///< of openSSL.client.caConfig
    std::shared_ptr<const trust::TrustStore> client_trust;
    std::shared_ptr<const trust::TrustStore> server_trust;
    std::shared_ptr<const trust::TrustStore> stock_client_trust; ///< authorities only, without revocation
    std::shared_ptr<const trust::TrustStore> stock_server_trust;
    std::shared_ptr<const spiffe::BundleSet> bundles;
    std::vector<RevocationList> revocation_lists;
};

/// Authorities, CRLs and bundles. Findings and warnings are added to the lists.
///
/// A CRL goes to every store whose authority signed it, and to all of them when its issuer is an authority of none (then it can
/// only count below one). One that carries the name of an authority but the signature of none is refused. The
/// lists of a trust domain are for its bundle alone.
[[nodiscard]] BuiltTrust
build_trust(const Asked & asked, const Material & material, UnixTime now, Errors & errors, std::vector<std::string> & warnings);

}
