#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chmtls::dns
{

/// Failed connects in a row, by host. Not thread-safe.
class Connects
{
public:
    /// Of more hosts that fail at the same time those are forgotten that have not failed for longest.
    static constexpr size_t max_hosts = 4096;

    /// True: as many in a row as `limit` says, so the host's addresses should be forgotten. A host that goes on failing is told
    /// again after twice as many, and so on: flushing it does not help. `limit` 0: never.
    [[nodiscard]] bool failed(std::string_view host, uint64_t limit);
    void succeeded(std::string_view host);
    [[nodiscard]] size_t failing() const { return hosts_.size(); }

private:
    struct Row
    {
        uint64_t failures = 0;
        uint64_t factor = 1;
        uint64_t last = 0; ///< its latest failure, counted over all hosts
    };
    void make_room();

    uint64_t count_ = 0;
    std::unordered_map<std::string, Row> hosts_;
};

}
