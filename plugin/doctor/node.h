#pragma once

// What the checks of a node look at, as plain values and questions: whoever makes a Node decides where the answers come from.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/file.h"
#include "config/user_rights.h"
#include "config/xml.h"
#include "doctor/finding.h"
#include "generation/generation.h"

namespace chmtls::doctor
{

/// What a running server says of itself over its admin socket.
struct Running
{
    std::string no_answer;                                       ///< why there is none; the rest is empty then
    std::string not_in_force;                                    ///< the last reload's error
    std::vector<std::pair<std::string, uint64_t>> refused_peers; ///< by reason, VALID left out
    std::vector<std::pair<std::string, uint64_t>> refused_logins;
};

struct Node
{
    config::Element server; ///< the merged configuration
    std::string source;     ///< its main file
    Errors errors;          ///< what keeps it from loading
    std::vector<std::string> warnings;
    config::Settings settings;            ///< as asked, as far as understood
    generation::GenerationPtr generation; ///< null when there are errors
    std::vector<config::UserRights> users;
    std::optional<Running> running; ///< nothing: there is no admin socket to ask
    std::string host_name;
    std::optional<uid_t> server_user; ///< nothing: not known
    UnixTime now{};
    std::function<std::vector<std::string>(const std::string & host)> resolve; ///< addresses as text; empty: none
    std::function<std::optional<FileFacts>(const std::string & path)> file;    ///< nothing: there is no such file
};

/// All checks, in the order in which a person would go. A check that cannot be made (of certificates, where nothing loads) has
/// none.
[[nodiscard]] Findings examine(const Node & node);

}
