#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "base/descriptor.h"

namespace chmtls
{

namespace
{

std::string remedy_for(int error)
{
    switch (error)
    {
    case ENOENT:
    case ENOTDIR:
        return "create the file or correct the path";
    case EACCES:
    case EPERM:
        return "let the server's user read the file and pass through its directories (chown, chmod)";
    case ELOOP:
        return "mend the symbolic link that points to itself";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files";
    default:
        return "check the file and the file system it is on";
    }
}

tl::unexpected<Error> system_failure(const std::string & shown, std::string_view what, int error)
{
    return fail(
        {.file = shown,
         .field = {},
         .reason = fmt::format("cannot {}: {}", what, std::generic_category().message(error)),
         .remedy = remedy_for(error),
         .code = {}});
}

tl::unexpected<Error> refused(const std::string & shown, std::string reason, std::string remedy)
{
    return fail({.file = shown, .field = {}, .reason = std::move(reason), .remedy = std::move(remedy), .code = {}});
}

std::string_view kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

/// Reads to the end of the file or to the end of `out`; the number of bytes read.
Result<size_t> read_all(int file, std::span<uint8_t> out, const std::string & shown)
{
    size_t done = 0;
    while (done < out.size())
    {
        const ssize_t got = ::read(file, out.data() + done, out.size() - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return system_failure(shown, "read the file", errno);
        if (got == 0)
            break;
        done += static_cast<size_t>(got);
    }
    return done;
}

std::span<uint8_t> writable(Bytes & bytes)
{
    return bytes;
}

std::span<uint8_t> writable(SecretBytes & bytes)
{
    return bytes.mutable_view();
}

void cut(Bytes & bytes, size_t size)
{
    bytes.resize(size);
}

void cut(SecretBytes & bytes, size_t size)
{
    bytes.shrink(size);
}

/// `Content` is FileContent or SecretFileContent. One byte more than the file's size is asked for, so that a file which grows
/// meanwhile is noticed: it is being written, and the next attempt will see it whole.
template <typename Content>
Result<Content> read_whole(int directory, const std::string & name, const std::string & shown, size_t limit)
{
    if (name.empty() || name.find('\0') != std::string::npos)
        return refused(shown, name.empty() ? "the path is empty" : "the path holds a NUL byte", "correct the path");
    // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    int opened = -1;
    do
        opened = ::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (opened < 0 && errno == EINTR);
    const int open_error = errno;
    const Descriptor file(opened);
    if (file.get() < 0)
        return system_failure(shown, "open the file", open_error);

    struct stat status = {};
    if (::fstat(file.get(), &status) != 0)
        return system_failure(shown, "read the file's attributes", errno);
    if (!S_ISREG(status.st_mode))
        return refused(shown, fmt::format("is {}, not a regular file", kind_of(status.st_mode)), "name a regular file");
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size > limit)
        return refused(
            shown, fmt::format("holds {} bytes, more than the {} allowed", size, limit), "check that this is the right file");

    using Store = decltype(Content::bytes);
    Store bytes(static_cast<size_t>(size) + 1);
    const auto got = read_all(file.get(), writable(bytes), shown);
    if (!got)
        return tl::unexpected(got.error());
    if (*got != size)
        return refused(
            shown, fmt::format("{} while it was being read", *got > size ? "grew" : "shrank"),
            "replace files by renaming a finished one over them");
    cut(bytes, *got);
    return Content{std::move(bytes), FileFacts{.mode = status.st_mode & 07777u, .owner = status.st_uid}};
}

}

bool is_settled(const struct stat & status) noexcept
{
    constexpr time_t coarsest = 2; // FAT's
    timespec now = {};
    if (::clock_gettime(CLOCK_REALTIME, &now) != 0)
        return false;
    return std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec) + coarsest < now.tv_sec;
}

Result<FileContent> read_file(const std::string & path, size_t limit)
{
    return read_whole<FileContent>(AT_FDCWD, path, path, limit);
}

Result<FileContent> read_file_at(int directory, const std::string & name, const std::string & shown, size_t limit)
{
    return read_whole<FileContent>(directory, name, shown, limit);
}

Result<SecretFileContent> read_secret_file(const std::string & path, size_t limit)
{
    return read_whole<SecretFileContent>(AT_FDCWD, path, path, limit);
}

Result<SecretFileContent> read_secret_file_at(int directory, const std::string & name, const std::string & shown, size_t limit)
{
    return read_whole<SecretFileContent>(directory, name, shown, limit);
}

}
