#pragma once

// What a refusal says to a person.

#include <string>

#include "trust/path.h"

namespace chmtls::trust
{

/// "CN=alice", or the serial number of a certificate without a subject.
[[nodiscard]] std::string shown_name(const openssl::Certificate & certificate);

struct Refusal
{
    Reason reason;
    const openssl::Certificate * certificate; ///< at fault; null when OpenSSL names none
    size_t depth;
    size_t depth_limit;
    bool issuer_name_known;    ///< an anchor has the name of its issuer
    bool lacks_policy = false; ///< no policy is valid for the whole path, and one is demanded
};

/// One sentence: which certificate, what is wrong with it, since or until when.
[[nodiscard]] std::string message_of(const Refusal & refusal);

/// To be said behind it when several paths were tried: which one it is about.
[[nodiscard]] std::string came_furthest(const std::vector<openssl::Certificate> & path, size_t tried);

}
