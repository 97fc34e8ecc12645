#include "cli/manual.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

namespace chmtls::cli
{

namespace
{

std::vector<const CLI::App *> visible_children(const CLI::App & app)
{
    return app.get_subcommands([](const CLI::App * child) { return !child->get_name().empty() && !child->get_group().empty(); });
}

std::vector<const CLI::Option *> visible_options(const CLI::App & app)
{
    return app.get_options([](const CLI::Option * option) { return !option->get_group().empty(); });
}

std::vector<std::string> words_of(const CLI::App & root, const CLI::App & command)
{
    std::vector<std::string> words;
    for (const CLI::App * at = &command; at != nullptr && at != &root; at = at->get_parent())
        words.insert(words.begin(), at->get_name());
    return words;
}

void collect(const CLI::App & app, const std::string & prefix, std::vector<std::string> & names)
{
    for (const CLI::App * child : visible_children(app))
    {
        names.push_back(prefix + child->get_name());
        collect(*child, names.back() + " ", names);
    }
}

// groff_man(7): a backslash, a hyphen that has to stay one, and a line that would be a request.
std::string roff(const std::string & text)
{
    std::string result;
    bool line_begins = true;
    for (const char c : text)
    {
        if (line_begins && (c == '.' || c == '\''))
            result += "\\&";
        line_begins = c == '\n';
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    return result;
}

// "a, b in {x,y}" of CLI11: the words that an option takes.
std::string words_in_braces(const std::string & type)
{
    const auto begin = type.find('{');
    const auto end = type.find('}', begin == std::string::npos ? 0 : begin);
    if (begin == std::string::npos || end == std::string::npos)
        return {};
    std::string words = type.substr(begin + 1, end - begin - 1);
    std::replace(words.begin(), words.end(), ',', ' ');
    return words;
}

std::string names_of(const CLI::Option & option)
{
    if (option.nonpositional())
    {
        std::string names;
        for (const std::string & name : option.get_snames())
            names += fmt::format("{}-{}", names.empty() ? "" : ", ", name);
        for (const std::string & name : option.get_lnames())
            names += fmt::format("{}--{}", names.empty() ? "" : ", ", name);
        return names;
    }
    return option.get_name(true);
}

std::string value_of(const CLI::Option & option)
{
    if (!option.nonpositional() || option.get_items_expected_max() == 0)
        return {};
    const std::string words = words_in_braces(option.get_type_name());
    return words.empty() ? "VALUE" : words;
}

std::string synopsis(const CLI::App & command, const std::string & name)
{
    std::string line = fmt::format(".B {}\n", roff(name));
    if (!visible_children(command).empty())
        return line + ".I COMMAND\n[\\fIOPTION\\fR]...\n";
    line += "[\\fIOPTION\\fR]...\n";
    for (const CLI::Option * option : visible_options(command))
        if (option->get_positional())
        {
            const std::string shown = "\\fI" + roff(option->get_name(true)) + "\\fR";
            line += option->get_required() ? shown : "[" + shown + "]";
            line += option->get_items_expected_max() > 1 ? "...\n" : "\n";
        }
    return line;
}

std::string options_section(const CLI::App & command)
{
    std::string text;
    for (const CLI::Option * option : visible_options(command))
    {
        const std::string value = value_of(*option);
        text += fmt::format(".TP\n\\fB{}\\fR", roff(names_of(*option)));
        if (!value.empty())
            text += fmt::format(" \\fI{}\\fR", roff(value));
        text += "\n" + roff(option->get_description());
        if (!option->get_default_str().empty())
            text += fmt::format(" (default: {})", roff(option->get_default_str()));
        if (option->get_required() && option->nonpositional())
            text += " (required)";
        text += "\n";
    }
    return text.empty() ? text : ".SH OPTIONS\n" + text;
}

std::string commands_section(const CLI::App & command)
{
    std::string text;
    for (const CLI::App * child : visible_children(command))
        text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(child->get_name()), roff(child->get_description()));
    return text.empty() ? text : ".SH COMMANDS\n" + text;
}

// The footer of `--help` as it stands: examples have lines of their own.
std::string notes_section(const CLI::App & command)
{
    const std::string footer = command.get_footer();
    return footer.empty() ? footer : fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(footer));
}

std::string see_also(const CLI::App & root, const CLI::App & command, const std::string & program)
{
    std::vector<std::string> pages;
    if (&command != &root)
        pages.push_back(program);
    for (const CLI::App * child : visible_children(command))
        pages.push_back(fmt::format("{}-{}", program, fmt::join(words_of(root, *child), "-")));
    std::string text = ".SH SEE ALSO\n";
    for (size_t i = 0; i < pages.size(); ++i)
        text += fmt::format(".BR {} (1){}\n", roff(pages[i]), i + 1 == pages.size() ? "" : ",");
    return pages.empty() ? std::string{} : text;
}

}

