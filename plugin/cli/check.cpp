// clickhouse-mtls check: everything that a server start would check, all findings at once.

#include <memory>

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
    std::string users;
    bool json = false;
    bool quiet = false; ///< nothing where all is well
};

std::string count(size_t number, std::string_view one, std::string_view many)
{
    return fmt::format("{} {}", number, number == 1 ? one : many);
}

/// One line on what is in force once this configuration is.
std::string summary(const generation::Generation & generation)
{
    if (!generation.settings.enabled)
        return "no <mtls> section: the patched server behaves as the stock one";
    const auto & served = generation.credentials[generation::Use::server];
    const size_t credentials = served ? served->all().size() : 0;
    const size_t anchors = generation.client_trust ? generation.client_trust->anchors().size() : 0;
    std::string text = fmt::format(
        "{}, {}, {}, {}, {}, {}", count(generation.settings.listeners.size(), "listener", "listeners"),
        count(credentials, "server certificate", "server certificates"), count(anchors, "authority", "authorities"),
        count(generation.bundles ? generation.bundles->bundles().size() : 0, "trust domain", "trust domains"),
        count(generation.rules ? generation.rules->size() : 0, "rule", "rules"),
        count(
            generation.users ? generation.users->users().size() : 0, "user with <ssl_certificates>",
            "users with <ssl_certificates>"));
    if (generation.settings.dns.enabled)
        text += ", " + count(generation.settings.dns.names.size(), "name watched", "names watched");
    if (generation.nodes && generation.nodes->rules)
        text += ", " + count(generation.nodes->rules->rules().size(), "node rule", "node rules");
    if (generation.keeper && generation.keeper->rules)
        text += ", " + count(generation.keeper->rules->rules().size(), "keeper rule", "keeper rules");
    return text;
}

void print_text(const CheckedConfiguration & checked, bool quiet)
{
    for (const Error & finding : checked.findings)
        print_line("error: " + describe(Errors{finding}));
    for (const std::string & note : checked.notes)
        print_line("warning: " + printable(note, 1024));
    if (quiet)
        return;
    for (const std::string & file : checked.files)
        print_line("read: " + printable(file, 1024));
    if (checked.findings.empty())
        print_line("good: " + summary(*checked.generation));
    else
        print_line("refused: " + count(checked.findings.size(), "finding", "findings"));
}

void print_json(const CheckedConfiguration & checked)
{
    std::vector<std::string> findings;
    for (const Error & finding : checked.findings)
        findings.push_back(json_finding(finding));
    JsonObject object;
    object.yes_no("ok", checked.findings.empty())
        .raw("findings", json_array(findings))
        .raw("warnings", json_strings(checked.notes))
        .raw("files", json_strings(checked.files));
    if (checked.findings.empty())
        object.yes_no("enabled", checked.generation->settings.enabled).text("summary", summary(*checked.generation));
    print_line(object.str());
}

Exit check(const Options & options)
{
    const auto checked = check_configuration(options.config, options.users, system_time());
    if (!checked)
        return complain(checked.error());
    if (options.json)
        print_json(*checked);
    else
        print_text(*checked, options.quiet);
    return checked->findings.empty() ? Exit::yes : Exit::no;
}

}

void add_check(CLI::App & app, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = app.add_subcommand("check", "Check a configuration as a server start would, with every finding at once");
    command->add_option("--config", options->config, "server configuration; config.d and conf.d beside it are merged")
        ->required();
    command->add_option("--users", options->users, "users configuration; default: <users_config> of the server configuration");
    command->add_flag("--json", options->json, "print one JSON object");
    command->add_flag("--quiet", options->quiet, "print errors and warnings only");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return check(*options);
            };
        });
}

}
