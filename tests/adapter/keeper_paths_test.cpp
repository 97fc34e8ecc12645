// Whose a path in Keeper is.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "keeper_paths.h"

namespace chmtls::debian
{
namespace
{

/// Content by path; a node's parents exist as well.
class Tree : public KeeperNodes
{
public:
    explicit Tree(std::map<std::string, std::string> nodes) : nodes_(std::move(nodes)) {}

    bool exists(const std::string & path) override
    {
        const auto found = nodes_.lower_bound(path);
        return found != nodes_.end() && (found->first == path || found->first.rfind(path + "/", 0) == 0);
    }

    std::optional<std::vector<std::string>> children(const std::string & path) override
    {
        if (!exists(path))
            return std::nullopt;
        std::set<std::string> names;
        for (const auto & [name, content] : nodes_)
            if (name.rfind(path + "/", 0) == 0)
                names.insert(name.substr(path.size() + 1, name.find('/', path.size() + 1) - path.size() - 1));
        return std::vector<std::string>(names.begin(), names.end());
    }

    std::optional<std::string> content(const std::string & path) override
    {
        const auto found = nodes_.find(path);
        return found != nodes_.end() ? std::optional(found->second) : std::nullopt;
    }

private:
    std::map<std::string, std::string> nodes_;
};

std::string replica_of(const std::string & database)
{
    return "host: n1.test\nport: 9009\ntcp_port: 9440\ndatabase: " + database + "\ntable: r\nscheme: https\n";
}

struct Case
{
    const char * name;
    std::string path;
    const char * refused; ///< nothing: it is not
};

void PrintTo(const Case & one, std::ostream * out)
{
    *out << one.name;
}

class KeeperPath : public testing::TestWithParam<Case>
{
};

TEST_P(KeeperPath, OfAUserOfTheDatabaseEve)
{
    Tree tree({
        {"/t/hers/replicas/n1/host", replica_of("eve")},
        {"/t/hers/replicas/n2/host", replica_of("eve")},
        {"/t/secret/replicas/n1/host", replica_of("secret")},
        {"/t/secret/log/log-1", ""},
        {"/t/both/replicas/n1/host", replica_of("eve")},
        {"/t/both/replicas/n2/host", replica_of("secret")},
        {"/t/silent/replicas/n1/host", replica_of("eve")},
        {"/t/silent/replicas/n2/is_active", ""},
        {"/t/escaped/replicas/n1/host", replica_of("ev\\ne")},
        {"/t/forged/replicas/n1/host", "host: n1\\ndatabase: eve\nport: 1\ndatabase: secret\n"},
        {"/t/odd/replicas/n1/host", "database: eve\n"},
        {"/t/left/replicas", ""},
        {"/t/other/node", ""},
    });
    const auto why = refuse_keeper_path(GetParam().path, tree, [](const std::string & database) { return database == "eve"; });
    EXPECT_EQ(why.has_value(), *GetParam().refused != '\0');
    EXPECT_NE(why.value_or("").find(GetParam().refused), std::string::npos) << why.value_or("");
}

INSTANTIATE_TEST_SUITE_P(
    Is, KeeperPath,
    testing::Values(
        Case{"New", "/t/new", ""}, Case{"NewBeside", "/t/secret2", ""}, Case{"NewDeep", "/a/b/c", ""},
        Case{"Hers", "/t/hers", ""}, Case{"HersWithASlash", "/t/hers/", ""}, Case{"HersWithoutASlash", "t/hers", ""},
        Case{"AnotherDatabases", "/t/secret", "may not use"}, Case{"WithASlash", "/t/secret///", "may not use"},
        Case{"WithoutASlash", "t/secret", "may not use"}, Case{"OneReplicaOfAnothers", "/t/both", "n2 belongs"},
        Case{"OneThatSaysNothing", "/t/silent", "n2 does not say"}, Case{"OneToBeUnescaped", "/t/escaped", "does not say"},
        Case{"OneThatIsForged", "/t/forged", "may not use"}, Case{"OneOfAnotherForm", "/t/odd", "does not say"},
        Case{"InsideOfATable", "/t/secret/replicas/evil", "inside"}, Case{"InsideOfItsLog", "/t/secret/log/x", "inside"},
        Case{"InsideOfHers", "/t/hers/x", "inside"}, Case{"NoReplicaLeft", "/t/left", "no replica"},
        Case{"SomethingElse", "/t/other", "something else"}, Case{"AboveTables", "/t", "something else"},
        Case{"Root", "/", "root"}, Case{"Nothing", "", "root"}),
    [](const auto & test) { return std::string(test.param.name); });

}
}
