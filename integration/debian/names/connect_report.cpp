#include "names/connect_report.h"

#include "adapter.h"

namespace chmtls::debian
{

namespace
{

thread_local bool reports = false;

}

void report_connect_to(const Poco::Net::SocketAddress & address, const std::function<void()> & connect)
{
    auto * const adapter = Adapter::active();
    const auto * const known = adapter == nullptr || reports ? nullptr : KnownAddresses::host_of(address.host());
    if (known == nullptr)
        return connect();
    const auto host = *known; // the handshake may resolve others
    reports = true;
    try
    {
        connect();
    }
    catch (...)
    {
        reports = false;
        adapter->plugin().report_connect(host, chmtls::ConnectEnd::failed);
        throw;
    }
    reports = false;
    adapter->plugin().report_connect(host, chmtls::ConnectEnd::succeeded);
}

}
