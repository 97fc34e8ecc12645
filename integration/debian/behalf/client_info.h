#pragma once

// DB::ClientInfo and its place in DB::Context, as Debian's libclickhouse 18.16.1 has them: who asked for a query, and as whom it
// runs. ClickHouse ships no headers, so what is written here is compared with the server itself when it starts.

#include <cstddef>
#include <cstdint>
#include <string>

#include <Poco/Net/SocketAddress.h>

namespace DB
{
class Context;
class ClientInfo;
}

namespace chmtls::debian
{

enum class QueryKind : uint8_t
{
    none = 0,
    initial = 1,   ///< who sends it asked for it
    secondary = 2, ///< a server sends it for somebody else
};

struct ClientInfo
{
    QueryKind query_kind = QueryKind::none;
    std::string current_user;
    std::string current_query_id;
    Poco::Net::SocketAddress current_address;
    std::string current_password;
    std::string initial_user;
    std::string initial_query_id;
    Poco::Net::SocketAddress initial_address;
    uint8_t interface = 1; ///< interface_*
    std::string os_user;
    std::string client_hostname;
    std::string client_name;
    uint64_t client_version_major = 0;
    uint64_t client_version_minor = 0;
    uint64_t client_version_patch = 0;
    uint32_t client_revision = 0;
    uint8_t http_method = 0;
    std::string http_user_agent;
    std::string quota_key;
};

inline constexpr uint8_t interface_native = 1;
inline constexpr uint8_t interface_http = 2;

static_assert(offsetof(ClientInfo, current_user) == 0x08 && offsetof(ClientInfo, current_address) == 0x48);
static_assert(offsetof(ClientInfo, initial_user) == 0x70 && offsetof(ClientInfo, initial_address) == 0xb0);
static_assert(offsetof(ClientInfo, interface) == 0xb8 && offsetof(ClientInfo, client_hostname) == 0xe0);
static_assert(offsetof(ClientInfo, client_revision) == 0x138 && offsetof(ClientInfo, quota_key) == 0x160);
static_assert(sizeof(ClientInfo) == 0x180);

/// Of a context of the server.
ClientInfo & client_info_of(DB::Context & context) noexcept;
/// The context that holds this, which must be one of a context's.
DB::Context & context_of(ClientInfo & info) noexcept;

inline ClientInfo & view_of(DB::ClientInfo & info) noexcept
{
    return reinterpret_cast<ClientInfo &>(info);
}

inline const DB::ClientInfo * opaque(const ClientInfo & info) noexcept
{
    return reinterpret_cast<const DB::ClientInfo *>(&info);
}

/// What a server says of itself in a query of its own.
void fill_in_versions(ClientInfo & info);

/// Compares the layout with what the server's own functions do with it. `context` is the server's global one, before anybody
/// uses it. Throws Poco::RuntimeException when they differ: the server must not start.
void check_layout(DB::Context & context);

}
