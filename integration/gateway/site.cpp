#include "site.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/err.h>

namespace chmtls::gateway
{
namespace
{

int role_index()
{
    static const int value = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return value;
}

// What an SSL points to: a literal for each role.
constexpr std::array<Role, 3> all_roles{Role::native, Role::https, Role::interserver};

const Role * role_of(SSL * ssl)
{
    return static_cast<const Role *>(SSL_get_ex_data(ssl, role_index()));
}

class RoleResolver final : public host::ListenerResolver
{
public:
    [[nodiscard]] std::optional<std::string> listener_of(SSL * ssl) const override
    {
        const auto * const role = role_of(ssl);
        if (role == nullptr)
            return std::nullopt;
        return listener_name(*role);
    }

    // Native clients show an exception; of an alert most show that the connection was lost.
    [[nodiscard]] bool tells_refusals(SSL * ssl) const override
    {
        const auto * const role = role_of(ssl);
        return role != nullptr && *role == Role::native;
    }
};

std::string openssl_error()
{
    const char * const reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason == nullptr ? "no reason given" : reason;
}

SslContextPtr make_context(
    const SSL_METHOD * method, const std::string & list, const std::string & suites, const std::string & section,
    std::string & fault)
{
    ERR_clear_error();
    SslContextPtr context(SSL_CTX_new(method));
    if (context == nullptr)
        throw std::bad_alloc();
    if (!list.empty() && SSL_CTX_set_cipher_list(context.get(), list.c_str()) != 1)
        fault = section + ".cipherList: " + openssl_error();
    else if (!suites.empty() && SSL_CTX_set_ciphersuites(context.get(), suites.c_str()) != 1)
        fault = section + ".cipherSuites: " + openssl_error();
    return context;
}

void make_contexts(Site & site, const Settings & settings, host::SslBinding & binding, std::string & fault)
{
    const auto section = settings.source + ": openSSL.";
    site.server = make_context(TLS_server_method(), settings.cipher_list, settings.cipher_suites, section + "server", fault);
    site.client = make_context(
        TLS_client_method(), settings.client_cipher_list, settings.client_cipher_suites, section + "client", fault);
    binding.attach_server(site.server.get());
    binding.attach_client(site.client.get());
}

}

const Listener * Site::listener(Role role) const
{
    const auto & all = settings.listeners;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Listener & each) { return each.role == role; });
    return found == all.end() ? nullptr : &*found;
}

const Listener * Site::ingress(const HostPort & listen) const
{
    const auto & all = settings.ingress;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Ingress & each) { return each.listen == listen; });
    return found == all.end() ? nullptr : &found->listener;
}

const Egress * Site::egress(const HostPort & listen) const
{
    const auto & all = settings.egress;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Egress & each) { return each.listen == listen; });
    return found == all.end() ? nullptr : &*found;
}

const TrustedProxy * Site::trusted_proxy(const HostPort & listen) const
{
    const auto & all = settings.trusted_proxies;
    const auto found = std::find_if(all.begin(), all.end(), [&](const TrustedProxy & each) { return each.listen == listen; });
    return found == all.end() ? nullptr : &*found;
}

MadeSite make_site(Settings settings, host::SslBinding & binding)
{
    MadeSite made;
    auto passwords = Passwords::read(settings.passwords_file);
    if (!passwords.fault.empty())
    {
        made.fault = settings.source + ": gateway.proof.passwords: " + passwords.fault;
        return made;
    }
    auto site = std::make_shared<Site>();
    site->passwords = std::move(passwords.passwords);
    try
    {
        make_contexts(*site, settings, binding, made.fault);
    }
    catch (const std::runtime_error & error)
    {
        made.fault = error.what();
    }
    site->settings = std::move(settings);
    if (made.fault.empty())
        made.site = std::move(site);
    return made;
}

void set_role(SSL * ssl, Role role)
{
    const auto * const literal = std::find(all_roles.begin(), all_roles.end(), role);
    if (literal == all_roles.end() || SSL_set_ex_data(ssl, role_index(), const_cast<Role *>(literal)) != 1)
        throw std::bad_alloc();
}

std::unique_ptr<host::ListenerResolver> resolve_by_role()
{
    return std::make_unique<RoleResolver>();
}

}
