#pragma once

// inotify(7) on directories.

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/descriptor.h"
#include "files/file_set.h"

namespace chmtls::files
{

/// Tells that something happened below the watched directories. Says nothing of what; the owner compares contents.
/// Not thread-safe.
class Watcher
{
public:
    Watcher();

    /// To be polled for input; -1 when inotify cannot be had.
    [[nodiscard]] int handle() const { return handle_.get(); }

    /// Why there is no watching, or not of everything; empty when there is. Polling must do then.
    [[nodiscard]] const std::string & defect() const { return defect_; }

    /// Makes `list` what is watched; directories that cannot be watched are left to polling. True: something is watched now that
    /// was not before, so a change just before may have been missed.
    bool arm(const WatchList & list);

    /// Reads the pending events. True: one of them matters.
    bool drain();

    /// Is a watched file open for writing, with bytes written and not closed yet?
    [[nodiscard]] bool writing() const { return !open_.empty(); }

private:
    void open();
    void handle_event(int watch, uint32_t mask, std::string_view name, bool & matters);

    Descriptor handle_;
    std::string defect_;
    std::unordered_map<int, Watch> watches_;
    std::set<std::pair<int, std::string>> open_;
};

}
