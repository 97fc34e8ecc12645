// clickhouse-mtls pki: a small CA for trying things out and for internal use; the same code that the tests issue with.

#include "cli/pki_options.h"

#include "base/file.h"

namespace chmtls::cli
{

namespace
{

const std::map<std::string, pki::KeyKind> kinds{
    {"p256", pki::KeyKind::ec_p256},     {"p384", pki::KeyKind::ec_p384},    {"rsa2048", pki::KeyKind::rsa_2048},
    {"rsa3072", pki::KeyKind::rsa_3072}, {"ed25519", pki::KeyKind::ed25519},
};

}

void add_lifetime_options(CLI::App & command, std::string & lifetime)
{
    CLI::Option * option = command.add_option("--lifetime", lifetime, "from now on: 30s, 15m, 12h, 90d")->capture_default_str();
    command
        .add_option_function<std::string>(
            "--days", [&lifetime](const std::string & days) { lifetime = days + "d"; }, "lifetime in days")
        ->check(CLI::Range(1, 36500))
        ->excludes(option);
}

std::string lifetime_said_by(const CLI::App & command)
{
    return command.count("--lifetime") > 0 ? "--lifetime" : command.count("--days") > 0 ? "--days" : "";
}

void add_common_pki_options(CLI::App & command, CommonPkiOptions & options)
{
    command.add_option("DIR", options.directory, "the CA's directory")->required();
    add_lifetime_options(command, options.lifetime);
    command.add_option("--valid-from", options.valid_from, "start of validity, seen from now")->capture_default_str();
    command
        .add_option_function<std::string>(
            "--key", [&options](const std::string & word) { options.key = kinds.at(word); }, "kind of key")
        ->check(CLI::IsMember(kinds))
        ->default_str("p256");
    command.add_flag("--force", options.force, "replace files that exist");
    command.add_flag("--json", options.json, "print one JSON object");
}

Result<void> apply(const CommonPkiOptions & options, pki::Spec & spec)
{
    const auto lifetime = parse_duration(options.lifetime);
    if (!lifetime)
        return fail(bad_option("--lifetime", lifetime.error()));
    const auto from = parse_duration(options.valid_from);
    if (!from)
        return fail(bad_option("--valid-from", from.error()));
    if (*lifetime <= *from)
        return fail({
            .file = {},
            .field = "--lifetime",
            .reason = "the certificate would end before it begins",
            .remedy = "choose an end behind --valid-from, for example --valid-from=-2h --lifetime=-1h for an expired one",
            .code = {},
        });
    spec.key = options.key;
    spec.not_before = *from;
    spec.not_after = *lifetime;
    return {};
}

/// First line of the file.
Result<std::string> read_passphrase(const std::string & path)
{
    if (path.empty())
        return std::string();
    auto content = read_file(path, max_key_file);
    if (!content)
        return fail(content.error());
    const std::string_view text = as_text(content->bytes);
    std::string passphrase(text.substr(0, text.find('\n')));
    wipe(content->bytes);
    if (passphrase.empty())
        return fail(
            {.file = path, .field = {}, .reason = "its first line is empty", .remedy = "write the passphrase there", .code = {}});
    return passphrase;
}

void add_pki(CLI::App & app, Action & action)
{
    CLI::App * pki = app.add_subcommand("pki", "A small CA: root, certificates, SPIFFE IDs, revocation");
    pki->require_subcommand(1);
    add_pki_init(*pki, action);
    add_pki_issue(*pki, action);
    add_pki_renew(*pki, action);
    add_pki_revoke(*pki, action);
    add_pki_list(*pki, action);
    add_pki_show(*pki, action);
}

}
