#include "generation/signed_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>

#include "base/durable_file.h"
#include "signature/minisign.h"

namespace chmtls::generation
{

namespace
{

using config::PolicyFile;
using signature::PublicKey;

/// Does the configuration itself name the file, or does a directory only hold it?
enum class Found
{
    by_name,
    in_directory,
};

/// A file that has to be signed, and the setting that names it.
struct Signed
{
    std::string path;
    std::string field;
    Found found = Found::by_name;
};

std::vector<Signed> signed_files(FileSet & files, const config::Settings & settings)
{
    const auto & required = settings.signed_policy.required;
    std::vector<Signed> result;
    if (required.contains(PolicyFile::rules))
        for (const std::string & path : settings.rules_files)
            result.push_back({path, "mtls.users.rules_file"});
    if (required.contains(PolicyFile::bundles))
        for (size_t i = 0; i < settings.trust_domains.size(); ++i)
            result.push_back(
                {settings.trust_domains[i].bundle_file, fmt::format("mtls.trust_domains.trust_domain[{}].bundle", i)});
    if (!required.contains(PolicyFile::crls))
        return result;
    const auto add_lists = [&](const std::vector<std::string> & paths, const std::string & field)
    {
        for (const std::string & path : paths)
            for (const Piece & piece : crl_files(files, path))
                result.push_back({piece.path, field, piece.path == path ? Found::by_name : Found::in_directory});
    };
    add_lists(settings.crl_files, "mtls.crl");
    for (size_t i = 0; i < settings.trust_domains.size(); ++i)
        add_lists(settings.trust_domains[i].crl_files, fmt::format("mtls.trust_domains.trust_domain[{}].crl", i));
    return result;
}

/// A key written into the configuration itself: base64, which has no dot; everything else is a path.
bool is_inline(const std::string & key)
{
    return key.starts_with("RW") && key.find('.') == std::string::npos;
}

const Result<FileContent> & read_signature(FileSet & files, const std::string & path)
{
    return files.read(signature_file(path), signature::max_signature_file);
}

const Result<FileContent> & read_key(FileSet & files, const std::string & path)
{
    return files.read(path, signature::max_public_key_file);
}

void add(Errors & errors, Error error, const std::string & field)
{
    if (error.field.empty())
        error.field = field;
    errors.push_back(std::move(error));
}

std::vector<PublicKey> read_keys(const config::SignedPolicy & policy, FileSet & files, Errors & errors)
{
    const std::string field = "mtls.signed_policy.public_key";
    std::vector<PublicKey> result;
    for (const std::string & each : policy.public_keys)
    {
        Result<PublicKey> key = tl::unexpected(Error());
        if (is_inline(each))
            key = signature::parse_public_key(each, "");
        else if (const Result<FileContent> & content = read_key(files, each))
            key = signature::parse_public_key(as_text(content->bytes), each);
        else
            key = tl::unexpected(content.error());
        if (!key)
        {
            add(errors, key.error(), field);
            continue;
        }
        const bool twice
            = std::any_of(result.begin(), result.end(), [&](const PublicKey & known) { return known.id == key->id; });
        if (twice)
            errors.push_back(
                {"", field, fmt::format("key {} is given twice", signature::print(key->id)), "keep one of them", ""});
        else
            result.push_back(*key);
    }
    return result;
}

/// Sequence and content of a file whose signature holds.
Result<signature::Accepted> check_one(FileSet & files, const std::string & path, Found found, const std::vector<PublicKey> & keys)
{
    const Result<FileContent> & content = files.read(path);
    if (!content)
        return tl::unexpected(content.error());
    if (path.find('\n') != std::string::npos) // the file of sequence numbers has a line for each
        return fail({path, "", "the name of a signed file has a line break", "rename the file", ""});
    const std::string source = signature_file(path);
    const std::string name = path.substr(path.rfind('/') + 1);
    const Result<FileContent> & text = read_signature(files, path);
    if (!text)
    {
        Error error = text.error();
        error.reason = "the file has to be signed, but its signature cannot be read: " + error.reason;
        error.remedy = fmt::format("sign it: minisign -S -H -t \"sequence:N file:{}\" -m {}", name, path);
        return tl::unexpected(std::move(error));
    }
    const auto parsed = signature::parse_signature(as_text(text->bytes), source);
    if (!parsed)
        return tl::unexpected(parsed.error());
    if (const auto verified = signature::verify(*parsed, keys, content->bytes, source); !verified)
        return tl::unexpected(verified.error());
    const auto statement = signature::parse_statement(parsed->trusted_comment, source);
    if (!statement)
        return tl::unexpected(statement.error());
    // Sequences are kept by path: in a directory an old list under a new name would be a first sight.
    if (statement->file.empty() && found == Found::in_directory)
        return fail(
            {source, "", "does not say in its trusted comment which file of the directory it was made for",
             fmt::format("sign it again: minisign -S -H -t \"sequence:N file:{}\" -m {}", name, path), ""});
    if (!statement->file.empty() && statement->file != name)
        return fail(
            {source, "", fmt::format("was made for a file named '{}'", printable(statement->file)),
             "put every signature beside the file that it was made for", ""});
    return signature::Accepted{statement->sequence, Digester().add(content->bytes).finish()};
}

}

std::string signature_file(const std::string & path)
{
    return path + ".minisig";
}

void read_signatures(FileSet & files, const config::Settings & settings)
{
    for (const std::string & key : settings.signed_policy.public_keys)
        if (!is_inline(key))
            (void)read_key(files, key);
    for (const Signed & each : signed_files(files, settings))
        (void)read_signature(files, each.path);
}

Result<signature::Sequences> read_sequences(const config::SignedPolicy & policy)
{
    if (policy.required.empty())
        return signature::Sequences();
    if (::access(policy.state_file.c_str(), F_OK) != 0 && errno == ENOENT)
    {
        // Said here and not only when it is written, so that a check without a server says it too.
        const std::filesystem::path directory = std::filesystem::path(policy.state_file).parent_path();
        if (!directory.empty() && ::access(directory.c_str(), F_OK) != 0 && errno == ENOENT)
            return fail(
                {policy.state_file, "", fmt::format("there is no directory {} to write the file into", directory.string()),
                 "create it, for the server's user alone", ""});
        return signature::Sequences();
    }
    const auto content = read_file(policy.state_file);
    if (!content)
        return tl::unexpected(content.error());
    return signature::parse_sequences(as_text(content->bytes), policy.state_file);
}

signature::Sequences check_signatures(
    const config::Settings & settings, FileSet & files, const Result<signature::Sequences> & known,
    const signature::Sequences & in_force, Errors & errors, std::vector<std::string> & warnings)
{
    signature::Sequences before = in_force;
    if (settings.signed_policy.required.empty())
        return before;
    const std::vector<PublicKey> keys = read_keys(settings.signed_policy, files, errors);
    if (known)
        merge(before, *known);
    else
        add(errors, known.error(), "mtls.signed_policy.state_file");
    if (known && before.empty())
        warnings.push_back(fmt::format(
            "mtls.signed_policy.state_file: {} remembers nothing yet: the sequence numbers that are there now are the first",
            settings.signed_policy.state_file));
    signature::Sequences result = before;
    for (const auto & [path, field, found] : signed_files(files, settings))
    {
        auto accepted = check_one(files, path, found, keys);
        if (accepted)
            if (const auto grown = check_sequence(before, path, *accepted, signature_file(path)); !grown)
                accepted = tl::unexpected(grown.error());
        if (accepted)
            merge(result, {{path, *accepted}});
        else if (files.read(path)) // otherwise who loads the file says so
            add(errors, accepted.error(), field);
    }
    return result;
}

Result<void> remember_sequences(
    const config::SignedPolicy & policy, const Result<signature::Sequences> & known, const signature::Sequences & in_force)
{
    if (policy.required.empty() || (known && *known == in_force))
        return {};
    return replace_file_durably(policy.state_file, as_bytes(print(in_force)));
}

}
