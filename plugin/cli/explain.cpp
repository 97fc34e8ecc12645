// clickhouse-mtls explain: what a server with this configuration would decide on a peer, and how it came to it.

#include <memory>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/input.h"
#include "cli/json.h"
#include "policy/authorize.h"
#include "policy/describe.h"
#include "policy/verify.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string config;
    std::string users;
    std::string chain;
    std::string listener;
    std::string user;
    std::string at;
    bool user_named = false;
    bool without_header = false;
    bool json = false;
};

/// The two judgements that a login meets, in their order.
struct Story
{
    policy::PeerVerdict verdict;
    std::optional<policy::Explanation> login; ///< nothing when the handshake already failed
};

policy::Interface interface_of(std::string_view listener)
{
    return listener == "tcp_port_secure" ? policy::Interface::native : policy::Interface::http;
}

policy::PeerVerdict
judge_chain(const generation::Generation & generation, const PeerChain & chain, const Options & options, UnixTime at)
{
    if (chain.defect)
        return {
            .reason = openssl::reason_of(*chain.defect),
            .message = chain.defect->describe(),
            .identity = nullptr,
            .valid_until = {}};

    std::vector<ByteView> der;
    der.reserve(chain.certificates.size());
    for (const openssl::Certificate & certificate : chain.certificates)
        der.push_back(certificate.der());
    return policy::verify_peer(
        generation, {.role = policy::PeerRole::client, .listener = options.listener, .chain = der, .expected_name = {}}, at);
}

Story tell(const generation::Generation & generation, const PeerChain & chain, const Options & options, UnixTime at)
{
    Story story{.verdict = judge_chain(generation, chain, options, at), .login = std::nullopt};
    if (!story.verdict.accepted())
        return story;

    const policy::Interface interface = interface_of(options.listener);
    const policy::Login login{
        .interface = interface,
        .user = options.user,
        .user_named = options.user_named,
        .password_given = false,
        .certificate_asked = interface == policy::Interface::http && !options.without_header,
        .other_credentials = false,
    };
    story.login = policy::explain(generation, story.verdict.identity, login, at);
    return story;
}

bool granted(const Story & story)
{
    return story.login && story.login->decision.outcome == policy::Outcome::granted;
}

std::string_view outcome_name(policy::Outcome outcome)
{
    switch (outcome)
    {
    case policy::Outcome::granted:
        return "granted";
    case policy::Outcome::declined:
        return "declined";
    case policy::Outcome::refused:
        break;
    }
    return "refused";
}

std::string_view asks(config::ClientCertificate client_certificate)
{
    switch (client_certificate)
    {
    case config::ClientCertificate::none:
        return "none";
    case config::ClientCertificate::optional:
        return "optional";
    case config::ClientCertificate::required:
        break;
    }
    return "required";
}

void print_rules(const std::vector<mapping::RuleTrace> & traces)
{
    if (traces.empty())
        print_line("rules: none applies to this login");
    for (const mapping::RuleTrace & trace : traces)
    {
        print_line(fmt::format(
            "rule {}: {}{} ({}); {}", printable(trace.rule), trace.matched ? "matches, gives user " : "does not match",
            trace.matched ? "'" + printable(trace.user) + "'" : "", printable(trace.source), printable(trace.detail, 1024)));
    }
}

void print_text(const generation::Generation & generation, const Story & story, const Options & options)
{
    print_line("configuration: good, digest " + to_hex(generation.digest).substr(0, 16));
    if (const config::Listener * listener = generation.listener(options.listener))
        print_line(fmt::format(
            "listener {}: port {}, client certificate {}", listener->name, listener->port, asks(listener->client_certificate)));
    if (!story.verdict.accepted())
    {
        print_line(
            fmt::format("certificate: refused, {}: {}", code(story.verdict.reason), printable(story.verdict.message, 2048)));
        print_line("decision: refused; the handshake fails");
        return;
    }
    if (story.verdict.identity)
        print_line(fmt::format(
            "certificate: accepted until {}: {}", format_rfc3339(story.verdict.valid_until), story.verdict.identity->describe()));
    else
        print_line("certificate: let through without an identity; " + printable(story.verdict.message, 2048));

    print_rules(story.login->traces);
    const policy::LoginDecision & decision = story.login->decision;
    std::string line = fmt::format("decision: {}", outcome_name(decision.outcome));
    if (decision.outcome == policy::Outcome::granted)
        line += fmt::format(", user '{}' by rule {}", printable(decision.user), printable(decision.rule));
    else
        line += fmt::format(", {}: {}", code(decision.reason), printable(decision.message, 2048));
    print_line(line);
}

