// clickhouse-mtls pki renew: a certificate again, with the names and usages that it has.

#include <memory>

#include "base/file.h"
#include "cli/json.h"
#include "cli/pki_lifetime.h"
#include "cli/pki_next.h"
#include "cli/pki_options.h"
#include "pki/renew.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string directory;
    std::string name;
    std::string lifetime; ///< empty: as long as the former one
    std::string lifetime_by;
    std::string passphrase_file;
    bool new_key = false;
    bool json = false;
};

/// The certificate that NAME.pem holds, as index.txt has it. One that is revoked may have lost its key.
Result<void> check_renewable(const PkiStore & store, const Options & options, const openssl::Certificate & old)
{
    const auto entries = store.certificates();
    if (!entries)
        return fail(entries.error());
    for (const IndexEntry & entry : *entries)
    {
        if (entry.serial != old.facts().serial_hex)
            continue;
        if (entry.revoked && !options.new_key)
            return fail({
                .file = store.file(options.name + ".pem"),
                .field = {},
                .reason = "is revoked, so its key may be in other hands",
                .remedy = "say --new-key",
                .code = {},
            });
        return {};
    }
    return fail({
        .file = store.file(options.name + ".pem"),
        .field = {},
        .reason = "was not issued here: index.txt does not name its serial number",
        .remedy = "issue one with: clickhouse-mtls pki issue",
        .code = {},
    });
}

/// From now on for as long as was asked for, or else as long as the former one was meant to live.
Result<pki::Spec>
dates(const PkiStore & store, const Options & options, const openssl::Certificate & old, UnixTime authority_ends)
{
    pki::Spec spec;
    spec.not_before = std::chrono::minutes(-5); // clocks differ
    spec.not_after = old.facts().not_after - old.facts().not_before + spec.not_before;
    if (!options.lifetime_by.empty())
    {
        const auto lifetime = parse_duration(options.lifetime);
        if (!lifetime)
            return fail(bad_option(options.lifetime_by, lifetime.error()));
        spec.not_after = *lifetime;
    }
    if (spec.not_after <= std::chrono::seconds(0))
        return fail({
            .file = {},
            .field = "--lifetime",
            .reason = "the renewed certificate would have ended already",
            .remedy = "choose a longer lifetime, for example --days 30",
            .code = {},
        });
    if (const auto kept = keep_within(store.file("ca.pem"), authority_ends, options.lifetime_by, system_time(), spec); !kept)
        return fail(kept.error());
    return spec;
}

Result<openssl::PrivateKey> key_of(const PkiStore & store, const Options & options, const openssl::Certificate & old)
{
    if (options.new_key)
        return pki::generate_key(pki::kind_of_key(old).value_or(pki::KeyKind::ec_p256));
    const std::string path = store.file(options.name + ".key");
    auto passphrase = read_passphrase(options.passphrase_file);
    if (!passphrase)
        return fail(passphrase.error());
    auto pem = read_file(path, max_key_file);
    if (!pem)
        return fail(pem.error());
    auto key = openssl::PrivateKey::from_pem(pem->bytes, path, SecretBytes(as_bytes(*passphrase)));
    wipe(pem->bytes);
    wipe({reinterpret_cast<uint8_t *>(passphrase->data()), passphrase->size()});
    if (key && !key->matches(old))
        return fail({
            .file = path,
            .field = {},
            .reason = "is not the key of " + options.name + ".pem",
            .remedy = "restore the pair, or say --new-key",
            .code = {},
        });
    return key;
}

/// The key first: a server takes the pair when both have come.
Result<void> write(PkiStore & store, const Options & options, const pki::Issued & renewed, UnixTime now)
{
    if (options.new_key)
    {
        auto passphrase = read_passphrase(options.passphrase_file);
        if (!passphrase)
            return fail(passphrase.error());
        const SecretBytes pem = pki::key_pem(renewed.key, *passphrase);
        wipe({reinterpret_cast<uint8_t *>(passphrase->data()), passphrase->size()});
        const auto written = write_file(store.file(options.name + ".key"), pem.view(), private_file, Existing::replace);
        if (!written)
            return written;
    }
    // What is issued can be revoked: it is written down before anybody can have it.
    if (auto recorded = store.record_issued(options.name, renewed.certificate.facts(), now); !recorded)
        return recorded;
    return write_file(
        store.file(options.name + ".pem"), as_bytes(pki::certificate_pem(renewed.certificate)), public_file, Existing::replace);
}

void print(
    const PkiStore & store, const Options & options, const openssl::Certificate & old, const openssl::CertificateFacts & facts)
{
    const std::string file = store.file(options.name + ".pem");
    const auto steps = after_renew(store, options.name, options.new_key);
    if (options.json)
    {
        print_line(JsonObject()
                       .text("certificate", file)
                       .text("subject", facts.subject)
                       .text("serial", facts.serial_hex)
                       .text("former_serial", old.facts().serial_hex)
                       .text("not_after", format_rfc3339(facts.not_after))
                       .yes_no("new_key", options.new_key)
                       .raw("next", json_strings(steps))
                       .str());
        return;
    }
    print_line(
        "certificate: " + file + " (" + printable(facts.subject) + ", serial " + facts.serial_hex + ", until "
        + format_rfc3339(facts.not_after) + ")");
    print_next(steps);
}

Exit renew(const Options & options)
{
    if (const auto name = check_certificate_name(options.name); !name)
        return complain(name.error());
    auto store = PkiStore::open(options.directory);
    if (!store)
        return complain(store.error());
    const auto old = store->certificate(options.name);
    if (!old)
        return complain(old.error());
    if (const auto may = check_renewable(*store, options, *old); !may)
        return complain(may.error());
    const auto authority = store->authority();
    if (!authority)
        return complain(authority.error());
    const auto spec = dates(*store, options, *old, authority->certificate.facts().not_after);
    if (!spec)
        return complain(spec.error());
    const auto key = key_of(*store, options, *old);
    if (!key)
        return complain(key.error());

    const UnixTime now = system_time();
    const auto renewed
        = pki::renew(*old, *key, *authority, now + spec->not_before, spec->not_after_at.value_or(now + spec->not_after));
    if (!renewed)
        return complain(renewed.error());
    if (const auto written = write(*store, options, *renewed, now); !written)
        return complain(written.error());
    note_cut(*store, now + spec->not_after, renewed->certificate.facts().not_after);
    print(*store, options, *old, renewed->certificate.facts());
    return Exit::yes;
}

}

void add_pki_renew(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = pki.add_subcommand("renew", "Issue NAME.pem again, with the names, usages and key that it has");
    command->add_option("DIR", options->directory, "the CA's directory")->required();
    command->add_option("NAME", options->name, "name of the certificate's files")->required();
    add_lifetime_options(*command, options->lifetime);
    command->add_flag("--new-key", options->new_key, "with a new key of the same kind in NAME.key");
    command->add_option("--passphrase-file", options->passphrase_file, "the key's passphrase; first line of this file");
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, command, &action]
        {
            options->lifetime_by = lifetime_said_by(*command);
            action = [options]
            {
                return renew(*options);
            };
        });
}

}
