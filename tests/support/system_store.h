#pragma once

// What a test takes for the system's authorities, header only.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "support/scratch_dir.h"

namespace chmtls::test
{

/// While it lives SSL_CERT_FILE and SSL_CERT_DIR lead into a directory of its own: the file cert.pem, which is missing at first,
/// and the empty directory certs. The environment is everybody's: begin before there are threads, end after them.
class SystemStore
{
public:
    SystemStore()
    {
        std::filesystem::create_directory(dir.file("certs"));
        set("SSL_CERT_FILE", dir.file("cert.pem"));
        set("SSL_CERT_DIR", dir.file("certs"));
    }
    ~SystemStore()
    {
        ::unsetenv("SSL_CERT_FILE");
        ::unsetenv("SSL_CERT_DIR");
    }
    SystemStore(const SystemStore &) = delete;
    SystemStore & operator=(const SystemStore &) = delete;

    static void set(const char * variable, const std::string & value)
    {
        if (::setenv(variable, value.c_str(), 1) != 0)
            throw std::runtime_error("no room for a variable");
    }

    const ScratchDir dir;
};

}
