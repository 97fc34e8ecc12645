// The `clickhouse-mtls` tool: judges identities, bundles, chains and configurations as the server would, and issues test PKIs.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/version.h"
#include "cli/command.h"

namespace
{

using chmtls::cli::Exit;

int finish(Exit exit)
{
    // An answer that could not be written is no answer.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    {
        std::fputs("clickhouse-mtls: standard output: cannot be written\n", stderr);
        return static_cast<int>(Exit::usage);
    }
    return static_cast<int>(exit);
}

int run(int argc, char ** argv)
{
    CLI::App app{"Identity by certificate for ClickHouse: check, explain and try out"};
    app.name("clickhouse-mtls");
    app.set_version_flag("--version", "clickhouse-mtls " + std::string(chmtls::version()));
    app.require_subcommand(1);
    app.footer("Exit status: 0 yes, 1 no, 2 usage or unreadable input.");

    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    chmtls::cli::Action action;
    chmtls::cli::add_check_id(app, chmtls::cli::take_ids(arguments), action);
    chmtls::cli::add_check_bundle(app, action);
    chmtls::cli::add_verify(app, action);
    chmtls::cli::add_check(app, action);
    chmtls::cli::add_explain(app, action);
    chmtls::cli::add_pki(app, action);
    chmtls::cli::add_status(app, action);
    chmtls::cli::add_dns(app, action);
    chmtls::cli::add_gateway(app, action);
    chmtls::cli::add_audit(app, action);
    chmtls::cli::add_doctor(app, action);
    chmtls::cli::add_help(app, action);
    chmtls::cli::add_completion(app, action);

    try
    {
        std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
        app.parse(std::move(arguments));
    }
    catch (const CLI::ParseError & error)
    {
        return app.exit(error) == 0 ? finish(Exit::yes) : static_cast<int>(Exit::usage);
    }
    return finish(action());
}

}

int main(int argc, char ** argv)
{
    try
    {
        return run(argc, argv);
    }
    catch (const std::exception & error)
    {
        std::fprintf(stderr, "clickhouse-mtls: %s\n", error.what());
        return static_cast<int>(Exit::usage);
    }
}
