#pragma once

// Files read as of one moment.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/file.h"

namespace chmtls::files
{

/// A directory to watch, and which of its entries matter; no names: all of them.
struct Watch
{
    std::set<std::string> names;
    bool everything = false;

    void merge(const Watch & other);
    [[nodiscard]] bool operator==(const Watch &) const = default;
};

/// By path of the directory.
using WatchList = std::map<std::string, Watch>;

/// What identifies the state of a file on disk; compared before and after reading, to tell whether it was written meanwhile.
/// Where that cannot be told by it, contents are compared.
struct FileState
{
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t modified = 0; ///< nanoseconds
    int64_t changed = 0;  ///< nanoseconds; a writer cannot set it back
    bool settled = true;  ///< a further change would show in the two
    [[nodiscard]] bool operator==(const FileState & other) const
    {
        return device == other.device && inode == other.inode && size == other.size && modified == other.modified
               && changed == other.changed;
    }
};

/// What was read at a moment, without the places that it was read from. Cheap to copy: the contents are shared.
struct Contents
{
    std::map<std::string, std::shared_ptr<const Result<FileContent>>> files;
    std::map<std::string, std::shared_ptr<const Result<SecretFileContent>>> secrets;
    std::map<std::string, std::optional<std::vector<std::string>>> listings; ///< as FileSet::list gives them
};

/// Every directory on the way to a file is opened once and every symbolic link read once per set; all files below it are then
/// reached through that one handle. A Kubernetes swap of `..data` in the middle of a load can thus not give files of two moments.
/// For files that are replaced one by one, `changed()` compares everything on disk with what was seen: when it is false, all
/// contents existed side by side at one moment. Not thread-safe.
class FileSet
{
public:
    FileSet();
    /// Gives these contents, and opens no file: what is not among them cannot be read.
    explicit FileSet(const Contents & contents);
    ~FileSet();
    FileSet(FileSet &&) noexcept;
    FileSet & operator=(FileSet &&) noexcept;

    /// Read once, then remembered, errors too. `limit` in bytes.
    const Result<FileContent> & read(const std::string & path, size_t limit = max_pem_file);
    /// The same for private keys: the content lies in guarded memory only.
    const Result<SecretFileContent> & read_secret(const std::string & path, size_t limit = max_key_file);
    /// Names of the entries that are neither directories nor hidden, sorted. nullopt: `path` is no directory, or cannot be
    /// opened; reading it as a file then tells why.
    std::optional<std::vector<std::string>> list(const std::string & path);

    /// Is anything on disk not as it was when it was read?
    [[nodiscard]] bool changed() const;

    /// Over the paths asked for and their contents; a file that could not be read counts with its error. Private keys go in as
    /// their own digest.
    [[nodiscard]] Digest32 digest() const;

    /// Directories of the files, of every symbolic link on the way, and of what is missing.
    [[nodiscard]] const WatchList & watches() const;

    [[nodiscard]] Contents contents() const;

    /// The paths asked for.
    [[nodiscard]] std::vector<std::string> paths() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
