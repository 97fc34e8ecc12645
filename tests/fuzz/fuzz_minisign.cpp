#include <sodium.h>

#include "signature/minisign.h"
#include "signature/sequences.h"
#include "target.h"

using namespace chmtls;

namespace
{

/// What stands on a line of a key or a signature, written by libsodium: there is one way to write each.
std::string base64(std::initializer_list<ByteView> parts)
{
    Bytes bytes;
    for (const ByteView part : parts)
        bytes.insert(bytes.end(), part.begin(), part.end());
    std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
    text.pop_back(); // the terminator
    return text;
}

bool has_line(std::string_view text, const std::string & line)
{
    for (size_t at = text.find(line); at != std::string_view::npos; at = text.find(line, at + 1))
        if (at == 0 || text[at - 1] == '\n')
            return true;
    return false;
}

/// Numbers may only grow, whatever was in force.
void require_order(const signature::Sequences & known)
{
    for (const auto & [path, accepted] : known)
    {
        const auto admitted = [&known, &path = path](uint64_t sequence, const Digest32 & content)
        {
            return signature::check_sequence(known, path, {sequence, content}, "fuzz").has_value();
        };
        Digest32 other = accepted.content;
        other.back() ^= 1u;
        fuzz::require(admitted(accepted.sequence, accepted.content));
        fuzz::require(!admitted(accepted.sequence, other));
        fuzz::require(!admitted(accepted.sequence - 1, accepted.content));
        fuzz::require(accepted.sequence == UINT64_MAX || admitted(accepted.sequence + 1, other));

        signature::Sequences newer = known;
        newer[path].sequence += accepted.sequence == UINT64_MAX ? 0 : 1;
        signature::Sequences merged = known;
        signature::merge(merged, newer);
        fuzz::require(merged == newer);
        signature::merge(merged, known);
        fuzz::require(merged == newer);
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const std::string_view text = fuzz::text_of(data, size);
    const auto signature = signature::parse_signature(text, "fuzz");
    if (signature)
    {
        // Nobody has the secret key: whatever is read is not believed, by a key of its own number least of all.
        const signature::PublicKey key{signature->key_id, {}};
        fuzz::require(!signature::verify(*signature, {{key}}, as_bytes("content"), "fuzz").has_value());
        fuzz::require(!signature::verify(*signature, {}, as_bytes("content"), "fuzz").has_value());
        fuzz::require(signature->trusted_comment.find('\n') == std::string::npos);
        fuzz::require(has_line(text, base64({as_bytes("ED"), signature->key_id, signature->of_file})));
        fuzz::require(has_line(text, base64({signature->of_comment})));
        const auto statement = signature::parse_statement(signature->trusted_comment, "fuzz");
        fuzz::require(!statement || statement->sequence > 0);
    }
    else
        fuzz::require(!signature.error().reason.empty());

    const auto key = signature::parse_public_key(text, "fuzz");
    if (key)
        fuzz::require(has_line(text, base64({as_bytes("Ed"), key->id, key->key})));
    else
        fuzz::require(!key.error().reason.empty());

    const auto statement = signature::parse_statement(text, "fuzz");
    fuzz::require(!statement || statement->sequence > 0);

    // What is read is written as it was, but for the order of the lines and the digits' case.
    if (const auto sequences = signature::parse_sequences(text, "fuzz"))
    {
        fuzz::require(signature::parse_sequences(signature::print(*sequences), "fuzz").value() == *sequences);
        require_order(*sequences);
    }
    return 0;
}
