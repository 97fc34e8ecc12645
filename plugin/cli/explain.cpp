// clickhouse-mtls explain: what a server with this configuration would decide on a peer, and how it came to it.

#include <memory>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/revocation_text.h"
#include "policy/authorize.h"
#include "policy/describe.h"
#include "policy/observing.h"
#include "policy/on_behalf.h"
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
    std::string outgoing; ///< "node" or "keeper": we connect to the peer
    std::string host;     ///< as it is configured, of an outgoing connection
    std::string user;
    std::string at;
    std::string on_behalf_of; ///< whom the peer names as who asked for a query; empty: nobody
    bool query = false;       ///< on_behalf_of was given
    bool user_named = false;
    bool without_header = false;
    bool json = false;
};

/// The two judgements that a peer meets, in their order.
struct Story
{
    policy::PeerExplanation peer;
    bool unverified = false;                    ///< openSSL.client has the connection go on whatever the verdict
    std::optional<policy::Explanation> login;   ///< nothing: the handshake failed, or nobody logs in there
    std::optional<policy::LoginDecision> query; ///< after the login, where it was granted and a query was asked about
};

/// Between servers the handshake is all there is.
bool handshake_only(const Options & options)
{
    return !options.outgoing.empty() || options.listener == config::interserver_listener;
}

policy::Interface interface_of(std::string_view listener)
{
    return listener == "tcp_port_secure" ? policy::Interface::native : policy::Interface::http;
}

/// The name that the server compares: zookeeper hosts may be written as secure://host, and with their port.
std::string_view name_in(std::string_view host)
{
    constexpr std::string_view scheme = "secure://";
    if (host.starts_with(scheme))
        host.remove_prefix(scheme.size());
    const size_t colon = host.rfind(':');
    const bool one_colon = colon != std::string_view::npos && host.find(':') == colon;
    const bool behind_brackets = colon != std::string_view::npos && colon > 0 && host.front() == '[' && host[colon - 1] == ']';
    return one_colon || behind_brackets ? host.substr(0, colon) : host;
}

policy::PeerExplanation judge_chain(
    const generation::Generation & generation, const PeerChain & chain, const Options & options, UnixTime at, Story & story)
{
    if (chain.defect)
        return {
            {.reason = openssl::reason_of(*chain.defect),
             .message = chain.defect->describe(),
             .identity = nullptr,
             .valid_until = {}},
            {},
            {}};

    std::vector<ByteView> der;
    der.reserve(chain.certificates.size());
    for (const openssl::Certificate & certificate : chain.certificates)
        der.push_back(certificate.der());
    policy::PeerQuery query{.role = policy::PeerRole::client, .listener = options.listener, .chain = der, .expected_name = {}};
    if (!options.outgoing.empty())
    {
        query.role = policy::PeerRole::server;
        query.expected_name = name_in(options.host);
        query.purpose = options.outgoing == "keeper" ? config::Purpose::keeper : config::Purpose::node;
    }
    story.unverified = policy::goes_on_unverified(generation, query);
    return policy::explain_peer(generation, query, at);
}

Story tell(const generation::Generation & generation, const PeerChain & chain, const Options & options, UnixTime at)
{
    Story story;
    story.peer = judge_chain(generation, chain, options, at, story);
    if (!story.peer.verdict.accepted() || handshake_only(options))
        return story;

    const policy::Interface interface = interface_of(options.listener);
    const policy::Login login{
        .interface = interface,
        .user = options.user,
        .user_named = options.user_named,
        .password_given = false,
        .certificate_asked = interface == policy::Interface::http && !options.without_header,
        .other_credentials = false,
        .queries_judged = options.query,
    };
    const policy::Standing standing = policy::standing_of(generation, story.peer.verdict.identity, at);
    story.login = policy::explain(standing, login);
    const policy::LoginDecision & decision = story.login->decision;
    if (options.query && decision.outcome == policy::Outcome::granted)
        story.query = policy::authorize_query(
            standing, {.session_user = decision.user,
                       .session_granted = true,
                       .initial_user = options.on_behalf_of,
                       .initial_address = {}});
    return story;
}

bool let_in(const Story & story, const Options & options)
{
    if (handshake_only(options))
        return story.peer.verdict.accepted();
    return story.login && story.login->decision.outcome == policy::Outcome::granted
           && (!options.query || (story.query && story.query->outcome == policy::Outcome::granted));
}

/// The rule that let a peer in; empty: none had to.
std::string deciding_rule(const Story & story)
{
    for (const mapping::RuleTrace & trace : story.peer.traces)
        if (trace.matched && story.peer.verdict.accepted())
            return trace.rule;
    return {};
}

