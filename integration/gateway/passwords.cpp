#include "passwords.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

namespace chmtls::gateway
{
namespace
{

constexpr size_t max_file = 1 << 20;
constexpr std::string_view blanks = " \t";

class Descriptor
{
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor & operator=(const Descriptor &) = delete;
    [[nodiscard]] int number() const { return number_; }

private:
    int number_;
};

std::string fault_of(int descriptor)
{
    struct stat about
    {
    };
    if (::fstat(descriptor, &about) != 0)
        return std::strerror(errno);
    if (!S_ISREG(about.st_mode))
        return "is not a regular file";
    if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "is open to group or others: chmod 600";
    if (about.st_size > static_cast<off_t>(max_file))
        return "is larger than 1 MiB";
    return {};
}

std::string read_all(int descriptor, std::string & content)
{
    content.resize(max_file + 1);
    size_t size = 0;
    while (size < content.size())
    {
        const auto got = ::read(descriptor, content.data() + size, content.size() - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return std::strerror(errno);
        if (got == 0)
            break;
        size += static_cast<size_t>(got);
    }
    if (size > max_file)
        return "is larger than 1 MiB";
    content.resize(size);
    return {};
}

}

Passwords::~Passwords()
{
    for (auto & [user, password] : by_user_)
        OPENSSL_cleanse(password.data(), password.size());
}

std::vector<std::string> Passwords::users() const
{
    std::vector<std::string> names;
    for (const auto & [user, password] : by_user_)
        names.push_back(user);
    return names;
}

const std::string * Passwords::of(std::string_view user) const
{
    const auto found = by_user_.find(user);
    return found == by_user_.end() ? nullptr : &found->second;
}

Passwords::Read Passwords::parse(std::string_view content, const std::string & path)
{
    Read result;
    for (size_t number = 1; !content.empty(); ++number)
    {
        const auto end = content.find('\n');
        auto line = content.substr(0, end);
        content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (line.empty() || line.front() == '#')
            continue;
        const auto blank = line.find_first_of(blanks);
        const auto begin = blank == std::string_view::npos ? blank : line.find_first_not_of(blanks, blank);
        const auto refuse = [&](const char * what)
        {
            result.fault = path + ":" + std::to_string(number) + ": " + what;
        };
        if (blank == 0 || begin == std::string_view::npos)
        {
            refuse("is not a user, a blank, and a password");
            break;
        }
        if (!result.passwords.by_user_.emplace(line.substr(0, blank), line.substr(begin)).second)
        {
            refuse("names a user again");
            break;
        }
    }
    return result;
}

Passwords::Read Passwords::read(const std::string & path)
{
    if (path.empty())
        return {};
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    Read failed;
    if (file.number() < 0)
    {
        failed.fault = path + ": " + std::strerror(errno);
        return failed;
    }
    std::string content;
    if (auto fault = fault_of(file.number()); !fault.empty())
        failed.fault = path + ": " + fault;
    else if (fault = read_all(file.number(), content); !fault.empty())
        failed.fault = path + ": " + fault;
    if (!failed.fault.empty())
        return failed;
    auto result = parse(content, path);
    OPENSSL_cleanse(content.data(), content.size());
    return result;
}

}
