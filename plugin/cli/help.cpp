// clickhouse-mtls help, completion: what the commands are, for a person, for man(1) and for bash.

#include <memory>

#include <fmt/format.h>

#include "base/version.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/manual.h"

namespace chmtls::cli
{

namespace
{

struct HelpOptions
{
    std::vector<std::string> words;
    bool man = false;
    bool list = false;
};

// As --help names the command: all of its words.
std::string parents_of(const CLI::App & command)
{
    std::string names;
    for (const CLI::App * at = command.get_parent(); at != nullptr; at = at->get_parent())
        names = names.empty() ? at->get_name() : at->get_name() + " " + names;
    return names;
}

Exit print_help(const CLI::App & app, const HelpOptions & options)
{
    if (options.list)
    {
        for (const std::string & name : command_names(app))
            print_line(name);
        return Exit::yes;
    }
    const CLI::App * const command = find_command(app, options.words);
    if (command == nullptr)
        return complain(Error{
            .file = {},
            .field = "COMMAND",
            .reason = fmt::format("there is no command \"{}\"", fmt::join(options.words, " ")),
            .remedy = "clickhouse-mtls help --list names all of them",
            .code = {},
        });
    const std::string text = options.man ? man_page(app, *command, std::string(version())) : command->help(parents_of(*command));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return Exit::yes;
}

}

void add_help(CLI::App & app, Action & action)
{
    auto options = std::make_shared<HelpOptions>();
    CLI::App * command = app.add_subcommand("help", "Explain a command");
    command->add_option("COMMAND", options->words, "the words of the command, such as: pki issue");
    command->add_flag("--man", options->man, "print the man page (section 1)");
    command->add_flag("--list", options->list, "print the name of each command, one per line");
    command->footer("Examples:\n  clickhouse-mtls help pki issue\n  clickhouse-mtls help --man explain | man -l -");
    command->callback(
        [options, &app, &action]
        {
            action = [options, &app]
            {
                return print_help(app, *options);
            };
        });
}

void add_completion(CLI::App & app, Action & action)
{
    CLI::App * command = app.add_subcommand("completion", "Print the completion script of a shell");
    auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "the shell")->required()->check(CLI::IsMember({"bash"}));
    command->footer("Example:\n  . <(clickhouse-mtls completion bash)");
    command->callback(
        [shell, &app, &action]
        {
            action = [&app]
            {
                const std::string text = bash_completion(app);
                std::fwrite(text.data(), 1, text.size(), stdout);
                return Exit::yes;
            };
        });
}

}
