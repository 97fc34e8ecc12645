#pragma once

// The entries of plugin.h, documented there. Each is one guarded call that checks what it was given, and hands on.

#include <clickhouse_mtls/plugin.h>

namespace chmtls::abi::entry
{

// entry_lifecycle.cpp: the instance as a whole.
chmtls_status create(
    const chmtls_host * host, const chmtls_configuration * configuration, chmtls_plugin ** plugin,
    chmtls_buffer * error) noexcept;
void destroy(chmtls_plugin * plugin) noexcept;
chmtls_status configure(chmtls_plugin * plugin, const chmtls_configuration * configuration, chmtls_buffer * error) noexcept;
chmtls_status status(chmtls_plugin * plugin, const chmtls_sink * sink) noexcept;
uint64_t generation(chmtls_plugin * plugin) noexcept;
chmtls_status host_policy(chmtls_plugin * plugin, chmtls_host_policy * policy) noexcept;
void report_connect(chmtls_plugin * plugin, chmtls_bytes host, uint32_t succeeded) noexcept;
chmtls_status names_host(chmtls_plugin * plugin, chmtls_bytes host) noexcept;

// entry_tls.cpp: what a handshake asks.
chmtls_status listener_policy(chmtls_plugin * plugin, chmtls_bytes listener, chmtls_listener_policy * policy) noexcept;
chmtls_status credential(chmtls_plugin * plugin, const chmtls_credential_query * query, chmtls_credential * credential) noexcept;
chmtls_status export_credential(chmtls_plugin * plugin, uint64_t id, const chmtls_sink * sink) noexcept;
chmtls_status ca_names(chmtls_plugin * plugin, chmtls_bytes listener, const chmtls_sink * sink) noexcept;
chmtls_status ticket_key(chmtls_plugin * plugin, chmtls_bytes name, chmtls_ticket_key * key) noexcept;
chmtls_status verify_peer(
    chmtls_plugin * plugin, const chmtls_peer * peer, chmtls_verdict * verdict, chmtls_identity ** identity,
    chmtls_buffer * error) noexcept;
void identity_release(chmtls_identity * identity) noexcept;
chmtls_status identity_describe(chmtls_identity * identity, const chmtls_sink * sink) noexcept;

// entry_login.cpp: who logs in, and the sessions that follow.
chmtls_status authorize(
    chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_login * login, const chmtls_sink * sink,
    chmtls_buffer * error) noexcept;
chmtls_status authorize_query(
    chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_query * query, const chmtls_sink * sink,
    chmtls_buffer * error) noexcept;
chmtls_status session_opened(
    chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_session * session, chmtls_buffer * error) noexcept;
void session_busy(chmtls_plugin * plugin, uint64_t session_token, uint32_t busy) noexcept;
void session_closed(chmtls_plugin * plugin, uint64_t session_token) noexcept;

}
