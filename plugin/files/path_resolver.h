#pragma once

// Path resolution by hand (path_resolution(7)), with every directory handle and every link target kept.

#include <memory>

#include "base/descriptor.h"
#include "files/file_set.h"

namespace chmtls::files
{

/// An open directory (O_PATH); closes itself.
class Directory
{
public:
    Directory(Descriptor handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}

    [[nodiscard]] int handle() const { return handle_.get(); }
    [[nodiscard]] const std::string & path() const { return path_; } ///< without links

private:
    Descriptor handle_;
    std::string path_;
};

/// Where a path leads: the entry `name` of an open directory, which is no link. `name` is "." for a directory itself.
struct Place
{
    std::shared_ptr<const Directory> directory;
    std::string name;
};

class Resolver
{
public:
    /// Relative paths count from the working directory. The error names the path as asked for.
    [[nodiscard]] Result<Place> resolve(const std::string & path);

    [[nodiscard]] bool changed() const;
    [[nodiscard]] const WatchList & watches() const { return watches_; }
    void watch_everything(const std::string & directory) { watches_[directory].everything = true; }

private:
    struct Link
    {
        std::shared_ptr<const Directory> directory;
        std::string target; ///< empty: the entry is no link
    };

    [[nodiscard]] Result<std::shared_ptr<const Directory>>
    open(const std::shared_ptr<const Directory> & parent, const std::string & name, const std::string & asked);
    [[nodiscard]] std::string link_target(const std::shared_ptr<const Directory> & parent, const std::string & name);

    std::map<std::string, std::shared_ptr<const Directory>> directories_; ///< by path without links
    std::map<std::string, Link> links_;                                   ///< likewise
    WatchList watches_;
};

/// What fstatat says without following a link; nothing when the entry is not there.
[[nodiscard]] std::optional<FileState> state_of(int directory, const std::string & name);

}
