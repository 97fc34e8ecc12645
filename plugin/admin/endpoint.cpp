#include "admin/endpoint.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace chmtls::admin
{

namespace
{

constexpr int backlog = 16;
constexpr mode_t mode = 0600;

std::string errno_text()
{
    return std::strerror(errno); // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

Descriptor new_socket()
{
    return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

const sockaddr * generic(const sockaddr_un & address)
{
    return reinterpret_cast<const sockaddr *>(&address);
}

Error trouble(const std::string & path, std::string reason, std::string remedy)
{
    return {path, "mtls.admin.socket", std::move(reason), std::move(remedy), ""};
}

/// Nothing when a new socket may take the path.
std::optional<Error> obstacle(const std::string & path, const sockaddr_un & address)
{
    struct stat facts = {};
    if (::lstat(path.c_str(), &facts) != 0)
    {
        if (errno == ENOENT)
            return std::nullopt;
        return trouble(path, "cannot be looked at: " + errno_text(), "make its directory, readable for the server's user");
    }
    if (!S_ISSOCK(facts.st_mode))
        return trouble(path, "there is a file that is no socket", "remove it, or choose another path");
    const Descriptor probe = new_socket();
    if (::connect(probe.get(), generic(address), sizeof(address)) != 0 && errno == ECONNREFUSED)
        return std::nullopt; // left behind by a process that is gone
    return trouble(path, "another process listens there", "end it, or choose another path");
}

}

std::optional<sockaddr_un> socket_address(const std::string & path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return std::nullopt;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

Result<Endpoint> Endpoint::open(const std::string & path)
{
    const std::string made = path + "." + std::to_string(::getpid());
    const auto address = socket_address(path);
    const auto made_address = socket_address(made);
    if (!address || !made_address)
        return fail(trouble(path, "the path is too long for a socket", "choose a shorter one"));
    if (auto found = obstacle(path, *address))
        return fail(std::move(*found));

    Descriptor socket = new_socket();
    const std::string remedy = "let the server's user write to the directory";
    ::unlink(made.c_str());
    if (!socket.is_open() || ::bind(socket.get(), generic(*made_address), sizeof(*made_address)) != 0)
        return fail(trouble(path, "cannot be made: " + errno_text(), remedy));
    struct stat facts = {};
    // Nobody can connect before it listens, and then its mode is right.
    if (::chmod(made.c_str(), mode) != 0 || ::lstat(made.c_str(), &facts) != 0 || ::listen(socket.get(), backlog) != 0
        || ::rename(made.c_str(), path.c_str()) != 0)
    {
        const std::string why = errno_text();
        ::unlink(made.c_str());
        return fail(trouble(path, "cannot be made: " + why, remedy));
    }
    return Endpoint(std::move(socket), path, facts.st_dev, facts.st_ino);
}

Endpoint::Endpoint(Descriptor socket, std::string path, dev_t device, ino_t inode)
    : socket_(std::move(socket)), path_(std::move(path)), device_(device), inode_(inode)
{
}

Endpoint::~Endpoint()
{
    remove();
}

Endpoint & Endpoint::operator=(Endpoint && other) noexcept
{
    remove();
    socket_ = std::move(other.socket_);
    path_ = std::move(other.path_);
    device_ = other.device_;
    inode_ = other.inode_;
    return *this;
}

bool Endpoint::in_place() const
{
    struct stat facts = {};
    return ::lstat(path_.c_str(), &facts) == 0 && facts.st_dev == device_ && facts.st_ino == inode_;
}

void Endpoint::remove() noexcept
{
    if (socket_.is_open() && in_place())
        ::unlink(path_.c_str());
}

}
