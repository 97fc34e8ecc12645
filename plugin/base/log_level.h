#pragma once

namespace chmtls
{

/// Of a line for the host's log; the order is that of CHMTLS_LOG_*.
enum class LogLevel
{
    error,
    warning,
    information,
    debug,
};

}
