#pragma once

#include <string_view>

#include <clickhouse_mtls/plugin.h>

namespace chmtls::abi
{

/// Writes `text` as chmtls_buffer says: cut at a UTF-8 boundary, NUL-terminated, `needed` set. Null or without room: as much of
/// that as there is a place for.
void write_text(chmtls_buffer * buffer, std::string_view text) noexcept;

/// The error text of one call; empty until something is said.
class ErrorText
{
public:
    explicit ErrorText(chmtls_buffer * buffer) noexcept : buffer_(buffer) { write_text(buffer_, {}); }

    void set(std::string_view text) noexcept { write_text(buffer_, text); }

    chmtls_status fail(chmtls_status status, std::string_view text) noexcept
    {
        set(text);
        return status;
    }

private:
    chmtls_buffer * buffer_;
};

}