std::vector<std::string> command_names(const CLI::App & app)
{
    std::vector<std::string> names;
    collect(app, {}, names);
    return names;
}

const CLI::App * find_command(const CLI::App & app, const std::vector<std::string> & words)
{
    const CLI::App * at = &app;
    for (const std::string & word : words)
    {
        const auto children = visible_children(*at);
        const auto found
            = std::find_if(children.begin(), children.end(), [&](const CLI::App * child) { return child->get_name() == word; });
        if (found == children.end())
            return nullptr;
        at = *found;
    }
    return at;
}

std::string man_page(const CLI::App & app, const CLI::App & command, const std::string & version)
{
    const std::string program = app.get_name();
    const auto words = words_of(app, command);
    const std::string page = words.empty() ? program : fmt::format("{}-{}", program, fmt::join(words, "-"));
    const std::string called = words.empty() ? program : fmt::format("{} {}", program, fmt::join(words, " "));
    std::string upper = page;
    std::transform(
        upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });

    std::string text = fmt::format(".TH {} 1 \"\" \"{} {}\" \"User Commands\"\n", roff(upper), roff(program), roff(version));
    text += fmt::format(".SH NAME\n{} \\- {}\n", roff(page), roff(command.get_description()));
    text += ".SH SYNOPSIS\n" + synopsis(command, called);
    text += commands_section(command) + options_section(command) + notes_section(command);
    text += ".SH EXIT STATUS\n.TP\n.B 0\nYes, or done.\n.TP\n.B 1\nNo.\n.TP\n.B 2\nThe arguments are wrong, or an input cannot "
            "be read.\n";
    return text + see_also(app, command, program);
}

std::string bash_completion(const CLI::App & app)
{
    std::string children;
    std::string options;
    std::string values;
    auto names = command_names(app);
    names.insert(names.begin(), "");
    for (const std::string & name : names)
    {
        std::istringstream split(name);
        const CLI::App & command = *find_command(app, {std::istream_iterator<std::string>(split), {}});
        std::string words;
        for (const CLI::App * child : visible_children(command))
            words += child->get_name() + " ";
        if (!words.empty())
            children += fmt::format("            '{}') words='{}' ;;\n", name, words);
        words.clear();
        for (const CLI::Option * option : visible_options(command))
            for (const std::string & long_name : option->get_lnames())
            {
                words += "--" + long_name + " ";
                const std::string takes = words_in_braces(option->get_type_name());
                if (!takes.empty())
                    values += fmt::format("        '{}:--{}') words='{}' ;;\n", name, long_name, takes);
            }
        options += fmt::format("            '{}') words='{}' ;;\n", name, words);
    }
    names.erase(names.begin());

    return fmt::format(
        R"(# bash completion for {0}
_clickhouse_mtls() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command= longer= words= i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        longer=${{command:+$command }}${{COMP_WORDS[i]}}
        case $longer in
            '{1}') command=$longer ;;
        esac
    done
    case $command:$previous in
{2}    esac
    if [[ $current == -* ]]; then
        case $command in
{3}        esac
    elif [[ -z $words ]]; then
        case $command in
{4}        esac
    fi
    COMPREPLY=()
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _clickhouse_mtls {0}
)",
        app.get_name(), fmt::join(names, "'|'"), values, options, children);
}

}
