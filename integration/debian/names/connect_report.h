#pragma once

// How connects to hosts end, for whom the module watches their addresses.

#include <functional>

#include <Poco/Net/SocketAddress.h>

namespace chmtls::debian
{

/// Runs `connect` and reports to the module how the connect to the host behind the address ended. One within another, as a TLS
/// connect makes a plain one, is part of it: whoever answers at the address and is not the host has not been reached.
void report_connect_to(const Poco::Net::SocketAddress & address, const std::function<void()> & connect);

}
