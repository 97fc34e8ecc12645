#include "openssl/error_queue.h"

#include <openssl/err.h>

namespace chmtls::openssl
{

void clear_errors()
{
    ERR_clear_error();
}

std::string drain_errors()
{
    std::string out;
    std::string last;
    while (const unsigned long error = ERR_get_error())
    {
        const char * const library = ERR_lib_error_string(error);
        const char * const reason = ERR_reason_error_string(error);
        std::string text = library == nullptr ? "" : library;
        if (reason != nullptr)
            text += (text.empty() ? "" : ": ") + std::string(reason);
        if (text.empty())
            text = "error " + std::to_string(error);
        if (text == last)
            continue; // the same fault seen on the way up
        out += (out.empty() ? "" : "; ") + text;
        last = std::move(text);
    }
    return out.empty() ? "unknown error" : out;
}

bool drain_out_of_memory()
{
    bool found = false;
    while (const unsigned long error = ERR_get_error())
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

}
