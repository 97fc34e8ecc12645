#include "support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace chmtls::test
{

TempDir::TempDir()
{
    auto pattern = (std::filesystem::temp_directory_path() / "chmtls-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), pattern);
    path_ = pattern;
}

TempDir::~TempDir()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::file(std::string_view name) const
{
    return (path_ / name).string();
}

std::string TempDir::write(std::string_view name, std::string_view content) const
{
    const auto target = path_ / name;
    std::filesystem::create_directories(target.parent_path());
    const auto temporary = target.string() + ".new";
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
        throw std::system_error(errno, std::generic_category(), temporary);
    while (!content.empty())
    {
        const auto written = ::write(descriptor, content.data(), content.size());
        if (written < 0)
        {
            const int error = errno;
            ::close(descriptor);
            throw std::system_error(error, std::generic_category(), temporary);
        }
        content.remove_prefix(static_cast<size_t>(written));
    }
    ::close(descriptor);
    std::filesystem::rename(temporary, target);
    return target.string();
}

}