void print_json(const generation::Generation & generation, const Story & story, const Options & options)
{
    JsonObject verdict;
    verdict.yes_no("accepted", story.verdict.accepted())
        .text("reason", code(story.verdict.reason))
        .text("message", story.verdict.message);
    if (story.verdict.identity)
        verdict.raw("identity", policy::identity_json(*story.verdict.identity));
    else
        verdict.null("identity");

    std::vector<std::string> rules;
    JsonObject decision;
    if (!story.login)
    {
        decision.text("outcome", "refused").text("reason", code(story.verdict.reason)).text("message", story.verdict.message);
    }
    else
    {
        for (const mapping::RuleTrace & trace : story.login->traces)
            rules.push_back(JsonObject()
                                .text("rule", trace.rule)
                                .text("source", trace.source)
                                .yes_no("matched", trace.matched)
                                .text("user", trace.user)
                                .text("detail", trace.detail)
                                .str());
        const policy::LoginDecision & made = story.login->decision;
        decision.text("outcome", outcome_name(made.outcome))
            .text("reason", code(made.reason))
            .text("message", made.message)
            .text("user", made.user)
            .text("rule", made.rule);
    }

    print_line(JsonObject()
                   .yes_no("accepted", granted(story))
                   .text("listener", options.listener)
                   .text("digest", to_hex(generation.digest))
                   .raw("certificate", verdict.str())
                   .raw("rules", json_array(rules))
                   .raw("decision", decision.str())
                   .str());
}

Error unknown_listener(const generation::Generation & generation, const Options & options)
{
    std::string known;
    for (const config::Listener & listener : generation.settings.listeners)
        known += (known.empty() ? "" : ", ") + listener.name;
    return Error{
        .file = options.config,
        .field = "--listener",
        .reason = "there is no listener '" + printable(options.listener, 64) + "'",
        .remedy = known.empty() ? "set tcp_port_secure or https_port" : "choose one of: " + known,
        .code = {},
    };
}

Exit explain(const Options & options)
{
    const auto at = moment(options.at);
    if (!at)
        return complain(bad_option("--at", at.error()));
    const auto checked = check_configuration(options.config, options.users, system_time());
    if (!checked)
        return complain(checked.error());
    if (!checked->findings.empty())
        return complain(checked->findings);
    if (!checked->generation->settings.enabled)
        return complain({
            .file = options.config,
            .field = "mtls",
            .reason = "there is no <mtls> section, so the module decides nothing",
            .remedy = "add <mtls> to the configuration",
            .code = {},
        });
    if (checked->generation->listener(options.listener) == nullptr)
        return complain(unknown_listener(*checked->generation, options));
    const auto chain = read_peer_chain(options.chain);
    if (!chain)
        return complain(chain.error());

    const Story story = tell(*checked->generation, *chain, options, *at);
    if (options.json)
        print_json(*checked->generation, story, options);
    else
        print_text(*checked->generation, story, options);
    return granted(story) ? Exit::yes : Exit::no;
}

}

void add_explain(CLI::App & app, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = app.add_subcommand("explain", "Say what a server would decide on a peer, rule by rule");
    command->add_option("--config", options->config, "server configuration; config.d and conf.d beside it are merged")
        ->required();
    command->add_option("--users", options->users, "users configuration; default: <users_config> of the server configuration");
    command->add_option("--chain", options->chain, "PEM file, leaf first, as the peer sends it")->required();
    command->add_option("--listener", options->listener, "tcp_port_secure, https_port or interserver_https_port")->required();
    CLI::Option * user = command->add_option("--user", options->user, "user that the peer asks for; default: none named");
    command->add_flag(
        "--without-header", options->without_header, "HTTPS: the request has no X-ClickHouse-SSL-Certificate-Auth header");
    command->add_option("--at", options->at, "judge the chain at this moment (RFC 3339) instead of now");
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, user, &action]
        {
            options->user_named = user->count() > 0;
            action = [options]
            {
                return explain(*options);
            };
        });
}

}
