#pragma once

#include <string_view>

#include <clickhouse_mtls/plugin.h>

namespace chmtls::instance
{

/// The host's side of the boundary: its table, each callback used only if it is there. Thread-safe as the host's callbacks are.
class Host
{
public:
    explicit Host(const chmtls_host & table) : table_(table) {}

    void log(uint32_t level, std::string_view message) const;
    [[nodiscard]] bool logs() const { return table_.log != nullptr; }

    /// False: the host cannot close sessions.
    [[nodiscard]] bool close_session(uint64_t token, std::string_view reason) const;
    void configuration_changed() const;
    /// `host` empty: everything. False: the host cannot flush.
    [[nodiscard]] bool flush_dns(std::string_view host) const;
    /// It asks authorize_query before each query of a native session.
    [[nodiscard]] bool judges_queries() const { return (table_.flags & CHMTLS_HOST_JUDGES_QUERIES) != 0; }

private:
    chmtls_host table_;
};

}
