#include "cli/pki_store.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/file.h"
#include "openssl/pem_blocks.h"

namespace chmtls::cli
{

namespace
{

constexpr std::string_view index_name = "index.txt";

Error system_failure(const std::string & path, const std::string & what, int error)
{
    return Error{
        .file = path,
        .field = {},
        .reason = what + ": " + std::generic_category().message(error),
        .remedy = "look at the path and its permissions",
        .code = {},
    };
}

Result<void> write_all(int descriptor, ByteView bytes, const std::string & path)
{
    while (!bytes.empty())
    {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(system_failure(path, "cannot be written", errno));
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
}

Error exists_already(const std::string & path)
{
    return Error{
        .file = path,
        .field = {},
        .reason = "exists already and is not overwritten",
        .remedy = "choose another name, or say --force to replace it",
        .code = {},
    };
}

std::vector<std::string> split(std::string_view line, char separator)
{
    std::vector<std::string> parts;
    for (size_t start = 0;;)
    {
        const size_t end = line.find(separator, start);
        parts.emplace_back(line.substr(start, end == std::string_view::npos ? end : end - start));
        if (end == std::string_view::npos)
            return parts;
        start = end + 1;
    }
}

bool add_issued(std::vector<IndexEntry> & entries, const std::vector<std::string> & fields)
{
    const auto ends = parse_rfc3339(fields[3]);
    for (IndexEntry & former : entries)
        former.replaced = former.replaced || former.name == fields[4];
    entries.push_back({.name = fields[4], .serial = fields[2], .not_after = ends.value_or(UnixTime()), .replaced = false});
    return ends.has_value();
}

bool mark_revoked(std::vector<IndexEntry> & entries, const std::vector<std::string> & fields)
{
    const auto at = parse_rfc3339(fields[1]);
    const auto known
        = std::find_if(entries.begin(), entries.end(), [&fields](const IndexEntry & entry) { return entry.serial == fields[2]; });
    if (!at || known == entries.end())
        return false;
    known->revoked = true;
    known->revoked_at = *at;
    return true;
}

}

Result<openssl::Certificate> read_certificate(const std::string & path)
{
    const auto content = read_file(path);
    if (!content)
        return fail(content.error());
    auto certificates = openssl::certificates_from_pem_or_der(content->bytes, path);
    if (!certificates)
        return fail(std::move(certificates.error()));
    if (certificates->empty())
        return fail(
            {.file = path, .field = {}, .reason = "holds no certificate", .remedy = "name a certificate's file", .code = {}});
    return std::move(certificates->front());
}

std::string_view state_of(const IndexEntry & entry, UnixTime now)
{
    return entry.revoked ? "revoked" : entry.not_after <= now ? "ended" : entry.replaced ? "replaced" : "valid";
}

Result<void> write_file(const std::string & path, ByteView bytes, mode_t mode, Existing existing)
{
    if (existing == Existing::refuse && ::access(path.c_str(), F_OK) == 0)
        return fail(exists_already(path));

    // Never visible half-written, and never with wider permissions than it shall have.
    const std::string temporary = fmt::format("{}.new.{}", path, ::getpid());
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (descriptor < 0)
        return fail(system_failure(path, "cannot be created", errno));
    Result<void> written = write_all(descriptor, bytes, path);
    if (written && ::fchmod(descriptor, mode) != 0)
        written = fail(system_failure(path, "cannot be given its permissions", errno));
    if (::close(descriptor) != 0 && written)
        written = fail(system_failure(path, "cannot be written", errno));

    if (written && existing == Existing::replace && ::rename(temporary.c_str(), path.c_str()) != 0)
        written = fail(system_failure(path, "cannot be replaced", errno));
    if (written && existing == Existing::refuse && ::link(temporary.c_str(), path.c_str()) != 0)
        written = fail(errno == EEXIST ? exists_already(path) : system_failure(path, "cannot be created", errno));
    ::unlink(temporary.c_str());
    return written;
}

PkiStore::PkiStore(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

PkiStore::PkiStore(PkiStore && other) noexcept : directory_(std::move(other.directory_)), lock_(std::exchange(other.lock_, -1)) {}

PkiStore::~PkiStore()
{
    if (lock_ >= 0)
        ::close(lock_);
}

Result<PkiStore> PkiStore::create(const std::string & directory)
{
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
        return fail(system_failure(directory, "the directory cannot be made", error.value()));
    return lock(directory);
}

Result<PkiStore> PkiStore::open(const std::string & directory)
{
    if (::access((directory + "/ca.pem").c_str(), F_OK) != 0)
        return fail({
            .file = directory,
            .field = {},
            .reason = "is no PKI directory: it holds no ca.pem",
            .remedy = "make one with: clickhouse-mtls pki init " + printable(directory),
            .code = {},
        });
    return lock(directory);
}

Result<PkiStore> PkiStore::lock(const std::string & directory)
{
    const std::string index = directory + "/" + std::string(index_name);
    const int descriptor = ::open(index.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, public_file);
    if (descriptor < 0)
        return fail(system_failure(index, "cannot be opened", errno));
    PkiStore store(directory, descriptor);
    if (::flock(descriptor, LOCK_EX) != 0)
        return fail(system_failure(index, "cannot be locked", errno));
    return store;
}

Result<pki::Issued> PkiStore::authority() const
{
    auto certificate = read_certificate(file("ca.pem"));
    if (!certificate)
        return fail(std::move(certificate.error()));

    auto key_pem = read_file(file("ca.key"), max_key_file);
    if (!key_pem)
        return fail(key_pem.error());
    auto key = openssl::PrivateKey::from_pem(key_pem->bytes, file("ca.key"), SecretBytes());
    wipe(key_pem->bytes);
    if (!key)
        return fail(key.error());
    if (!key->matches(*certificate))
        return fail({
            .file = file("ca.key"),
            .field = {},
            .reason = "is not the key of the certificate in ca.pem",
            .remedy = "restore both files from one backup",
            .code = {},
        });
    return pki::Issued{.certificate = std::move(*certificate), .key = std::move(*key)};
}

Result<void> PkiStore::append(const std::string & line)
{
    return write_all(lock_, as_bytes(line + "\n"), file(std::string(index_name)));
}

Result<void> PkiStore::record_issued(const std::string & name, const openssl::CertificateFacts & facts, UnixTime now)
{
    return append(
        fmt::format("issued\t{}\t{}\t{}\t{}", format_rfc3339(now), facts.serial_hex, format_rfc3339(facts.not_after), name));
}

Result<void> PkiStore::record_revoked(const IndexEntry & entry, UnixTime now)
{
    return append(fmt::format("revoked\t{}\t{}\t{}", format_rfc3339(now), entry.serial, entry.name));
}

Result<void> PkiStore::record_crl(uint64_t number, UnixTime now)
{
    return append(fmt::format("crl\t{}\t{}", format_rfc3339(now), number));
}

Result<std::vector<std::vector<std::string>>> PkiStore::index_lines() const
{
    const auto content = read_file(file(std::string(index_name)));
    if (!content)
        return fail(content.error());
    std::vector<std::vector<std::string>> lines;
    for (const std::string & line : split(as_text(content->bytes), '\n'))
    {
        if (!line.empty())
            lines.push_back(split(line, '\t'));
    }
    return lines;
}

Result<std::vector<IndexEntry>> PkiStore::certificates() const
{
    const auto lines = index_lines();
    if (!lines)
        return fail(lines.error());

    std::vector<IndexEntry> entries;
    for (const auto & fields : *lines)
    {
        bool understood = true;
        if (fields.front() == "issued" && fields.size() == 5)
            understood = add_issued(entries, fields);
        if (fields.front() == "revoked" && fields.size() == 4)
            understood = mark_revoked(entries, fields);
        if (!understood)
            return fail({
                .file = file(std::string(index_name)),
                .field = fields.front() + " " + printable(fields[2]),
                .reason = "the line is damaged, or it revokes what no line 'issued' before it names",
                .remedy = "restore the file from a backup",
                .code = {},
            });
    }
    return entries;
}

Result<openssl::Certificate> PkiStore::certificate(const std::string & name) const
{
    return read_certificate(file(name + ".pem"));
}

Result<uint64_t> PkiStore::next_crl_number() const
{
    const auto lines = index_lines();
    if (!lines)
        return fail(lines.error());
    const auto made = std::count_if(lines->begin(), lines->end(), [](const auto & fields) { return fields.front() == "crl"; });
    return static_cast<uint64_t>(made) + 1;
}

Result<void> check_certificate_name(const std::string & name)
{
    const bool own = name == "ca" || name == "crl" || name == "bundle" || name == "index";
    const bool clean
        = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") == std::string::npos;
    if (!name.empty() && name.size() <= 128 && !own && clean && name.front() != '.' && name.front() != '-')
        return {};
    return fail({
        .file = {},
        .field = "NAME",
        .reason = "'" + printable(name, 64) + "' cannot name a certificate's files",
        .remedy = "use letters, digits, '.', '-', '_' and '@', and not ca, crl, bundle or index",
        .code = {},
    });
}

}
