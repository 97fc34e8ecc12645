#include "generation/signed_files.h"

#include <algorithm>

#include <fmt/format.h>

#include "signature/minisign.h"

namespace chmtls::generation
{

namespace
{

using signature::PublicKey;

void add(Errors & errors, Error error, const std::string & field)
{
    if (error.field.empty())
        error.field = field;
    errors.push_back(std::move(error));
}

std::vector<PublicKey> read_keys(const std::vector<PublicKeyMaterial> & keys, Errors & errors)
{
    const std::string field = "mtls.signed_policy.public_key";
    std::vector<PublicKey> result;
    for (const PublicKeyMaterial & each : keys)
    {
        Result<PublicKey> key = tl::unexpected(Error());
        if (each.content == nullptr)
            key = signature::parse_public_key(each.text, "");
        else if (const Result<FileContent> & content = *each.content)
            key = signature::parse_public_key(as_text(content->bytes), each.text);
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
Result<signature::Accepted> check_one(const SignedMaterial & asked, const std::vector<PublicKey> & keys)
{
    const std::string & path = asked.file.path;
    const Result<FileContent> & content = *asked.file.content;
    if (!content)
        return tl::unexpected(content.error());
    if (path.find('\n') != std::string::npos) // the file of sequence numbers has a line for each
        return fail({path, "", "the name of a signed file has a line break", "rename the file", ""});
    const std::string source = signature_file(path);
    const std::string name = path.substr(path.rfind('/') + 1);
    const Result<FileContent> & text = *asked.signature;
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
    if (statement->file.empty() && asked.in_directory)
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

signature::Sequences check_signatures(
    const config::Settings & settings, const Material & material, const Result<signature::Sequences> & known,
    const signature::Sequences & in_force, Errors & errors, std::vector<std::string> & warnings)
{
    signature::Sequences before = in_force;
    if (settings.signed_policy.required.empty())
        return before;
    const std::vector<PublicKey> keys = read_keys(material.public_keys, errors);
    if (known)
        merge(before, *known);
    else
        add(errors, known.error(), "mtls.signed_policy.state_file");
    if (known && before.empty())
        warnings.push_back(fmt::format(
            "mtls.signed_policy.state_file: {} remembers nothing yet: the sequence numbers that are there now are the first",
            settings.signed_policy.state_file));
    signature::Sequences result = before;
    for (const SignedMaterial & each : material.signed_files)
    {
        const std::string & path = each.file.path;
        auto accepted = check_one(each, keys);
        if (accepted)
            if (const auto grown = check_sequence(before, path, *accepted, signature_file(path)); !grown)
                accepted = tl::unexpected(grown.error());
        if (accepted)
            merge(result, {{path, *accepted}});
        else if (*each.file.content) // otherwise who loads the file says so
            add(errors, accepted.error(), each.field);
    }
    return result;
}

}
