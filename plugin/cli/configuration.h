#pragma once

// A server's configuration files, loaded and checked as at its start.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/gateway_section.h"
#include "cli/merged_config.h"
#include "generation/loader.h"

namespace chmtls::cli
{

/// Findings about a configuration, or what it makes.
struct CheckedConfiguration
{
    Errors findings;                         ///< empty: a server would start with it
    generation::GenerationPtr generation;    ///< null when there are findings
    std::vector<std::string> notes;          ///< warnings, and what the tool could not take into account
    std::vector<std::string> files;          ///< configuration files that were read
    std::vector<MergedConfig> documents;     ///< the server's, and the users' where they stand apart
    std::optional<GatewaySection> gateway{}; ///< there is a <gateway>, so it is one of clickhouse-mtls-gateway

    /// A text of the generation with the files and lines in which the settings are written.
    [[nodiscard]] std::string with_places(std::string text) const;
};

/// `users` empty: <users_config> of the server configuration. An error means that a named file cannot be read at all.
[[nodiscard]] Result<CheckedConfiguration>
check_configuration(const std::string & config, const std::string & users, UnixTime now);

}