/// As if enforced; that it is only observed is told besides.
std::string_view outcome_name(const policy::LoginDecision & decision)
{
    if (decision.let_through)
        return "refused";
    switch (decision.outcome)
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
    for (const mapping::RuleTrace & trace : traces)
    {
        std::string answer = trace.matched ? "matches" : "does not match";
        if (!trace.user.empty())
            answer += ", gives user '" + printable(trace.user) + "'";
        print_line(fmt::format(
            "rule {}: {} ({}); {}", printable(trace.rule), answer, printable(trace.source), printable(trace.detail, 1024)));
    }
}

/// What the gateway makes of the decision.
std::string behind(const generation::Generation & generation, const GatewaySection & gateway, const Story & story)
{
    const policy::LoginDecision & decision = story.login->decision;
    const auto & identity = story.peer.verdict.identity;
    const bool node = identity != nullptr && generation.nodes != nullptr && generation.nodes->rules != nullptr
                      && generation.nodes->rules->match(identity->subject()).matched();
    if (node && decision.outcome != policy::Outcome::refused)
        return "passes a node's own user and password, or the cluster's secret, on as they come; the server decides";
    if (decision.outcome == policy::Outcome::granted)
    {
        const std::string proof = proof_of(gateway, decision.user);
        if (proof.empty())
            return "refuses: it has no proof for this user; give gateway.proof one";
        return "logs in to the server by " + proof;
    }
    if (decision.outcome == policy::Outcome::declined && (gateway.passes_passwords || !decision.rule.empty()))
        return "passes user and password on as they come; the server decides";
    return "refuses";
}

void print_text(
    const generation::Generation & generation, const std::optional<GatewaySection> & gateway, const Story & story,
    const Options & options)
{
    print_line("configuration: good, digest " + to_hex(generation.digest).substr(0, 16));
    if (const config::Listener * listener = generation.listener(options.listener))
        print_line(fmt::format(
            "listener {}: port {}, client certificate {}", listener->name, listener->port, asks(listener->client_certificate)));
    if (!options.outgoing.empty())
        print_line(fmt::format("connection: to the {} at '{}'", options.outgoing, printable(options.host)));
    for (const std::string & line : revocation_lines(story.peer.revocation))
        print_line("revocation: " + printable(line, 4096));
    print_rules(story.peer.traces);
    const policy::PeerVerdict & verdict = story.peer.verdict;
    if (!verdict.accepted())
    {
        print_line(fmt::format("certificate: refused, {}: {}", code(verdict.reason), printable(verdict.message, 2048)));
        print_line(
            verdict.let_through ? "decision: refused, but only observed; the connection goes on without an identity"
            : story.unverified
                ? "decision: refused, but openSSL.client verifies no server; the connection goes on without an identity"
                : "decision: refused; the handshake fails");
        return;
    }
    if (verdict.identity)
        print_line(
            fmt::format("certificate: accepted until {}: {}", format_rfc3339(verdict.valid_until), verdict.identity->describe()));
    else
        print_line("certificate: let through without an identity; " + printable(verdict.message, 2048));
    if (!story.login)
    {
        const std::string rule = deciding_rule(story);
        print_line("decision: accepted" + (rule.empty() ? ", no rule is asked" : " by rule " + printable(rule)));
        return;
    }

    if (story.login->traces.empty())
        print_line("rules: none applies to this login");
    print_rules(story.login->traces);
    const policy::LoginDecision & decision = story.login->decision;
    std::string line = fmt::format("decision: {}", outcome_name(decision));
    if (decision.outcome == policy::Outcome::granted)
        line += fmt::format(", user '{}' by rule {}", printable(decision.user), printable(decision.rule));
    else
        line += fmt::format(", {}: {}", code(decision.reason), printable(decision.message, 2048));
    if (decision.let_through)
        line += "; only observed: the server's own login decides";
    print_line(line);
    if (gateway)
        print_line("gateway: " + behind(generation, *gateway, story));
    if (story.query && story.query->outcome == policy::Outcome::granted)
        print_line(
            fmt::format("query: runs as user '{}'; {}", printable(story.query->user), printable(story.query->message, 2048)));
    else if (story.query)
        print_line(fmt::format(
            "query: {}, {}: {}", outcome_name(*story.query), code(story.query->reason), printable(story.query->message, 2048)));
}

