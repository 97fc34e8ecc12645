// clickhouse-mtls pki revoke: a new revocation list.

#include <memory>

#include <fmt/format.h>

#include "cli/json.h"
#include "cli/pki_options.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    std::string directory;
    std::vector<std::string> names;
    std::string next_update{"30d"};
    bool json = false;
};

/// Marks every certificate that bears one of the names; each name must be known.
Result<size_t> mark(PkiStore & store, std::vector<IndexEntry> & entries, const Options & options, UnixTime now)
{
    for (const std::string & name : options.names)
    {
        const bool known
            = std::any_of(entries.begin(), entries.end(), [&name](const IndexEntry & entry) { return entry.name == name; });
        if (!known)
            return fail({
                .file = options.directory,
                .field = "NAME",
                .reason = "no certificate '" + printable(name, 64) + "' was issued here",
                .remedy = "see index.txt for the names",
                .code = {},
            });
    }

    size_t marked = 0;
    for (IndexEntry & entry : entries)
    {
        const bool named = std::find(options.names.begin(), options.names.end(), entry.name) != options.names.end();
        if (entry.revoked || !named)
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
    const auto marked = mark(*store, *entries, options, now);
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
                       .str());
    else
        print_line(
            fmt::format("crl: {} ({} revoked now, {} in all, next update {})", store->file("crl.pem"), *marked, *listed, until));
    return Exit::yes;
}

}

void add_pki_revoke(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    CLI::App * command = pki.add_subcommand("revoke", "Revoke certificates and write crl.pem; without NAME only renew the list");
    command->add_option("DIR", options->directory, "the CA's directory")->required();
    command->add_option("NAME", options->names, "certificates to revoke, every one that was issued under the name");
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
