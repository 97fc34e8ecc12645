#pragma once

// One name in <remote_servers> that does not resolve makes ClickHouse 18.16 fail for every cluster, for system.clusters and for
// SYSTEM DROP DNS CACHE: all addresses are looked up when the clusters are built. And its pools look a name up when they make the
// object of a connection, where their failover does not catch what that throws. Both are looked up once more by each connect, so
// until then an address that nobody can be reached at does as well.

#include <Poco/Net/IPAddress.h>

namespace chmtls::debian
{

/// While it lives, this thread builds or lists clusters, or tries a replica. Belongs to its thread.
class ClusterScope
{
public:
    ClusterScope() noexcept;
    ~ClusterScope();
    ClusterScope(const ClusterScope &) = delete;
    ClusterScope & operator=(const ClusterScope &) = delete;

    /// Not while the thread connects to a node: that has to fail with the resolver's own message.
    static bool current() noexcept;
};

/// Stands for a name that does not resolve: TCP connects to the broadcast address fail at once, on every system.
const Poco::Net::IPAddress & nowhere();

}
