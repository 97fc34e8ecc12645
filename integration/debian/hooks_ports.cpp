// DB::Context::getTCPPort: the port by which a server finds itself among the hosts of a statement ON CLUSTER. The stock server
// does not start with <distributed_ddl> and without <tcp_port>, so that every node of a cluster has a plaintext port; here the
// encrypted one is enough.

#include <Poco/Util/Application.h>

#include "adapter.h"
#include "clickhouse.h"
#include "symbols.h"

using namespace chmtls::debian;

std::uint16_t DB::Context::getTCPPort() const
{
    if (Adapter::active() != nullptr)
    {
        const auto & config = Poco::Util::Application::instance().config();
        if (!config.has("tcp_port") && config.has("tcp_port_secure"))
            return static_cast<std::uint16_t>(config.getUInt("tcp_port_secure"));
    }
    return original_as<std::uint16_t(const Context *)>(Symbol::tcp_port)(this);
}
