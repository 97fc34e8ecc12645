// The file system calls of this process that the module makes.

#include <cstdarg>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults/injection.h"

using chmtls::test::must_fail;
using chmtls::test::Resource;

namespace
{

/// libc's function of this name; `Function` is its type.
template <typename Function>
Function * next(const char * name)
{
    return reinterpret_cast<Function *>(::dlsym(RTLD_NEXT, name));
}

}

extern "C"
{
    [[gnu::visibility("default")]] int open(const char * path, int flags, ...)
    {
        static auto * const real = next<int(const char *, int, mode_t)>("open");
        va_list rest;
        va_start(rest, flags);
        const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : mode_t{0};
        va_end(rest);
        return must_fail(Resource::files) ? -1 : real(path, flags, mode);
    }

    [[gnu::visibility("default")]] int openat(int directory, const char * path, int flags, ...)
    {
        static auto * const real = next<int(int, const char *, int, mode_t)>("openat");
        va_list rest;
        va_start(rest, flags);
        const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : mode_t{0};
        va_end(rest);
        return must_fail(Resource::files) ? -1 : real(directory, path, flags, mode);
    }

    [[gnu::visibility("default")]] ssize_t read(int file, void * buffer, size_t size)
    {
        static auto * const real = next<ssize_t(int, void *, size_t)>("read");
        return must_fail(Resource::files) ? -1 : real(file, buffer, size);
    }

    [[gnu::visibility("default")]] ssize_t write(int file, const void * buffer, size_t size)
    {
        static auto * const real = next<ssize_t(int, const void *, size_t)>("write");
        return must_fail(Resource::files) ? -1 : real(file, buffer, size);
    }

    [[gnu::visibility("default")]] int fstat(int file, struct stat * status) noexcept
    {
        static auto * const real = next<int(int, struct stat *)>("fstat");
        return must_fail(Resource::files) ? -1 : real(file, status);
    }

    [[gnu::visibility("default")]] int fstatat(int directory, const char * path, struct stat * status, int flags) noexcept
    {
        static auto * const real = next<int(int, const char *, struct stat *, int)>("fstatat");
        return must_fail(Resource::files) ? -1 : real(directory, path, status, flags);
    }

    [[gnu::visibility("default")]] ssize_t readlinkat(int directory, const char * path, char * buffer, size_t size) noexcept
    {
        static auto * const real = next<ssize_t(int, const char *, char *, size_t)>("readlinkat");
        return must_fail(Resource::files) ? -1 : real(directory, path, buffer, size);
    }

    [[gnu::visibility("default")]] char * getcwd(char * buffer, size_t size) noexcept
    {
        static auto * const real = next<char *(char *, size_t)>("getcwd");
        return must_fail(Resource::files) ? nullptr : real(buffer, size);
    }

    [[gnu::visibility("default")]] DIR * fdopendir(int file)
    {
        static auto * const real = next<DIR *(int)>("fdopendir");
        return must_fail(Resource::files) ? nullptr : real(file);
    }

    [[gnu::visibility("default")]] struct dirent * readdir(DIR * directory)
    {
        static auto * const real = next<struct dirent *(DIR *)>("readdir");
        return must_fail(Resource::files) ? nullptr : real(directory);
    }

    [[gnu::visibility("default")]] int inotify_init1(int flags) noexcept
    {
        static auto * const real = next<int(int)>("inotify_init1");
        return must_fail(Resource::files) ? -1 : real(flags);
    }

    [[gnu::visibility("default")]] int inotify_add_watch(int handle, const char * path, uint32_t mask) noexcept
    {
        static auto * const real = next<int(int, const char *, uint32_t)>("inotify_add_watch");
        return must_fail(Resource::files) ? -1 : real(handle, path, mask);
    }

    [[gnu::visibility("default")]] int eventfd(unsigned int count, int flags) noexcept
    {
        static auto * const real = next<int(unsigned int, int)>("eventfd");
        return must_fail(Resource::files) ? -1 : real(count, flags);
    }

    [[gnu::visibility("default")]] int poll(pollfd * handles, nfds_t count, int timeout)
    {
        static auto * const real = next<int(pollfd *, nfds_t, int)>("poll");
        return must_fail(Resource::files) ? -1 : real(handles, count, timeout);
    }
}
