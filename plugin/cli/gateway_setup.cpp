// clickhouse-mtls gateway setup: what the server behind a gateway needs, for the users of the rules.

#include <algorithm>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/json.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string config;
    std::string from = "127.0.0.1";
    std::string format = "sql";
    bool json = false;
};

/// How the server knows the gateway's endpoint in its own configuration.
constexpr std::string_view endpoint = "clickhouse_mtls_gateway";

/// The users that rules give, as far as they can be told beforehand.
struct Users
{
    std::set<std::string> named;
    std::vector<const mapping::RuleText *> captured; ///< rules whose user is known at the login only
    std::vector<const mapping::RuleText *> own_password;
};

Users users_of(const mapping::RuleSet * rules)
{
    Users users;
    if (rules == nullptr)
        return users;
    for (const auto & rule : rules->rules())
    {
        if (rule.terms.password == mapping::PasswordNeed::required)
            users.own_password.push_back(&rule);
        else if (rule.user.find('{') != std::string::npos || rule.user.find('}') != std::string::npos)
            users.captured.push_back(&rule);
        else
            users.named.insert(rule.user);
    }
    return users;
}

std::string in_quotes(std::string_view text, char quote)
{
    std::string out(1, quote);
    for (const char c : text)
    {
        if (c == quote || c == '\\')
            out.push_back('\\');
        out.push_back(c);
    }
    out.push_back(quote);
    return out;
}

std::string xml_text(std::string_view text)
{
    std::string out;
    for (const char c : text)
    {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else
            out.push_back(c);
    }
    return out;
}

