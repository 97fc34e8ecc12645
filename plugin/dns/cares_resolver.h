#pragma once

#include <memory>

#include "dns/resolver.h"

namespace chmtls::dns
{

/// Looks names up with c-ares: /etc/hosts and then DNS, with search domains, as /etc/nsswitch.conf and /etc/resolv.conf say. A
/// change of resolv.conf is seen. An answer is bounded in time (2 s, tried twice for each resolver), and what a forged one could
/// do is to cause a flush: no address from here is ever connected to.
[[nodiscard]] std::unique_ptr<Resolver> make_cares_resolver();

}
