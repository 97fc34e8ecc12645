#pragma once

// Paths that may be a file or a directory of files.

#include "files/file_set.h"

namespace chmtls::generation
{

using files::Contents;
using files::FileSet;

/// A file, or one of the files of a directory. Borrows from the FileSet.
struct Piece
{
    std::string path;
    const Result<FileContent> * content;
};

/// The files behind caConfig: the file, or of a directory those that OpenSSL would look up there (SSL_CTX_load_verify_locations):
/// hhhhhhhh.N, eight hex digits (small letters) of the subject's hash and a number.
[[nodiscard]] std::vector<Piece> authority_files(FileSet & files, const std::string & ca_config);

/// The files behind <crl>: the file, or every file of a directory but for signatures.
[[nodiscard]] std::vector<Piece> crl_files(FileSet & files, const std::string & path);

/// What stands beside a file that has to be signed, when its name is FILE: FILE.minisig.
[[nodiscard]] std::string signature_file(const std::string & path);

/// Nothing but blanks: a file that somebody is about to write. Never taken for "nothing is trusted" or "no rule".
[[nodiscard]] bool is_blank(ByteView bytes);

}
