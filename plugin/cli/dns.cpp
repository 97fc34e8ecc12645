// clickhouse-mtls dns flush, dns status: what a running server knows of addresses.

#include <memory>

#include <Poco/JSON/Array.h>
#include <fmt/format.h>

#include "cli/json.h"
#include "cli/running_server.h"

namespace chmtls::cli
{

namespace
{

using Object = Poco::JSON::Object;

std::string addresses_of(const Object & name)
{
    std::string result;
    for (const auto & address : *name.getArray("addresses"))
        result += (result.empty() ? "" : " ") + address.convert<std::string>();
    return result.empty() ? "no address" : result;
}

std::string line_of(const Object & name)
{
    std::string line = fmt::format("{}: {}", name.getValue<std::string>("name"), addresses_of(name));
    if (!name.isNull("failure"))
        line += fmt::format(" ({})", name.getValue<std::string>("failure"));
    if (!name.isNull("asked_again_in_ms"))
        line += fmt::format(", asked again in {:.1f} s", name.getValue<double>("asked_again_in_ms") / 1000);
    return line;
}

void print_status(const Object & status)
{
    const bool enabled = status.getValue<bool>("enabled");
    print_line(
        enabled ? fmt::format(
            "watched: {} names, {} without an address", status.getValue<uint64_t>("names"),
            status.getValue<uint64_t>("unresolved"))
                : "watched: nothing, there is no <mtls><dns> section");
    std::string causes;
    for (const auto & [cause, count] : *status.getObject("asked_for"))
        if (const auto times = count.convert<uint64_t>(); times > 0)
            causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", cause, times);
    print_line(
        fmt::format("flushes: {}{}", status.getValue<uint64_t>("flushes"), causes.empty() ? "" : " (asked for: " + causes + ")"));
    const auto names = status.getArray("watched");
    for (size_t i = 0; i < names->size(); ++i)
        print_line(printable(line_of(*names->getObject(static_cast<unsigned>(i))), 4096));
}

void print_flush(const Object & result)
{
    const auto wait = result.getValue<int64_t>("done_in_ms");
    // A mistyped name, or one that only statements use.
    if (!result.optValue<bool>("named", true))
        print_line(
            "note: the server's configuration names no such host, and for others no connection is ended; write HOST as the "
            "configuration has it, or leave it out for all");
    print_line(
        wait == 0 ? "flushed"
                  : fmt::format(
                      "flushed in {:.1f} s, together with what else is asked for until then", static_cast<double>(wait) / 1000));
}

void add_status_command(CLI::App & dns, Action & action)
{
    auto options = std::make_shared<ServerOptions>();
    CLI::App * command = dns.add_subcommand("status", "The names that are watched, and the flushes so far");
    add_server_options(*command, options);
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return ask_server(*options, "dns status", {}, print_status);
            };
        });
}

void add_flush_command(CLI::App & dns, Action & action)
{
    auto options = std::make_shared<ServerOptions>();
    auto host = std::make_shared<std::string>();
    CLI::App * command = dns.add_subcommand("flush", "Forget the addresses of a host, or of all, and reconnect");
    command->add_option("HOST", *host, "a host as the configuration names it; default: all");
    add_server_options(*command, options);
    command->callback(
        [options, host, &action]
        {
            action = [options, host]
            {
                admin::Arguments arguments;
                if (!host->empty())
                    arguments["host"] = *host;
                return ask_server(*options, "dns flush", arguments, print_flush);
            };
        });
}

}

void add_dns(CLI::App & app, Action & action)
{
    CLI::App * dns = app.add_subcommand("dns", "Addresses that a running server knows: watched and flushed");
    dns->require_subcommand(1);
    add_status_command(*dns, action);
    add_flush_command(*dns, action);
}

}
