// clickhouse-mtls check-bundle: would this trust bundle load, and how many authorities does it give?

#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/json.h"
#include "spiffe/bundle.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string trust_domain;
    std::string file;
};

Exit check_bundle(const Options & options)
{
    const auto name = trust_domain_name(options.trust_domain, "--trust-domain");
    if (!name)
        return complain(name.error());
    const auto content = read_file(options.file);
    if (!content)
        return complain(content.error());

    JsonObject answer;
    const auto bundle = spiffe::parse_bundle(*name, content->bytes, options.file);
    if (!bundle)
    {
        answer.yes_no("loaded", false).text("error", bundle.error().code).text("message", bundle.error().describe());
        print_line(answer.str());
        return Exit::no;
    }

    answer.yes_no("loaded", true).number("authorities", bundle->authorities.size());
    print_line(answer.str());
    for (const std::string & note : bundle->notes)
        (void)std::fprintf(
            stderr, "clickhouse-mtls: %s: note: %s\n", printable(options.file).c_str(), printable(note, 1024).c_str());
    return Exit::yes;
}

}

void add_check_bundle(CLI::App & app, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = app.add_subcommand("check-bundle", "Load a SPIFFE trust bundle (JSON or PEM): one JSON object");
    command->add_option("--trust-domain", options->trust_domain, "name of the trust domain that the bundle is for")->required();
    command->add_option("FILE", options->file, "the bundle")->required();
    add_always_json(*command);
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return check_bundle(*options);
            };
        });
}

}
