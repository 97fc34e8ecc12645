// clickhouse-mtls pki revoke: a new revocation list.

#include <algorithm>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "cli/json.h"
#include "cli/pki_next.h"
#include "cli/pki_options.h"
#include "openssl/error_queue.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string directory;
    std::vector<std::string> names;
    std::vector<std::string> serials;
    std::vector<std::string> files;
    std::string next_update{"30d"};
    bool json = false;
};

tl::unexpected<Error> not_issued(const PkiStore & store, const std::string & option, const std::string & what)
{
    return fail({
        .file = store.file("index.txt"),
        .field = option,
        .reason = "no certificate " + what + " was issued here",
        .remedy = "clickhouse-mtls pki list names those that were",
        .code = {},
    });
}

/// As index.txt has them: "0A:bC" becomes "abc".
std::string normal_serial(const std::string & written)
{
    std::string serial;
    for (const char c : written)
        if (c != ':' && c != ' ')
            serial += c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    const size_t digits = std::min(serial.find_first_not_of('0'), serial.size() - (serial.empty() ? 0 : 1));
    return serial.substr(digits);
}

/// The serial number in a file, whether or not index.txt still knows the certificate: the signature says that it is ours.
Result<std::string> serial_in(PkiStore & store, std::vector<IndexEntry> & entries, const std::string & path, UnixTime now)
{
    const auto certificate = read_certificate(path);
    if (!certificate)
        return fail(certificate.error());
    const auto authority = read_certificate(store.file("ca.pem"));
    if (!authority)
        return fail(authority.error());
    const openssl::ErrorScope errors;
    if (X509_verify(certificate->x509(), X509_get0_pubkey(authority->x509())) != 1)
        return fail({
            .file = path,
            .field = "--file",
            .reason = "was not signed by " + store.file("ca.pem") + ", whose list cannot name it",
            .remedy = "revoke it where it was issued",
            .code = {},
        });
    const auto & facts = certificate->facts();
    if (std::ranges::none_of(entries, [&](const IndexEntry & entry) { return entry.serial == facts.serial_hex; }))
    {
        if (const auto recorded = store.record_issued("-", facts, now); !recorded)
            return fail(recorded.error());
        entries.push_back({.name = "-", .serial = facts.serial_hex, .not_after = facts.not_after});
    }
    return facts.serial_hex;
}

/// The serial numbers of everything that is to be revoked; each of what was named must be known.
Result<std::set<std::string>> chosen(PkiStore & store, std::vector<IndexEntry> & entries, const Options & options, UnixTime now)
{
    std::set<std::string> serials;
    for (const std::string & name : options.names)
    {
        const size_t before = serials.size();
        for (const IndexEntry & entry : entries)
            if (entry.name == name)
                serials.insert(entry.serial);
        if (serials.size() == before && std::ranges::none_of(entries, [&](const auto & entry) { return entry.name == name; }))
            return not_issued(store, "NAME", "'" + printable(name, 64) + "'");
    }
    for (const std::string & written : options.serials)
    {
        const std::string serial = normal_serial(written);
        if (std::ranges::none_of(entries, [&](const IndexEntry & entry) { return entry.serial == serial; }))
            return not_issued(store, "--serial", "with the serial number " + printable(serial, 64));
        serials.insert(serial);
    }
    for (const std::string & path : options.files)
    {
        const auto serial = serial_in(store, entries, path, now);
        if (!serial)
            return fail(serial.error());
        serials.insert(*serial);
    }
    return serials;
}

Result<size_t> mark(PkiStore & store, std::vector<IndexEntry> & entries, const std::set<std::string> & serials, UnixTime now)
{
    size_t marked = 0;
    for (IndexEntry & entry : entries)
    {
        if (entry.revoked || !serials.contains(entry.serial))
            continue;
        if (const auto recorded = store.record_revoked(entry, now); !recorded)
            return fail(recorded.error());
        entry.revoked = true;
        entry.revoked_at = now;
        ++marked;
    }
    return marked;
}

Result<size_t>
write_crl(PkiStore & store, const std::vector<IndexEntry> & entries, std::chrono::seconds next_update, UnixTime now)
{
    const auto number = store.next_crl_number();
    if (!number)
        return fail(number.error());
    pki::CrlSpec spec;
    spec.number = *number;
    spec.next_update = next_update;
    for (const IndexEntry & entry : entries)
    {
        if (entry.revoked)
            spec.revoked.push_back({.serial_hex = entry.serial, .at = entry.revoked_at - now});
    }

    const auto authority = store.authority();
    if (!authority)
        return fail(authority.error());
    const auto der = pki::issue_crl(spec, *authority, now);
    if (!der)
        return fail(der.error());
    const std::string pem = pki::crl_pem(*der);
    if (const auto written = write_file(store.file("crl.pem"), as_bytes(pem), public_file, Existing::replace); !written)
        return fail(written.error());
    if (const auto recorded = store.record_crl(*number, now); !recorded)
        return fail(recorded.error());
    return spec.revoked.size();
}

Exit revoke(const Options & options)
{
    const auto next_update = parse_duration(options.next_update);
    if (!next_update)
        return complain(bad_option("--next-update", next_update.error()));
    auto store = PkiStore::open(options.directory);
    if (!store)
        return complain(store.error());
    auto entries = store->certificates();
    if (!entries)
        return complain(entries.error());

    const UnixTime now = system_time();
    const auto serials = chosen(*store, *entries, options, now);
    if (!serials)
        return complain(serials.error());
    const auto marked = mark(*store, *entries, *serials, now);
    if (!marked)
        return complain(marked.error());
    const auto listed = write_crl(*store, *entries, *next_update, now);
    if (!listed)
        return complain(listed.error());

    const std::string until = format_rfc3339(now + *next_update);
    if (options.json)
        print_line(JsonObject()
                       .text("crl", store->file("crl.pem"))
                       .number("revoked_now", *marked)
                       .number("entries", *listed)
                       .text("next_update", until)
                       .raw("next", json_strings(after_revoke(*store)))
                       .str());
    else
    {
        print_line(
            fmt::format("crl: {} ({} revoked now, {} in all, next update {})", store->file("crl.pem"), *marked, *listed, until));
        print_next(after_revoke(*store));
    }
    return Exit::yes;
}

}

void add_pki_revoke(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command
        = pki.add_subcommand("revoke", "Revoke certificates and write crl.pem; with no certificate named only renew the list");
    command->add_option("DIR", options->directory, "the CA's directory")->required();
    command->add_option("NAME", options->names, "certificates to revoke, every one that was issued under the name");
    command->add_option("--serial", options->serials, "the certificate with this serial number, in hex; may be repeated")
        ->allow_extra_args(false);
    command->add_option("--file", options->files, "the certificate in this file; may be repeated")->allow_extra_args(false);
    command->add_option("--next-update", options->next_update, "when the list is to be renewed: 12h, 30d")->capture_default_str();
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return revoke(*options);
            };
        });
}

}
