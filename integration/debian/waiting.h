#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <binding/unfinished.h>

namespace chmtls::debian
{

/// Connections that are to log in, and how long they may take.
struct Waiting
{
    host::Unfinished & unfinished;
    std::chrono::milliseconds keep_alive;          ///< of an HTTP connection between two requests
    std::optional<uint16_t> interserver_http_port; ///< in plain text, where nobody logs in
};

}
