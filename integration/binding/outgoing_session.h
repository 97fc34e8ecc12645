#pragma once

// Connections that the server made, as live sessions of the module.

#include <cstdint>

#include <openssl/ssl.h>

#include <clickhouse_mtls/plugin.hpp>

#include <binding/session_sockets.h>

namespace chmtls::debian
{

/// Whether the connection is kept in a pool that a flush replaces.
enum class Pooled
{
    no,
    yes,
};

/// Has the finished connection of `ssl` judged again whenever trust changes, and shut down when it no longer passes, until the
/// SSL is freed. `interface` is CHMTLS_INTERFACE_*. `plugin` and `sockets` must outlive the SSL. `policy`: of the sockets, from
/// before the handshake; a server that was not verified has no identity, and its connection ends when the policy changes. Not ok:
/// the connection must not be used. Throws std::bad_alloc.
chmtls::Outcome watch_outgoing(
    SSL * ssl, int descriptor, uint32_t interface, Pooled pooled, chmtls::Plugin & plugin, SessionSockets & sockets,
    uint64_t policy);

}
