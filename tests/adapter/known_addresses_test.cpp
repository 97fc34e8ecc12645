// A flush of every host: names that anybody may choose hold nothing up that is the operator's.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include "adapter/interposed.h"
#include "names/cluster_names.h"
#include "names/known_addresses.h"

namespace chmtls::debian
{
namespace
{

using Poco::Net::IPAddress;
using Poco::Net::SocketAddress;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class KnownAddressesTest : public testing::Test
{
protected:
    static constexpr const char * of_clusters = "127.0.0.2";
    static constexpr const char * of_queries = "127.0.0.3";
    static constexpr const char * moved_to = "127.0.0.4";

    /// The server has looked the name up and got `former`; now it leads elsewhere.
    void note(const std::string & name, const char * former)
    {
        known_.resolve(name, [&] { return IPAddress(former); });
        names_.addresses[name] = moved_to;
    }

    void note_clusters_and_queries(size_t clusters, size_t queries)
    {
        {
            const ClusterScope building;
            for (size_t i = 0; i < clusters; ++i)
                note("node" + std::to_string(i), of_clusters);
        }
        for (size_t i = 0; i < queries; ++i)
            note("anybodys" + std::to_string(100 + i), of_queries);
    }

    std::vector<std::string> asked_by_a_flush(seconds time_of_a_lookup)
    {
        names_.asked.clear();
        names_.time_of_a_lookup = time_of_a_lookup;
        known_.end_connections_to_former("");
        return names_.asked;
    }

    test::Names names_;
    KnownAddresses known_;
};

TEST_F(KnownAddressesTest, NamesOfQueriesHaveThreeSecondsInAll)
{
    note_clusters_and_queries(4, 50);
    EXPECT_THAT(asked_by_a_flush(seconds(2)), ElementsAre("node0", "node1", "node2", "node3", "anybodys100", "anybodys101"))
        << "the operator's come first, and all of them, however long they take";
    EXPECT_THAT(asked_by_a_flush(seconds(60)), ElementsAre("anybodys102")) << "the next flush goes on with those that were left";
    EXPECT_THAT(asked_by_a_flush(seconds(1)), SizeIs(4));
    EXPECT_THAT(asked_by_a_flush(seconds(0)), SizeIs(50 - 7)) << "none is left out where there is time";
    EXPECT_THAT(asked_by_a_flush(seconds(0)), IsEmpty()) << "and then nothing is known that may be wrong";
}

TEST_F(KnownAddressesTest, ConnectionsOfTheOperatorsNamesEndHoweverManyOthersThereAre)
{
    note_clusters_and_queries(1, 50);
    Poco::Net::ServerSocket listener(SocketAddress(of_clusters, 0));
    Poco::Net::StreamSocket connection(listener.address());
    Poco::Net::StreamSocket accepted = listener.acceptConnection();
    accepted.setReceiveTimeout(Poco::Timespan(30, 0));
    names_.time_of_a_lookup = seconds(60);
    EXPECT_EQ(known_.end_connections_to_former(""), 1U);
    char byte = 0;
    EXPECT_EQ(accepted.receiveBytes(&byte, 1), 0) << "it has ended";
}

TEST_F(KnownAddressesTest, OneHostIsLookedUpWhoeverNamedIt)
{
    note_clusters_and_queries(1, 2);
    names_.time_of_a_lookup = seconds(20);
    known_.end_connections_to_former("Anybodys101");
    EXPECT_THAT(names_.asked, ElementsAre("anybodys101"));
}

}
}
