#include "files/file_set.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/descriptor.h"
#include "files/path_resolver.h"

namespace chmtls::files
{

namespace
{

struct CloseDirectory
{
    void operator()(DIR * directory) const noexcept { ::closedir(directory); }
};

bool is_directory(const Place & place, const std::string & name)
{
    struct stat status = {};
    return ::fstatat(place.directory->handle(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

/// Null: errno says why.
DIR * open_directory(const Place & place)
{
    Descriptor handle(::openat(place.directory->handle(), place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!handle.is_open())
        return nullptr;
    DIR * const directory = ::fdopendir(handle.get());
    const int error = errno;
    if (directory != nullptr)
        (void)handle.release();
    (void)handle.reset();
    errno = error;
    return directory;
}

/// Where something was found and what it looked like before it was read.
struct Seen
{
    std::shared_ptr<const Directory> directory;
    std::string name;
    std::optional<FileState> state;

    [[nodiscard]] bool changed() const { return directory && state_of(directory->handle(), name) != state; }

    /// It may have changed without looking different: only its content can tell.
    [[nodiscard]] bool may_deceive() const { return state && !state->settled; }
};

Seen look(const Place & place)
{
    return {place.directory, place.name, state_of(place.directory->handle(), place.name)};
}

bool same(const FileContent & left, const FileContent & right)
{
    return left.bytes == right.bytes;
}

bool same(const SecretFileContent & left, const SecretFileContent & right)
{
    return equal_constant_time(left.bytes.view(), right.bytes.view());
}

/// The names that FileSet::list gives. Nothing: `error` says why.
std::optional<std::vector<std::string>> names_in(const Place & place, int & error)
{
    const std::unique_ptr<DIR, CloseDirectory> directory(open_directory(place));
    error = errno;
    if (!directory)
        return std::nullopt;
    std::vector<std::string> names;
    errno = 0;
    while (const dirent * entry = ::readdir(directory.get()))
    {
        if (entry->d_name[0] != '.' && entry->d_type != DT_DIR)
            names.emplace_back(entry->d_name);
        errno = 0;
    }
    error = errno;
    if (error != 0)
        return std::nullopt;
    std::sort(names.begin(), names.end());
    return names;
}

void add_error(Digester & digester, const Error & error)
{
    digester.add("error").add(error.reason);
}

}

void Watch::merge(const Watch & other)
{
    names.insert(other.names.begin(), other.names.end());
    everything = everything || other.everything;
}

class FileSet::Impl
{
public:
    template <typename Content>
    struct Entry
    {
        Seen seen;
        std::shared_ptr<const Result<Content>> content;
        std::function<Result<Content>()> read_again{};

        [[nodiscard]] bool changed() const
        {
            if (seen.changed())
                return true;
            if (!seen.may_deceive() || !*content)
                return false;
            const auto now = read_again();
            return !now || !same(*now, **content);
        }
    };

    template <typename Content>
    static Entry<Content> entry(Seen seen, Result<Content> content, std::function<Result<Content>()> read_again = {})
    {
        return {std::move(seen), std::make_shared<const Result<Content>>(std::move(content)), std::move(read_again)};
    }

    struct Listing
    {
        Seen seen;
        std::optional<std::vector<std::string>> names;

        [[nodiscard]] bool changed() const
        {
            int error = 0;
            return seen.changed() || (names && seen.may_deceive() && names_in({seen.directory, seen.name}, error) != names);
        }
    };

    template <typename Content, typename Read>
    const Result<Content> & get(std::map<std::string, Entry<Content>> & entries, const std::string & path, const Read & read)
    {
        if (const auto known = entries.find(path); known != entries.end())
            return *known->second.content;
        if (closed)
            return *entries.emplace(path, entry<Content>({}, fail({path, "", "was not read in that moment", "", ""})))
                        .first->second.content;
        const Result<Place> place = resolver.resolve(path);
        if (!place)
            return *entries.emplace(path, entry<Content>({}, tl::unexpected(place.error()))).first->second.content;
        Seen seen = look(*place);
        auto read_now = [place = *place, read]
        {
            return read(place.directory->handle(), place.name);
        };
        auto content = read_now();
        return *entries.emplace(path, entry<Content>(std::move(seen), std::move(content), std::move(read_now)))
                    .first->second.content;
    }

    /// Half a list could lack just the file that takes trust away: there is none then, and whoever reads the path as a file is
    /// told why.
    Listing unreadable(const std::string & path, Listing listing, int error)
    {
        listing.names.reset();
        files.insert_or_assign(
            path,
            entry<FileContent>(
                listing.seen, fail(
                                  {path, "", fmt::format("cannot list the directory: {}", std::generic_category().message(error)),
                                   "check the directory and the file system it is on", ""})));
        return listing;
    }

    Listing make_listing(const std::string & path)
    {
        if (closed)
            return {};
        const Result<Place> place = resolver.resolve(path);
        if (!place || !is_directory(*place, place->name))
            return {place ? look(*place) : Seen{}, std::nullopt};
        Listing result{look(*place), std::nullopt};
        resolver.watch_everything(place->name == "." ? place->directory->path() : place->directory->path() + "/" + place->name);
        int error = 0;
        result.names = names_in(*place, error);
        return result.names ? result : unreadable(path, std::move(result), error);
    }

    bool closed = false; ///< no file is opened any more
    Resolver resolver;
    std::map<std::string, Entry<FileContent>> files;
    std::map<std::string, Entry<SecretFileContent>> secrets;
    std::map<std::string, Listing> listings;
};

FileSet::FileSet() : impl_(std::make_unique<Impl>()) {}

FileSet::FileSet(const Contents & contents) : FileSet()
{
    impl_->closed = true;
    for (const auto & [path, content] : contents.files)
        impl_->files.emplace(path, Impl::Entry<FileContent>{{}, content, {}});
    for (const auto & [path, content] : contents.secrets)
        impl_->secrets.emplace(path, Impl::Entry<SecretFileContent>{{}, content, {}});
    for (const auto & [path, names] : contents.listings)
        impl_->listings.emplace(path, Impl::Listing{{}, names});
}

FileSet::~FileSet() = default;
FileSet::FileSet(FileSet &&) noexcept = default;
FileSet & FileSet::operator=(FileSet &&) noexcept = default;

const Result<FileContent> & FileSet::read(const std::string & path, size_t limit)
{
    return impl_->get(
        impl_->files, path,
        [path, limit](int directory, const std::string & name) { return read_file_at(directory, name, path, limit); });
}

const Result<SecretFileContent> & FileSet::read_secret(const std::string & path, size_t limit)
{
    return impl_->get(
        impl_->secrets, path,
        [path, limit](int directory, const std::string & name) { return read_secret_file_at(directory, name, path, limit); });
}

std::optional<std::vector<std::string>> FileSet::list(const std::string & path)
{
    auto known = impl_->listings.find(path);
    if (known == impl_->listings.end())
        known = impl_->listings.emplace(path, impl_->make_listing(path)).first;
    return known->second.names;
}

bool FileSet::changed() const
{
    const auto any_changed = [](const auto & entries)
    {
        return std::any_of(entries.begin(), entries.end(), [](const auto & entry) { return entry.second.changed(); });
    };
    return impl_->resolver.changed() || any_changed(impl_->files) || any_changed(impl_->secrets) || any_changed(impl_->listings);
}

Digest32 FileSet::digest() const
{
    Digester digester;
    for (const auto & [path, entry] : impl_->files)
    {
        digester.add("file").add(path);
        const Result<FileContent> & content = *entry.content;
        if (content)
            digester.add(content->bytes);
        else
            add_error(digester, content.error());
    }
    for (const auto & [path, entry] : impl_->secrets)
    {
        digester.add("secret").add(path);
        const Result<SecretFileContent> & content = *entry.content;
        if (content)
            digester.add(ByteView(Digester().add(content->bytes.view()).finish()));
        else
            add_error(digester, content.error());
    }
    for (const auto & [path, listing] : impl_->listings)
        digester.add("list").add(path).add(listing.names ? fmt::format("{}", fmt::join(*listing.names, "/")) : "-");
    return digester.finish();
}

const WatchList & FileSet::watches() const
{
    return impl_->resolver.watches();
}

Contents FileSet::contents() const
{
    Contents result;
    for (const auto & [path, entry] : impl_->files)
        result.files.emplace(path, entry.content);
    for (const auto & [path, entry] : impl_->secrets)
        result.secrets.emplace(path, entry.content);
    for (const auto & [path, listing] : impl_->listings)
        result.listings.emplace(path, listing.names);
    return result;
}

std::vector<std::string> FileSet::paths() const
{
    std::vector<std::string> result;
    for (const auto & [path, entry] : impl_->files)
        result.push_back(path);
    for (const auto & [path, entry] : impl_->secrets)
        result.push_back(path);
    for (const auto & [path, listing] : impl_->listings)
        if (listing.names)
            result.push_back(path);
    return result;
}

}
