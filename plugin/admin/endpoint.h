#pragma once

#include <sys/stat.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "base/result.h"

#include "base/descriptor.h"

namespace chmtls::admin
{

/// Nothing when the path does not fit.
[[nodiscard]] std::optional<sockaddr_un> socket_address(const std::string & path);

/// A listening socket in the file system. Its file is removed with it, unless somebody has put another one there.
class Endpoint
{
public:
    /// Made under another name with mode 0600 and renamed when it listens: nobody ever finds a half-made one.
    [[nodiscard]] static Result<Endpoint> open(const std::string & path);

    ~Endpoint();
    Endpoint(Endpoint &&) noexcept = default;
    Endpoint & operator=(Endpoint &&) noexcept;
    Endpoint(const Endpoint &) = delete;
    Endpoint & operator=(const Endpoint &) = delete;

    [[nodiscard]] int descriptor() const { return socket_.get(); }
    /// The file at the path is still this socket.
    [[nodiscard]] bool in_place() const;

private:
    Endpoint(Descriptor socket, std::string path, dev_t device, ino_t inode);
    void remove() noexcept;

    Descriptor socket_;
    std::string path_;
    dev_t device_;
    ino_t inode_;
};

}
