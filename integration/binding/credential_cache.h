#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <binding/openssl_pointers.h>
#include <binding/published.h>

#include <clickhouse_mtls/plugin.hpp>

namespace chmtls::host
{

/// Key and chain as OpenSSL wants them. Immutable, shared by all connections that present it.
struct Credential
{
    KeyPtr key;
    CertificatePtr leaf;
    CertificatesPtr chain; ///< without the leaf, possibly empty
};

/// Parsed keys, chains and authority names of the module's current generation: parsing a key costs as much as a signature.
/// Holds nothing of a former generation once the next one was seen, so a replaced key is wiped soon. Thread-safe; a hit takes no
/// lock.
class CredentialCache
{
public:
    explicit CredentialCache(std::shared_ptr<const Plugin> plugin);

    template <class T>
    struct Found
    {
        chmtls_status status = CHMTLS_INTERNAL_ERROR;
        std::shared_ptr<const T> value; ///< set exactly when status is OK
    };

    /// Arguments as in Plugin::credential. Throws std::bad_alloc.
    Found<Credential> credential(
        uint32_t peer, std::string_view listener, std::string_view server_name, uint32_t purpose = CHMTLS_PURPOSE_GENERAL,
        std::optional<std::string_view> asker = std::nullopt);

    /// Subject names for the CertificateRequest. `generation` is the one whose policy is in force. Throws std::bad_alloc.
    Found<STACK_OF(X509_NAME)> authority_names(uint64_t generation, const std::string & listener);

private:
    struct Snapshot
    {
        uint64_t generation = 0;
        std::vector<std::pair<uint64_t, std::shared_ptr<const Credential>>> credentials;
        std::vector<std::pair<std::string, std::shared_ptr<const STACK_OF(X509_NAME)>>> names;
    };

    template <class Insert>
    void remember(uint64_t generation, Insert && insert);

    const std::shared_ptr<const Plugin> plugin_;
    Published<Snapshot> snapshot_;
};

}
