#include <binding/credential_cache.h>

#include <algorithm>

#include <openssl/err.h>

namespace chmtls::host
{
namespace
{

// One per served name is normal; the bound is against a module that makes up ids.
constexpr size_t max_entries = 64;

// The list has a 16-bit length, and Java's clients refuse handshake messages above 32 KiB. No names at all means "any authority"
// (RFC 5246 7.4.4, RFC 8446 4.2.4).
constexpr size_t max_names_size = 24 * 1024;

// A reload between `credential` and `export_credential` may end an id; asking again names its successor.
constexpr int attempts = 4;

/// Parses in the sink, while the module still holds the bytes: no copy of the key is made that would have to be wiped.
struct CredentialParser
{
    Credential credential{nullptr, nullptr, CertificatesPtr(sk_X509_new_null())};
    bool failed = false;

    static void put(void * context, uint32_t kind, chmtls_bytes bytes)
    {
        auto & self = *static_cast<CredentialParser *>(context);
        if (kind == CHMTLS_ITEM_PRIVATE_KEY)
            self.failed |= !self.take_key(bytes);
        else if (kind == CHMTLS_ITEM_CERTIFICATE)
            self.failed |= !self.take_certificate(bytes);
    }

    bool take_key(chmtls_bytes bytes) noexcept
    {
        const auto * at = bytes.data;
        const KeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(bytes.len))); // wipes itself when freed
        if (info == nullptr || at != bytes.data + bytes.len)
            return false;
        credential.key.reset(EVP_PKCS82PKEY(info.get()));
        return credential.key != nullptr;
    }

    bool take_certificate(chmtls_bytes bytes) noexcept
    {
        const auto * at = bytes.data;
        CertificatePtr certificate(d2i_X509(nullptr, &at, static_cast<long>(bytes.len)));
        if (certificate == nullptr || at != bytes.data + bytes.len)
            return false;
        if (credential.leaf == nullptr)
        {
            credential.leaf = std::move(certificate);
            return true;
        }
        if (credential.chain == nullptr || sk_X509_push(credential.chain.get(), certificate.get()) <= 0)
            return false;
        static_cast<void>(certificate.release()); // owned by the chain now
        return true;
    }

    bool complete() const noexcept
    {
        return !failed && credential.key != nullptr && credential.leaf != nullptr && credential.chain != nullptr;
    }
};

/// Two handshakes may have fetched the same thing at once: the second one's is not kept. A full list loses its oldest entry.
template <class Entries, class Entry>
void keep_once(Entries & entries, const Entry & entry)
{
    if (std::any_of(entries.begin(), entries.end(), [&](const auto & other) { return other.first == entry.first; }))
        return;
    if (entries.size() >= max_entries)
        entries.erase(entries.begin());
    entries.push_back(entry);
}

struct NameParser
{
    NamesPtr names{sk_X509_NAME_new_null()};
    size_t size = 0;
    bool failed = false;

    static void put(void * context, uint32_t kind, chmtls_bytes bytes)
    {
        auto & self = *static_cast<NameParser *>(context);
        if (kind == CHMTLS_ITEM_CA_NAME)
            self.failed |= !self.take(bytes);
    }

    bool take(chmtls_bytes bytes) noexcept
    {
        const auto * at = bytes.data;
        NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(bytes.len)));
        if (name == nullptr || at != bytes.data + bytes.len || names == nullptr
            || sk_X509_NAME_push(names.get(), name.get()) <= 0)
            return false;
        static_cast<void>(name.release()); // owned by the stack now
        size += bytes.len + 2;
        return true;
    }
};

}

CredentialCache::CredentialCache(std::shared_ptr<const Plugin> plugin) : plugin_(std::move(plugin))
{
    snapshot_.update([](const auto &) { return std::make_shared<const Snapshot>(); });
}

template <class Insert>
void CredentialCache::remember(uint64_t generation, Insert && insert)
{
    snapshot_.update(
        [&](const std::shared_ptr<const Snapshot> & present) -> std::shared_ptr<const Snapshot>
        {
            if (generation < present->generation)
                return nullptr; // a handshake that began before the reload: it is served, but nobody asks for this again
            auto next = std::make_shared<Snapshot>();
            if (generation == present->generation)
                *next = *present;
            next->generation = generation;
            insert(*next);
            return next;
        });
}

CredentialCache::Found<Credential> CredentialCache::credential(
    uint32_t peer, std::string_view listener, std::string_view server_name, uint32_t purpose,
    std::optional<std::string_view> asker)
{
    for (int attempt = 0; attempt < attempts; ++attempt)
    {
        chmtls_credential answer{};
        const auto status = plugin_->credential(peer, listener, server_name, answer, purpose, asker);
        if (status != CHMTLS_OK)
            return {status, nullptr};

        const auto snapshot = snapshot_.load();
        const auto & known = snapshot->credentials;
        const auto found = std::find_if(known.begin(), known.end(), [&](const auto & entry) { return entry.first == answer.id; });
        if (found != known.end())
        {
            if (answer.generation > snapshot->generation)
                remember(answer.generation, [&](Snapshot & next) { keep_once(next.credentials, *found); });
            return {CHMTLS_OK, found->second};
        }

        CredentialParser parser;
        const auto exported = plugin_->export_credential(answer.id, {&parser, &CredentialParser::put});
        if (exported == CHMTLS_NOT_FOUND)
            continue;
        if (exported != CHMTLS_OK)
            return {exported, nullptr};
        if (!parser.complete())
            return {CHMTLS_INTERNAL_ERROR, nullptr};
        const std::pair entry(answer.id, std::make_shared<const Credential>(std::move(parser.credential)));
        remember(answer.generation, [&](Snapshot & next) { keep_once(next.credentials, entry); });
        return {CHMTLS_OK, entry.second};
    }
    return {CHMTLS_NOT_FOUND, nullptr};
}

CredentialCache::Found<STACK_OF(X509_NAME)> CredentialCache::authority_names(uint64_t generation, const std::string & listener)
{
    const auto snapshot = snapshot_.load();
    if (snapshot->generation == generation)
    {
        const auto & known = snapshot->names;
        const auto found = std::find_if(known.begin(), known.end(), [&](const auto & entry) { return entry.first == listener; });
        if (found != known.end())
            return {CHMTLS_OK, found->second};
    }

    NameParser parser;
    const auto status = plugin_->ca_names(listener, {&parser, &NameParser::put});
    if (status != CHMTLS_OK)
        return {status, nullptr};
    if (parser.failed || parser.names == nullptr)
        return {CHMTLS_INTERNAL_ERROR, nullptr};
    if (parser.size > max_names_size)
        parser.names.reset(sk_X509_NAME_new_null());
    if (parser.names == nullptr)
        return {CHMTLS_OUT_OF_MEMORY, nullptr};
    const std::pair entry(listener, std::shared_ptr<const STACK_OF(X509_NAME)>(std::move(parser.names)));
    remember(generation, [&](Snapshot & next) { keep_once(next.names, entry); });
    return {CHMTLS_OK, entry.second};
}

}
