#pragma once

// Questions to a running server, over its admin socket.

#include <functional>
#include <memory>
#include <string>

#include <Poco/JSON/Object.h>

#include "admin/requests.h"
#include "cli/command.h"

namespace chmtls::cli
{

struct ServerOptions
{
    std::string socket; ///< empty: <mtls><admin><socket> of `config`
    std::string config;
    bool json = false;
};

/// --socket, --config, --json
void add_server_options(CLI::App & command, const std::shared_ptr<ServerOptions> & options);

/// Asks, and prints the result: as JSON, or by `print`. What the server refuses is Exit::no, no answer Exit::usage; else
/// `exit_of`, if given, says what the result means.
[[nodiscard]] Exit ask_server(
    const ServerOptions & options, const std::string & request, const admin::Arguments & arguments,
    const std::function<void(const Poco::JSON::Object &)> & print,
    const std::function<Exit(const Poco::JSON::Object &)> & exit_of = {});

}
