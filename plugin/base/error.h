#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chmtls
{

/// One finding about an input. Every part is for a person who has to mend it; empty parts do not apply.
/// Never holds key material or a passphrase.
struct Error
{
    std::string file;   ///< path or name of the input, with ":line" where it has lines
    std::string field;  ///< setting, member or certificate field
    std::string reason; ///< what is wrong, one sentence without a full stop
    std::string remedy; ///< what to do about it
    std::string code;   ///< short stable code where one is defined (SPIFFE codes, Reason codes), else empty

    /// "file: field: reason; remedy" in one line; control characters of foreign text are escaped.
    [[nodiscard]] std::string describe() const;
};

using Errors = std::vector<Error>;

/// One line per error.
[[nodiscard]] std::string describe(const Errors & errors);

/// Foreign text made safe for a log line or a message: control bytes and bytes that are not UTF-8 as \xNN, cut at `limit` bytes.
[[nodiscard]] std::string printable(std::string_view text, size_t limit = 256);

}
