#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chmtls::dns
{

/// Failed connects in a row, by host; as many hosts as it is told of. Not thread-safe.
class Connects
{
public:
    /// True: as many in a row as `limit` says, so the host's addresses should be forgotten. A host that goes on failing is told
    /// again after twice as many, and so on: flushing it does not help. `limit` 0: never.
    [[nodiscard]] bool failed(std::string_view host, uint64_t limit);
    void succeeded(std::string_view host);

    /// Forgets the hosts that `watched` does not want.
    template <typename Watched>
    void keep(const Watched & watched)
    {
        std::erase_if(hosts_, [&](const auto & each) { return !watched(each.first); });
    }

    [[nodiscard]] size_t failing() const { return hosts_.size(); }

private:
    struct Row
    {
        uint64_t failures = 0;
        uint64_t factor = 1;
    };

    std::unordered_map<std::string, Row> hosts_;
};

}
