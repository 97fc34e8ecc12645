#include "names/cluster_names.h"

#include "outgoing_scope.h"

namespace chmtls::debian
{

namespace
{

thread_local int depth = 0;

}

ClusterScope::ClusterScope() noexcept
{
    ++depth;
}

ClusterScope::~ClusterScope()
{
    --depth;
}

bool ClusterScope::current() noexcept
{
    return depth > 0 && NodeScope::current() == nullptr;
}

const Poco::Net::IPAddress & nowhere()
{
    static const Poco::Net::IPAddress address("255.255.255.255");
    return address;
}

}
