// As whom a query runs. DB::ClientInfo::read: a native peer says whose its query is. DB::executeQuery: it runs, or must not.
// DB::DDLWorker: a statement ON CLUSTER takes who asked with it through Keeper.
//
// executeQuery is defined by its mangled names: its result and one of its arguments are objects that are handed on by address.

#include <Poco/Exception.h>

#include "adapter.h"
#include "behalf/client_info.h"
#include "behalf/on_behalf.h"
#include "clickhouse_queries.h"
#include "connection_scope.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// The statement ON CLUSTER that this thread runs.
struct ClusterStatement
{
    QueryOwner owner;
    std::optional<Asker> asker; ///< nothing: a server without this adapter has put it into Keeper
    bool unreadable = false;    ///< it says who asked, and not in our words
};

thread_local const ClusterStatement * cluster_statement = nullptr;

void run_as_asker(DB::Context & context, const ClusterStatement & statement)
{
    if (statement.unreadable)
        throw Poco::DataFormatException("clickhouse-mtls: the statement does not say who asked for it in a way that can be read");
    if (!statement.asker)
        return;
    const auto address = address_of(*statement.asker);
    run_as(context, *statement.asker, address);
    auto & info = client_info_of(context);
    info.initial_user = statement.asker->user;
    info.initial_address = address;
}

// struct DDLLogEntry { String query; ... }; struct DDLTask { String entry_name; String entry_path; DDLLogEntry entry; ... }
std::string & query_of_entry(void * entry)
{
    return *static_cast<std::string *>(entry);
}

const std::string & query_of_task(const void * task)
{
    return static_cast<const std::string *>(task)[2];
}

}

void DB::ClientInfo::read(ReadBuffer & in, std::uint64_t client_protocol_revision)
{
    const auto read = original_as<void(ClientInfo *, ReadBuffer &, std::uint64_t)>(Symbol::read_client_info);
    auto * const adapter = Adapter::active();
    auto * const scope = ConnectionScope::current();
    if (adapter == nullptr || scope == nullptr || !scope->is_native())
        return read(this, in, client_protocol_revision);
    scope->owner().begin();
    {
        const PeersWords words;
        read(this, in, client_protocol_revision);
    }
    judge_announced(*adapter, *scope, view_of(*this));
}

extern "C"
{
    __attribute__((visibility("default"))) void * chmtls_execute_query(
        void * result, const std::string & query, DB::Context & context, bool internal,
        int stage) __asm__("_ZN2DB12executeQueryERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERNS_7ContextEbNS_"
                           "20QueryProcessingStage4EnumE");
    __attribute__((visibility("default"))) void
    chmtls_execute_stream(void * in, void * out, bool may_write_files, DB::Context & context, void * set_content_type) __asm__(
        "_ZN2DB12executeQueryERNS_10ReadBufferERNS_11WriteBufferEbRNS_7ContextESt8functionIFvRKNSt"
        "7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEEE");
    __attribute__((visibility("default"))) void *
    chmtls_enqueue_ddl(void * result, void * worker, void * entry) __asm__("_ZN2DB9DDLWorker12enqueueQueryB5cxx11ERNS_"
                                                                           "11DDLLogEntryE");
    __attribute__((visibility("default"))) bool
    chmtls_run_ddl(void * worker, const std::string & query, const void * task, void * status) __asm__(
        "_ZN2DB9DDLWorker15tryExecuteQueryERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKNS_7DDLTaskERNS_"
        "15ExecutionStatusE");
}

void * chmtls_execute_query(void * result, const std::string & query, DB::Context & context, bool internal, int stage)
{
    auto * const adapter = Adapter::active();
    auto * const scope = ConnectionScope::current();
    // What a query that runs makes is its own.
    if (adapter != nullptr && scope != nullptr && scope->is_native() && !internal && !scope->runs_query())
        judge_before_run(*adapter, *scope, context);
    return original_as<void *(void *, const std::string &, DB::Context &, bool, int)>(Symbol::execute_query)(
        result, query, context, internal, stage);
}

void chmtls_execute_stream(void * in, void * out, bool may_write_files, DB::Context & context, void * set_content_type)
{
    if (cluster_statement != nullptr)
        run_as_asker(context, *cluster_statement);
    original_as<void(void *, void *, bool, DB::Context &, void *)>(Symbol::execute_stream)(
        in, out, may_write_files, context, set_content_type);
}

void * chmtls_enqueue_ddl(void * result, void * worker, void * entry)
{
    if (const auto * const adapter = Adapter::active(); adapter != nullptr && adapter->names_nodes())
    {
        const auto * const owner = current_owner();
        if (owner == nullptr || !owner->asker())
            throw Poco::IllegalStateException("clickhouse-mtls: who asked for this statement ON CLUSTER is not known");
        query_of_entry(entry) = with_asker(*owner->asker(), query_of_entry(entry));
    }
    return original_as<void *(void *, void *, void *)>(Symbol::enqueue_ddl)(result, worker, entry);
}

bool chmtls_run_ddl(void * worker, const std::string & query, const void * task, void * status)
{
    const auto run = original_as<bool(void *, const std::string &, const void *, void *)>(Symbol::run_ddl);
    if (Adapter::active() == nullptr)
        return run(worker, query, task, status);
    struct Running
    {
        explicit Running(const ClusterStatement & statement) { cluster_statement = &statement; }
        ~Running() { cluster_statement = nullptr; }
        Running(const Running &) = delete;
        Running & operator=(const Running &) = delete;
    };
    ClusterStatement statement;
    const auto carried = take_asker(query_of_task(task));
    statement.unreadable = !carried && claims_asker(query_of_task(task));
    if (carried)
        statement.asker = carried->asker;
    const Running running(statement);
    const WithoutConnection without_connection(statement.owner);
    return run(worker, query, task, status);
}