/// An XML element has to have it as its name.
bool is_element_name(std::string_view user)
{
    const auto letter = [](char c)
    {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !user.empty() && letter(user.front())
           && std::all_of(user.begin(), user.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

bool by_password(const GatewaySection & gateway, const std::string & user)
{
    return std::find(gateway.password_users.begin(), gateway.password_users.end(), user) != gateway.password_users.end();
}

std::string sql_for(const GatewaySection & gateway, const std::string & user, const Options & options)
{
    const auto name = in_quotes(user, '`');
    const auto host = fmt::format(" HOST IP {};", in_quotes(options.from, '\''));
    if (by_password(gateway, user))
        return fmt::format("CREATE USER IF NOT EXISTS {} IDENTIFIED BY '<the password of {}>'{}", name, gateway.passwords, host);
    if (gateway.tokens.empty())
        return fmt::format("-- {}: no proof. Give it a line in <gateway><proof><passwords>, or configure <tokens>", name);
    return fmt::format("CREATE USER IF NOT EXISTS {} IDENTIFIED WITH http SERVER '{}' SCHEME 'BASIC'{}", name, endpoint, host);
}

std::string xml_for(const GatewaySection & gateway, const std::string & user, const Options & options)
{
    if (!is_element_name(user))
        return fmt::format("<!-- {}: users.xml cannot hold this name; create it with SQL -->", xml_text(printable(user)));
    const auto networks = fmt::format("<networks><ip>{}</ip></networks>", xml_text(options.from));
    if (by_password(gateway, user))
        return fmt::format("<{0}><password><!-- of {1} --></password>{2}</{0}>", user, xml_text(gateway.passwords), networks);
    if (gateway.tokens.empty())
        return fmt::format("<!-- {}: no proof. Give it a line in gateway.proof.passwords, or configure tokens -->", user);
    return fmt::format(
        "<{0}><http_authentication><server>{1}</server><scheme>basic</scheme></http_authentication>{2}</{0}>", user, endpoint,
        networks);
}

/// The answer has to come before a client gives up, and from one place.
std::string server_configuration(const GatewaySection & gateway)
{
    return fmt::format(
        "<clickhouse>\n"
        "    <http_authentication_servers><{0}>\n"
        "        <uri>http://{1}/</uri>\n"
        "        <connection_timeout_ms>1000</connection_timeout_ms>\n"
        "        <receive_timeout_ms>1000</receive_timeout_ms>\n"
        "        <send_timeout_ms>1000</send_timeout_ms>\n"
        "        <max_tries>1</max_tries>\n"
        "    </{0}></http_authentication_servers>\n"
        "</clickhouse>",
        endpoint, gateway.tokens);
}

void print_remarks(const Users & users, const Options & options)
{
    const bool sql = options.format == "sql";
    const auto remark = [sql](const std::string & text)
    {
        print_line(sql ? "-- " + text : "<!-- " + xml_text(text) + " -->");
    };
    for (const auto * rule : users.captured)
        remark(fmt::format(
            "rule {} gives user {}, which a certificate decides: create each of them in the same way", printable(rule->name),
            printable(rule->user)));
    for (const auto * rule : users.own_password)
        remark(fmt::format(
            "rule {} wants the password of user {} as well: that user stays as it is", printable(rule->name),
            printable(rule->user)));
    if (users.named.empty())
        remark("no rule names a user that is known beforehand");
}

void print_text(const GatewaySection & gateway, const Users & users, const Options & options)
{
    const bool sql = options.format == "sql";
    print_line(sql ? "-- The server, each behind the gateway:" : "<!-- The server, each behind the gateway: -->");
    for (const auto & server : gateway.servers)
    {
        const auto line = fmt::format("{} for {}, reachable by the gateway only", server.address, server.listener);
        print_line(sql ? "--   " + line : "<!--   " + line + " -->");
    }
    if (!gateway.tokens.empty())
    {
        print_line(sql ? "-- A file in its config.d:\n/*" : "<!-- A file in its config.d: -->");
        print_line(server_configuration(gateway));
        if (sql)
            print_line("*/");
    }
    print_line(sql ? "-- Users:" : "<!-- A file in its users.d: -->\n<clickhouse><users>");
    for (const auto & user : users.named)
        print_line(sql ? sql_for(gateway, user, options) : "    " + xml_for(gateway, user, options));
    if (!sql)
        print_line("</users></clickhouse>");
    print_remarks(users, options);
}

void print_json(const GatewaySection & gateway, const Users & users, const Options & options)
{
    std::vector<std::string> statements;
    for (const auto & user : users.named)
        statements.push_back(sql_for(gateway, user, options));
    std::vector<std::string> captured;
    for (const auto * rule : users.captured)
        captured.push_back(rule->name);
    JsonObject object;
    object.raw("users", json_strings({users.named.begin(), users.named.end()}))
        .raw("sql", json_strings(statements))
        .raw("rules_with_captures", json_strings(captured));
    if (gateway.tokens.empty())
        object.null("server_configuration");
    else
        object.text("server_configuration", server_configuration(gateway));
    print_line(object.str());
}

/// What goes into SQL and XML.
bool is_network(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF.:/") == std::string_view::npos;
}

Exit setup(const Options & options)
{
    if (!is_network(options.from))
        return complain(Error{
            .file = {},
            .field = "--from",
            .reason = "is not an address or network",
            .remedy = "write the address that the gateway connects to the server from, such as 127.0.0.1",
            .code = {},
        });
    const auto checked = check_configuration(options.config, {}, system_time());
    if (!checked)
        return complain(checked.error());
    if (!checked->findings.empty())
        return complain(checked->findings);
    if (!checked->gateway)
        return complain(Error{
            .file = options.config,
            .field = "gateway",
            .reason = "is missing: this is no configuration of a gateway",
            .remedy = "name the file that clickhouse-mtls-gateway is started with",
            .code = {},
        });
    const auto users = users_of(checked->generation->rules.get());
    if (options.json)
        print_json(*checked->gateway, users, options);
    else
        print_text(*checked->gateway, users, options);
    return Exit::yes;
}

}

void add_gateway(CLI::App & app, Action & action)
{
    CLI::App * gateway = app.add_subcommand("gateway", "Help with clickhouse-mtls-gateway");
    gateway->require_subcommand(1);
    CLI::App * command
        = gateway->add_subcommand("setup", "Print what the server behind a gateway needs: configuration and users");
    auto options = std::make_shared<Options>();
    command->add_option("--config", options->config, "the gateway's configuration")->required();
    command->add_option("--from", options->from, "address or network that the gateway reaches the server from")
        ->capture_default_str();
    command->add_option("--format", options->format, "of the users: SQL, or a file for users.d")
        ->check(CLI::IsMember({"sql", "xml"}))
        ->capture_default_str();
    command->add_flag("--json", options->json, "print one JSON object");
    command->footer("Example:\n  clickhouse-mtls gateway setup --config /etc/clickhouse-mtls/gateway.xml");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return setup(*options);
            };
        });
}

}
