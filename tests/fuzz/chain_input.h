#pragma once

// How an input becomes a peer's chain.

#include <vector>

#include <openssl/asn1.h>

#include "base/bytes.h"

namespace chmtls::fuzz
{

/// Cuts concatenated DER by its outer lengths, whatever is inside; what has no good header is the last piece.
inline std::vector<ByteView> der_pieces(ByteView bytes)
{
    constexpr size_t most = 20; // some more than the module takes
    std::vector<ByteView> pieces;
    while (!bytes.empty() && pieces.size() < most)
    {
        const unsigned char * at = bytes.data();
        long length = 0;
        int tag = 0;
        int kind = 0;
        const int form = ASN1_get_object(&at, &length, &tag, &kind, static_cast<long>(bytes.size()));
        const auto whole
            = (form & 0x81) != 0 ? bytes.size() : static_cast<size_t>(at - bytes.data()) + static_cast<size_t>(length);
        pieces.push_back(bytes.first(whole));
        bytes = bytes.subspan(whole);
    }
    return pieces;
}

}
