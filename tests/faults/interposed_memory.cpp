// The malloc family of this process, and mmap, from which libsodium takes its guarded pages.

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <malloc.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults/injection.h"

using chmtls::test::must_fail;
using chmtls::test::Resource;

extern "C"
{
    // glibc's own, under the names that it keeps for this purpose.
    void * __libc_malloc(size_t);
    void * __libc_calloc(size_t, size_t);
    void * __libc_realloc(void *, size_t);
    void * __libc_memalign(size_t, size_t);

    [[gnu::visibility("default")]] void * malloc(size_t size) noexcept
    {
        return must_fail(Resource::memory) ? nullptr : __libc_malloc(size);
    }

    [[gnu::visibility("default")]] void * calloc(size_t count, size_t size) noexcept
    {
        return must_fail(Resource::memory) ? nullptr : __libc_calloc(count, size);
    }

    [[gnu::visibility("default")]] void * realloc(void * old, size_t size) noexcept
    {
        return must_fail(Resource::memory) ? nullptr : __libc_realloc(old, size);
    }

    [[gnu::visibility("default")]] void * memalign(size_t alignment, size_t size) noexcept
    {
        return must_fail(Resource::memory) ? nullptr : __libc_memalign(alignment, size);
    }

    [[gnu::visibility("default")]] void * aligned_alloc(size_t alignment, size_t size) noexcept
    {
        return must_fail(Resource::memory) ? nullptr : __libc_memalign(alignment, size);
    }

    [[gnu::visibility("default")]] int posix_memalign(void ** result, size_t alignment, size_t size) noexcept
    {
        void * const made = must_fail(Resource::memory) ? nullptr : __libc_memalign(alignment, size);
        if (made == nullptr)
            return ENOMEM;
        *result = made;
        return 0;
    }

    // Under their names in libc: with large file support the headers turn the one into the other.
    [[gnu::visibility("default")]] void * plain_mmap(void *, size_t, int, int, int, off_t) noexcept __asm__("mmap");
    [[gnu::visibility("default")]] void * large_mmap(void *, size_t, int, int, int, off_t) noexcept __asm__("mmap64");

    void * plain_mmap(void * at, size_t size, int protection, int flags, int file, off_t offset) noexcept
    {
        if (must_fail(Resource::memory))
            return MAP_FAILED;
        return reinterpret_cast<void *>(::syscall(SYS_mmap, at, size, protection, flags, file, offset));
    }

    void * large_mmap(void * at, size_t size, int protection, int flags, int file, off_t offset) noexcept
    {
        return plain_mmap(at, size, protection, flags, file, offset);
    }
}
