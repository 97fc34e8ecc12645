// clickhouse-mtls-gateway --config FILE

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "describe.h"
#include "gateway.h"
#include "log.h"
#include "service.h"

namespace
{

constexpr int bad_usage = 2;
constexpr int not_started = 1;
constexpr int not_drained = 3;

constexpr const char * usage = "usage: clickhouse-mtls-gateway --config FILE [--check | --describe]\n"
                               "  --config FILE  openSSL, mtls and gateway sections; see docs/gateway.md\n"
                               "  --check        say what is wrong with FILE's gateway section, and do not start\n"
                               "  --describe     print what FILE's gateway section means as JSON, and do not start\n";

struct Arguments
{
    std::string config;
    bool check = false;
    bool describe = false;
    bool well = false;
};

Arguments parse(const std::vector<std::string> & words)
{
    Arguments arguments;
    for (size_t i = 0; i < words.size(); ++i)
    {
        if (words[i] == "--check")
            arguments.check = true;
        else if (words[i] == "--describe")
            arguments.describe = true;
        else if (words[i] == "--config" && i + 1 < words.size())
            arguments.config = words[++i];
        else if (words[i].starts_with("--config="))
            arguments.config = words[i].substr(std::strlen("--config="));
        else
            return arguments;
    }
    arguments.well = !arguments.config.empty() && !(arguments.check && arguments.describe);
    return arguments;
}

int check(const std::string & file)
{
    const auto parsed = chmtls::gateway::read_settings(file);
    for (const auto & finding : parsed.findings)
        std::fprintf(stderr, "%s\n", finding.c_str());
    return parsed.findings.empty() ? 0 : not_started;
}

}

int main(int argc, char ** argv)
{
    const auto arguments = parse({argv + 1, argv + argc});
    if (!arguments.well)
    {
        std::fputs(usage, stderr);
        return bad_usage;
    }
    if (arguments.check)
        return check(arguments.config);
    if (arguments.describe)
    {
        std::printf("%s\n", chmtls::gateway::describe(arguments.config).c_str());
        return 0;
    }
    chmtls::gateway::forbid_cores();
    chmtls::gateway::raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN); // a peer that has gone is no reason to end
    try
    {
        chmtls::gateway::Gateway gateway(arguments.config);
        if (!gateway.start())
            return not_started;
        return gateway.run() ? 0 : not_drained;
    }
    catch (const std::exception & exception)
    {
        chmtls::gateway::say(chmtls::gateway::Level::error, exception.what());
        return not_started;
    }
}
