#pragma once

// What ClickHouse 18.16 resolves names with; see clickhouse.h.

#include <cstdint>
#include <string>

#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>

namespace DB
{

class __attribute__((visibility("default"))) DNSResolver
{
public:
    Poco::Net::IPAddress resolveHost(const std::string & host);
    Poco::Net::SocketAddress resolveAddress(const std::string & host, uint16_t port);
    void dropCache();
};

}
