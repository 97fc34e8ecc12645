#pragma once

// Keeps a generation current: takes configurations, watches the files behind them, reloads, retries.

#include <functional>

#include "base/log_level.h"
#include "generation/loader.h"
#include "generation/published.h"
#include "reload/reload_state.h"

namespace chmtls::generation
{

/// What the manager tells its owner. Called on the manager's thread or on the thread in configure; must return quickly. `log` and
/// `published` must not call configure; `configuration_changed` may.
struct Events
{
    std::function<void(LogLevel, const std::string &)> log;
    std::function<void(const GenerationPtr &)> published; ///< after each publish
    /// A watched configuration file changed, or a configuration that was refused would be taken now.
    std::function<void()> configuration_changed;
};

/// One thread: inotify on the directories (and those that links lead to), and polling every poll_interval. Decides by content.
/// A failed reload keeps what is in force and is tried again after 0.5 s, doubling to 30 s. What a configuration needs to be
/// taken again after it was refused for its files is tried in the same way. Thread-safe.
class Manager
{
public:
    Manager(Events events, Clock clock);
    ~Manager(); ///< stops the thread
    Manager(const Manager &) = delete;
    Manager & operator=(const Manager &) = delete;

    /// Load, check, publish; on any finding nothing changes. The first success starts the watching. Unchanged content publishes
    /// nothing. The number of the generation in force.
    [[nodiscard]] Checked<uint64_t> configure(Input input);

    [[nodiscard]] GenerationPtr current() const; ///< lock-free
    /// The credential of an id in the current or the previous generation.
    [[nodiscard]] std::shared_ptr<const credentials::Credential> credential(uint64_t id) const;
    [[nodiscard]] ReloadState state() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
