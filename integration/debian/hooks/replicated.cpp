// Tables over paths in Keeper that statements name; see keeper_paths.h. StorageReplicatedMergeTree: CREATE and ATTACH; its
// fetchPartition: ALTER … FETCH PARTITION … FROM. executeDDLQueryOnCluster: what other servers, this one among them, execute
// for nobody.

#include <memory>
#include <string_view>

#include <Poco/Exception.h>

#include "adapter.h"
#include "clickhouse.h"
#include "connection_scope.h"
#include "keeper_paths.h"
#include "login.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// zkutil::ZooKeeper, of the server's own program.
class ServerKeeper : public KeeperNodes
{
public:
    explicit ServerKeeper(const DB::Context & context)
        : session_(original_as<std::shared_ptr<void>(const DB::Context *)>(Symbol::keeper_session)(&context))
    {
    }

    bool exists(const std::string & path) override
    {
        return original_as<bool(void *, const std::string &, void *, const Watch &)>(Symbol::keeper_exists)(
            session_.get(), path, nullptr, {});
    }

    std::optional<std::vector<std::string>> children(const std::string & path) override
    {
        std::vector<std::string> names;
        const int code = original_as<int(void *, const std::string &, std::vector<std::string> &, void *, const Watch &)>(
            Symbol::keeper_children)(session_.get(), path, names, nullptr, {});
        if (code == no_node)
            return std::nullopt;
        if (code != 0)
            throw Poco::IOException("clickhouse-mtls: Keeper cannot be asked whose path " + path + " is", code);
        return names;
    }

    std::optional<std::string> content(const std::string & path) override
    {
        std::string text;
        const bool found = original_as<bool(void *, const std::string &, std::string &, void *, const Watch &, int *)>(
            Symbol::keeper_content)(session_.get(), path, text, nullptr, {}, nullptr);
        return found ? std::optional(std::move(text)) : std::nullopt;
    }

private:
    using Watch = std::shared_ptr<void>; // of a Poco::Event; none here
    static constexpr int no_node = -101; // ZooKeeper's ZNONODE

    const std::shared_ptr<void> session_;
};

/// The user whose statement this thread executes, when it is one who may not use every database.
struct Restricted
{
    std::string user;

    bool may_use(const std::string & database) const
    {
        const auto * const security = security_manager();
        return !user.empty() && security != nullptr
               && original_as<bool(const DB::SecurityManager *, const std::string &, const std::string &)>(
                   Symbol::may_use_database)(security, user, database);
    }
};

/// Nothing: a user who may use every database, or no user: the server's own work.
std::optional<Restricted> restricted_user()
{
    const auto * const adapter = Adapter::active();
    if (adapter == nullptr || !adapter->names_nodes() || ConnectionScope::current() == nullptr)
        return std::nullopt;
    // No database can have such a name, so only who may use all of them may use this one.
    const std::string no_database("\0", 1);
    Restricted found{ConnectionScope::asker()};
    return found.may_use(no_database) ? std::nullopt : std::optional(std::move(found));
}

void check_path(const std::string & path, const DB::Context & context)
{
    const auto user = restricted_user();
    if (!user)
        return;
    ServerKeeper keeper(context);
    const auto why = refuse_keeper_path(path, keeper, [&](const std::string & database) { return user->may_use(database); });
    if (why)
        throw Poco::NoPermissionException(
            "clickhouse-mtls: the path " + path + " in Keeper is not " + user->user + "'s to use: " + *why);
}

/// As the constructor of the table will expand it.
std::string
expanded(const std::string & path, const std::string & database, const std::string & table, const DB::Context & context)
{
    const auto macros = original_as<std::shared_ptr<const void>(const DB::Context *)>(Symbol::macros)(&context);
    return original_as<std::string(const void *, const std::string &, const std::string &, const std::string &)>(
        Symbol::expand_macros)(macros.get(), path, database, table);
}

}

extern "C"
{
    __attribute__((visibility("default"))) void chmtls_replicated_table(
        void * self, const std::string & keeper_path, const std::string & replica, bool attach, const std::string & path,
        const std::string & database, const std::string & table, const void * columns, DB::Context & context,
        const std::string & date_column, const void * primary_key, const void * order_by, const void * partition_by,
        const void * sample_by, const void * merging, const void * settings,
        bool has_force_restore) __asm__("_ZN2DB26StorageReplicatedMergeTreeC2ERKNSt7__cxx1112basic_stringIcSt11char_"
                                        "traitsIcESaIcEEES8_bS8_S8_S8_RKNS_18ColumnsDescriptionERNS_7ContextES8_RKSt10shared_"
                                        "ptrINS_4IASTEESI_SI_SI_RKNS_13MergeTreeData13MergingParamsERKNS_17MergeTreeSettingsEb");

    void chmtls_replicated_table(
        void * self, const std::string & keeper_path, const std::string & replica, bool attach, const std::string & path,
        const std::string & database, const std::string & table, const void * columns, DB::Context & context,
        const std::string & date_column, const void * primary_key, const void * order_by, const void * partition_by,
        const void * sample_by, const void * merging, const void * settings, bool has_force_restore)
    {
        check_path(expanded(keeper_path, database, table, context), context);
        original_as<void(
            void *, const std::string &, const std::string &, bool, const std::string &, const std::string &, const std::string &,
            const void *, DB::Context &, const std::string &, const void *, const void *, const void *, const void *,
            const void *, const void *, bool)>(Symbol::replicated_table)(
            self, keeper_path, replica, attach, path, database, table, columns, context, date_column, primary_key, order_by,
            partition_by, sample_by, merging, settings, has_force_restore);
    }

    __attribute__((visibility("default"))) void
    chmtls_fetch_partition(void * self, const void * partition, const std::string & from, const DB::Context & context) __asm__(
        "_ZN2DB26StorageReplicatedMergeTree14fetchPartitionERKSt10shared_ptrINS_4IASTEERKNSt7_"
        "_cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKNS_7ContextE");

    void chmtls_fetch_partition(void * self, const void * partition, const std::string & from, const DB::Context & context)
    {
        check_path(from, context);
        original_as<void(void *, const void *, const std::string &, const DB::Context &)>(Symbol::fetch_partition)(
            self, partition, from, context);
    }

    __attribute__((visibility("default"))) void * chmtls_ddl_on_cluster(
        void * result, const void * query, const void * context,
        void * databases) __asm__("_ZN2DB24executeDDLQueryOnClusterERKSt10shared_ptrINS_4IASTEERKNS_7ContextEOSt13unordered_"
                                  "setINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESt4hashISE_ESt8equal_toISE_ESaISE_EE");

    void * chmtls_ddl_on_cluster(void * result, const void * query, const void * context, void * databases)
    {
        if (const auto user = restricted_user())
        {
            const auto text = original_as<std::string(const void *)>(Symbol::query_to_text)(query);
            // The path in Keeper may be another one on each server, by its macros.
            for (const std::string_view words : {"ENGINE = Replicated", " FETCH PARTITION "})
                if (text.find(words) != std::string::npos)
                    throw Poco::NoPermissionException(
                        "clickhouse-mtls: " + user->user
                        + " may not use every database, so replicated tables and FETCH PARTITION are not for ON CLUSTER: say it "
                          "on each "
                          "server");
        }
        return original_as<void *(void *, const void *, const void *, void *)>(Symbol::ddl_on_cluster)(
            result, query, context, databases);
    }
}
