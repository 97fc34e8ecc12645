#include "cli/pki_next.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/json.h"

namespace chmtls::cli
{

namespace
{

/// The server does not run in our directory.
std::string absolute(const PkiStore & store, const std::string & name)
{
    std::error_code error;
    const auto path = std::filesystem::absolute(store.file(name), error);
    return error ? store.file(name) : path.lexically_normal().string();
}

/// Text between tags.
std::string escaped(const std::string & text)
{
    std::string result;
    for (const char c : text)
        result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
    return result;
}

std::string element(const std::string & tag, const std::string & value)
{
    return fmt::format("<{0}>{1}</{0}>", tag, escaped(value));
}

/// The matcher of a rule that names this certificate and no other kind of name.
std::string matcher(const openssl::CertificateFacts & facts)
{
    const auto & san = facts.san;
    if (!san.uris.empty() && san.uris.front().starts_with("spiffe://"))
        return element("spiffe_id", san.uris.front());
    if (facts.common_name)
        return element("common_name", *facts.common_name);
    if (!san.dns.empty())
        return element("dns", san.dns.front());
    if (!san.uris.empty())
        return element("uri", san.uris.front());
    return san.emails.empty() ? element("serial", facts.serial_hex) : element("email", san.emails.front());
}

std::string pair_of(const PkiStore & store, const std::string & name)
{
    return element("certificateFile", absolute(store, name + ".pem")) + element("privateKeyFile", absolute(store, name + ".key"));
}

}

std::vector<std::string> after_init(const PkiStore & store, const std::string & trust_domain)
{
    std::vector<std::string> steps{
        "who is issued to here is believed with <openSSL><server>" + element("caConfig", absolute(store, "ca.pem"))
        + "</server></openSSL> (clients), and with <client> in place of <server> (other servers)"};
    if (!trust_domain.empty())
        steps.push_back(
            "or with SPIFFE IDs of the trust domain alone: <mtls><trust_domains><trust_domain>" + element("name", trust_domain)
            + element("bundle", absolute(store, "bundle.json")) + "</trust_domain></trust_domains></mtls>");
    steps.push_back("issue certificates with: clickhouse-mtls pki issue " + printable(store.file("")) + " NAME");
    return steps;
}

std::vector<std::string>
after_issue(const PkiStore & store, const std::string & name, const openssl::CertificateFacts & facts, bool encrypted)
{
    const auto & usage = facts.extended_key_usage;
    std::vector<std::string> steps;
    if (usage.server_auth)
        steps.push_back(
            "for a server: <openSSL><server>" + pair_of(store, name) + element("caConfig", absolute(store, "ca.pem"))
            + "</server></openSSL>; let its user read the key (chown)");
    if (usage.server_auth && facts.san.dns.empty() && facts.san.ips.empty())
        steps.emplace_back("it carries no --dns and no --ip, so no client can find the server's name in it");
    if (usage.client_auth)
    {
        steps.push_back(
            "for a client: <openSSL><client>" + pair_of(store, name) + element("caConfig", absolute(store, "ca.pem"))
            + "</client></openSSL>");
        steps.push_back(
            "to log in with it, on the server: <mtls><users><rule>" + element("name", name) + matcher(facts)
            + "<user>USER</user></rule></users></mtls>, with a USER of users.xml");
    }
    if (encrypted)
        steps.emplace_back("the key is encrypted: name its passphrase in privateKeyPassphraseHandler");
    return steps;
}

std::vector<std::string> after_renew(const PkiStore & store, const std::string & name, bool new_key)
{
    if (!new_key)
        return {
            "nothing: the key is the same, and a running server takes the new certificate from "
            + absolute(store, name + ".pem")};
    return {"let its user read the new key " + absolute(store, name + ".key") + " (chown): a server takes the pair once it can"};
}

std::vector<std::string> after_revoke(const PkiStore & store)
{
    return {
        "the list counts with <mtls>" + element("crl", absolute(store, "crl.pem"))
        + "</mtls>; renew it before its next update (pki revoke DIR, without a name)"};
}

void print_next(const std::vector<std::string> & steps)
{
    for (const std::string & step : steps)
        print_line("next: " + printable(step, 4096));
}

}
