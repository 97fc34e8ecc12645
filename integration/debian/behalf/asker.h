#pragma once

// Who asked for what this server does at other nodes, carried to where it is done: with the text of an INSERT into a Distributed
// table, which 18.16 may keep on disk for a while, and with a statement ON CLUSTER, which waits in Keeper.

#include <optional>
#include <string>
#include <string_view>

#include <Poco/Net/SocketAddress.h>

namespace chmtls::debian
{

/// A user, and the address that they came from to the server that they talked to.
struct Asker
{
    std::string user;
    std::string address; ///< "192.0.2.1:50000", as Poco writes it
    std::string quota_key;

    bool operator==(const Asker &) const = default;
};

/// `query` with a comment in front that tells who asked: any ClickHouse reads over it. Never empty values but the key.
std::string with_asker(const Asker & asker, const std::string & query);

/// What with_asker made, taken apart; nothing when the text does not begin with such a comment.
struct Carried
{
    Asker asker;
    std::string query;
};
std::optional<Carried> take_asker(const std::string & query);

/// Does the text begin as with_asker's do? One that does and cannot be taken apart was not made by it.
bool claims_asker(std::string_view query) noexcept;

/// The address of an asker. Nothing is looked up: throws Poco::Exception when it holds a name instead.
Poco::Net::SocketAddress address_of(const Asker & asker);

}
