#pragma once

// The tool describes itself: what `--help`, the man pages and the completion of bash say comes from the one tree of commands.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace chmtls::cli
{

/// The commands below `app` that a person can run, each as its words ("pki issue"), parents first.
[[nodiscard]] std::vector<std::string> command_names(const CLI::App & app);

/// The command of these words; null: there is none.
[[nodiscard]] const CLI::App * find_command(const CLI::App & app, const std::vector<std::string> & words);

/// A man page of section 1 (man-pages(7), groff_man(7)) of the program or of one of its commands. Holds no date: the same
/// program makes the same bytes.
[[nodiscard]] std::string man_page(const CLI::App & app, const CLI::App & command, const std::string & version);

/// A bash script that completes commands, options, words of an option and file names.
[[nodiscard]] std::string bash_completion(const CLI::App & app);

}
