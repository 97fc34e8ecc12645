#pragma once

#include <functional>
#include <string>

namespace chmtls::debian
{

/// ErrorCodes::WRONG_PASSWORD of ClickHouse.
inline constexpr int wrong_password = 193;

/// Throws what the server itself throws when it denies a login, with our text in place of its own. `deny` is a login that the
/// server is certain to deny for its password. A denial for another reason (the user may not come from this address) keeps its
/// text.
[[noreturn]] void throw_denied(const std::function<void()> & deny, const std::string & message);

/// Runs the server's own login. When it denies it, its text gets `why_no_certificate` appended, unless that is empty: why the
/// certificate that the peer also showed was no login either.
void run_with_reason(const std::function<void()> & login, const std::string & why_no_certificate);

}
