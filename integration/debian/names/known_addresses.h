#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <Poco/Net/IPAddress.h>

namespace chmtls::debian
{

/// What the server has looked up by name: which addresses connections may go to, and which names did not resolve a moment ago.
/// Thread-safe; no lookup is made under a lock.
class KnownAddresses
{
public:
    using Lookup = std::function<Poco::Net::IPAddress()>;
    using Configured = std::function<bool(const std::string & host)>;

    /// `configured`: does the configuration name this host or address now. Any other name may be anybody's choice. Called with a
    /// lock held: must be quick and not call back.
    explicit KnownAddresses(Configured configured);

    /// The address by `lookup`, noted; as it is for a host that is an address itself. A name that did not resolve keeps its
    /// former address, which may still be right, and is not looked up again for some seconds: a resolver that hangs would hold up
    /// each query. One that never had any is nowhere() in a ClusterScope.
    Poco::Net::IPAddress resolve(const std::string & host, const Lookup & lookup);

    /// Nothing: `lookup` was made, and went well. Otherwise what resolve gives for a name that does not resolve; throws what
    /// `lookup` throws, or threw some seconds ago, when that is nothing.
    [[nodiscard]] std::optional<Poco::Net::IPAddress> instead_of(const std::string & host, const std::function<void()> & lookup);

    /// This thread has looked up a host of Keeper by another way. A host that is an address itself is none to be noted.
    void note_keeper(const std::string & host, const Poco::Net::IPAddress & address);

    /// The host by which this thread last resolved the address, or nothing; of its last few lookups.
    static const std::string * host_of(const Poco::Net::IPAddress & address) noexcept;

    /// Names that did not resolve may be looked up again.
    void forget_failures();

    /// Looks up the addresses of `host` (empty: of every host noted) and shuts down this process's connections to those that are
    /// no longer its and that no other configured host has. A host that does not resolve keeps its addresses. How many were shut
    /// down. For a host that the configuration does not name, nothing is: whoever may name it in a statement could otherwise have
    /// it lead to where others' queries run, and away again.
    size_t end_connections_to_former(const std::string & host);

private:
    struct Failure
    {
        std::chrono::steady_clock::time_point until;
        std::string message;
    };

    struct Known
    {
        std::set<std::string> addresses;
        Poco::Net::IPAddress latest;
    };

    void note(const std::string & host, const Poco::Net::IPAddress & address);
    [[nodiscard]] std::vector<std::string> configured_hosts();
    [[nodiscard]] std::set<std::string> noted(const std::string & host);
    std::set<std::string> forget_former(const std::string & host);
    [[nodiscard]] std::optional<std::string> recent_failure(const std::string & host);

    /// What a name led to when it last resolved.
    [[nodiscard]] std::optional<Poco::Net::IPAddress> former(const std::string & host);

    void note_failure(const std::string & host, const std::string & message, std::chrono::seconds memory);

    const Configured configured_;
    std::mutex mutex_; // guards what follows; keys are in lower case
    std::map<std::string, Known> addresses_;
    std::map<std::string, Failure> failures_;
};

}
