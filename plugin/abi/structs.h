#pragma once

// Structures that grow at their end: a member counts only if it lies inside the size that the other side compiled.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include <clickhouse_mtls/plugin.h>

namespace chmtls::abi
{

/// Where each member of T begins, in order and without gaps, and how many bytes are the least that make sense.
template <typename T>
struct Layout;

template <>
struct Layout<chmtls_host>
{
    static constexpr std::array members{
        offsetof(chmtls_host, struct_size),
        offsetof(chmtls_host, abi_major),
        offsetof(chmtls_host, abi_minor),
        offsetof(chmtls_host, context),
        offsetof(chmtls_host, log),
        offsetof(chmtls_host, close_session),
        offsetof(chmtls_host, configuration_changed),
        offsetof(chmtls_host, flush_dns),
        offsetof(chmtls_host, flags),
        offsetof(chmtls_host, reserved)};
    static constexpr size_t required = offsetof(chmtls_host, context);
};

template <>
struct Layout<chmtls_configuration>
{
    static constexpr std::array members{
        offsetof(chmtls_configuration, struct_size),   offsetof(chmtls_configuration, reserved),
        offsetof(chmtls_configuration, server),        offsetof(chmtls_configuration, users),
        offsetof(chmtls_configuration, watched),       offsetof(chmtls_configuration, watched_count),
        offsetof(chmtls_configuration, server_source), offsetof(chmtls_configuration, users_source)};
    static constexpr size_t required = offsetof(chmtls_configuration, users);
};

template <>
struct Layout<chmtls_listener_policy>
{
    static constexpr std::array members{
        offsetof(chmtls_listener_policy, struct_size),
        offsetof(chmtls_listener_policy, client_certificate),
        offsetof(chmtls_listener_policy, generation),
        offsetof(chmtls_listener_policy, session_id_context),
        offsetof(chmtls_listener_policy, min_tls_version),
        offsetof(chmtls_listener_policy, max_tls_version),
        offsetof(chmtls_listener_policy, prefer_server_ciphers),
        offsetof(chmtls_listener_policy, session_tickets)};
    static constexpr size_t required = offsetof(chmtls_listener_policy, generation);
};

template <>
struct Layout<chmtls_credential_query>
{
    static constexpr std::array members{
        offsetof(chmtls_credential_query, struct_size), offsetof(chmtls_credential_query, peer),
        offsetof(chmtls_credential_query, listener),    offsetof(chmtls_credential_query, server_name),
        offsetof(chmtls_credential_query, purpose),     offsetof(chmtls_credential_query, reserved),
        offsetof(chmtls_credential_query, named_by),    offsetof(chmtls_credential_query, reserved2),
        offsetof(chmtls_credential_query, asker)};
    static constexpr size_t required = offsetof(chmtls_credential_query, listener);
};

template <>
struct Layout<chmtls_credential>
{
    static constexpr std::array members{
        offsetof(chmtls_credential, struct_size), offsetof(chmtls_credential, reserved), offsetof(chmtls_credential, id),
        offsetof(chmtls_credential, generation)};
    static constexpr size_t required = offsetof(chmtls_credential, generation);
};

template <>
struct Layout<chmtls_peer>
{
    static constexpr std::array members{
        offsetof(chmtls_peer, struct_size),   offsetof(chmtls_peer, peer),      offsetof(chmtls_peer, listener),
        offsetof(chmtls_peer, chain),         offsetof(chmtls_peer, chain_len), offsetof(chmtls_peer, remote_address),
        offsetof(chmtls_peer, expected_name), offsetof(chmtls_peer, purpose),   offsetof(chmtls_peer, reserved2)};
    static constexpr size_t required = offsetof(chmtls_peer, remote_address);
};

template <>
struct Layout<chmtls_verdict>
{
    static constexpr std::array members{
        offsetof(chmtls_verdict, struct_size), offsetof(chmtls_verdict, tls_alert), offsetof(chmtls_verdict, generation),
        offsetof(chmtls_verdict, valid_until), offsetof(chmtls_verdict, reason)};
    static constexpr size_t required = offsetof(chmtls_verdict, tls_alert);
};

template <>
struct Layout<chmtls_login>
{
    static constexpr std::array members{offsetof(chmtls_login, struct_size), offsetof(chmtls_login, interface),
                                        offsetof(chmtls_login, flags),       offsetof(chmtls_login, reserved),
                                        offsetof(chmtls_login, user),        offsetof(chmtls_login, remote_address)};
    // Without the flags a password would go unseen; without the user every login would be nobody's.
    static constexpr size_t required = offsetof(chmtls_login, remote_address);
};

template <>
struct Layout<chmtls_query>
{
    static constexpr std::array members{offsetof(chmtls_query, struct_size),     offsetof(chmtls_query, flags),
                                        offsetof(chmtls_query, session_user),    offsetof(chmtls_query, initial_user),
                                        offsetof(chmtls_query, initial_address), offsetof(chmtls_query, remote_address)};
    // Without the initial user every query would be nobody's.
    static constexpr size_t required = offsetof(chmtls_query, initial_address);
};

template <>
struct Layout<chmtls_session>
{
    static constexpr std::array members{
        offsetof(chmtls_session, struct_size), offsetof(chmtls_session, interface), offsetof(chmtls_session, session_token),
        offsetof(chmtls_session, user), offsetof(chmtls_session, rule)};
    static constexpr size_t required = offsetof(chmtls_session, rule);
};

template <>
struct Layout<chmtls_ticket_key>
{
    static constexpr std::array members{
        offsetof(chmtls_ticket_key, struct_size), offsetof(chmtls_ticket_key, renew), offsetof(chmtls_ticket_key, name),
        offsetof(chmtls_ticket_key, aes_key), offsetof(chmtls_ticket_key, hmac_key)};
    static constexpr size_t required = sizeof(chmtls_ticket_key);
};

template <>
struct Layout<chmtls_host_policy>
{
    static constexpr std::array members{
        offsetof(chmtls_host_policy, struct_size),
        offsetof(chmtls_host_policy, core_dumps),
        offsetof(chmtls_host_policy, handshake_timeout_ms),
        offsetof(chmtls_host_policy, max_unfinished),
        offsetof(chmtls_host_policy, max_unfinished_per_address),
        offsetof(chmtls_host_policy, reserved)};
    static constexpr size_t required = offsetof(chmtls_host_policy, core_dumps);
};

template <>
struct Layout<chmtls_plugin_api>
{
    static constexpr std::array members{
        offsetof(chmtls_plugin_api, struct_size),       offsetof(chmtls_plugin_api, abi_major),
        offsetof(chmtls_plugin_api, abi_minor),         offsetof(chmtls_plugin_api, create),
        offsetof(chmtls_plugin_api, destroy),           offsetof(chmtls_plugin_api, configure),
        offsetof(chmtls_plugin_api, listener_policy),   offsetof(chmtls_plugin_api, credential),
        offsetof(chmtls_plugin_api, export_credential), offsetof(chmtls_plugin_api, ca_names),
        offsetof(chmtls_plugin_api, verify_peer),       offsetof(chmtls_plugin_api, identity_release),
        offsetof(chmtls_plugin_api, identity_describe), offsetof(chmtls_plugin_api, authorize),
        offsetof(chmtls_plugin_api, session_opened),    offsetof(chmtls_plugin_api, session_closed),
        offsetof(chmtls_plugin_api, ticket_key),        offsetof(chmtls_plugin_api, status),
        offsetof(chmtls_plugin_api, report_connect),    offsetof(chmtls_plugin_api, session_busy),
        offsetof(chmtls_plugin_api, generation),        offsetof(chmtls_plugin_api, names_host),
        offsetof(chmtls_plugin_api, authorize_query),   offsetof(chmtls_plugin_api, host_policy)};
    static_assert(
        members.back() + sizeof(chmtls_plugin_api::host_policy) == sizeof(chmtls_plugin_api), "the last one is missing");
    static constexpr size_t required = offsetof(chmtls_plugin_api, create);
};

/// Up to where our T and a T of `size` bytes have whole members in common.
template <typename T>
[[nodiscard]] constexpr size_t common_size(size_t size) noexcept
{
    if (size >= sizeof(T))
        return sizeof(T);
    size_t common = 0;
    for (const size_t begin : Layout<T>::members)
    {
        if (begin <= size)
            common = std::max(common, begin);
    }
    return common;
}

template <typename T>
[[nodiscard]] size_t size_of(const T * structure) noexcept
{
    uint32_t size = 0;
    std::memcpy(&size, structure, sizeof size); // struct_size is first in all of them
    return size;
}

/// The caller's structure as we know it: what it lacks is zero. Nothing when it is null or too short to mean anything.
template <typename T>
[[nodiscard]] std::optional<T> read_struct(const T * from) noexcept
{
    if (from == nullptr)
        return std::nullopt;
    const size_t common = common_size<T>(size_of(from));
    if (common < Layout<T>::required)
        return std::nullopt;
    T copy{};
    std::memcpy(&copy, from, common);
    return copy;
}

/// Can the caller's structure take an answer at all?
template <typename T>
[[nodiscard]] bool is_writable(const T * to) noexcept
{
    return to != nullptr && common_size<T>(size_of(to)) >= Layout<T>::required;
}

/// Writes what has a place in the caller's structure, and never its struct_size.
template <typename T>
void write_struct(const T & value, T * to) noexcept
{
    constexpr size_t begin = sizeof(uint32_t);
    const size_t common = common_size<T>(size_of(to));
    if (common > begin)
        std::memcpy(
            reinterpret_cast<unsigned char *>(to) + begin, reinterpret_cast<const unsigned char *>(&value) + begin,
            common - begin);
}

/// Borrowed bytes as text; nothing when they are null with a length.
[[nodiscard]] inline std::optional<std::string_view> text_of(chmtls_bytes bytes) noexcept
{
    if (bytes.data == nullptr)
        return bytes.len == 0 ? std::optional(std::string_view{}) : std::nullopt;
    return std::string_view{reinterpret_cast<const char *>(bytes.data), bytes.len};
}

[[nodiscard]] inline chmtls_bytes bytes_of(std::string_view text) noexcept
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

}
