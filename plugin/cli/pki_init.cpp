// clickhouse-mtls pki init: a new root.

#include <memory>

#include "cli/input.h"
#include "cli/json.h"
#include "cli/pki_bundle.h"
#include "cli/pki_next.h"
#include "cli/pki_options.h"

namespace chmtls::cli
{

namespace
{

struct Options
{
    CommonPkiOptions common;
    std::string name{"clickhouse-mtls test CA"};
    std::string trust_domain;
};

Result<pki::Issued> make_root(const Options & options, UnixTime now)
{
    pki::Spec spec = pki::Spec::authority(options.name);
    if (const auto applied = apply(options.common, spec); !applied)
        return fail(applied.error());
    if (!options.trust_domain.empty())
    {
        auto name = trust_domain_name(options.trust_domain, "--trust-domain");
        if (!name)
            return fail(name.error());
        spec.alt_names = {{pki::AltName::Kind::uri, "spiffe://" + *name}};
    }
    return pki::self_signed(spec, now);
}

/// Refuses before anything is written when one of the files is there.
Result<void> check_free(const PkiStore & store, const Options & options)
{
    if (options.common.force)
        return {};
    for (const char * name : {"ca.pem", "ca.key", "bundle.json"})
    {
        if (std::FILE * file = std::fopen(store.file(name).c_str(), "r"))
        {
            std::fclose(file);
            return fail({
                .file = store.file(name),
                .field = {},
                .reason = "exists already: the directory holds a CA",
                .remedy = "choose another directory, or say --force to replace the CA",
                .code = {},
            });
        }
    }
    return {};
}

Result<void> write_root(const PkiStore & store, const Options & options, const pki::Issued & root)
{
    const SecretBytes key = pki::key_pem(root.key);
    if (const auto written = write_file(store.file("ca.key"), key.view(), private_file, options.common.existing()); !written)
        return written;
    const std::string pem = pki::certificate_pem(root.certificate);
    if (const auto written = write_file(store.file("ca.pem"), as_bytes(pem), public_file, options.common.existing()); !written)
        return written;
    if (options.trust_domain.empty())
        return {};
    const auto bundle = bundle_json(root.certificate, 1);
    if (!bundle)
        return fail(bundle.error());
    return write_file(store.file("bundle.json"), as_bytes(*bundle), public_file, options.common.existing());
}

Exit init(const Options & options)
{
    const auto root = make_root(options, system_time());
    if (!root)
        return complain(root.error());
    const auto store = PkiStore::create(options.common.directory);
    if (!store)
        return complain(store.error());
    if (const auto free = check_free(*store, options); !free)
        return complain(free.error());
    if (const auto written = write_root(*store, options, *root); !written)
        return complain(written.error());

    const auto & facts = root->certificate.facts();
    if (options.common.json)
    {
        JsonObject json;
        json.text("certificate", store->file("ca.pem")).text("key", store->file("ca.key"));
        if (!options.trust_domain.empty())
            json.text("bundle", store->file("bundle.json"));
        print_line(json.text("subject", facts.subject)
                       .text("not_after", format_rfc3339(facts.not_after))
                       .raw("next", json_strings(after_init(*store, options.trust_domain)))
                       .str());
        return Exit::yes;
    }
    print_line("root: " + store->file("ca.pem") + " (" + facts.subject + ", until " + format_rfc3339(facts.not_after) + ")");
    print_line("key: " + store->file("ca.key"));
    if (!options.trust_domain.empty())
        print_line("bundle: " + store->file("bundle.json") + " (trust domain " + options.trust_domain + ")");
    print_next(after_init(*store, options.trust_domain));
    return Exit::yes;
}

}

void add_pki_init(CLI::App & pki, Action & action)
{
    auto options = std::make_shared<Options>();
    options->common.lifetime = "3650d";
    CLI::App * command = pki.add_subcommand("init", "Make a root: ca.pem, ca.key, and bundle.json for a trust domain");
    add_common_pki_options(*command, options->common);
    command->add_option("--name", options->name, "common name of the root")->capture_default_str();
    command->add_option("--trust-domain", options->trust_domain, "SPIFFE trust domain that the root is for");
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return init(*options);
            };
        });
}

}
