#pragma once

// Whose a table's path in Keeper is. Whoever makes a replica on a path is given all of its rows by the others, so a user who may
// use some databases only must not make one on the path of another database's table. 18.16 has no rights on paths; but each
// replica writes there which database its table belongs to.

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace chmtls::debian
{

/// What is in Keeper. Methods throw when it cannot be asked.
class KeeperNodes
{
public:
    virtual ~KeeperNodes() = default;
    virtual bool exists(const std::string & path) = 0;
    /// Names; nothing: there is no such node.
    virtual std::optional<std::vector<std::string>> children(const std::string & path) = 0;
    /// Nothing: there is no such node.
    virtual std::optional<std::string> content(const std::string & path) = 0;
};

using MayUseDatabase = std::function<bool(const std::string & database)>;

/// Why a user must not have a replica on this path, or be given parts from it; nothing: each replica that it has belongs to a
/// database that the user may use, or nothing is there yet and it lies inside of no other table's.
std::optional<std::string> refuse_keeper_path(const std::string & path, KeeperNodes & nodes, const MayUseDatabase & may_use);

}
