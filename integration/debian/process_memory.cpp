#include "process_memory.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>

#include "log.h"

namespace chmtls::debian
{

namespace
{

// Keys take some kilobytes, each handshake under way some hundred bytes: room for ten thousand of those at once. What finds no
// place would fail.
constexpr size_t heap_size = size_t{16} << 20;
constexpr size_t smallest_block = 32;

}

void prepare_secure_heap()
{
    if (CRYPTO_secure_malloc_initialized() == 1)
        return;
    const int made = CRYPTO_secure_malloc_init(heap_size, smallest_block);
    if (made == 0)
        say(Poco::Message::PRIO_WARNING, "OpenSSL has no secure heap: private keys lie in ordinary memory");
    else if (made == 2)
        say(Poco::Message::PRIO_INFORMATION, "the memory of private keys could not be locked, so it may be swapped: the limit of "
                                             "locked memory (LimitMEMLOCK, ulimit -l) is below 16 MiB");
}

void keep_out_of_core_dumps() noexcept
{
    ::prctl(PR_SET_DUMPABLE, 0);
}

void allow_core_dumps() noexcept
{
    ::prctl(PR_SET_DUMPABLE, 1);
}

}
