// clickhouse-mtls status: what is in force in a running server.

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

std::string counts(const Object & by_code)
{
    std::string result;
    for (const auto & [code, count] : by_code)
        result += fmt::format("{}{} {}", result.empty() ? "" : ", ", code, count.convert<std::string>());
    return result.empty() ? "none" : result;
}

void print_rows(const Object & status, const std::string & key, const std::function<std::string(const Object &)> & row)
{
    const auto rows = status.getArray(key);
    for (size_t i = 0; !rows.isNull() && i < rows->size(); ++i)
        print_line(printable(row(*rows->getObject(static_cast<unsigned>(i))), 1024));
}

void print_audit(const Object & audit)
{
    print_line(printable(
        fmt::format("audit trail: {}, head {}", audit.getValue<std::string>("file"), audit.getValue<std::string>("head")), 4096));
    if (const auto lost = audit.getValue<uint64_t>("lost"); lost > 0)
        print_line(fmt::format("audit trail: {} records could not be written", lost));
    if (!audit.isNull("trouble"))
        print_line("audit trail NOT written: " + printable(audit.getValue<std::string>("trouble"), 4096));
}

void print_status(const Object & status)
{
    print_line(fmt::format(
        "generation {} since {}", status.getValue<uint64_t>("generation"), status.getValue<std::string>("loaded_at")));
    const auto & reload = *status.getObject("reload");
    if (!reload.isNull("last_error"))
        print_line(fmt::format(
            "NOT in force since {}: {}", reload.getValue<std::string>("failing_since"),
            printable(reload.getValue<std::string>("last_error"), 4096)));
    if (status.optValue("in_part", false))
        print_line("what the other files take away is in force; nothing is added before all of them are in order");
    print_rows(
        status, "listeners",
        [](const Object & one)
        {
            return fmt::format(
                "listener {}: port {}, client certificate {}{}", one.getValue<std::string>("name"),
                one.getValue<uint64_t>("port"), one.getValue<std::string>("client_certificate"),
                one.getValue<std::string>("mode") == "observe" ? ", observes only" : "");
        });
    print_rows(
        status, "credentials",
        [](const Object & one)
        {
            return fmt::format(
                "certificate ({}): {}, until {}", one.getValue<std::string>("role"), one.optValue<std::string>("subject", ""),
                one.optValue<std::string>("not_after", ""));
        });
    print_line("peers: " + counts(*status.getObject("peers")));
    print_line("logins: " + counts(*status.getObject("logins")));
    const auto & sessions = *status.getObject("sessions");
    print_line(
        fmt::format("sessions: {} live, {} closed", sessions.getValue<uint64_t>("live"), sessions.getValue<uint64_t>("closed")));
    const auto & would_refuse = *status.getObject("would_refuse");
    print_rows(
        would_refuse, "rows",
        [](const Object & one)
        {
            const auto user = one.getValue<std::string>("user");
            return fmt::format(
                "would refuse {} times: {} on {}, {}{}: {}, last at {}: {}", one.getValue<uint64_t>("count"),
                one.getValue<std::string>("stage"), one.getValue<std::string>("where"), one.getValue<std::string>("identity"),
                user.empty() ? "" : ", user " + user, one.getValue<std::string>("reason"), one.getValue<std::string>("last"),
                one.getValue<std::string>("message"));
        });
    if (const auto more = would_refuse.getValue<uint64_t>("not_listed"); more > 0)
        print_line(fmt::format("would refuse {} times more, which are not listed", more));
    const auto & dns = *status.getObject("dns");
    print_line(fmt::format(
        "dns: {} names watched, {} without an address, {} flushes", dns.getValue<uint64_t>("names"),
        dns.getValue<uint64_t>("unresolved"), dns.getValue<uint64_t>("flushes")));
    if (const auto audit = status.getObject("audit"))
        print_audit(*audit);
    for (const auto & warning : *status.getArray("warnings"))
        print_line("warning: " + printable(warning.convert<std::string>(), 1024));
}

/// For a monitor: what lies on the disk is in force, and records are written.
Exit is_all_in_force(const Object & status)
{
    const auto reload = status.getObject("reload");
    const auto audit = status.getObject("audit");
    const bool in_force = reload.isNull() || reload->isNull("last_error");
    return in_force && (audit.isNull() || audit->isNull("trouble")) ? Exit::yes : Exit::no;
}

}

void add_status(CLI::App & app, Action & action)
{
    auto options = std::make_shared<ServerOptions>();
    CLI::App * command = app.add_subcommand("status", "What is in force in a running server, and what it decided");
    add_server_options(*command, options);
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return ask_server(*options, "status", {}, print_status, is_all_in_force);
            };
        });
}

}
