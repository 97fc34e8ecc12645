// clickhouse-mtls audit verify: is the audit trail whole.

#include <memory>
#include <optional>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "observe/trail_check.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::vector<std::string> files;
    std::string head;
    bool json = false;
};

std::string line_of(const observe::TrailFinding & finding)
{
    return printable(
        finding.line == 0 ? finding.reason : fmt::format("{}:{}: {}", finding.file, finding.line, finding.reason), 4096);
}

std::string json_of(const std::vector<observe::TrailFinding> & findings)
{
    std::vector<std::string> values;
    for (const auto & each : findings)
        values.push_back(JsonObject().text("file", each.file).number("line", each.line).text("reason", each.reason).str());
    return json_array(values);
}

void print(const observe::TrailSummary & summary, bool json)
{
    if (json)
        return print_line(JsonObject()
                              .number("records", summary.records)
                              .number("first", summary.first)
                              .text("head", summary.head.str())
                              .raw("faults", json_of(summary.faults))
                              .raw("notes", json_of(summary.notes))
                              .str());
    for (const auto & fault : summary.faults)
        print_line("BROKEN: " + line_of(fault));
    for (const auto & note : summary.notes)
        print_line("note: " + line_of(note));
    print_line(
        summary.records == 0 ? std::string("no records")
                             : fmt::format(
                                 "records {} to {}, {}; head {}", summary.first, summary.head.number,
                                 summary.faults.empty() ? "nothing is missing between them" : "NOT whole", summary.head.str()));
}

Exit verify(const Options & options)
{
    std::optional<observe::TrailHead> expected;
    if (!options.head.empty())
    {
        expected = observe::parse_head(options.head);
        if (!expected)
            return complain(Error{
                "", "--head", fmt::format("\"{}\" is not NUMBER:HASH", printable(options.head)),
                "copy it from `clickhouse-mtls status`", ""});
    }
    const auto summary = observe::check_trail(options.files, expected);
    if (!summary)
        return complain(summary.error());
    print(*summary, options.json);
    return summary->faults.empty() ? Exit::yes : Exit::no;
}

}

void add_audit(CLI::App & app, Action & action)
{
    CLI::App * audit = app.add_subcommand("audit", "The audit trail of <mtls><audit>");
    audit->require_subcommand(1);
    auto options = std::make_shared<Options>();
    CLI::App * command = audit->add_subcommand("verify", "Finds records that are missing from an audit trail, or were changed");
    command->add_option("FILE", options->files, "The trail's files, the oldest first")->required()->type_name("");
    command
        ->add_option("--head", options->head, "The head that `clickhouse-mtls status` has shown: finds an end that was cut off")
        ->type_name("NUMBER:HASH");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return verify(*options);
            };
        });
}

}
