// On whose behalf rows and statements go to other nodes. 18.16 says with its SELECTs who asked, and with its INSERTs nothing.
// StorageDistributed::write: an INSERT begins on the thread of its query. DistributedBlockOutputStream: the text that goes to the
// node, or to the disk until it is sent from a thread of its own, gets the asker. Connection::sendQuery: the asker goes from the
// text to where ClickHouse has a place for it, and a statement for the leader of a replicated table gets it there.
// StorageDistributedDirectoryMonitor: what a node refuses to the asker is put aside, and holds up nobody else's rows.
//
// Functions whose results are objects are defined by their mangled names.

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

#include "adapter.h"
#include "behalf/client_info.h"
#include "behalf/on_behalf.h"
#include "behalf/sending.h"
#include "clickhouse_queries.h"
#include "denial.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// Who asked for the INSERT behind a stream into a Distributed table. Thread-safe: streams may be written to on other threads
/// than that of the query that made them.
class Streams
{
public:
    void add(const void * stream, const Asker & asker)
    {
        const std::lock_guard lock(mutex_);
        askers_[stream] = asker;
    }

    void remove(const void * stream) noexcept
    {
        const std::lock_guard lock(mutex_);
        askers_.erase(stream);
    }

    std::optional<Asker> asker_of(const void * stream) const
    {
        const std::lock_guard lock(mutex_);
        const auto found = askers_.find(stream);
        return found == askers_.end() ? std::nullopt : std::optional(found->second);
    }

private:
    mutable std::mutex mutex_;
    std::unordered_map<const void *, Asker> askers_;
};

Streams & streams()
{
    static auto & made = *new Streams; // streams may end while the process does
    return made;
}

/// Of the stream that this thread writes to; null: to none.
thread_local const Asker * writing_for = nullptr;

class WritingFor
{
public:
    explicit WritingFor(const void * stream) : asker_(streams().asker_of(stream)), outer_(writing_for)
    {
        writing_for = asker_ ? &*asker_ : nullptr;
    }
    ~WritingFor() { writing_for = outer_; }
    WritingFor(const WritingFor &) = delete;
    WritingFor & operator=(const WritingFor &) = delete;

private:
    const std::optional<Asker> asker_;
    const Asker * const outer_;
};

// ErrorCodes of ClickHouse by which a server says that the user may not: READONLY, UNKNOWN_USER, WRONG_PASSWORD,
// IP_ADDRESS_NOT_ALLOWED, DATABASE_ACCESS_DENIED.
constexpr std::array refusals{164, 192, wrong_password, 195, 291};

using Stream = std::shared_ptr<void>;

/// What a server says of a query that it sends for somebody.
ClientInfo info_of(const Asker & asker)
{
    ClientInfo info;
    info.query_kind = QueryKind::secondary;
    info.initial_user = asker.user;
    info.initial_address = address_of(asker);
    info.quota_key = asker.quota_key;
    info.interface = asker.quota_key.empty() ? interface_native : interface_http;
    fill_in_versions(info);
    return info;
}

}

extern "C"
{
    __attribute__((visibility("default"))) Stream * chmtls_distributed_write(
        Stream * result, void * storage, const void * query,
        const void * settings) __asm__("_ZN2DB18StorageDistributed5writeERKSt10shared_ptrINS_4IASTEERKNS_8SettingsE");
    __attribute__((visibility("default"))) std::string *
    chmtls_query_to_string(std::string * result, const void * query) __asm__("_ZN2DB13queryToStringB5cxx11ERKSt10shared_ptrINS_"
                                                                             "4IASTEE");
    __attribute__((visibility("default"))) void chmtls_send_query(
        void * connection, const std::string & query, const std::string & query_id, std::uint64_t stage, const void * settings,
        const DB::ClientInfo * client_info,
        bool with_pending_data) __asm__("_ZN2DB10Connection9sendQueryERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES8_"
                                        "mPKNS_8SettingsEPKNS_10ClientInfoEb");
}

Stream * chmtls_distributed_write(Stream * result, void * storage, const void * query, const void * settings)
{
    const auto write = original_as<Stream *(Stream *, void *, const void *, const void *)>(Symbol::distributed_write);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return write(result, storage, query, settings);
    const auto * const owner = current_owner();
    const bool asked = owner != nullptr && owner->asker();
    if (!asked && adapter->names_nodes() && !adapter->sends_unasked_inserts())
        throw Poco::RuntimeException(
            "clickhouse-mtls: rows that no user's query has brought (of a Buffer or Kafka table) are not sent to other nodes, "
            "since "
            "nobody could say with whose rights. With mtls.nodes.unasked_inserts allow they go as the other nodes' acts_as");
    write(result, storage, query, settings);
    if (!asked)
        return result;
    const void * const stream = result->get();
    streams().add(stream, *owner->asker());
    *result = Stream(
        result->get(),
        [inner = *result](void * ended) mutable
        {
            streams().remove(ended);
            inner.reset();
        });
    return result;
}

void DB::DistributedBlockOutputStream::writeSync(const Block & block)
{
    const WritingFor writing(this);
    original_as<void(DistributedBlockOutputStream *, const Block &)>(Symbol::write_sync)(this, block);
}

void DB::DistributedBlockOutputStream::writeToShard(const Block & block, const std::vector<std::string> & dir_names)
{
    const WritingFor writing(this);
    original_as<void(DistributedBlockOutputStream *, const Block &, const std::vector<std::string> &)>(Symbol::write_to_shard)(
        this, block, dir_names);
}

std::string * chmtls_query_to_string(std::string * result, const void * query)
{
    original_as<std::string *(std::string *, const void *)>(Symbol::query_to_text)(result, query);
    if (writing_for != nullptr)
        *result = with_asker(*writing_for, *result);
    return result;
}

void chmtls_send_query(
    void * connection, const std::string & query, const std::string & query_id, std::uint64_t stage, const void * settings,
    const DB::ClientInfo * client_info, bool with_pending_data)
{
    const auto send = original_as<void(
        void *, const std::string &, const std::string &, std::uint64_t, const void *, const DB::ClientInfo *, bool)>(
        Symbol::send_query);
    note_sent(false);
    if (const auto * const owner = AskingLeader::is_under_way() ? current_owner() : nullptr;
        owner != nullptr && owner->asker() && client_info != nullptr)
        return send(connection, query, query_id, stage, settings, opaque(info_of(*owner->asker())), with_pending_data);
    // With a ClientInfo, the text is a user's.
    if (Adapter::active() == nullptr || client_info != nullptr || !claims_asker(query))
        return send(connection, query, query_id, stage, settings, client_info, with_pending_data);
    const auto carried = take_asker(query);
    if (!carried)
        throw Poco::DataFormatException(
            "clickhouse-mtls: rows that wait for a node do not say who asked in a way that can be read");
    send(connection, carried->query, query_id, stage, settings, opaque(info_of(carried->asker)), with_pending_data);
    note_sent(true);
}

bool DB::StorageDistributedDirectoryMonitor::isFileBrokenErrorCode(int code)
{
    return original_as<bool(int)>(Symbol::is_file_broken)(code)
           || (was_sent_for_asker() && std::find(refusals.begin(), refusals.end(), code) != refusals.end());
}
