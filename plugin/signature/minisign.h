#pragma once

// Detached signatures as Debian's `minisign` makes them: Ed25519 (RFC 8032) over BLAKE2b-512 (RFC 7693) of the file, in four
// lines of text:
//
//     untrusted comment: <anything>
//     base64( "ED" || key id, 8 bytes || signature, 64 bytes )
//     trusted comment: <signed text>
//     base64( signature of the signature above followed by the trusted comment, 64 bytes )
//
// and public keys in two: a comment and base64( "Ed" || key id || key, 32 bytes ).

#include <array>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace chmtls::signature
{

using KeyId = std::array<uint8_t, 8>;

/// As `minisign` shows it.
[[nodiscard]] std::string print(const KeyId & id);

struct PublicKey
{
    KeyId id{};
    std::array<uint8_t, 32> key{};
};

/// The base64 line alone, or the file that `minisign -G` writes. `source`: how errors name it.
[[nodiscard]] Result<PublicKey> parse_public_key(std::string_view text, const std::string & source);

struct Signature
{
    KeyId key_id{};
    std::array<uint8_t, 64> of_file{};
    std::string trusted_comment; ///< without "trusted comment: "; means nothing before verify() has passed
    std::array<uint8_t, 64> of_comment{};
};

inline constexpr size_t max_signature_file = 16384;
inline constexpr size_t max_public_key_file = 4096;

/// A signature file. The older kind without the hash ("Ed") is refused: minisign -H makes the newer one.
[[nodiscard]] Result<Signature> parse_signature(std::string_view text, const std::string & source);

/// Did one of the keys sign this content and the trusted comment with it? The error names `source`, the signature's file.
[[nodiscard]] Result<void>
verify(const Signature & signature, std::span<const PublicKey> keys, ByteView content, const std::string & source);

/// What a trusted comment says of the file: words between blanks or tabs, of which these count.
struct Statement
{
    uint64_t sequence = 0; ///< sequence:N, required, once, at least 1
    std::string file;      ///< file:NAME, at most once; empty: not said
};

[[nodiscard]] Result<Statement> parse_statement(std::string_view trusted_comment, const std::string & source);

}
