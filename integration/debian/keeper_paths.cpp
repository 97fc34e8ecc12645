#include "keeper_paths.h"

#include <string_view>

namespace chmtls::debian
{

namespace
{

constexpr const char * replicas = "/replicas";

/// As the server itself takes it.
std::string normal(std::string path)
{
    while (!path.empty() && path.back() == '/')
        path.pop_back();
    if (!path.empty() && path.front() != '/')
        path.insert(path.begin(), '/');
    return path;
}

/// From what a replica says of itself ("host: …\nport: …\ndatabase: …\n…"). Nothing: it does not say, or in a way that has to be
/// unescaped.
std::optional<std::string> database_of(std::string_view replica)
{
    constexpr std::string_view key = "\ndatabase: ";
    const auto found = replica.find(key);
    if (found == std::string_view::npos)
        return std::nullopt;
    auto value = replica.substr(found + key.size());
    value = value.substr(0, value.find('\n'));
    if (value.empty() || value.find('\\') != std::string_view::npos)
        return std::nullopt;
    return std::string(value);
}

bool lies_in_another_table(const std::string & path, KeeperNodes & nodes)
{
    for (auto slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1))
        if (nodes.exists(path.substr(0, slash) + replicas))
            return true;
    return false;
}

}

std::optional<std::string> refuse_keeper_path(const std::string & written, KeeperNodes & nodes, const MayUseDatabase & may_use)
{
    const auto path = normal(written);
    if (path.empty())
        return "it is Keeper's root";
    if (lies_in_another_table(path, nodes))
        return "it lies inside of another table's";
    const auto names = nodes.children(path + replicas);
    if (!names)
        return nodes.exists(path) ? std::optional<std::string>("something else is there already") : std::nullopt;
    if (names->empty())
        return "the table there has no replica that says whose it is";
    for (const auto & name : *names)
    {
        const auto said = nodes.content(path + replicas + "/" + name + "/host");
        const auto database = said ? database_of(*said) : std::nullopt;
        if (!database)
            return "its replica " + name + " does not say, or not yet, which database it belongs to";
        if (!may_use(*database))
            return "its replica " + name + " belongs to a database that this user may not use";
    }
    return std::nullopt;
}

}
