#pragma once

// Keeper and ZooKeeper over TLS. The client of 18.16 knows neither <secure> nor secure://, and it lies in the server's own
// program, where nothing of it can be hooked: but what it reads, resolves and connects to goes through libraries. So the
// configuration that it reads says secure:// in front of the host, it hands "secure://host:port" to Poco as an address, and
// connects to the answer on the same thread.

#include <chrono>
#include <optional>
#include <string>

#include <Poco/Net/SocketAddress.h>
#include <Poco/Util/AbstractConfiguration.h>

namespace chmtls::debian
{

/// Is this address of code in the server's own program? Of all that connects, only Keeper's client lies there; queries run in
/// libraries.
bool lies_in_program(const void * code) noexcept;

/// Puts secure:// in front of the host of each node of <zookeeper> that is to be reached over TLS: <secure>1</secure>, or it is
/// there already. A port after such a host moves to <port>. Throws Poco::Exception when a value cannot be read.
void mark_secure_keepers(Poco::Util::AbstractConfiguration & config);

/// Is a node of <zookeeper> to be reached over TLS?
bool has_secure_keepers(const Poco::Util::AbstractConfiguration & config);

/// How long one handshake with a Keeper may take, so that all attempts together stay within <session_timeout_ms>.
std::chrono::milliseconds keeper_handshake_limit(const Poco::Util::AbstractConfiguration & config);

/// "host:port" of "secure://host:port"; nothing when the text is another one.
std::optional<std::string> address_of_secure_keeper(const std::string & text);

/// The host of "host:port".
std::string host_of_address(const std::string & text);

/// This thread has resolved `text`, "host:port" of a Keeper to be reached over TLS. Throws std::bad_alloc.
void remember_keeper(const std::string & text, const Poco::Net::SocketAddress & address);

/// The configured host that this thread has resolved to the address, if it is to be reached over TLS.
std::optional<std::string> secure_keeper_at(const Poco::Net::SocketAddress & address);

}