void print_json(const generation::Generation & generation, const Story & story, const Options & options)
{
    const policy::PeerVerdict & judged = story.peer.verdict;
    JsonObject verdict;
    verdict.yes_no("accepted", judged.accepted()).text("reason", code(judged.reason)).text("message", judged.message);
    if (judged.identity)
        verdict.raw("identity", policy::identity_json(*judged.identity));
    else
        verdict.null("identity");

    std::vector<std::string> rules;
    for (const mapping::RuleTrace & trace : story.login ? story.login->traces : story.peer.traces)
        rules.push_back(JsonObject()
                            .text("rule", trace.rule)
                            .text("source", trace.source)
                            .yes_no("matched", trace.matched)
                            .text("user", trace.user)
                            .text("detail", trace.detail)
                            .str());
    JsonObject decision;
    if (!story.login)
    {
        decision.text("outcome", judged.accepted() ? "accepted" : "refused")
            .text("reason", code(judged.reason))
            .text("message", judged.message);
        if (const std::string rule = deciding_rule(story); !rule.empty())
            decision.text("rule", rule);
    }
    else
    {
        const policy::LoginDecision & made = story.login->decision;
        decision.text("outcome", outcome_name(made))
            .text("reason", code(made.reason))
            .text("message", made.message)
            .text("user", made.user)
            .text("rule", made.rule);
    }

    JsonObject object;
    if (story.query)
        object.raw(
            "query", JsonObject()
                         .text("outcome", outcome_name(*story.query))
                         .text("reason", code(story.query->reason))
                         .text("message", story.query->message)
                         .text("user", story.query->user)
                         .text("rule", story.query->rule)
                         .str());
    object.yes_no("accepted", let_in(story, options))
        .yes_no("observed", judged.let_through || (story.login && story.login->decision.let_through))
        .text("listener", options.listener);
    if (!options.outgoing.empty())
        object.text("outgoing", options.outgoing).text("host", options.host);
    print_line(object.text("digest", to_hex(generation.digest))
                   .raw("certificate", verdict.str())
                   .raw("revocation", revocation_json(story.peer.revocation))
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

/// Where the peer is met: one of our listeners, or the other end of a connection of ours.
std::optional<Error> wrong_place(const Options & options)
{
    const auto wrong = [](const char * option, const char * reason, const char * remedy)
    {
        return Error{.file = {}, .field = option, .reason = reason, .remedy = remedy, .code = {}};
    };
    if (options.listener.empty() == options.outgoing.empty())
        return wrong("--listener", "either this or --outgoing has to be given", "say where the peer is met");
    if (!options.outgoing.empty() && options.host.empty())
        return wrong("--host", "is missing", "name the host as it is configured");
    if (options.outgoing.empty() && !options.host.empty())
        return wrong("--host", "is of outgoing connections only", "remove it, or give --outgoing");
    if (handshake_only(options) && (options.user_named || options.without_header))
        return wrong("--user", "nobody logs in there", "remove it and --without-header");
    if (options.query && options.listener != "tcp_port_secure")
        return wrong("--on-behalf-of", "is of queries over tcp_port_secure only", "remove it, or name that listener");
    return std::nullopt;
}

Exit explain(const Options & options)
{
    if (const auto wrong = wrong_place(options))
        return complain(*wrong);
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
    if (!options.listener.empty() && checked->generation->listener(options.listener) == nullptr)
        return complain(unknown_listener(*checked->generation, options));
    const auto chain = read_peer_chain(options.chain);
    if (!chain)
        return complain(chain.error());

    Story story = tell(*checked->generation, *chain, options, *at);
    for (mapping::RuleTrace & trace : story.login ? story.login->traces : story.peer.traces)
        trace.source = checked->with_places(trace.source);
    if (options.json)
        print_json(*checked->generation, story, options);
    else
        print_text(*checked->generation, checked->gateway, story, options);
    return let_in(story, options) ? Exit::yes : Exit::no;
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
    command->add_option("--listener", options->listener, "tcp_port_secure, https_port or interserver_https_port");
    command->add_option("--outgoing", options->outgoing, "instead of --listener: this server connects to the peer")
        ->check(CLI::IsMember({"node", "keeper"}));
    command->add_option("--host", options->host, "with --outgoing: the peer's host, as remote_servers or zookeeper names it");
    CLI::Option * user = command->add_option("--user", options->user, "user that the peer asks for; default: none named");
    CLI::Option * on_behalf_of = command->add_option(
        "--on-behalf-of", options->on_behalf_of,
        "tcp_port_secure: and what of a query that this user asked for, as the peer says; '' for nobody");
    command->add_flag(
        "--without-header", options->without_header, "HTTPS: the request has no X-ClickHouse-SSL-Certificate-Auth header");
    command->add_option("--at", options->at, "judge the chain at this moment (RFC 3339) instead of now");
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, user, on_behalf_of, &action]
        {
            options->user_named = user->count() > 0;
            options->query = on_behalf_of->count() > 0;
            action = [options]
            {
                return explain(*options);
            };
        });
}

}
