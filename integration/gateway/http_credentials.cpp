#include "http_credentials.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <binding/cross_site.h>
#include <clickhouse_mtls/plugin.h>

namespace chmtls::gateway
{
namespace
{

// Folded, as folded_name has them.
constexpr std::array<std::string_view, 5> credential_fields{
    "authorization", "x-clickhouse-user", "x-clickhouse-key", "x-clickhouse-ssl-certificate-auth", "x-clickhouse-jwt-token"};

/// About the client's connection, not the request; framing and Expect are the gateway's own.
constexpr std::array<std::string_view, 11> connection_fields{
    "connection",        "keep-alive",     "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade",
    "transfer-encoding", "content-length", "expect",           "http2-settings"};

/// By which proxies say who a client is. Nobody in front of the gateway is believed.
constexpr std::array<std::string_view, 4> identity_fields{"forwarded", "x-real-ip", "x-forwarded-client-cert", "x-forwarded-for"};
constexpr std::array<std::string_view, 5> identity_prefixes{
    "tailscale-", "ssl-client-", "client-cert", "x-ssl-client-", "x-forwarded-tls-client-"};

template <size_t size>
bool is_one_of(const std::array<std::string_view, size> & names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool says_who(std::string_view folded)
{
    return is_one_of(identity_fields, folded)
           || std::any_of(
               identity_prefixes.begin(), identity_prefixes.end(),
               [&](std::string_view prefix) { return folded.starts_with(prefix); });
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// As servers decode a parameter; nothing: a percent sign without two hex digits.
std::optional<std::string> decoded(std::string_view text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); ++i)
    {
        if (text[i] != '%')
        {
            out.push_back(text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        if (i + 2 >= text.size())
            return std::nullopt;
        const int high = hex_value(text[i + 1]);
        const int low = hex_value(text[i + 2]);
        if (high < 0 || low < 0)
            return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

/// Calls `each` with every parameter as it stands between '&'.
template <class Each>
void for_each_parameter(std::string_view target, Each && each)
{
    const auto mark = target.find('?');
    if (mark == std::string_view::npos)
        return;
    auto query = target.substr(mark + 1);
    for (;;)
    {
        const auto end = query.find('&');
        each(query.substr(0, end));
        if (end == std::string_view::npos)
            return;
        query.remove_prefix(end + 1);
    }
}

std::optional<std::string> name_of(std::string_view parameter)
{
    return decoded(parameter.substr(0, parameter.find('=')));
}

std::optional<std::string> value_of(std::string_view parameter)
{
    const auto equals = parameter.find('=');
    return equals == std::string_view::npos ? std::string() : decoded(parameter.substr(equals + 1));
}

/// Servers look parameters up without regard to case.
bool is_parameter(std::string_view name, std::string_view wanted)
{
    const auto is_same = [](char left, char right)
    {
        return (left >= 'A' && left <= 'Z' ? left - 'A' + 'a' : left) == right;
    };
    return std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), is_same);
}

bool is_credential_name(std::string_view name)
{
    return is_parameter(name, "user") || is_parameter(name, "password");
}

void note_parameters(const RequestHead & head, HttpOffer & offer, bool & named)
{
    for_each_parameter(
        head.target,
        [&](std::string_view parameter)
        {
            const auto name = name_of(parameter);
            const auto value = value_of(parameter);
            if (!name || !value)
            {
                offer.fault = "a percent sign in the URL is not followed by two hex digits";
                return;
            }
            if (!is_credential_name(*name))
                return;
            offer.flags |= CHMTLS_LOGIN_OTHER_CREDENTIALS;
            if (is_parameter(*name, "password"))
                offer.flags |= value->empty() ? 0U : CHMTLS_LOGIN_PASSWORD_GIVEN;
            else if (!value->empty())
            {
                offer.flags |= CHMTLS_LOGIN_USER_NAMED;
                if (!named)
                    offer.user = *value;
            }
        });
}

/// By what a browser says; a browser says nothing twice.
bool is_of_another_site(const RequestHead & head)
{
    host::RequestOrigin browser;
    bool twice = false;
    const auto take = [&](std::optional<std::string_view> & into, std::string_view value)
    {
        twice = twice || into;
        into = value;
    };
    for (const auto & [name, value] : head.fields)
    {
        const auto folded = folded_name(name);
        if (folded == "sec-fetch-site")
            take(browser.sec_fetch_site, value);
        else if (folded == "origin")
            take(browser.origin, value);
        else if (folded == "referer")
            take(browser.referer, value);
        else if (folded == "host")
            browser.host = value;
    }
    return twice || host::is_cross_site(browser);
}

void append_field(std::string & out, std::string_view name, std::string_view value)
{
    out.append(name).append(": ").append(value).append("\r\n");
}

void append_framing(std::string & out, const RequestHead & head)
{
    if (head.framing == Framing::chunked)
        append_field(out, "Transfer-Encoding", "chunked");
    else if (head.framing == Framing::length)
        append_field(out, "Content-Length", std::to_string(head.length));
}

enum class Keep : uint8_t
{
    credentials,
    none,
};

std::string request_line(const RequestHead & head, Keep keep)
{
    std::string out(head.method);
    out.append(" ").append(keep == Keep::credentials ? std::string(head.target) : without_credentials(head.target));
    return out.append(" HTTP/1.1\r\n");
}

/// What Connection names goes with the connection (RFC 9110 7.6.1).
std::set<std::string> nominated_by(const RequestHead & head)
{
    std::set<std::string> names;
    for (const auto & [name, value] : head.fields)
        if (folded_name(name) == "connection")
            for (const auto & element : list_elements(value))
                names.insert(folded_name(element));
    return names;
}

void append_kept_fields(std::string & out, const RequestHead & head, Keep keep)
{
    const auto nominated = nominated_by(head);
    for (const auto & [name, value] : head.fields)
    {
        const auto folded = folded_name(name);
        const bool credential = is_one_of(credential_fields, folded);
        // The gateway has no certificate of this client to show, so the server must not be asked to look at one.
        const bool unwanted = credential && (keep == Keep::none || folded == "x-clickhouse-ssl-certificate-auth");
        if (!unwanted && !is_one_of(connection_fields, folded) && !says_who(folded) && nominated.count(folded) == 0)
            append_field(out, name, value);
    }
}

std::string closed(std::string out, const RequestHead & head, std::string_view client_address)
{
    append_field(out, "X-Forwarded-For", client_address);
    append_framing(out, head);
    return out.append("\r\n");
}

}

HttpOffer offer_of(const RequestHead & head)
{
    HttpOffer offer;
    std::array<size_t, credential_fields.size()> seen{};
    bool named = false;
    for (const auto & [name, value] : head.fields)
    {
        const auto folded = folded_name(name);
        const auto * const which = std::find(credential_fields.begin(), credential_fields.end(), folded);
        if (which == credential_fields.end())
            continue;
        if (++seen[static_cast<size_t>(which - credential_fields.begin())] > 1)
            offer.fault = "a header field with credentials is given more than once";
        if (name.find_first_of("_.") != std::string_view::npos)
            offer.fault = "a header field with credentials is misspelt";
        if (folded == "x-clickhouse-ssl-certificate-auth")
            offer.flags |= value == "on" ? CHMTLS_LOGIN_CERTIFICATE_ASKED : 0U;
        else if (folded == "x-clickhouse-key")
            offer.flags |= value.empty() ? 0U : CHMTLS_LOGIN_PASSWORD_GIVEN;
        else if (folded != "x-clickhouse-user")
            offer.flags |= CHMTLS_LOGIN_OTHER_CREDENTIALS | CHMTLS_LOGIN_USER_NAMED;
        else if (!value.empty())
        {
            named = true;
            offer.user = value;
            offer.flags |= CHMTLS_LOGIN_USER_NAMED;
        }
    }
    note_parameters(head, offer, named);
    if (is_of_another_site(head))
        offer.flags |= CHMTLS_LOGIN_CROSS_SITE;
    return offer;
}

std::string head_for_server(const RequestHead & head, const ServerCredentials * credentials, std::string_view client_address)
{
    const auto keep = credentials == nullptr ? Keep::credentials : Keep::none;
    auto out = request_line(head, keep);
    append_kept_fields(out, head, keep);
    if (credentials != nullptr)
    {
        append_field(out, "X-ClickHouse-User", credentials->user);
        append_field(out, "X-ClickHouse-Key", credentials->password);
    }
    return closed(std::move(out), head, client_address);
}

std::string head_without_login(const RequestHead & head, std::string_view client_address)
{
    auto out = request_line(head, Keep::none);
    append_kept_fields(out, head, Keep::none);
    return closed(std::move(out), head, client_address);
}

std::string without_credentials(std::string_view target)
{
    std::string out(target.substr(0, target.find('?')));
    char separator = '?';
    for_each_parameter(
        target,
        [&](std::string_view parameter)
        {
            // What cannot be decoded was refused; were it not, it goes no further.
            const auto name = name_of(parameter);
            if (!name || is_credential_name(*name))
                return;
            out.push_back(separator);
            out.append(parameter);
            separator = '&';
        });
    return out;
}

bool is_field_value(std::string_view text)
{
    const auto is_control = [](char c)
    {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    return !text.empty() && text.front() != ' ' && text.back() != ' ' && std::none_of(text.begin(), text.end(), is_control);
}

}
