#include "signature/sequences.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace chmtls::signature
{

namespace
{

constexpr std::string_view head = "clickhouse-mtls sequences 1";

tl::unexpected<Error> damaged(const std::string & source, size_t line)
{
    return fail(
        {fmt::format("{}:{}", source, line), "mtls.signed_policy.state_file",
         "the file that remembers sequence numbers is damaged",
         "restore it; or, when every signed file is known to be the newest, remove it", ""});
}

template <typename T>
bool read_number(std::string_view text, T & out)
{
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && at == text.data() + text.size();
}

bool read_entry(std::string_view line, Sequences & into)
{
    const size_t first = line.find(' ');
    const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos)
        return false;
    Accepted accepted;
    Bytes content;
    const std::string path(line.substr(second + 1));
    if (!read_number(line.substr(0, first), accepted.sequence) || accepted.sequence == 0
        || !from_hex(line.substr(first + 1, second - first - 1), content) || content.size() != accepted.content.size()
        || path.empty())
        return false;
    std::copy(content.begin(), content.end(), accepted.content.begin());
    return into.emplace(path, accepted).second;
}

}

void merge(Sequences & into, const Sequences & from)
{
    for (const auto & [path, accepted] : from)
        if (Accepted & known = into[path]; known.sequence < accepted.sequence)
            known = accepted;
}

Result<void>
check_sequence(const Sequences & known, const std::string & path, const Accepted & candidate, const std::string & source)
{
    const auto found = known.find(path);
    if (found == known.end() || candidate.sequence > found->second.sequence)
        return {};
    if (candidate.sequence < found->second.sequence)
        return fail(
            {source, "",
             fmt::format("sequence {} is older than {}, which was in force already", candidate.sequence, found->second.sequence),
             fmt::format("put the newer file back, or sign this one with a sequence above {}", found->second.sequence), ""});
    if (candidate.content == found->second.content)
        return {};
    return fail(
        {source, "", fmt::format("sequence {} was in force already with other content", candidate.sequence),
         fmt::format("sign the file with a sequence above {}", candidate.sequence), ""});
}

std::string print(const Sequences & sequences)
{
    std::string text = fmt::format("{}\n", head);
    for (const auto & [path, accepted] : sequences)
        text += fmt::format("{} {} {}\n", accepted.sequence, to_hex(accepted.content), path);
    return text + fmt::format("end {}\n", sequences.size());
}

Result<Sequences> parse_sequences(std::string_view text, const std::string & source)
{
    Sequences result;
    for (size_t number = 1;; ++number)
    {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos)
            return damaged(source, number);
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        size_t files = 0;
        if (line.starts_with("end ") && number > 1)
        {
            if (!read_number(line.substr(4), files) || files != result.size() || !text.empty())
                return damaged(source, number);
            return result;
        }
        if (number == 1 ? line != head : !read_entry(line, result))
            return damaged(source, number);
    }
}

}
