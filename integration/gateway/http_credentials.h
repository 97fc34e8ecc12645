#pragma once

// Who a request says that it is from, and the request as the server gets it. Pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "http_head.h"

namespace chmtls::gateway
{

/// What a request offers as credentials, as chmtls_login wants it.
struct HttpOffer
{
    uint32_t flags = 0;           ///< CHMTLS_LOGIN_*
    std::string user = "default"; ///< whom the server would take it for
    std::string_view fault;       ///< not empty: what about the credentials cannot be read unambiguously, a literal
};

HttpOffer offer_of(const RequestHead & head);

/// Credentials that a request is given.
struct ServerCredentials
{
    std::string_view user;
    std::string_view password;
};

/// The head for the server, with Content-Length or Transfer-Encoding as the framing of `head` says. Left out are what concerns
/// the client's connection alone, what Connection names, every name by which somebody says who a client is, and, where
/// `credentials` are given, every credential in every spelling, in header and URL; then X-ClickHouse-User and X-ClickHouse-Key
/// are added. X-Forwarded-For is `client_address` alone.
std::string head_for_server(const RequestHead & head, const ServerCredentials * credentials, std::string_view client_address);

/// The head without any credentials: for what needs no login.
std::string head_without_login(const RequestHead & head, std::string_view client_address);

/// "/path?query" without the parameters user and password, in whatever case, however they are percent-encoded.
std::string without_credentials(std::string_view target);

/// May stand as the value of a header field: no control character, no blank at its ends.
bool is_field_value(std::string_view text);

}
