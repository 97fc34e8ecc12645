// clickhouse-mtls pki list, pki show: what was issued, and what has become of it.

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/bytes.h"
#include "cli/json.h"
#include "cli/pki_next.h"
#include "cli/pki_options.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string directory;
    std::string what;
    bool json = false;
};

JsonObject json_of(const IndexEntry & entry, UnixTime now)
{
    JsonObject object;
    object.text("name", entry.name)
        .text("serial", entry.serial)
        .text("not_after", format_rfc3339(entry.not_after))
        .text("state", state_of(entry, now));
    if (entry.revoked)
        object.text("revoked_at", format_rfc3339(entry.revoked_at));
    return object;
}

Exit list(const Options & options)
{
    const auto store = PkiStore::open(options.directory);
    if (!store)
        return complain(store.error());
    const auto entries = store->certificates();
    if (!entries)
        return complain(entries.error());
    const UnixTime now = system_time();
    std::vector<std::string> objects;
    for (const IndexEntry & entry : *entries)
    {
        objects.push_back(json_of(entry, now).str());
        if (!options.json)
            print_line(fmt::format(
                "{}: {}, serial {}, until {}", printable(entry.name), state_of(entry, now), printable(entry.serial),
                format_rfc3339(entry.not_after)));
    }
    if (options.json)
        print_line(JsonObject().raw("certificates", json_array(objects)).str());
    else if (entries->empty())
        print_line("nothing has been issued here");
    return Exit::yes;
}

/// The last one of the name, or the one with the serial number.
Result<IndexEntry> find(const PkiStore & store, const std::string & what)
{
    const auto entries = store.certificates();
    if (!entries)
        return fail(entries.error());
    const auto found = std::find_if(
        entries->rbegin(), entries->rend(), [&](const IndexEntry & entry) { return entry.name == what || entry.serial == what; });
    if (found != entries->rend())
        return *found;
    return fail({
        .file = store.file("index.txt"),
        .field = "NAME",
        .reason = "no certificate '" + printable(what, 64) + "' was issued here",
        .remedy = "clickhouse-mtls pki list names those that were",
        .code = {},
    });
}

std::vector<std::string> names_of(const openssl::SubjectAltNames & san)
{
    std::vector<std::string> names;
    const auto add = [&names](const char * kind, const std::vector<std::string> & values)
    {
        for (const std::string & value : values)
            names.push_back(std::string(kind) + printable(value));
    };
    add("dns:", san.dns);
    add("ip:", san.ips);
    add("uri:", san.uris);
    add("email:", san.emails);
    return names;
}

std::string usage_of(const openssl::ExtendedKeyUsage & usage)
{
    const bool both = !usage.present || usage.any || (usage.client_auth && usage.server_auth);
    return both ? "client and server" : usage.client_auth ? "client" : usage.server_auth ? "server" : "neither client nor server";
}

void print_certificate(const openssl::CertificateFacts & facts)
{
    print_line("subject: " + (facts.subject_empty ? "none" : printable(facts.subject)));
    const auto names = names_of(facts.san);
    print_line(names.empty() ? "names: none" : fmt::format("names: {}", fmt::join(names, ", ")));
    print_line("for: " + usage_of(facts.extended_key_usage));
    print_line("key: " + facts.public_key);
    print_line("from: " + format_rfc3339(facts.not_before));
    print_line("fingerprint_sha256: " + to_hex(facts.fingerprint_sha256));
}

void print_json(
    const IndexEntry & entry, const openssl::CertificateFacts * facts, const std::vector<std::string> & steps, UnixTime now)
{
    JsonObject object = json_of(entry, now);
    if (facts != nullptr)
        object.text("subject", facts->subject)
            .raw("names", json_strings(names_of(facts->san)))
            .text("for", usage_of(facts->extended_key_usage))
            .text("key", facts->public_key)
            .text("not_before", format_rfc3339(facts->not_before))
            .text("fingerprint_sha256", to_hex(facts->fingerprint_sha256));
    print_line(object.raw("next", json_strings(steps)).str());
}

Exit show(const Options & options)
{
    const auto store = PkiStore::open(options.directory);
    if (!store)
        return complain(store.error());
    const auto entry = find(*store, options.what);
    if (!entry)
        return complain(entry.error());

    // Of those that were replaced only what index.txt says is left.
    const auto certificate = store->certificate(entry->name);
    const bool there = certificate && certificate->facts().serial_hex == entry->serial;
    const openssl::CertificateFacts * const facts = there ? &certificate->facts() : nullptr;
    const UnixTime now = system_time();
    const bool valid = there && state_of(*entry, now) == "valid";
    const auto steps = valid ? after_issue(*store, entry->name, *facts, false) : std::vector<std::string>();
    if (options.json)
    {
        print_json(*entry, facts, steps, now);
        return Exit::yes;
    }
    print_line("name: " + printable(entry->name));
    print_line(
        "state: " + std::string(state_of(*entry, now)) + (entry->revoked ? " at " + format_rfc3339(entry->revoked_at) : ""));
    print_line("serial: " + entry->serial);
    print_line("until: " + format_rfc3339(entry->not_after));
    print_line("file: " + (there ? store->file(entry->name + ".pem") : "none, it was replaced or removed"));
    if (facts != nullptr)
        print_certificate(*facts);
    print_next(steps);
    return Exit::yes;
}

}

void add_pki_list(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = pki.add_subcommand("list", "Every certificate that was issued, and its state");
    command->add_option("DIR", options->directory, "the CA's directory")->required();
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return list(*options);
            };
        });
}

void add_pki_show(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = pki.add_subcommand("show", "One certificate: its names, dates, state, and the settings that take it");
    command->add_option("DIR", options->directory, "the CA's directory")->required();
    command->add_option("NAME", options->what, "the certificate's name (the last one of it) or its serial number")->required();
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return show(*options);
            };
        });
}

}
