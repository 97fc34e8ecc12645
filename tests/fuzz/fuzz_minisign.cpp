#include "signature/minisign.h"
#include "signature/sequences.h"
#include "target.h"

using namespace chmtls;

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
        const auto statement = signature::parse_statement(signature->trusted_comment, "fuzz");
        fuzz::require(!statement || statement->sequence > 0);
    }
    else
        fuzz::require(!signature.error().reason.empty());

    const auto key = signature::parse_public_key(text, "fuzz");
    fuzz::require(key.has_value() || !key.error().reason.empty());

    const auto statement = signature::parse_statement(text, "fuzz");
    fuzz::require(!statement || statement->sequence > 0);

    // What is read is written as it was, but for the order of the lines and the digits' case.
    if (const auto sequences = signature::parse_sequences(text, "fuzz"))
        fuzz::require(signature::parse_sequences(signature::print(*sequences), "fuzz").value() == *sequences);
    return 0;
}
