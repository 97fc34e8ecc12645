#pragma once

// Files and options as several subcommands read them.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "openssl/certificate.h"
#include "trust/crl.h"

namespace chmtls::cli
{

/// A chain as a peer would send it. Certificates that do not parse are the peer's fault and not the caller's: then `defect` holds
/// the code (PARSE, EXT-TWICE) and the text.
struct PeerChain
{
    std::vector<openssl::Certificate> certificates;
    std::optional<Error> defect;
};

/// Reads a PEM file, leaf first. An error means that the file cannot be read or holds no PEM certificate block at all.
[[nodiscard]] Result<PeerChain> read_peer_chain(const std::string & path);

/// One or more authorities, PEM or DER.
[[nodiscard]] Result<std::vector<openssl::Certificate>> read_authorities(const std::vector<std::string> & paths);

[[nodiscard]] Result<std::vector<trust::Crl>> read_crls(const std::vector<std::string> & paths);

/// Text of --at; empty: now.
[[nodiscard]] Result<UnixTime> moment(const std::string & at);

/// "NAME=FILE", parted at the first '='; the name is a trust domain name.
struct NamedFile
{
    std::string name;
    std::string file;
};
[[nodiscard]] Result<NamedFile> trust_domain_option(const std::string & text);

/// A trust domain name as given on the command line, checked.
[[nodiscard]] Result<std::string> trust_domain_name(const std::string & text, const std::string & option);

}
