// Who named the server of a native connection; see connection_origin.h. DB::Cluster: of the configuration, or of a statement
// (remote(), hasColumnInTable()). ConnectionPoolWithFailover: takes over the origin of what it is made for, and hands it to the
// connections that are made while something is asked of it. DistributedBlockOutputStream: writes through pools of single
// replicas, on threads of its own. Further places that only the configuration or Keeper names: dictionaries, the batches of
// Distributed tables, the leader of a replicated one. Connection::setDescription, which each constructor of a connection calls.
//
// Functions of classes without a header are defined by their mangled names, with their parameters as the calling convention has
// them: what is returned in memory comes first, and what is passed by value and is no plain value is a pointer.

#include <cstdint>
#include <functional>
#include <memory>

#include "adapter.h"
#include "behalf/sending.h"
#include "connection_origin.h"
#include "connection_scope.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

template <class... Arguments>
void run_as(Symbol symbol, const NamedBy & origin, Arguments... arguments)
{
    const OriginScope scope(origin);
    original_as<void(Arguments...)>(symbol)(arguments...);
}

NamedBy statement_of_this_thread()
{
    return NamedBy::statement(ConnectionScope::asker());
}

using Job = std::function<void()>;

}

extern "C"
{
    // --- clusters ---

    __attribute__((visibility("default"))) void chmtls_cluster_of_configuration(
        void * self, void * config, const void * settings,
        const void * name) __asm__("_ZN2DB7ClusterC1ERN4Poco4Util21AbstractConfigurationERKNS_8SettingsERKNSt7__cxx1112basic_"
                                   "stringIcSt11char_traitsIcESaIcEEE");

    void chmtls_cluster_of_configuration(void * self, void * config, const void * settings, const void * name)
    {
        run_as(Symbol::cluster_of_configuration, NamedBy::configuration(), self, config, settings, name);
        Origins::instance().note(self, NamedBy::configuration());
    }

    __attribute__((visibility("default"))) void chmtls_cluster_of_statement(
        void * self, const void * settings, const void * names, const void * user, const void * password, uint16_t port,
        bool local_as_remote) __asm__("_ZN2DB7ClusterC1ERKNS_8SettingsERKSt6vectorIS4_INSt7__cxx1112basic_stringIcSt11char_"
                                      "traitsIcESaIcEEESaISA_EESaISC_EERKSA_SI_tb");

    void chmtls_cluster_of_statement(
        void * self, const void * settings, const void * names, const void * user, const void * password, uint16_t port,
        bool local_as_remote)
    {
        const auto origin = statement_of_this_thread();
        run_as(Symbol::cluster_of_statement, origin, self, settings, names, user, password, port, local_as_remote);
        Origins::instance().note(self, origin);
    }

    __attribute__((visibility("default"))) void
    chmtls_cluster_of_shard(void * self, const void * cluster, size_t shard) __asm__("_ZN2DB7ClusterC1ERKS0_m");

    // One shard of another cluster; the pools are the same.
    void chmtls_cluster_of_shard(void * self, const void * cluster, size_t shard)
    {
        const auto origin = Origins::instance().of(cluster);
        run_as(Symbol::cluster_of_shard, origin, self, cluster, shard);
        Origins::instance().note(self, origin);
    }

    // --- pools ---

    __attribute__((visibility("default"))) void
    chmtls_pool(void * self, void * pools, uint32_t load_balancing, size_t tries, int64_t decrease_error_period) __asm__(
        "_ZN2DB26ConnectionPoolWithFailoverC1ESt6vectorISt10shared_ptrINS_15IConnectionPoolEESaIS4_EENS_13LoadBalancingEml");

    void chmtls_pool(void * self, void * pools, uint32_t load_balancing, size_t tries, int64_t decrease_error_period)
    {
        original_as<void(void *, void *, uint32_t, size_t, int64_t)>(Symbol::pool)(
            self, pools, load_balancing, tries, decrease_error_period);
        Origins::instance().note(self, OriginScope::current());
    }

    __attribute__((visibility("default"))) void * chmtls_pool_get(
        void * result, void * self, const void * settings,
        bool force_connected) __asm__("_ZN2DB26ConnectionPoolWithFailover3getEPKNS_8SettingsEb");

    void * chmtls_pool_get(void * result, void * self, const void * settings, bool force_connected)
    {
        const OriginScope scope(Origins::instance().of(self));
        return original_as<void *(void *, void *, const void *, bool)>(Symbol::pool_get)(result, self, settings, force_connected);
    }

    __attribute__((visibility("default"))) void * chmtls_pool_get_many(
        void * result, void * self, const void * settings,
        uint32_t mode) __asm__("_ZN2DB26ConnectionPoolWithFailover7getManyEPKNS_8SettingsENS_8PoolModeE");

    void * chmtls_pool_get_many(void * result, void * self, const void * settings, uint32_t mode)
    {
        const OriginScope scope(Origins::instance().of(self));
        return original_as<void *(void *, void *, const void *, uint32_t)>(Symbol::pool_get_many)(result, self, settings, mode);
    }

    __attribute__((visibility("default"))) void * chmtls_pool_get_many_for_function(
        void * result, void * self, const void * settings,
        uint32_t mode) __asm__("_ZN2DB26ConnectionPoolWithFailover23getManyForTableFunctionEPKNS_8SettingsENS_8PoolModeE");

    void * chmtls_pool_get_many_for_function(void * result, void * self, const void * settings, uint32_t mode)
    {
        const OriginScope scope(Origins::instance().of(self));
        return original_as<void *(void *, void *, const void *, uint32_t)>(Symbol::pool_get_many_for_function)(
            result, self, settings, mode);
    }

    __attribute__((visibility("default"))) void *
    chmtls_pool_get_many_checked(void * result, void * self, const void * settings, uint32_t mode, const void * table) __asm__(
        "_ZN2DB26ConnectionPoolWithFailover14getManyCheckedEPKNS_8SettingsENS_8PoolModeERKNS_18QualifiedTableNameE");

    void * chmtls_pool_get_many_checked(void * result, void * self, const void * settings, uint32_t mode, const void * table)
    {
        const OriginScope scope(Origins::instance().of(self));
        return original_as<void *(void *, void *, const void *, uint32_t, const void *)>(Symbol::pool_get_many_checked)(
            result, self, settings, mode, table);
    }

    // --- INSERTs into Distributed tables, at once ---

    __attribute__((visibility("default"))) void chmtls_distributed_output(
        void * self, void * storage, const void * query, const std::shared_ptr<void> & cluster, const void * settings, bool sync,
        uint64_t timeout) __asm__("_ZN2DB28DistributedBlockOutputStreamC1ERNS_18StorageDistributedERKSt10shared_ptrINS_"
                                  "4IASTEERKS3_INS_7ClusterEERKNS_8SettingsEbm");

    void chmtls_distributed_output(
        void * self, void * storage, const void * query, const std::shared_ptr<void> & cluster, const void * settings, bool sync,
        uint64_t timeout)
    {
        original_as<void(void *, void *, const void *, const std::shared_ptr<void> &, const void *, bool, uint64_t)>(
            Symbol::distributed_output)(self, storage, query, cluster, settings, sync, timeout);
        Origins::instance().note(self, Origins::instance().of(cluster.get()));
    }

    __attribute__((visibility("default"))) Job chmtls_writing_job(void * self, void * replica, const void * block) __asm__(
        "_ZN2DB28DistributedBlockOutputStream13runWritingJobERNS0_10JobReplicaERKNS_5BlockE");

    Job chmtls_writing_job(void * self, void * replica, const void * block)
    {
        return [origin = Origins::instance().of(self),
                job = original_as<Job(void *, void *, const void *)>(Symbol::writing_job)(self, replica, block)]
        {
            const OriginScope scope(origin);
            job();
        };
    }

    // --- INSERTs into Distributed tables, later on: the places were taken from the cluster ---

    __attribute__((visibility("default"))) void *
    chmtls_monitor_pool(void * result, const void * name, const void * storage) __asm__(
        "_ZN2DB34StorageDistributedDirectoryMonitor10createPoolERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKNS_"
        "18StorageDistributedE");

    void * chmtls_monitor_pool(void * result, const void * name, const void * storage)
    {
        const OriginScope scope(NamedBy::configuration());
        return original_as<void *(void *, const void *, const void *)>(Symbol::monitor_pool)(result, name, storage);
    }

    __attribute__((visibility("default"))) void chmtls_monitor_file(void * self, const void * path) __asm__(
        "_ZN2DB34StorageDistributedDirectoryMonitor11processFileERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");

    void chmtls_monitor_file(void * self, const void * path)
    {
        note_sent(false);
        run_as(Symbol::monitor_file, NamedBy::configuration(), self, path);
    }

    __attribute__((visibility("default"))) void chmtls_monitor_batch(void * self, const void * files) __asm__(
        "_ZN2DB34StorageDistributedDirectoryMonitor24processFilesWithBatchingERKSt3mapImNSt7__cxx1112basic_stringIcSt11char_"
        "traitsIcESaIcEEESt4lessImESaISt4pairIKmS7_EEE");

    void chmtls_monitor_batch(void * self, const void * files)
    {
        note_sent(false);
        run_as(Symbol::monitor_batch, NamedBy::configuration(), self, files);
    }

    // --- replicas, dictionaries ---

    __attribute__((visibility("default"))) void chmtls_ask_leader(void * self, const void * query, const void * settings) __asm__(
        "_ZN2DB26StorageReplicatedMergeTree26sendRequestToLeaderReplicaERKSt10shared_ptrINS_4IASTEERKNS_8SettingsE");

    void chmtls_ask_leader(void * self, const void * query, const void * settings)
    {
        const AskingLeader asking;
        run_as(Symbol::ask_leader, NamedBy::configuration(), self, query, settings);
    }

    __attribute__((visibility("default"))) void chmtls_dictionary_source(
        void * self, const void * structure, const void * config, const void * prefix, const void * block,
        void * context) __asm__("_ZN2DB26ClickHouseDictionarySourceC1ERKNS_"
                                "19DictionaryStructureERKN4Poco4Util21AbstractConfigurationERKNSt7__"
                                "cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKNS_5BlockERNS_7ContextE");

    void chmtls_dictionary_source(
        void * self, const void * structure, const void * config, const void * prefix, const void * block, void * context)
    {
        run_as(Symbol::dictionary_source, NamedBy::configuration(), self, structure, config, prefix, block, context);
    }

    __attribute__((visibility("default"))) void
    chmtls_dictionary_copy(void * self, const void * other) __asm__("_ZN2DB26ClickHouseDictionarySourceC1ERKS0_");

    void chmtls_dictionary_copy(void * self, const void * other)
    {
        run_as(Symbol::dictionary_copy, NamedBy::configuration(), self, other);
    }

    // --- connections ---

    // A connection's constructor has no symbol of its own, and calls this at its end.
    __attribute__((visibility("default"))) void
    chmtls_connection_made(void * self) __asm__("_ZN2DB10Connection14setDescriptionEv");

    void chmtls_connection_made(void * self)
    {
        Origins::instance().note(self, OriginScope::current());
        original_as<void(void *)>(Symbol::connection_made)(self);
    }
}
