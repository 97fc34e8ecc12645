#pragma once

// The directory of a small CA: ca.pem, ca.key, bundle.json, crl.pem, index.txt, and NAME.pem with NAME.key for each certificate.

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/time.h"
#include "pki/issue.h"

namespace chmtls::cli
{

enum class Existing
{
    refuse,
    replace, ///< in one step: a reader sees the old file or the new one
};

inline constexpr mode_t public_file = 0644;
inline constexpr mode_t private_file = 0600;

/// Writes a file whole, or leaves what was there.
[[nodiscard]] Result<void> write_file(const std::string & path, ByteView bytes, mode_t mode, Existing existing);

/// The first certificate of a file, PEM or DER.
[[nodiscard]] Result<openssl::Certificate> read_certificate(const std::string & path);

/// One certificate as the CA remembers it.
struct IndexEntry
{
    std::string name;
    std::string serial;
    UnixTime not_after{};
    bool replaced = false; ///< another one was issued under the name since
    bool revoked = false;
    UnixTime revoked_at{};
};

/// A CA's directory, locked against other processes of this tool for as long as the object lives.
class PkiStore
{
public:
    /// Makes the directory (mode 0755) when it is not there.
    [[nodiscard]] static Result<PkiStore> create(const std::string & directory);
    /// A directory that `create` has made.
    [[nodiscard]] static Result<PkiStore> open(const std::string & directory);

    PkiStore(PkiStore && other) noexcept;
    PkiStore & operator=(PkiStore &&) = delete;
    PkiStore(const PkiStore &) = delete;
    PkiStore & operator=(const PkiStore &) = delete;
    ~PkiStore();

    [[nodiscard]] std::string file(const std::string & name) const { return directory_ + "/" + name; }
    [[nodiscard]] Result<pki::Issued> authority() const;

    [[nodiscard]] Result<void> record_issued(const std::string & name, const openssl::CertificateFacts & facts, UnixTime now);
    [[nodiscard]] Result<void> record_revoked(const IndexEntry & entry, UnixTime now);
    [[nodiscard]] Result<void> record_crl(uint64_t number, UnixTime now);

    /// In the order in which they were issued.
    [[nodiscard]] Result<std::vector<IndexEntry>> certificates() const;
    /// NAME.pem as it is now.
    [[nodiscard]] Result<openssl::Certificate> certificate(const std::string & name) const;
    [[nodiscard]] Result<uint64_t> next_crl_number() const;

private:
    PkiStore(std::string directory, int lock);
    [[nodiscard]] static Result<PkiStore> lock(const std::string & directory);
    [[nodiscard]] Result<std::vector<std::vector<std::string>>> index_lines() const;
    [[nodiscard]] Result<void> append(const std::string & line);

    std::string directory_;
    int lock_;
};

/// "revoked", "ended", "replaced" or "valid": the first that holds.
[[nodiscard]] std::string_view state_of(const IndexEntry & entry, UnixTime now);

/// A name for NAME.pem and NAME.key: letters, digits, '.', '-', '_' and '@', not starting with '.' or '-', not one of the CA's
/// own.
[[nodiscard]] Result<void> check_certificate_name(const std::string & name);

}
