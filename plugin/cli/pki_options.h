#pragma once

// Options that the `pki` commands share.

#include <chrono>
#include <map>
#include <string>

#include "cli/command.h"
#include "cli/pki_store.h"
#include "pki/issue.h"

namespace chmtls::cli
{

void add_pki_init(CLI::App & pki, Action & action);
void add_pki_issue(CLI::App & pki, Action & action);
void add_pki_renew(CLI::App & pki, Action & action);
void add_pki_revoke(CLI::App & pki, Action & action);
void add_pki_list(CLI::App & pki, Action & action);
void add_pki_show(CLI::App & pki, Action & action);

struct CommonPkiOptions
{
    std::string directory;
    std::string lifetime;
    std::string valid_from{"-5m"}; ///< clocks differ
    pki::KeyKind key = pki::KeyKind::ec_p256;
    bool force = false;
    bool json = false;

    [[nodiscard]] Existing existing() const { return force ? Existing::replace : Existing::refuse; }
};

/// Adds --lifetime and --days, which both set `lifetime`.
void add_lifetime_options(CLI::App & command, std::string & lifetime);
/// Which of the two was given; empty: neither.
[[nodiscard]] std::string lifetime_said_by(const CLI::App & command);

/// The first line of a file; empty when there is no path.
[[nodiscard]] Result<std::string> read_passphrase(const std::string & path);

/// Adds DIR, --lifetime, --days, --valid-from, --key, --force and --json.
void add_common_pki_options(CLI::App & command, CommonPkiOptions & options);

/// Puts key kind and validity into the spec.
[[nodiscard]] Result<void> apply(const CommonPkiOptions & options, pki::Spec & spec);

}
