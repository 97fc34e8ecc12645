// Poco::Net::SocketAddress: the constructor that resolves "host:port". The socket itself: outgoing.cpp.
//
// Defined by its mangled name: a constructor defined in C++ would construct members that the original constructs again.

#include <Poco/Net/SocketAddress.h>

#include "adapter.h"
#include "behalf/on_behalf.h"
#include "keeper.h"
#include "symbols.h"

using namespace chmtls::debian;

namespace
{

/// "192.0.2.1:9000", "[2001:db8::1]:9000"
bool is_address(const std::string & text)
{
    auto host = text.substr(0, text.rfind(':'));
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    Poco::Net::IPAddress address;
    return Poco::Net::IPAddress::tryParse(host, address);
}

}

extern "C" __attribute__((visibility("default"))) void chmtls_address_from_text(void * self, const std::string & text) __asm__(
    "_ZN4Poco3Net13SocketAddressC1ERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");

void chmtls_address_from_text(void * self, const std::string & text)
{
    const auto construct = original_as<void(void *, const std::string &)>(Symbol::address_from_text);
    auto * const adapter = Adapter::active();
    if (adapter == nullptr)
        return construct(self, text);
    // What a peer says: an address, never a name to be looked up, and no Keeper.
    if (PeersWords::are_read())
        return construct(self, is_address(text) ? text : "0.0.0.0:0");
    const auto & made = *static_cast<const Poco::Net::SocketAddress *>(self);
    // Nothing but the configuration marked by mark_secure_keepers leads to such a text.
    const auto keeper
        = lies_in_program(__builtin_return_address(0)) ? address_of_secure_keeper(text) : std::optional<std::string>();
    const auto & address = keeper ? *keeper : text;
    construct(self, address);
    if (keeper)
        remember_keeper(address, made);
    adapter->addresses().note_keeper(host_of_address(address), made.host());
}
