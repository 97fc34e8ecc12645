#pragma once

// The server's configuration as the text that crosses the boundary, and the files it came from.

#include <string>
#include <vector>

#include <Poco/AutoPtr.h>
#include <Poco/Util/AbstractConfiguration.h>

namespace chmtls::debian
{

/// Every key and value as XML with the root <clickhouse>; repeated elements stay in order. Poco's own layers ("system",
/// "application") are left out, and so are attributes, which AbstractConfiguration cannot list. References (${…}) are resolved,
/// as they are for ClickHouse.
std::string to_xml(const Poco::Util::AbstractConfiguration & config);

/// The same for users.xml, with the text of passwords and password hashes left out: the module asks only whether there is one.
std::string users_to_xml(const Poco::Util::AbstractConfiguration & config);

/// A reloaded main configuration does not carry what was given on the command line (-- --key=value), which went on top of it at
/// start. This puts it back. `argv` is the command line, `at_start` the configuration as it was then.
Poco::AutoPtr<Poco::Util::AbstractConfiguration> with_command_line(
    const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & reloaded, const std::vector<std::string> & argv,
    const Poco::Util::AbstractConfiguration & at_start);

/// Where the configuration was read from.
struct ConfigurationFiles
{
    std::string server;               ///< config.xml
    std::string users;                ///< users.xml; the same file when users_config is not set
    std::vector<std::string> watched; ///< both, what is merged into them, include_from, and the directories of merged files
};

/// By the rules of ClickHouse 18.16: config.d and conf.d next to the file, users_config relative to the main file.
ConfigurationFiles configuration_files(const Poco::Util::AbstractConfiguration & config);

}
