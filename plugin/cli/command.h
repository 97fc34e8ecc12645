#pragma once

// The frame of the tool: what a subcommand is and how it ends.

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/result.h"

namespace chmtls::cli
{

/// Process exit status, the same for every subcommand.
enum class Exit
{
    yes = 0,   ///< valid, accepted, done
    no = 1,    ///< judged, and the answer is no
    usage = 2, ///< wrong arguments, or an input that could not be read
};

/// Set by the subcommand that was chosen, run after parsing.
using Action = std::function<Exit()>;

/// Takes the IDs of check-id out of the process's arguments, as they are: CLI11 makes two of "[a,b]", and loses count of what
/// stands behind "--". Other subcommands' arguments are left alone.
std::vector<std::string> take_ids(std::vector<std::string> & arguments);

/// Each adds one subcommand to `app`; choosing it on the command line sets `action`.
void add_check_id(CLI::App & app, std::vector<std::string> ids, Action & action);
void add_check_bundle(CLI::App & app, Action & action);
void add_verify(CLI::App & app, Action & action);
void add_check(CLI::App & app, Action & action);
void add_explain(CLI::App & app, Action & action);
void add_pki(CLI::App & app, Action & action);
void add_status(CLI::App & app, Action & action);
void add_dns(CLI::App & app, Action & action);
void add_gateway(CLI::App & app, Action & action);
void add_audit(CLI::App & app, Action & action);
void add_doctor(CLI::App & app, Action & action);
/// Both describe `app` as it is when they run, so it must outlive `action`.
void add_help(CLI::App & app, Action & action);
void add_completion(CLI::App & app, Action & action);

/// Adds --json to a command that prints JSON in any case.
void add_always_json(CLI::App & command);

/// Prints "clickhouse-mtls: <error>" to stderr and gives Exit::usage.
[[nodiscard]] Exit complain(const Error & error);
[[nodiscard]] Exit complain(const Errors & errors);

/// An option whose text is not understood (a duration, a date, ...).
[[nodiscard]] Error bad_option(const std::string & option, const Error & cause);

}
