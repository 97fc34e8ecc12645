#pragma once

// Where the blocks of a PEM text are (RFC 7468). The one reader for certificates, lists and keys: it passes over text between
// blocks, and never over a block.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls::openssl
{

struct PemBlock
{
    std::string label; ///< "CERTIFICATE"
    ByteView text;     ///< of the BEGIN line to the end of the END line, as it stands in the file
    size_t line = 0;   ///< of the BEGIN line, from 1
    bool indented = false;
};

/// All blocks, in order; none is no error. A byte order mark in front, blanks around the lines of a block, and text between
/// blocks do not matter. Refused, with the line: a block without its end, an end without its beginning, a BEGIN or END line that
/// is damaged, what looks like the inside of a block outside of one, UTF-16. Not looked at: what is inside the blocks.
[[nodiscard]] Result<std::vector<PemBlock>> find_pem_blocks(ByteView bytes, const std::string & source);

/// The block without blanks around its lines, as OpenSSL wants it. `out` has room for the size of block.text and one byte more;
/// how many were written.
[[nodiscard]] size_t unindent(const PemBlock & block, std::span<uint8_t> out);

/// What a file without PEM blocks is, when it is something well known: for a reason and a remedy.
struct OtherFormat
{
    std::string name;   ///< "a PKCS#12 archive"
    std::string remedy; ///< how to make PEM of it
};
[[nodiscard]] std::optional<OtherFormat> recognise(ByteView bytes);

/// How to make certificates of a block with this label, and nothing when there is no way.
[[nodiscard]] std::string remedy_for_label(const std::string & label);

}
