// A flush ends connections to addresses that the operator's names have left, and no others: any other name may be anybody's
// choice.

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include "adapter/interposed.h"
#include "names/cluster_names.h"
#include "names/known_addresses.h"
#include "outgoing_scope.h"

namespace chmtls::debian
{
namespace
{

using Poco::Net::IPAddress;
using Poco::Net::SocketAddress;
using testing::ElementsAre;

const Poco::Timespan soon(60, 0);

/// A connection of ours to a server, which the test asks whether it has ended.
class Connection
{
public:
    explicit Connection(const char * address)
        : listener_(SocketAddress(address, 0)), connection_(listener_.address()), accepted_(listener_.acceptConnection())
    {
    }

    bool ended(Poco::Timespan within = {})
    {
        char byte = 0;
        return accepted_.poll(within, Poco::Net::Socket::SELECT_READ) && accepted_.receiveBytes(&byte, 1) == 0;
    }

private:
    Poco::Net::ServerSocket listener_;
    Poco::Net::StreamSocket connection_;
    Poco::Net::StreamSocket accepted_;
};

class KnownAddressesTest : public testing::Test
{
protected:
    static constexpr const char * here = "127.0.0.2";
    static constexpr const char * there = "127.0.0.3";

    /// The server looks the name up and is given the address, which the name has from now on.
    void leads(const std::string & name, const char * address)
    {
        names_.addresses[name] = address;
        known_.forget_failures();
        EXPECT_EQ(known_.resolve(name, [&] { return IPAddress(address); }), IPAddress(address));
    }

    void moves(const std::string & name, const char * address) { names_.addresses[name] = address; }

    test::Names names_;
    std::set<std::string> configured_;
    KnownAddresses known_{[this](const std::string & host)
                          {
                              return configured_.count(host) != 0;
                          }};
};

TEST_F(KnownAddressesTest, AConfiguredNameThatMovesTakesItsConnectionsAlong)
{
    configured_ = {"node"};
    Connection connection(here);
    leads("node", here);
    EXPECT_EQ(known_.end_connections_to_former(""), 0U);
    EXPECT_FALSE(connection.ended());
    moves("node", there);
    EXPECT_EQ(known_.end_connections_to_former("Node"), 1U);
    EXPECT_TRUE(connection.ended(soon));
}

TEST_F(KnownAddressesTest, ANameOfAStatementThatMovesEndsNothing)
{
    configured_ = {"node"};
    Connection connection(here);
    Connection of_another_statement(there);
    leads("node", here);
    leads("other", there);
    for (const char * address : {here, there})
        leads("evil", address);
    moves("evil", "127.0.0.4");
    for (const char * host : {"", "evil", "node", "other"})
        EXPECT_EQ(known_.end_connections_to_former(host), 0U) << host;
    EXPECT_FALSE(connection.ended());
    EXPECT_FALSE(of_another_statement.ended());
    EXPECT_THAT(names_.asked, ElementsAre("node", "node")) << "not even looked up: its resolver may be anybody's, too";
}

TEST_F(KnownAddressesTest, AnAddressThatAnotherConfiguredNameHasIsLeftAlone)
{
    for (const char * host : {"", "first"})
    {
        configured_ = {"first", "second"};
        Connection connection(here);
        leads("first", here);
        leads("second", here);
        moves("first", there);
        EXPECT_EQ(known_.end_connections_to_former(host), 0U) << host;
        moves("second", there);
        EXPECT_EQ(known_.end_connections_to_former(""), 1U) << host;
        EXPECT_TRUE(connection.ended(soon));
    }
}

TEST_F(KnownAddressesTest, AnotherNameThatHasLeftTheAddressTooKeepsNothing)
{
    configured_ = {"first", "second"};
    Connection connection(here);
    leads("first", here);
    leads("second", here);
    moves("first", there);
    moves("second", there);
    EXPECT_EQ(known_.end_connections_to_former("first"), 1U);
}

TEST_F(KnownAddressesTest, AnotherNameThatDoesNotResolveKeepsItsAddress)
{
    configured_ = {"first", "second"};
    Connection connection(here);
    leads("first", here);
    leads("second", here);
    moves("first", there);
    names_.addresses.erase("second");
    EXPECT_EQ(known_.end_connections_to_former("first"), 0U);
    EXPECT_FALSE(connection.ended());
}

TEST_F(KnownAddressesTest, AnAddressThatIsConfiguredAsSuchIsLeftAlone)
{
    configured_ = {"node", here};
    Connection connection(here);
    leads("node", here);
    moves("node", there);
    EXPECT_EQ(known_.end_connections_to_former(""), 0U);
    EXPECT_FALSE(connection.ended());
}

TEST_F(KnownAddressesTest, NamesOfStatementsPushNobodyOut)
{
    configured_ = {"node"};
    Connection connection(here);
    leads("node", here);
    for (size_t i = 0; i < 25000; ++i)
        known_.resolve("anybodys" + std::to_string(i), [] { return IPAddress("127.0.0.9"); });
    moves("node", there);
    EXPECT_EQ(known_.end_connections_to_former(""), 1U);
}

TEST_F(KnownAddressesTest, ANameThatNeverResolvedIsNowhereUntilItIsConnectedTo)
{
    const auto no_such_name = []
    {
        throw Poco::Net::HostNotFoundException("dead");
    };
    for (const bool asked_before : {false, true})
    {
        SCOPED_TRACE(asked_before);
        const ClusterScope trying_a_replica;
        EXPECT_EQ(known_.instead_of("dead", no_such_name), nowhere());
        const NodeScope connecting("dead", 1, NamedBy::configuration());
        EXPECT_THROW(known_.instead_of("dead", no_such_name), Poco::Net::HostNotFoundException);
    }
    EXPECT_THROW(known_.instead_of("dead", no_such_name), Poco::Net::HostNotFoundException);
    leads("dead", here);
    EXPECT_EQ(known_.instead_of("dead", no_such_name), IPAddress(here)) << "what it was is better than nothing";
}

}
}
