#include "cli/running_server.h"

#include <cstdio>

#include <Poco/JSON/Parser.h>

#include "admin/client.h"
#include "cli/json.h"
#include "cli/merged_config.h"
#include "config/parser.h"

namespace chmtls::cli
{

namespace
{

constexpr const char * default_config = "/etc/clickhouse-server/config.xml";

/// The admin socket that the server of this configuration has. What else is wrong with the configuration does not matter here.
Result<std::string> socket_of(const ServerOptions & options)
{
    if (!options.socket.empty())
        return options.socket;
    const auto merged = read_merged_config(options.config);
    if (!merged)
        return fail(merged.error());
    auto path = config::parse_server_all(merged->xml, options.config).settings.admin_socket;
    if (path.empty())
        return fail(
            {options.config, "mtls.admin.socket", "the server has no admin socket", "set it, or give --socket for another server",
             ""});
    return path;
}

}

void add_server_options(CLI::App & command, const std::shared_ptr<ServerOptions> & options)
{
    options->config = default_config;
    auto * socket = command.add_option("--socket", options->socket, "the server's admin socket");
    command.add_option("--config", options->config, "server configuration that names the socket")
        ->capture_default_str()
        ->excludes(socket);
    command.add_flag("--json", options->json, "print one JSON object");
}

Exit ask_server(
    const ServerOptions & options, const std::string & request, const admin::Arguments & arguments,
    const std::function<void(const Poco::JSON::Object &)> & print,
    const std::function<Exit(const Poco::JSON::Object &)> & exit_of)
{
    const auto socket = socket_of(options);
    if (!socket)
        return complain(socket.error());
    const auto answer = admin::ask(*socket, request, arguments);
    if (!answer)
        return complain(answer.error());
    if (!answer->ok)
    {
        if (options.json)
            print_line(JsonObject().yes_no("ok", false).text("error", answer->error).str());
        else
            print_line("refused: " + printable(answer->error, 4096));
        return Exit::no;
    }
    const auto result = Poco::JSON::Parser().parse(answer->result).extract<Poco::JSON::Object::Ptr>();
    if (options.json)
        print_line(answer->result);
    else
        print(*result);
    return exit_of ? exit_of(*result) : Exit::yes;
}

}
