// Names. DB::DNSResolver::resolveHost and resolveAddress: every lookup for clusters, remote(), replica fetches and url().
// Poco::Net::SocketAddress(host, port): what looks up by itself. dropCache: the server flushes by itself, or by SYSTEM DROP DNS
// CACHE. Poco::Net::SocketImpl::connect, SecureSocketImpl::connect: how the connects to the answers end. DB::Clusters,
// StorageSystemClusters::fillData, ConnectionPoolWithFailover::tryGetEntry: where a name that does not resolve must not stop the
// others.
//
// Functions of classes without a header are defined by their mangled names: a constructor defined in C++ would construct members
// that the original constructs again; and tryGetEntry returns an object of a type that we do not know, in the place that its
// caller gives for it.

#include <Poco/Net/SecureSocketImpl.h>
#include <Poco/Net/SocketImpl.h>

#include "adapter.h"
#include "names/clickhouse_dns.h"
#include "names/cluster_names.h"
#include "names/connect_report.h"
#include "names/server_dns.h"
#include "symbols.h"

using namespace chmtls::debian;

Poco::Net::IPAddress DB::DNSResolver::resolveHost(const std::string & host)
{
    const auto resolve = original_as<Poco::Net::IPAddress(DNSResolver *, const std::string &)>(Symbol::resolve_host);
    remember_resolver(*this);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return resolve(this, host);
    return adapter->addresses().resolve(host, [&] { return resolve(this, host); });
}

Poco::Net::SocketAddress DB::DNSResolver::resolveAddress(const std::string & host, uint16_t port)
{
    const auto resolve
        = original_as<Poco::Net::SocketAddress(DNSResolver *, const std::string &, uint16_t)>(Symbol::resolve_address);
    remember_resolver(*this);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return resolve(this, host, port);
    return Poco::Net::SocketAddress(adapter->addresses().resolve(host, [&] { return resolve(this, host, port).host(); }), port);
}

void DB::DNSResolver::dropCache()
{
    original_as<void(DNSResolver *)>(Symbol::drop_dns_cache)(this);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return;
    // A flush like any other: what the next login or query goes by is forgotten here and now, the rest follows.
    adapter->addresses().forget_failures();
    forget_hosts_of_users();
    adapter->flusher().request({});
}

void Poco::Net::SocketImpl::connect(const SocketAddress & address, const Poco::Timespan & timeout)
{
    const auto connect = original_as<void(SocketImpl *, const SocketAddress &, const Poco::Timespan &)>(Symbol::impl_connect);
    report_connect_to(address, [&] { connect(this, address, timeout); });
}

void Poco::Net::SecureSocketImpl::connect(const SocketAddress & address, const Poco::Timespan & timeout, bool handshake)
{
    const auto connect
        = original_as<void(SecureSocketImpl *, const SocketAddress &, const Poco::Timespan &, bool)>(Symbol::secure_connect_to);
    report_connect_to(address, [&] { connect(this, address, timeout, handshake); });
}

extern "C"
{
    __attribute__((visibility("default"))) void chmtls_address_from_host(
        void * self, const std::string & host, uint16_t port) __asm__("_ZN4Poco3Net13SocketAddressC1ERKNSt7__cxx1112basic_"
                                                                      "stringIcSt11char_traitsIcESaIcEEEt");

    // The server's pools look a name up by this for each connection, besides DNSResolver.
    void chmtls_address_from_host(void * self, const std::string & host, uint16_t port)
    {
        const auto construct = original_as<void(void *, const std::string &, uint16_t)>(Symbol::address_from_host);
        auto * const adapter = Adapter::active();
        if (adapter == nullptr)
            return construct(self, host, port);
        if (const auto kept = adapter->addresses().instead_of(host, [&] { construct(self, host, port); }))
            new (self) Poco::Net::SocketAddress(*kept, port);
    }

    __attribute__((visibility("default"))) void chmtls_make_clusters(
        void * self, void * config, const void * settings,
        const std::string & name) __asm__("_ZN2DB8ClustersC1ERN4Poco4Util21AbstractConfigurationERKNS_8SettingsERKNSt7__"
                                          "cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");

    __attribute__((visibility("default"))) void chmtls_update_clusters(
        void * self, void * config, const void * settings,
        const std::string & name) __asm__("_ZN2DB8Clusters14updateClustersERN4Poco4Util21AbstractConfigurationERKNS_"
                                          "8SettingsERKNSt7__cxx1112basic_stringIcSt11char_"
                                          "traitsIcESaIcEEE");

    __attribute__((visibility("default"))) void
    chmtls_list_clusters(const void * self, void * columns, const void * context, const void * query) __asm__(
        "_ZNK2DB21StorageSystemClusters8fillDataERSt6vectorIN6COWPtrINS_7IColumnEE11mutable_ptrIS3_EESaIS6_EERKNS_7ContextERKNS_"
        "15SelectQueryInfoE");

    __attribute__((visibility("default"))) void * chmtls_try_replica(
        void * result, void * self, void * pool, void * message, const void * settings,
        const void * table) __asm__("_ZN2DB26ConnectionPoolWithFailover11tryGetEntryERNS_15IConnectionPoolERNSt7__cxx1112basic_"
                                    "stringIcSt11char_traitsIcESaIcEEEPKNS_8SettingsEPKNS_18QualifiedTableNameE");

    void * chmtls_try_replica(void * result, void * self, void * pool, void * message, const void * settings, const void * table)
    {
        const ClusterScope scope;
        return original_as<void *(void *, void *, void *, void *, const void *, const void *)>(Symbol::try_replica)(
            result, self, pool, message, settings, table);
    }

    void chmtls_make_clusters(void * self, void * config, const void * settings, const std::string & name)
    {
        const ClusterScope scope;
        original_as<void(void *, void *, const void *, const std::string &)>(Symbol::make_clusters)(self, config, settings, name);
    }

    void chmtls_update_clusters(void * self, void * config, const void * settings, const std::string & name)
    {
        const ClusterScope scope;
        original_as<void(void *, void *, const void *, const std::string &)>(Symbol::update_clusters)(
            self, config, settings, name);
    }

    void chmtls_list_clusters(const void * self, void * columns, const void * context, const void * query)
    {
        const ClusterScope scope;
        original_as<void(const void *, void *, const void *, const void *)>(Symbol::list_clusters)(self, columns, context, query);
    }
}
