#pragma once

// One name in <remote_servers> that does not resolve makes ClickHouse 18.16 fail for every cluster, for system.clusters and for
// SYSTEM DROP DNS CACHE: all addresses are looked up when the clusters are built. They are looked up once more by each
// connect, so while clusters are built or listed an address that nobody can be reached at does as well.

#include <Poco/Net/IPAddress.h>

namespace chmtls::debian
{

/// While it lives, this thread builds or lists clusters. Belongs to its thread.
class ClusterScope
{
public:
    ClusterScope() noexcept;
    ~ClusterScope();
    ClusterScope(const ClusterScope &) = delete;
    ClusterScope & operator=(const ClusterScope &) = delete;

    static bool current() noexcept;
};

/// Stands for a name that does not resolve: TCP connects to the broadcast address fail at once, on every system.
const Poco::Net::IPAddress & nowhere();

}
