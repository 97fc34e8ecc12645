// clickhouse-mtls pki issue: a certificate for a client, a server, or both.

#include <algorithm>
#include <memory>

#include <unistd.h>

#include "base/file.h"
#include "cli/json.h"
#include "cli/pki_lifetime.h"
#include "cli/pki_next.h"
#include "cli/pki_options.h"
#include "config/host_name.h"
#include "spiffe/id.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    CommonPkiOptions common;
    std::string name;
    std::string common_name;
    bool common_name_given = false;
    std::vector<std::string> dns;
    std::vector<std::string> uris;
    std::vector<std::string> emails;
    std::vector<std::string> addresses;
    std::string spiffe_id;
    std::string passphrase_file;
    std::string lifetime_by; ///< the option that says the lifetime; empty: nobody said it
    bool client = false;
    bool server = false;
    bool self_signed = false;
};

tl::unexpected<Error> refused(std::string option, std::string reason, std::string remedy)
{
    return fail({
        .file = {},
        .field = std::move(option),
        .reason = std::move(reason),
        .remedy = std::move(remedy),
        .code = {},
    });
}

/// These names are ASCII (RFC 5280 4.2.1.6); in other bytes nobody would find them.
Result<void>
add_names(pki::Spec & spec, pki::AltName::Kind kind, const std::string & option, const std::vector<std::string> & values)
{
    for (const std::string & value : values)
    {
        if (!std::ranges::all_of(value, [](char c) { return c > ' ' && c <= '~'; }))
            return refused(
                option, "'" + printable(value, 128) + "' holds blanks, control characters or bytes that are not ASCII",
                "write it in ASCII, an internationalized host name as A-labels (xn--...)");
        spec.alt_names.push_back({kind, value});
    }
    return {};
}

/// A name that some peer can prove something with: a host, or "*." before one (RFC 9525 6.3).
Result<void> check_dns_name(const std::string & name)
{
    if (config::is_address(name))
        return refused("--dns", "'" + printable(name, 128) + "' is an address, which no DNS name proves", "give it with --ip");
    if (name.ends_with('.'))
        return refused("--dns", "'" + printable(name, 128) + "' ends with a dot, which no peer looks for", "leave the dot out");
    const std::string_view host = std::string_view(name).substr(name.starts_with("*.") ? 2 : 0);
    std::string lower(host);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!config::is_host_name(lower))
        return refused(
            "--dns", "'" + printable(name, 128) + "' is no host name",
            "write a name such as db.example.org, or *.example.org for all names one label longer; ports are no part of it");
    return {};
}

Result<void> add_addresses(pki::Spec & spec, const std::vector<std::string> & values)
{
    for (const std::string & value : values)
    {
        if (!config::is_address(value))
            return refused("--ip", "'" + printable(value, 128) + "' is no address", "write for example 192.0.2.1 or 2001:db8::1");
        spec.alt_names.push_back({pki::AltName::Kind::ip, value});
    }
    return {};
}

Result<void> add_spiffe_id(pki::Spec & spec, const Options & options)
{
    if (options.spiffe_id.empty())
        return {};
    const auto id = spiffe::Id::parse(options.spiffe_id);
    if (!id || id->path().empty())
        return fail({
            .file = {},
            .field = "--spiffe-id",
            .reason = "'" + printable(options.spiffe_id, 128)
                      + "' is no SPIFFE ID of a workload: " + std::string(id ? "it has no path" : spiffe::message(id.error())),
            .remedy = "write for example spiffe://example.org/service",
            .code = std::string(id ? "ID-ROOT-PATH" : spiffe::code(id.error())),
        });
    if (options.client != options.server)
        return refused(
            "--spiffe-id", "an X.509-SVID with an extended key usage must allow both client and server",
            "leave --client and --server out");
    spec.alt_names.push_back({pki::AltName::Kind::uri, options.spiffe_id});
    return {};
}

Result<pki::Spec> make_spec(const Options & options)
{
    pki::Spec spec;
    if (const auto applied = apply(options.common, spec); !applied)
        return fail(applied.error());

    const std::string common_name = options.common_name_given ? options.common_name : options.name;
    spec.subject.clear();
    if (!common_name.empty())
        spec.subject.emplace_back("CN", common_name);
    spec.san_critical = spec.subject.empty(); // RFC 5280 4.1.2.6

    if (const auto added = add_spiffe_id(spec, options); !added)
        return fail(added.error());
    if (const auto added = add_names(spec, pki::AltName::Kind::uri, "--uri", options.uris); !added)
        return fail(added.error());
    if (const auto added = add_names(spec, pki::AltName::Kind::dns, "--dns", options.dns); !added)
        return fail(added.error());
    for (const std::string & name : options.dns)
        if (const auto provable = check_dns_name(name); !provable)
            return fail(provable.error());
    if (const auto added = add_names(spec, pki::AltName::Kind::email, "--email", options.emails); !added)
        return fail(added.error());
    if (const auto added = add_addresses(spec, options.addresses); !added)
        return fail(added.error());

    if (options.client != options.server)
        spec.extended_key_usages = {options.client ? "clientAuth" : "serverAuth"};
    if (options.common.key == pki::KeyKind::rsa_2048 || options.common.key == pki::KeyKind::rsa_3072)
        spec.key_usages.emplace_back("keyEncipherment"); // the RSA key exchange of TLS 1.2 (RFC 5246 7.4.2)
    return spec;
}

