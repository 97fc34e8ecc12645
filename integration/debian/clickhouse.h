#pragma once

// The little of ClickHouse 18.16 that the adapter defines or passes through. ClickHouse ships no headers: the classes are opaque,
// declared only so that the compiler makes the same mangled names.

#include <cstdint>
#include <memory>
#include <string>

#include <Poco/AutoPtr.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/URI.h>
#include <Poco/Util/AbstractConfiguration.h>

namespace DB
{

class User;
class MergeTreeDataPart;
struct ConnectionTimeouts;
class Context;
class IAST;

/// What the server holds as long as a query runs.
class __attribute__((visibility("default"))) ProcessListEntry
{
public:
    ~ProcessListEntry();
};

class __attribute__((visibility("default"))) ProcessList
{
public:
    std::shared_ptr<ProcessListEntry> insert(const std::string & query, const IAST * ast, Context & context);
};

class __attribute__((visibility("default"))) Context
{
public:
    void setUsersConfig(const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & config);
    void setClustersConfig(const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & config, const std::string & config_name);
    void setUser(
        const std::string & name, const std::string & password, const Poco::Net::SocketAddress & address,
        const std::string & quota_key);
    std::uint16_t getTCPPort() const;
};

class __attribute__((visibility("default"))) Connection
{
public:
    void connect();
};

class __attribute__((visibility("default"))) SecurityManager
{
public:
    std::shared_ptr<const User>
    authorizeAndGetUser(const std::string & user, const std::string & password, const Poco::Net::IPAddress & address) const;
};

namespace DataPartsExchange
{

class __attribute__((visibility("default"))) Fetcher
{
public:
    std::shared_ptr<MergeTreeDataPart> fetchPart(
        const std::string & part_name, const std::string & replica_path, const std::string & host, int port,
        const ConnectionTimeouts & timeouts, const std::string & user, const std::string & password,
        const std::string & interserver_scheme, bool to_detached, const std::string & tmp_prefix);
};

}

__attribute__((visibility("default"))) std::shared_ptr<Poco::Net::HTTPClientSession>
makeHTTPSession(const Poco::URI & uri, const ConnectionTimeouts & timeouts);

}
