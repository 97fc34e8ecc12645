#include "symbols.h"

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <Poco/Environment.h>

namespace chmtls::debian
{

namespace
{

constexpr std::string_view expected_library = "libclickhouse.so.18.16.1";
constexpr unsigned expected_poco = 0x010B; // major, minor
constexpr unsigned expected_openssl_major = 3;

std::array<void *, symbol_names.size()> originals;

[[noreturn]] void refuse_to_start(const std::string & why)
{
    std::cerr << "clickhouse-mtls: refusing to start: " << why
              << ".\nThis adapter is made for Debian's clickhouse-server 18.16.1 (Poco 1.11, OpenSSL 3). Patch the installed "
                 "server again "
                 "with patch-server, or start the packaged one."
              << std::endl;
    _exit(70); // EX_SOFTWARE; nothing of the server has run yet
}

void check_library(const void * function, const char * name)
{
    Dl_info where{};
    if (::dladdr(function, &where) == 0 || where.dli_fname == nullptr)
        refuse_to_start(std::string("cannot tell which library defines ") + name);
    char * const resolved = ::realpath(where.dli_fname, nullptr);
    const std::string path = resolved != nullptr ? resolved : where.dli_fname;
    std::free(resolved);
    if (std::string_view(path).substr(path.find_last_of('/') + 1) != expected_library)
        refuse_to_start(path + " is not " + std::string(expected_library));
}

// Runs when the patched server is loaded, before its main.
__attribute__((constructor)) void find_originals()
{
    for (size_t at = 0; at < symbol_names.size(); ++at)
    {
        // The program comes before this library, which defines nothing of it.
        originals[at] = ::dlsym(symbol_in_program[at] ? RTLD_DEFAULT : RTLD_NEXT, symbol_names[at]);
        if (originals[at] == nullptr)
            refuse_to_start(std::string("the server does not have the function ") + symbol_names[at]);
    }
    check_library(original(Symbol::set_user), "DB::Context::setUser");
    if (Poco::Environment::libraryVersion() >> 16 != expected_poco)
        refuse_to_start(
            "Poco is not 1.11 but " + std::to_string(Poco::Environment::libraryVersion() >> 24) + "."
            + std::to_string((Poco::Environment::libraryVersion() >> 16) & 0xFF));
    if (OPENSSL_version_major() != expected_openssl_major)
        refuse_to_start("OpenSSL is not 3 but " + std::to_string(OPENSSL_version_major()));
}

}

void * original(Symbol symbol) noexcept
{
    return originals[static_cast<size_t>(symbol)];
}

}
