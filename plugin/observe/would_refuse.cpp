#include "observe/would_refuse.h"

#include <tuple>

#include "base/error.h"

namespace chmtls::observe
{

namespace
{

constexpr size_t name_limit = 320;
constexpr size_t message_limit = 512;

}

std::string_view name(Stage stage)
{
    switch (stage)
    {
    case Stage::peer:
        return "peer";
    case Stage::login:
        return "login";
    case Stage::session:
        break;
    }
    return "session";
}

bool Refusal::operator<(const Refusal & other) const
{
    return std::tie(stage, where, identity, user, reason)
           < std::tie(other.stage, other.where, other.identity, other.user, other.reason);
}

void WouldRefuse::count(Refusal refusal, UnixTime now, uint64_t generation, std::string message)
{
    refusal.identity = printable(refusal.identity, name_limit);
    refusal.user = printable(refusal.user, name_limit);
    message = printable(message, message_limit);
    const std::lock_guard guard(mutex_);
    auto row = rows_.find(refusal);
    if (row == rows_.end())
    {
        if (rows_.size() >= max_rows)
        {
            ++not_listed_;
            return;
        }
        row = rows_.emplace(std::move(refusal), Observed()).first;
    }
    ++row->second.count;
    row->second.last = now;
    row->second.generation = generation;
    row->second.message = std::move(message);
}

std::vector<std::pair<Refusal, Observed>> WouldRefuse::rows() const
{
    const std::lock_guard guard(mutex_);
    return {rows_.begin(), rows_.end()};
}

uint64_t WouldRefuse::not_listed() const
{
    const std::lock_guard guard(mutex_);
    return not_listed_;
}

}