Result<void> write_pair(const PkiStore & store, const Options & options, const pki::Issued & issued)
{
    const std::string certificate = store.file(options.name + ".pem");
    const std::string key = store.file(options.name + ".key");
    if (!options.common.force && ::access(certificate.c_str(), F_OK) == 0)
        return fail({
            .file = certificate,
            .field = {},
            .reason = "exists already and is not overwritten",
            .remedy = "choose another NAME, or say --force to issue again in its place",
            .code = {},
        });

    auto passphrase = read_passphrase(options.passphrase_file);
    if (!passphrase)
        return fail(passphrase.error());
    const SecretBytes pem = pki::key_pem(issued.key, *passphrase);
    wipe({reinterpret_cast<uint8_t *>(passphrase->data()), passphrase->size()});
    if (auto written = write_file(key, pem.view(), private_file, options.common.existing()); !written)
        return written;
    return write_file(certificate, as_bytes(pki::certificate_pem(issued.certificate)), public_file, options.common.existing());
}

Result<pki::Issued> make(const PkiStore & store, const Options & options, pki::Spec spec, UnixTime now)
{
    if (options.self_signed)
        return pki::self_signed(spec, now);
    const auto authority = store.authority();
    if (!authority)
        return fail(authority.error());
    const UnixTime authority_ends = authority->certificate.facts().not_after;
    if (const auto kept = keep_within(store.file("ca.pem"), authority_ends, options.lifetime_by, now, spec); !kept)
        return fail(kept.error());
    return pki::issue(spec, *authority, now);
}

void print(const PkiStore & store, const Options & options, const openssl::CertificateFacts & facts)
{
    const std::string certificate = store.file(options.name + ".pem");
    const std::string key = store.file(options.name + ".key");
    const auto steps = options.self_signed ? std::vector<std::string>()
                                           : after_issue(store, options.name, facts, !options.passphrase_file.empty());
    if (options.common.json)
    {
        print_line(JsonObject()
                       .text("certificate", certificate)
                       .text("key", key)
                       .text("subject", facts.subject)
                       .text("serial", facts.serial_hex)
                       .text("not_after", format_rfc3339(facts.not_after))
                       .raw("next", json_strings(steps))
                       .str());
        return;
    }
    print_line(
        "certificate: " + certificate + " (" + printable(facts.subject) + ", serial " + facts.serial_hex + ", until "
        + format_rfc3339(facts.not_after) + ")");
    print_line("key: " + key);
    print_next(steps);
}

Exit issue(const Options & options)
{
    if (const auto name = check_certificate_name(options.name); !name)
        return complain(name.error());
    const auto spec = make_spec(options);
    if (!spec)
        return complain(spec.error());
    auto store = PkiStore::open(options.common.directory);
    if (!store)
        return complain(store.error());

    const UnixTime now = system_time();
    const auto issued = make(*store, options, *spec, now);
    if (!issued)
        return complain(issued.error());
    if (const auto written = write_pair(*store, options, *issued); !written)
        return complain(written.error());
    if (!options.self_signed)
    {
        if (const auto recorded = store->record_issued(options.name, issued->certificate.facts(), now); !recorded)
            return complain(recorded.error());
    }
    note_cut(*store, now + spec->not_after, issued->certificate.facts().not_after);
    print(*store, options, issued->certificate.facts());
    return Exit::yes;
}

}

void add_pki_issue(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    options->common.lifetime = "30d";
    CLI::App * command = pki.add_subcommand("issue", "Issue a certificate: NAME.pem and NAME.key (mode 0600)");
    add_common_pki_options(*command, options->common);
    command->add_option("NAME", options->name, "name of the two files, and the common name unless --cn says otherwise")
        ->required();
    CLI::Option * common_name = command->add_option("--cn", options->common_name, "common name; empty: an empty subject");
    command->add_option("--dns", options->dns, "DNS name; may be repeated")->allow_extra_args(false);
    CLI::Option * uris = command->add_option("--uri", options->uris, "URI; may be repeated")->allow_extra_args(false);
    command->add_option("--email", options->emails, "e-mail address; may be repeated")->allow_extra_args(false);
    command->add_option("--ip", options->addresses, "IP address; may be repeated")->allow_extra_args(false);
    command->add_option("--spiffe-id", options->spiffe_id, "makes it an X.509-SVID: exactly one URI name")->excludes(uris);
    command->add_option("--passphrase-file", options->passphrase_file, "encrypt the key; first line of this file");
    command->add_flag("--client", options->client, "for TLS clients only (unless --server is given too)");
    command->add_flag("--server", options->server, "for TLS servers only (unless --client is given too)");
    command->add_flag("--self-signed", options->self_signed, "signed by itself and not by the CA, to see it refused");
    command->callback(
        [options, command, common_name, &action]
        {
            options->common_name_given = common_name->count() > 0;
            options->lifetime_by = lifetime_said_by(*command);
            action = [options]
            {
                return issue(*options);
            };
        });
}

}
