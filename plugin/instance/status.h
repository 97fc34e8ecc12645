#pragma once

#include <string>

#include "dns/service.h"
#include "instance/auditor.h"
#include "observe/counters.h"
#include "observe/would_refuse.h"
#include "reload/manager.h"

namespace chmtls::instance
{

struct StatusFacts
{
    const generation::Generation & generation;
    const generation::ReloadState & reload;
    const observe::Counters & counters;
    size_t live_sessions = 0;
    uint64_t closed_sessions = 0;
    size_t ending_sessions = 0;
    const observe::WouldRefuse & would_refuse;
    dns::Status dns = {};
    TrailStatus audit = {};
    UnixTime now;
};

/// The state of an instance as one JSON object on one line: what is in force, since when, what is served, the last reload, what
/// was decided and how often. Names, dates and digests only; never a key, a passphrase or a ticket key.
[[nodiscard]] std::string status_json(const StatusFacts & facts);

}
