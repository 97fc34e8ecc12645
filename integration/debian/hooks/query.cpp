// When a session is busy. Native: DB::ProcessList::insert, and the end of what it gave. HTTP: from a request's header (see
// connection.cpp) until the server looks for the next one: HTTPServerSession::hasMoreRequests.

#include <Poco/Net/HTTPServerSession.h>

#include "adapter.h"
#include "behalf/client_info.h"
#include "behalf/on_behalf.h"
#include "clickhouse.h"
#include "connection_scope.h"
#include "symbols.h"

using namespace chmtls::debian;

std::shared_ptr<DB::ProcessListEntry> DB::ProcessList::insert(const std::string & query, const IAST * ast, Context & context)
{
    const auto call_original
        = original_as<std::shared_ptr<ProcessListEntry>(ProcessList *, const std::string &, const IAST *, Context &)>(
            Symbol::query_insert);
    auto entry = call_original(this, query, ast, context);
    if (auto * const owner = current_owner(); owner != nullptr && Adapter::active() != nullptr)
        owner->asked_by(client_info_of(context));
    if (auto * const scope = ConnectionScope::current())
        scope->query_began(entry.get());
    return entry;
}

DB::ProcessListEntry::~ProcessListEntry()
{
    original_as<void(ProcessListEntry *)>(Symbol::query_end)(this);
    if (auto * const scope = ConnectionScope::current())
        scope->query_ended(this);
}

bool Poco::Net::HTTPServerSession::hasMoreRequests()
{
    if (auto * const scope = ConnectionScope::current())
        scope->request_ended();
    return original_as<bool(HTTPServerSession *)>(Symbol::http_more_requests)(this);
}
