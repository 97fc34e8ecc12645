#include "cli/command.h"

#include <cstdio>

namespace chmtls::cli
{

void add_always_json(CLI::App & command)
{
    command.add_flag_function(
        "--json", [](int64_t) {}, "accepted for uniformity: the output is JSON in any case");
}

Exit complain(const Error & error)
{
    const std::string line = "clickhouse-mtls: " + describe(Errors{error}) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
    return Exit::usage;
}

Exit complain(const Errors & errors)
{
    for (const Error & error : errors)
        (void)complain(error);
    return Exit::usage;
}

Error bad_option(const std::string & option, const Error & cause)
{
    return Error{.file = {}, .field = option, .reason = cause.reason, .remedy = cause.remedy, .code = cause.code};
}

}
