#pragma once

// A configuration file together with what ClickHouse merges into it.

#include <string>
#include <vector>

#include "base/result.h"

namespace chmtls::cli
{

struct MergedConfig
{
    std::string xml;                ///< the merged document
    std::vector<std::string> files; ///< the main file, then what was merged into it, in order
    std::vector<std::string> notes; ///< what was left aside (an include that is not there, a ZooKeeper substitution)
};

/// Reads `path` and merges NAME.d/*.{xml,conf} and conf.d/*.{xml,conf} beside it in the order of their full paths, with the
/// attributes `replace`, `remove`, `incl` (from <include_from>, default /etc/metrika.xml) and `from_env`, as ClickHouse's server
/// does. `from_zk` is noted and left empty.
[[nodiscard]] Result<MergedConfig> read_merged_config(const std::string & path);

/// Where the users configuration of this server configuration is: <users_config>, looked for beside `path` and then in the
/// working directory; empty when it names none.
[[nodiscard]] std::string users_config_path(const MergedConfig & config, const std::string & path);

}
