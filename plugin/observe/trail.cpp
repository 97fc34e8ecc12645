#include "observe/trail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "openssl/digest.h"

namespace chmtls::observe
{

namespace
{

/// More than any record has: where the last one begins is looked for in so much of the file's end.
constexpr off_t tail_size = 64 * 1024;
constexpr std::chrono::seconds look_again{1};

Error file_error(const std::string & path, const std::string & what, int code)
{
    return {
        path, "mtls.audit.file", fmt::format("{}: {}", what, std::generic_category().message(code)),
        "give the server's user a directory of its own to write the audit trail to, with room on its disk", ""};
}

/// -1 and errno.
int open_file(const std::string & path, int flags)
{
    int file = -1;
    do
        file = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    while (file < 0 && errno == EINTR);
    struct stat facts = {};
    if (file >= 0 && (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)))
    {
        ::close(file);
        errno = EINVAL; // a FIFO or a device keeps no records
        return -1;
    }
    return file;
}

struct Tail
{
    TrailHead head;
    bool torn = false; ///< what follows the last whole line is half of one
};

/// Of the file behind the descriptor; an empty one has no head.
Tail tail_of(int file)
{
    struct stat facts = {};
    if (::fstat(file, &facts) != 0 || facts.st_size == 0)
        return {};
    const off_t begin = std::max<off_t>(0, facts.st_size - tail_size);
    std::string text(static_cast<size_t>(facts.st_size - begin), '\0');
    const ssize_t got = ::pread(file, text.data(), text.size(), begin);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));

    Tail tail;
    tail.torn = !text.empty() && text.back() != '\n';
    // The last line that is a record: behind it are halves at most.
    for (size_t end = text.rfind('\n'); end != std::string::npos && end != 0;)
    {
        const size_t before = text.rfind('\n', end - 1);
        const size_t first = before == std::string::npos ? 0 : before + 1;
        const std::string_view line(text.data() + first, end - first);
        if (TrailLink link; read_link(line, link))
        {
            tail.head = {link.number, openssl::sha256(as_bytes(line))};
            return tail;
        }
        end = before;
    }
    return tail;
}

}

std::string TrailHead::str() const
{
    return fmt::format("{}:{}", number, to_hex(hash));
}

bool read_link(std::string_view line, TrailLink & link)
{
    const std::string begin = fmt::format("{{\"v\": {}, \"n\": ", trail_version);
    constexpr std::string_view between = ", \"prev\": \"";
    constexpr size_t hex_size = 64;
    if (!line.starts_with(begin) || !line.ends_with('}'))
        return false;
    line.remove_prefix(begin.size());
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), link.number);
    if (failed != std::errc() || link.number == 0)
        return false;
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    if (!line.starts_with(between))
        return false;
    line.remove_prefix(between.size());
    Bytes previous;
    if (line.size() < hex_size + 3 || !line.substr(hex_size).starts_with("\", ") || !from_hex(line.substr(0, hex_size), previous)
        || previous.size() != link.previous.size())
        return false;
    std::copy(previous.begin(), previous.end(), link.previous.begin());
    return true;
}

Result<std::unique_ptr<Trail>> Trail::open(const std::string & path)
{
    const int file = open_file(path, O_RDWR | O_APPEND | O_CREAT);
    if (file < 0)
        return fail(file_error(path, "it cannot be opened", errno));
    std::unique_ptr<Trail> trail(new Trail(path, file));
    Tail tail = tail_of(file);
    trail->torn_ = tail.torn;
    if (tail.head.number == 0)
        if (const int rotated = open_file(path + ".1", O_RDONLY); rotated >= 0)
        {
            tail.head = tail_of(rotated).head;
            ::close(rotated);
        }
    trail->head_ = tail.head;
    return trail;
}

Trail::Trail(std::string path, int file) : path_(std::move(path)), file_(file), looked_at_(std::chrono::steady_clock::now()) {}

Trail::~Trail()
{
    if (file_ >= 0)
        ::close(file_);
}

TrailHead Trail::head() const
{
    const std::scoped_lock lock(mutex_);
    return head_;
}

Result<void> Trail::append(std::string_view members, std::chrono::system_clock::time_point now)
{
    const std::scoped_lock lock(mutex_);
    if (auto followed = follow_rotation(); !followed)
        return followed;
    const auto micros = std::chrono::time_point_cast<std::chrono::microseconds>(now);
    const auto fraction = micros.time_since_epoch() - std::chrono::floor<std::chrono::seconds>(micros).time_since_epoch();
    const std::string line = fmt::format(
        "{{\"v\": {}, \"n\": {}, \"prev\": \"{}\", \"time\": \"{:%Y-%m-%dT%H:%M:%S}.{:06}Z\", {}}}", trail_version,
        head_.number + 1, to_hex(head_.hash),
        fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now))), fraction.count(),
        members);
    if (auto written = write_whole(line); !written)
        return written;
    head_ = {head_.number + 1, openssl::sha256(as_bytes(line))};
    return {};
}

Result<void> Trail::follow_rotation()
{
    const auto now = std::chrono::steady_clock::now();
    if (file_ >= 0 && now - looked_at_ < look_again)
        return {};
    looked_at_ = now;
    struct stat there = {};
    struct stat ours = {};
    if (file_ >= 0 && ::stat(path_.c_str(), &there) == 0 && ::fstat(file_, &ours) == 0 && there.st_dev == ours.st_dev
        && there.st_ino == ours.st_ino)
        return {};
    if (file_ >= 0)
        ::close(std::exchange(file_, -1));
    file_ = open_file(path_, O_RDWR | O_APPEND | O_CREAT);
    if (file_ < 0)
        return fail(file_error(path_, "it cannot be opened again after it was renamed or removed", errno));
    torn_ = tail_of(file_).torn;
    return {};
}

Result<void> Trail::write_whole(std::string_view line)
{
    std::string text;
    text.reserve(line.size() + 2);
    if (torn_)
        text += '\n'; // half a record stays a line by itself
    text += line;
    text += '\n';
    for (size_t at = 0; at < text.size();)
    {
        const ssize_t done = ::write(file_, text.data() + at, text.size() - at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(file_error(path_, "it cannot be written", errno));
        torn_ = true;
        at += static_cast<size_t>(done);
    }
    torn_ = false;
    return {};
}

}
