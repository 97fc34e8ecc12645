#include "generation/sequence_file.h"

#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>

#include "base/durable_file.h"
#include "base/file.h"

namespace chmtls::generation
{

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

Result<void> remember_sequences(
    const config::SignedPolicy & policy, const Result<signature::Sequences> & known, const signature::Sequences & in_force)
{
    if (policy.required.empty() || (known && *known == in_force))
        return {};
    return replace_file_durably(policy.state_file, as_bytes(print(in_force)));
}

}
