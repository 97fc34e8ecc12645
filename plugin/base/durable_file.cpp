#include "base/durable_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "base/descriptor.h"

namespace chmtls
{

namespace
{

class OpenFile
{
public:
    OpenFile(const std::string & path, int flags) : handle_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}

    [[nodiscard]] bool is_open() const { return handle_.is_open(); }

    [[nodiscard]] bool write(ByteView bytes) const
    {
        while (!bytes.empty())
        {
            const ssize_t written = ::write(handle_.get(), bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return false;
            bytes = bytes.subspan(static_cast<size_t>(written));
        }
        return true;
    }

    [[nodiscard]] bool sync() const { return ::fsync(handle_.get()) == 0; }

    /// False: what was written may be lost.
    bool close() { return handle_.reset(); }

private:
    Descriptor handle_;
};

tl::unexpected<Error> failure(const std::string & path, std::string_view what)
{
    const int error = errno;
    return fail(
        {path, "", fmt::format("cannot {}: {}", what, std::generic_category().message(error)),
         "let the server's user write the file and its directory, and see that the disk has room", ""});
}

std::string directory_of(const std::string & path)
{
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}

Result<void> replace_file_durably(const std::string & path, ByteView content)
{
    const std::string fresh = path + ".new";
    {
        OpenFile file(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
        if (!file.is_open())
            return failure(fresh, "create the file");
        if (!file.write(content) || !file.sync() || !file.close())
        {
            auto error = failure(fresh, "write the file");
            ::unlink(fresh.c_str());
            return error;
        }
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0)
    {
        auto error = failure(path, "replace the file");
        ::unlink(fresh.c_str());
        return error;
    }
    const OpenFile directory(directory_of(path), O_RDONLY | O_DIRECTORY);
    if (!directory.is_open() || !directory.sync())
        return failure(directory_of(path), "sync the directory");
    return {};
}

}
