#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace chmtls::test
{

/// A directory of its own, removed with everything in it at the end of the scope.
class TempDir
{
public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir &) = delete;
    TempDir & operator=(const TempDir &) = delete;

    [[nodiscard]] const std::filesystem::path & path() const { return path_; }

    /// Absolute path of `name` inside the directory.
    [[nodiscard]] std::string file(std::string_view name) const;

    /// Writes by rename, so that a reader sees the old or the new content. Makes missing directories. Mode 0600. Returns the
    /// path.
    std::string write(std::string_view name, std::string_view content) const;

private:
    std::filesystem::path path_;
};

}
