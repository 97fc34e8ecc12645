#include "files/path_resolver.h"

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace chmtls::files
{

namespace
{

constexpr size_t max_links = 40; ///< as Linux

void push_components(std::deque<std::string> & components, std::string_view path)
{
    std::vector<std::string> parts;
    while (!path.empty())
    {
        const size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (!part.empty() && part != ".")
            parts.emplace_back(part);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    components.insert(components.begin(), parts.begin(), parts.end());
}

std::string joined(const std::string & directory, const std::string & name)
{
    return directory == "/" ? "/" + name : fmt::format("{}/{}", directory, name);
}

std::string parent_of(const std::string & path)
{
    const size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Error cannot_open(const std::string & asked, const std::string & at, int error)
{
    const bool absent = error == ENOENT || error == ENOTDIR;
    return {
        asked, "", fmt::format("cannot open {}: {}", at, std::generic_category().message(error)),
        absent ? "create it or correct the path" : "let the server's user pass through it (chown, chmod)", ""};
}

std::string working_directory()
{
    std::array<char, PATH_MAX> buffer{};
    return ::getcwd(buffer.data(), buffer.size()) ? std::string(buffer.data()) : std::string("/");
}

}

std::optional<FileState> state_of(int directory, const std::string & name)
{
    struct stat status = {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
        return std::nullopt;
    const auto nanoseconds = [](const timespec & time)
    {
        return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    return FileState{status.st_dev,     status.st_ino, status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim),
                     is_settled(status)};
}

Result<std::shared_ptr<const Directory>>
Resolver::open(const std::shared_ptr<const Directory> & parent, const std::string & name, const std::string & asked)
{
    const std::string path = parent ? joined(parent->path(), name) : "/";
    if (const auto known = directories_.find(path); known != directories_.end())
        return known->second;
    Descriptor handle(
        parent ? ::openat(parent->handle(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
               : ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!handle.is_open())
        return fail(cannot_open(asked, path, errno));
    auto directory = std::make_shared<const Directory>(std::move(handle), path);
    directories_.emplace(path, directory);
    return directory;
}

std::string Resolver::link_target(const std::shared_ptr<const Directory> & parent, const std::string & name)
{
    const std::string path = joined(parent->path(), name);
    if (const auto known = links_.find(path); known != links_.end())
        return known->second.target;
    std::array<char, PATH_MAX> buffer{};
    const ssize_t length = ::readlinkat(parent->handle(), name.c_str(), buffer.data(), buffer.size());
    std::string target(buffer.data(), length > 0 ? static_cast<size_t>(length) : 0);
    links_.emplace(path, Link{parent, target});
    return target;
}

Result<Place> Resolver::resolve(const std::string & path)
{
    if (path.empty())
        return fail({path, "", "the path is empty", "name a file", ""});
    std::deque<std::string> left;
    push_components(left, path);
    if (path.front() != '/')
        push_components(left, working_directory());

    auto directory = open(nullptr, "", path);
    if (!directory)
        return tl::unexpected(directory.error());
    size_t links = 0;
    while (!left.empty())
    {
        const std::string name = std::move(left.front());
        left.pop_front();
        if (name == "..")
        {
            directory = directories_.at(parent_of((*directory)->path()));
            continue;
        }
        if (const std::string target = link_target(*directory, name); !target.empty())
        {
            watches_[(*directory)->path()].names.insert(name);
            if (++links > max_links)
                return fail({path, "", "too many symbolic links, or one that leads to itself", "mend the links", ""});
            push_components(left, target);
            if (target.front() == '/')
                directory = directories_.at("/");
            continue;
        }
        if (left.empty())
        {
            watches_[(*directory)->path()].names.insert(name);
            return Place{*directory, name};
        }
        auto next = open(*directory, name, path);
        if (!next)
        {
            watches_[(*directory)->path()].names.insert(name);
            return tl::unexpected(next.error());
        }
        directory = std::move(next);
    }
    return Place{*directory, "."};
}

bool Resolver::changed() const
{
    for (const auto & [path, link] : links_)
    {
        const size_t slash = path.rfind('/');
        std::array<char, PATH_MAX> buffer{};
        const ssize_t length = ::readlinkat(link.directory->handle(), path.c_str() + slash + 1, buffer.data(), buffer.size());
        if (std::string_view(buffer.data(), length > 0 ? static_cast<size_t>(length) : 0) != link.target)
            return true;
    }
    // Is each directory still the one that its path leads to? A replaced one has another inode.
    for (const auto & [path, directory] : directories_)
    {
        if (path == "/")
            continue;
        const auto opened = state_of(directory->handle(), "");
        const auto named = state_of(directories_.at(parent_of(path))->handle(), path.substr(path.rfind('/') + 1));
        if (!opened || !named || opened->inode != named->inode || opened->device != named->device)
            return true;
    }
    return false;
}

}
