#pragma once

// A directory for unit tests, header only.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace chmtls::test
{

/// A directory of its own, removed with everything in it at the end of the scope.
class ScratchDir
{
public:
    ScratchDir()
    {
        std::string form = (std::filesystem::temp_directory_path() / "chmtls-XXXXXX").string();
        if (::mkdtemp(form.data()) == nullptr)
            throw std::runtime_error("no temporary directory");
        path_ = form;
    }
    ~ScratchDir()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchDir(const ScratchDir &) = delete;
    ScratchDir & operator=(const ScratchDir &) = delete;

    [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

    /// Writes in place; returns the path.
    std::string write(std::string_view name, std::string_view content) const
    {
        const std::string path = file(name);
        std::ofstream out(path, std::ios::binary | std::ios::trunc);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!out)
            throw std::runtime_error("cannot write " + path);
        return path;
    }

private:
    std::filesystem::path path_;
};

}
