#pragma once

// A configuration file together with what ClickHouse merges into it.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace chmtls::cli
{

struct MergedConfig
{
    struct Place
    {
        size_t file = 0; ///< of `files`
        size_t line = 0;
    };

    std::string xml;                 ///< the merged document
    std::vector<std::string> files;  ///< the main file, then what was merged into it, in order
    std::vector<std::string> notes;  ///< what was left aside (an include that is not there, a ZooKeeper substitution)
    std::map<size_t, Place> by_line; ///< where what stands on a line of `xml` was written

    /// A message about `xml`, named by its main file: "config.xml:12" becomes the file and the line where that was written.
    [[nodiscard]] std::string with_places(const std::string & text) const;
};

/// Reads `path` and merges NAME.d/*.{xml,conf} and conf.d/*.{xml,conf} beside it in the order of their full paths, with the
/// attributes `replace`, `remove`, `incl` (from <include_from>, default /etc/metrika.xml) and `from_env`, as ClickHouse's server
/// does. `from_zk` is noted and left empty.
[[nodiscard]] Result<MergedConfig> read_merged_config(const std::string & path);

/// Where the users configuration of this server configuration is: <users_config>, looked for beside `path` and then in the
/// working directory; empty when it names none.
[[nodiscard]] std::string users_config_path(const MergedConfig & config, const std::string & path);

}
