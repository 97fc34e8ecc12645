#pragma once

// The first packet of a client of ClickHouse's native protocol, and the one answer that a gateway gives itself. Pure functions.
//
// One layout for all revisions seen (54412 to 54492), never chunked or compressed: varuint 0, then a string (client's name),
// varuint major, minor and revision, and three strings (database, user, password). A string is a varuint length and its bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chmtls::gateway
{

/// The bound that servers set themselves.
inline constexpr size_t max_hello_string = 4096;
/// No complete packet is longer.
inline constexpr size_t max_hello_bytes = 4 * (max_hello_string + 10) + 4 * 10;

/// Everything is borrowed from the bytes that were parsed.
struct NativeHello
{
    std::string_view client_name;
    uint64_t revision = 0;
    std::string_view database;
    std::string_view user;
    std::string_view password;
    size_t credentials_begin = 0; ///< where the user's length stands
    size_t credentials_end = 0;   ///< behind the password
};

enum class HelloState : uint8_t
{
    incomplete, ///< so far well; more has to come
    complete,
    refused, ///< not a first packet of this protocol, or beyond its bounds
};

struct HelloParse
{
    HelloState state = HelloState::incomplete;
    NativeHello hello;      ///< complete
    std::string_view fault; ///< refused: what is wrong, a literal
};

/// Of a prefix of what the client sends. Linear time; looks at no more than max_hello_bytes.
HelloParse parse_native_hello(std::string_view bytes);

/// `bytes` with the two strings replaced; everything else, also what follows the packet, as it came.
std::string with_credentials(std::string_view bytes, const NativeHello & hello, std::string_view user, std::string_view password);

/// How the first packet's user says that something else than a user logs in.
enum class Marker : uint8_t
{
    none,
    interserver_secret, ///< another server, which then names any user: a cluster with a <secret>
    unknown,            ///< SSH key, JWT, and whatever future versions put between blanks or control characters
};

/// Exact for the one marker that is known; every user that begins or ends with a blank or control character is a marker.
Marker marker_of(std::string_view user);

/// An Exception packet, in place of the server's Hello.
std::string exception_packet(int32_t code, std::string_view text);

/// ClickHouse's error codes, as far as a gateway has something to say.
inline constexpr int32_t authentication_failed = 516;
inline constexpr int32_t network_error = 210;
inline constexpr int32_t unexpected_packet = 101;
inline constexpr int32_t too_many_connections = 202;

}
