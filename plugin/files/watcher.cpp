#include "files/watcher.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <sys/inotify.h>
#include <unistd.h>

#include <fmt/format.h>

namespace chmtls::files
{

namespace
{

constexpr uint32_t interesting = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
                                 | IN_DELETE_SELF | IN_MOVE_SELF;
/// The directory itself went away, or events were lost.
constexpr uint32_t disruptive = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW;

std::string remedy_for(int error)
{
    if (error == EMFILE)
        return "raise fs.inotify.max_user_instances or the limit of open files";
    if (error == ENOSPC)
        return "raise fs.inotify.max_user_watches";
    return "changes are seen by polling";
}

}

Watcher::Watcher()
{
    open();
}

void Watcher::open()
{
    handle_ = Descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!handle_.is_open())
    {
        const int error = errno;
        defect_ = fmt::format(
            "files cannot be watched by inotify: {}; {}", std::generic_category().message(error), remedy_for(error));
    }
}

bool Watcher::arm(const WatchList & list)
{
    if (!handle_.is_open())
        open(); // what was short then, descriptors most likely, may be there now
    if (!handle_.is_open())
        return false;
    defect_.clear();
    bool added = false;
    std::unordered_map<int, Watch> armed;
    for (const auto & [directory, watch] : list)
    {
        // The same directory under two paths, or one that is watched already, gives the same number.
        const int number = ::inotify_add_watch(handle_.get(), directory.c_str(), interesting | IN_ONLYDIR);
        if (number < 0)
        {
            const int error = errno;
            if (error != ENOENT && error != ENOTDIR)
                defect_ = fmt::format(
                    "{} cannot be watched by inotify: {}; {}", directory, std::generic_category().message(error),
                    remedy_for(error));
            continue;
        }
        added = added || !watches_.contains(number);
        armed[number].merge(watch);
    }
    for (const auto & [number, watch] : watches_)
        if (!armed.contains(number))
            ::inotify_rm_watch(handle_.get(), number);
    watches_ = std::move(armed);
    std::erase_if(open_, [this](const auto & file) { return !watches_.contains(file.first); });
    return added;
}

void Watcher::handle_event(int watch, uint32_t mask, std::string_view name, bool & matters)
{
    if (mask & IN_Q_OVERFLOW)
    {
        open_.clear();
        matters = true;
        return;
    }
    const auto found = watches_.find(watch);
    if (found == watches_.end())
        return; // the rest of a watch that was given up
    if (mask & disruptive)
    {
        if (mask & IN_IGNORED)
            watches_.erase(found);
        matters = true;
        return;
    }
    const std::string entry(name);
    if (!found->second.everything && !found->second.names.contains(entry))
        return;
    matters = true;
    if (mask & IN_MODIFY)
        open_.emplace(watch, entry);
    else if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE))
        open_.erase({watch, entry});
}

bool Watcher::drain()
{
    if (!handle_.is_open())
        return false;
    bool matters = false;
    alignas(inotify_event) std::array<char, 16384> buffer{};
    while (true)
    {
        const ssize_t length = ::read(handle_.get(), buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return matters;
        for (size_t at = 0; at + sizeof(inotify_event) <= static_cast<size_t>(length);)
        {
            inotify_event event = {};
            std::memcpy(&event, buffer.data() + at, sizeof(event));
            const char * name = buffer.data() + at + sizeof(event);
            handle_event(event.wd, event.mask, std::string_view(name, ::strnlen(name, event.len)), matters);
            at += sizeof(event) + event.len;
        }
    }
}

}
