// DB::Context::getTCPPort: the port by which a server finds itself among the hosts of a statement ON CLUSTER, which replicas tell
// each other, and which remote() means by a host without a port. The stock server does not start with <distributed_ddl> and
// without <tcp_port>, so that every node of a cluster has a plaintext port; here the encrypted one is enough.

#include "adapter.h"
#include "clickhouse.h"
#include "symbols.h"

using namespace chmtls::debian;

std::uint16_t DB::Context::getTCPPort() const
{
    const auto * const adapter = Adapter::active();
    if (const auto secure = adapter == nullptr ? std::nullopt : adapter->port_between_nodes())
        return *secure;
    return original_as<std::uint16_t(const Context *)>(Symbol::tcp_port)(this);
}
