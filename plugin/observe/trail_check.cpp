#include "observe/trail_check.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "openssl/digest.h"

namespace chmtls::observe
{

namespace
{

class Reader
{
public:
    explicit Reader(const std::optional<TrailHead> & expected) : expected_(expected) {}

    [[nodiscard]] Result<void> read(const std::string & file)
    {
        std::ifstream in(file, std::ios::binary);
        if (!in)
            return fail(Error{file, "", std::generic_category().message(errno), "name audit trails that this user may read", ""});
        file_ = file;
        line_ = 0;
        for (std::string line; std::getline(in, line);)
        {
            ++line_;
            take(line, in.eof());
        }
        return {};
    }

    [[nodiscard]] TrailSummary end()
    {
        if (expected_ && !met_expected_)
            fault(
                expected_->number > summary_.head.number
                    ? fmt::format(
                        "the trail ends with record {}, but record {} was written: its end is missing", summary_.head.number,
                        expected_->number)
                    : fmt::format("record {} is not the one that was written", expected_->number));
        return std::move(summary_);
    }

private:
    void take(const std::string & line, bool without_end)
    {
        TrailLink link;
        if (!read_link(line, link))
        {
            // The next record goes on where the last whole one ended, so nothing can hide in it.
            note(
                without_end ? "half a record at the end"
                            : "this line is no record: half of one, as a full disk or a crash leaves it");
            return;
        }
        compare(link);
        if (summary_.first == 0)
            summary_.first = link.number;
        ++summary_.records;
        summary_.head = {link.number, openssl::sha256(as_bytes(line))};
        met_expected_ = met_expected_ || (expected_ && summary_.head == *expected_);
    }

    void compare(const TrailLink & link)
    {
        if (summary_.first == 0)
        {
            if (link.number != 1)
                note(fmt::format("the trail begins with record {}: what came before is not in these files", link.number));
            else if (link.previous != Digest32{})
                fault("the first record follows one that is not here");
            return;
        }
        const uint64_t next = summary_.head.number + 1;
        if (link.number == next && link.previous != summary_.head.hash)
            fault(fmt::format("record {} was changed, or this one was: it follows another record {}", next - 1, next - 1));
        else if (link.number == 1)
            fault(fmt::format("a trail begins anew here, although record {} came before", next - 1));
        else if (link.number > next)
            fault(
                link.number == next + 1 ? fmt::format("record {} is missing", next)
                                        : fmt::format("records {} to {} are missing", next, link.number - 1));
        else if (link.number < next)
            fault(fmt::format(
                "record {} stands behind record {}: name the files from the oldest to the newest", link.number, next - 1));
    }

    void fault(std::string reason) { add(summary_.faults, std::move(reason)); }
    void note(std::string reason) { add(summary_.notes, std::move(reason)); }

    void add(std::vector<TrailFinding> & findings, std::string reason) const
    {
        if (findings.size() < max_faults)
            findings.push_back({file_, line_, std::move(reason)});
    }

    const std::optional<TrailHead> & expected_;
    TrailSummary summary_;
    std::string file_;
    uint64_t line_ = 0;
    bool met_expected_ = false;
};

}

Result<TrailSummary> check_trail(const std::vector<std::string> & files, const std::optional<TrailHead> & expected)
{
    Reader reader(expected);
    for (const std::string & file : files)
        if (auto done = reader.read(file); !done)
            return fail(done.error());
    return reader.end();
}

std::optional<TrailHead> parse_head(std::string_view text)
{
    TrailHead head;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), head.number);
    Bytes hash;
    if (failed != std::errc() || end == text.data() + text.size() || *end != ':'
        || !from_hex(text.substr(static_cast<size_t>(end + 1 - text.data())), hash) || hash.size() != head.hash.size())
        return std::nullopt;
    std::copy(hash.begin(), hash.end(), head.hash.begin());
    return head;
}

}
