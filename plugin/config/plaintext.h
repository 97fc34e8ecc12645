#pragma once

#include "config/section.h"

namespace chmtls::config
{

/// The first listen_host that others can reach; empty: there is none.
[[nodiscard]] std::string_view reachable_host(const Element & root);

/// Every port and every entry of a server configuration by which data would cross the network unencrypted, one finding each:
/// - interserver_http_port;
/// - tcp_port and http_port, where a listen_host is more than loopback (without one ClickHouse listens on ::1 and 127.0.0.1);
/// - replicas and nodes in remote_servers without <secure>1</secure>;
/// - nodes of zookeeper without <secure>1</secure> or a host secure://NAME.
/// What is recognised as an entry is what ClickHouse reads as one.
void find_plaintext(const Element & root, Findings & findings);

}
