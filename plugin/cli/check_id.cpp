// clickhouse-mtls check-id: is this a SPIFFE ID?

#include <iostream>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "cli/command.h"
#include "cli/json.h"
#include "spiffe/id.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::vector<std::string> ids;
    bool hex = false;
};

/// Prints the verdict on one ID.
Exit judge(std::string_view text)
{
    JsonObject answer;
    answer.text("id", text);
    const auto id = spiffe::Id::parse(text);
    if (!id)
    {
        answer.yes_no("valid", false).text("error", spiffe::code(id.error())).text("message", spiffe::message(id.error()));
        print_line(answer.str());
        return Exit::no;
    }
    answer.yes_no("valid", true).text("trust_domain", id->trust_domain()).text("path", id->path());
    print_line(answer.str());
    return Exit::yes;
}

/// One input as given: an argument or a line.
Exit judge_input(const std::string & input, const Options & options, const std::string & name)
{
    if (!options.hex)
        return judge(input);

    Bytes bytes;
    if (!from_hex(input, bytes))
        return complain({
            .file = name,
            .field = {},
            .reason = "is not hex: " + printable(input, 64),
            .remedy = "give two hex digits per byte, or leave --hex out",
            .code = {},
        });
    return judge(as_text(bytes));
}

Exit worse(Exit left, Exit right)
{
    return static_cast<int>(left) < static_cast<int>(right) ? right : left;
}

/// Lines end with LF and with nothing else: a CR, a blank or a NUL belongs to the ID. A last line without LF counts.
Exit judge_lines(std::istream & in, const Options & options)
{
    Exit result = Exit::yes;
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number)
        result = worse(result, judge_input(line, options, fmt::format("standard input:{}", number)));

    if (in.bad())
        return complain({.file = "standard input", .field = {}, .reason = "cannot be read", .remedy = {}, .code = {}});
    return result;
}

Exit check_id(const Options & options)
{
    if (options.ids.empty())
        return judge_lines(std::cin, options);

    Exit result = Exit::yes;
    for (size_t i = 0; i < options.ids.size(); ++i)
        result = worse(result, judge_input(options.ids[i], options, fmt::format("argument {}", i + 1)));
    return result;
}

}

std::vector<std::string> take_ids(std::vector<std::string> & arguments)
{
    std::vector<std::string> ids;
    if (arguments.empty() || arguments.front() != "check-id")
        return ids;
    std::vector<std::string> rest;
    bool only_ids = false;
    for (auto & argument : arguments)
    {
        const bool option = argument.size() > 1 && argument.front() == '-';
        if (!only_ids && argument == "--")
            only_ids = true;
        else if (only_ids || (!option && !rest.empty()))
            ids.push_back(std::move(argument));
        else
            rest.push_back(std::move(argument));
    }
    arguments = std::move(rest);
    return ids;
}

void add_check_id(CLI::App & app, std::vector<std::string> ids, Action & action)
{
    auto options = std::make_shared<Options>();
    options->ids = std::move(ids);
    CLI::App * command = app.add_subcommand(
        "check-id", "Judge SPIFFE IDs, given as arguments or one per line on standard input: one JSON object per ID");
    command->add_flag("--hex", options->hex, "each ID is given as hex bytes");
    add_always_json(*command);
    // For the help only: take_ids has taken them.
    command->add_option("ID", options->ids, "SPIFFE IDs; one that looks like an option: behind --");
    command->footer("In the answer a byte of the ID that is not UTF-8 is shown as U+FFFD.");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return check_id(*options);
            };
        });
}

}
