#include "signature/minisign.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/sodium.h"

namespace chmtls::signature
{

namespace
{

constexpr std::string_view untrusted_prefix = "untrusted comment:";
constexpr std::string_view trusted_prefix = "trusted comment: ";
constexpr std::string_view key_algorithm = "Ed";
constexpr std::string_view hashed_algorithm = "ED";
constexpr std::string_view legacy_algorithm = "Ed";

using Algorithm = std::array<uint8_t, 2>;

tl::unexpected<Error> refused(const std::string & source, std::string reason, std::string remedy)
{
    return fail({source, "", std::move(reason), std::move(remedy), ""});
}

tl::unexpected<Error> malformed(const std::string & source, std::string reason)
{
    return refused(source, std::move(reason), "sign the file again: minisign -S -H -t \"sequence:N\" -m FILE");
}

/// The next line without its end (LF or CRLF); `text` then begins behind it.
std::string_view take_line(std::string_view & text)
{
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    return line;
}

/// Base64 (RFC 4648 4, padded, unused bits zero) of exactly so many bytes.
template <size_t size>
std::optional<std::array<uint8_t, size>> decode(std::string_view text)
{
    // libsodium 1.0.18 takes each byte outside of ASCII for a '/'.
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return std::nullopt;
    // It stops at the first character that does not belong, and says where when asked.
    std::array<uint8_t, size> bytes{};
    size_t length = 0;
    const char * end = nullptr;
    const int status = sodium_base642bin(
        bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL);
    if (status != 0 || length != size || end != text.data() + text.size())
        return std::nullopt;
    return bytes;
}

/// Cuts one blob of fixed size into its parts.
class Cutter
{
public:
    explicit Cutter(ByteView bytes) : rest_(bytes) {}

    template <size_t size>
    void operator()(std::array<uint8_t, size> & out)
    {
        std::copy_n(rest_.begin(), size, out.begin());
        rest_ = rest_.subspan(size);
    }

private:
    ByteView rest_;
};

bool is(const Algorithm & algorithm, std::string_view name)
{
    return as_text(algorithm) == name;
}

std::optional<PublicKey> decode_public_key(std::string_view line)
{
    const auto blob = decode<42>(line);
    if (!blob)
        return std::nullopt;
    Algorithm algorithm{};
    PublicKey result;
    Cutter cut(*blob);
    cut(algorithm);
    cut(result.id);
    cut(result.key);
    if (!is(algorithm, key_algorithm))
        return std::nullopt;
    return result;
}

}

std::string print(const KeyId & id)
{
    // The number is stored with its lowest byte first.
    KeyId reversed = id;
    std::reverse(reversed.begin(), reversed.end());
    std::string text = to_hex(reversed);
    for (char & c : text)
        if (c >= 'a')
            c = static_cast<char>(c - 'a' + 'A');
    return text;
}

Result<PublicKey> parse_public_key(std::string_view text, const std::string & source)
{
    std::string_view rest = text;
    std::string_view line = take_line(rest);
    if (line.starts_with(untrusted_prefix))
        line = take_line(rest);
    const auto key = decode_public_key(line);
    if (!key || !rest.empty())
        return refused(
            source, "is no minisign public key",
            "take it from the .pub file of minisign -G: one line of 56 characters, \"RW...\"");
    return *key;
}

Result<Signature> parse_signature(std::string_view text, const std::string & source)
{
    if (text.size() > max_signature_file)
        return malformed(source, fmt::format("holds more than {} bytes, so it is no signature", max_signature_file));
    if (!take_line(text).starts_with(untrusted_prefix))
        return malformed(source, "is no minisign signature: its first line is no \"untrusted comment:\"");
    const auto blob = decode<74>(take_line(text));
    if (!blob)
        return malformed(source, "the second line is no signature in base64");
    Algorithm algorithm{};
    Signature result;
    Cutter cut(*blob);
    cut(algorithm);
    cut(result.key_id);
    cut(result.of_file);
    if (is(algorithm, legacy_algorithm))
        return malformed(source, "is of minisign's older kind, which does not hash the file first");
    if (!is(algorithm, hashed_algorithm))
        return malformed(source, "is made by an unknown algorithm");
    const std::string_view comment = take_line(text);
    if (!comment.starts_with(trusted_prefix))
        return malformed(source, "the third line is no \"trusted comment: \"");
    result.trusted_comment = comment.substr(trusted_prefix.size());
    const auto of_comment = decode<64>(take_line(text));
    if (!of_comment)
        return malformed(source, "the fourth line is no signature in base64");
    if (!text.empty())
        return malformed(source, "there is something behind the fourth line");
    result.of_comment = *of_comment;
    return result;
}

Result<void> verify(const Signature & signature, std::span<const PublicKey> keys, ByteView content, const std::string & source)
{
    require_sodium();
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const PublicKey & each) { return each.id == signature.key_id; });
    if (key == keys.end())
        return refused(
            source, fmt::format("is made by key {}, which is not trusted here", print(signature.key_id)),
            "sign with a key of mtls.signed_policy.public_key, or add this one there");
    std::array<uint8_t, crypto_generichash_BYTES_MAX> hash{};
    crypto_generichash(hash.data(), hash.size(), content.data(), content.size(), nullptr, 0);
    if (crypto_sign_verify_detached(signature.of_file.data(), hash.data(), hash.size(), key->key.data()) != 0)
        return refused(
            source, fmt::format("does not fit the file: it was not made over this content by key {}", print(signature.key_id)),
            "sign the file again, or put back the file that was signed");
    Bytes signed_comment(signature.of_file.begin(), signature.of_file.end());
    const ByteView comment = as_bytes(signature.trusted_comment);
    signed_comment.insert(signed_comment.end(), comment.begin(), comment.end());
    if (crypto_sign_verify_detached(signature.of_comment.data(), signed_comment.data(), signed_comment.size(), key->key.data())
        != 0)
        return refused(source, "its trusted comment was changed after signing", "sign the file again");
    return {};
}

Result<Statement> parse_statement(std::string_view trusted_comment, const std::string & source)
{
    constexpr std::string_view sequence_prefix = "sequence:";
    constexpr std::string_view file_prefix = "file:";
    const std::string remedy = "sign the file again with a trusted comment such as: minisign -S -H -t \"sequence:7\" -m FILE";
    Statement result;
    bool sequence_said = false;
    while (!trusted_comment.empty())
    {
        const size_t end = trusted_comment.find_first_of(" \t");
        std::string_view word = trusted_comment.substr(0, end);
        trusted_comment.remove_prefix(end == std::string_view::npos ? trusted_comment.size() : end + 1);
        if (word.starts_with(sequence_prefix))
        {
            if (std::exchange(sequence_said, true))
                return refused(source, "its trusted comment gives two sequence numbers", remedy);
            word.remove_prefix(sequence_prefix.size());
            const char * stop = word.data() + word.size();
            const auto [at, error] = std::from_chars(word.data(), stop, result.sequence);
            if (error != std::errc{} || at != stop || result.sequence == 0)
                return refused(
                    source, fmt::format("\"{}\" in its trusted comment is no number from 1 on", printable(word, 40)), remedy);
        }
        else if (word.starts_with(file_prefix))
        {
            if (!result.file.empty())
                return refused(source, "its trusted comment names two files", remedy);
            result.file = word.substr(file_prefix.size());
            if (result.file.empty())
                return refused(source, "its trusted comment has a file: without a name", remedy);
        }
    }
    if (!sequence_said)
        return refused(
            source, "its trusted comment gives no sequence:N, so an older file could not be told from a newer", remedy);
    return result;
}

}
