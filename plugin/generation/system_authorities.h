#pragma once

#include "generation/pieces.h"
#include "openssl/certificate.h"

namespace chmtls::generation
{

/// The files behind loadDefaultCAFile: what OpenSSL trusts by default on this machine, its certificate file and its directories
/// of hashed names, or what SSL_CERT_FILE and SSL_CERT_DIR say instead. As OpenSSL does, a directory that is not there and a
/// certificate file that cannot be read are left out.
[[nodiscard]] std::vector<Piece> system_authority_files(FileSet & files);

/// Where they are looked for: files and directories, whether they are there or not.
[[nodiscard]] std::vector<std::string> system_authority_paths();

/// The authorities in them (`files`). A file that is damaged or cannot be read is left out with a warning: what the system's
/// packages do to their store must not keep our own news from being taken. No authority at all is a warning too.
[[nodiscard]] std::vector<openssl::Certificate>
system_authorities(const std::vector<Piece> & files, std::vector<std::string> & warnings);

}
