#pragma once

// Watches names and has the host forget addresses that are no longer right. One thread of its own does all lookups; nobody who
// calls in here ever waits for one.

#include <functional>
#include <memory>

#include "base/log_level.h"
#include "dns/flushes.h"
#include "dns/resolver.h"
#include "dns/watch.h"

namespace chmtls::dns
{

enum class Connect
{
    succeeded,
    failed,
};

/// Called on the service's thread; must return quickly. `log` may be called with no lock held and must not call back.
struct Events
{
    std::function<void(const Flush &)> flush;
    std::function<void(LogLevel, const std::string &)> log;
};

struct Status
{
    bool enabled = false;
    size_t names = 0;
    size_t failing = 0;       ///< names that do not resolve
    size_t failing_hosts = 0; ///< watched hosts that the last connect to failed
    Flushes::Counts flushes;
    std::vector<NameState> states;
};

/// Thread-safe.
class Service
{
public:
    Service(Events events, std::unique_ptr<Resolver> resolver);
    ~Service(); ///< stops the thread; no event comes after it
    Service(const Service &) = delete;
    Service & operator=(const Service &) = delete;

    void configure(const config::DnsSettings & settings);

    /// Our own certificates are others now.
    void credentials_changed();

    /// Connections that the host keeps must not be used for anything new.
    void replace_connections();

    /// A connect of the host to `host` has ended. Counts when the name is watched, in whatever case it is written.
    void report_connect(std::string_view host, Connect outcome);

    /// Is this a host of the configuration, however it is written there?
    [[nodiscard]] bool names(std::string_view host) const;

    /// On command; `host` empty: everything. How long until it is done (0: at once).
    [[nodiscard]] std::chrono::milliseconds flush(std::string_view host);

    [[nodiscard]] Status status() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
