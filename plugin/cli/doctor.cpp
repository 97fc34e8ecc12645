// clickhouse-mtls doctor: goes through what makes connections and logins fail.

#include <algorithm>
#include <memory>

#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/client.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/json.h"
#include "config/parser.h"
#include "doctor/node.h"
#include "doctor/peer.h"

namespace chmtls::cli
{

namespace
{

constexpr uint64_t schema_version = 1;

struct Options
{
    std::string config = "/etc/clickhouse-server/config.xml";
    std::string peer;
    uint64_t seconds = 5;
    bool json = false;
};

std::vector<std::string> resolve(const std::string & host)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo * found = nullptr;
    std::vector<std::string> addresses;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
        return addresses;
    for (const addrinfo * each = found; each != nullptr; each = each->ai_next)
    {
        char text[NI_MAXHOST] = {};
        if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0)
            addresses.emplace_back(text);
    }
    ::freeaddrinfo(found);
    return addresses;
}

std::optional<FileFacts> file_facts(const std::string & path)
{
    struct stat status
    {
    };
    if (::stat(path.c_str(), &status) != 0)
        return std::nullopt;
    return FileFacts{.mode = status.st_mode, .owner = status.st_uid};
}

std::vector<std::pair<std::string, uint64_t>> refused(const Poco::JSON::Object & status, const std::string & key)
{
    std::vector<std::pair<std::string, uint64_t>> counts;
    const auto by_reason = status.getObject(key);
    if (by_reason.isNull())
        return counts;
    for (const auto & [reason, count] : *by_reason)
        if (reason != code(Reason::valid) && count.convert<uint64_t>() > 0)
            counts.emplace_back(reason, count.convert<uint64_t>());
    return counts;
}

doctor::Running ask_running(const std::string & socket)
{
    doctor::Running running;
    const auto answer = admin::ask(socket, "status", {});
    if (!answer || !answer->ok)
    {
        running.no_answer = answer ? answer->error : answer.error().describe();
        return running;
    }
    const auto status = Poco::JSON::Parser().parse(answer->result).extract<Poco::JSON::Object::Ptr>();
    if (const auto reload = status->getObject("reload"); !reload.isNull() && !reload->isNull("last_error"))
        running.not_in_force = reload->getValue<std::string>("last_error");
    running.refused_peers = refused(*status, "peers");
    running.refused_logins = refused(*status, "logins");
    return running;
}

/// The owner of <path>: ClickHouse refuses to run as anybody else.
std::optional<uid_t> owner_of_data(const config::Element & server)
{
    const auto * path = server.find("path");
    const auto facts = path == nullptr ? std::nullopt : file_facts(std::string(config::trimmed(path->text)));
    return facts ? std::optional(facts->owner) : std::nullopt;
}

Result<doctor::Node> look_at(const std::string & config)
{
    auto checked = check_configuration(config, {}, system_time());
    if (!checked)
        return fail(checked.error());
    const std::string & xml = checked->documents.front().xml;
    auto root = config::parse_xml(xml, config);
    if (!root)
        return fail(root.error());
    doctor::Node node;
    node.server = std::move(*root);
    node.source = config;
    node.errors = std::move(checked->findings);
    node.warnings = std::move(checked->notes);
    node.settings = config::parse_server_all(xml, config).settings;
    node.generation = std::move(checked->generation);
    node.users = config::read_user_rights(checked->documents.back().xml, config);
    if (!node.settings.admin_socket.empty())
        node.running = ask_running(node.settings.admin_socket);
    char name[256] = {};
    if (::gethostname(name, sizeof(name) - 1) == 0)
        node.host_name = name;
    node.server_user = owner_of_data(node.server);
    node.now = system_time();
    node.resolve = resolve;
    node.file = file_facts;
    return node;
}

std::optional<doctor::PeerAddress> parse_peer(const std::string & text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
        return std::nullopt;
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    return doctor::PeerAddress{.host = host, .port = text.substr(colon + 1)};
}

std::string_view word(doctor::State state)
{
    switch (state)
    {
    case doctor::State::ok:
        return "ok";
    case doctor::State::warn:
        return "warn";
    case doctor::State::fail:
        break;
    }
    return "fail";
}

void print_text(const doctor::Findings & findings)
{
    for (const auto & one : findings)
    {
        print_line(fmt::format("{:4} {}: {}", word(one.state), one.check, one.seen));
        if (one.state == doctor::State::ok)
            continue;
        print_line("     why: " + one.why);
        print_line("     remedy: " + one.remedy);
    }
}

void print_json(const doctor::Findings & findings, bool healthy)
{
    std::vector<std::string> rows;
    for (const auto & one : findings)
        rows.push_back(JsonObject()
                           .text("check", one.check)
                           .text("state", word(one.state))
                           .text("seen", one.seen)
                           .text("why", one.why)
                           .text("remedy", one.remedy)
                           .str());
    print_line(JsonObject().number("schema", schema_version).yes_no("ok", healthy).raw("findings", json_array(rows)).str());
}

Exit examine(const Options & options)
{
    auto node = look_at(options.config);
    if (!node)
        return complain(node.error());
    doctor::Findings findings;
    if (options.peer.empty())
        findings = doctor::examine(*node);
    else
    {
        const auto peer = parse_peer(options.peer);
        if (!peer)
            return complain(
                {"", "--peer", "'" + printable(options.peer, 64) + "' is not HOST:PORT", "give for example db1:9440", ""});
        if (!node->generation)
            return complain(node->errors);
        findings = doctor::examine_peer(*peer, *node->generation, node->now, std::chrono::seconds(options.seconds));
    }
    const bool healthy
        = std::none_of(findings.begin(), findings.end(), [](const auto & one) { return one.state == doctor::State::fail; });
    if (options.json)
        print_json(findings, healthy);
    else
        print_text(findings);
    return healthy ? Exit::yes : Exit::no;
}

}

void add_doctor(CLI::App & app, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command
        = app.add_subcommand("doctor", "Go through what makes connections and logins fail, on this node or at a peer");
    command->add_option("--config", options->config, "server configuration; config.d and conf.d beside it are merged")
        ->capture_default_str();
    command->add_option("--peer", options->peer, "HOST:PORT: look at the server there, as this node would connect to it");
    command->add_option("--timeout", options->seconds, "seconds for connect and handshake with each address of the peer")
        ->check(CLI::Range(1, 600))
        ->capture_default_str();
    command->add_flag("--json", options->json, "print one JSON object");
    command->footer(
        "Exit status: 0 nothing failed (there may be warnings), 1 something did, 2 the configuration cannot be read.");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return examine(*options);
            };
        });
}

}
