#pragma once

// What we serve: key and chain, chosen by server name.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "openssl/certificate.h"
#include "openssl/private_key.h"

namespace chmtls::credentials
{

/// A key with its chain, checked: the key matches the leaf, whose dates hold. Immutable.
struct Credential
{
    uint64_t id = 0; ///< of key and chain content: the same content always has the same id, within one process
    std::vector<openssl::Certificate> chain; ///< leaf first
    openssl::PrivateKey key;
    std::vector<std::string> server_names; ///< lower-case SNI patterns: exact or "*.example.org"; empty: the default
};

struct CredentialSource
{
    std::string certificate_file;
    ByteView certificate_pem;
    std::string private_key_file;
    ByteView private_key_pem;
    FileFacts private_key_facts;
    const SecretBytes & passphrase;
    std::vector<std::string> server_names;
    std::span<const openssl::Certificate> extra_chain; ///< completes a leaf-only certificate file from caConfig, as OpenSSL would
    UnixTime now;
};

struct LoadedCredential
{
    std::shared_ptr<const Credential> credential;
    std::vector<std::string> warnings; ///< e.g. a key file that others can read
};

/// Key does not match, expired, not yet valid, no certificate, impossible server name: each one clear error, all of them at once.
/// What a stock server sends and peers bear is warned of: a CA as leaf, certificates behind it that do not belong or ended.
/// Server names are folded to lower case and lose a trailing dot.
[[nodiscard]] Checked<LoadedCredential> load_credential(const CredentialSource & source);

/// Chooses by SNI (RFC 6066 3): exact name, then a wildcard for one left-most label, then the default. Immutable.
class CredentialSet
{
public:
    /// `default_credential` may be null. Each of `by_name` needs a server name, and no name may have two credentials.
    [[nodiscard]] static Checked<std::shared_ptr<const CredentialSet>>
    create(std::shared_ptr<const Credential> default_credential, std::vector<std::shared_ptr<const Credential>> by_name);

    /// Case and one trailing dot do not count. Null: nothing to serve for this name. No allocation, no lock.
    [[nodiscard]] std::shared_ptr<const Credential> select(std::string_view server_name) const;
    [[nodiscard]] std::shared_ptr<const Credential> find(uint64_t id) const; ///< null: not of this set
    [[nodiscard]] std::vector<std::shared_ptr<const Credential>> all() const;

private:
    struct TextHash
    {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    using Index = std::unordered_map<std::string, std::shared_ptr<const Credential>, TextHash, std::equal_to<>>;

    std::shared_ptr<const Credential> default_;
    std::vector<std::shared_ptr<const Credential>> by_name_;
    Index exact_;
    Index wildcard_; ///< by what follows "*."
};

}
