#include "session_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chmtls::debian
{

uint64_t SessionSockets::add(int descriptor)
{
    const int duplicate = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0)
        return 0;
    const std::lock_guard lock(mutex_);
    const auto token = ++last_token_;
    descriptors_.emplace(token, duplicate);
    return token;
}

void SessionSockets::remove(uint64_t token)
{
    const std::lock_guard lock(mutex_);
    const auto found = descriptors_.find(token);
    if (found == descriptors_.end())
        return;
    ::close(found->second);
    descriptors_.erase(found);
}

bool SessionSockets::shut_down(uint64_t token)
{
    const std::lock_guard lock(mutex_); // the duplicate stays open while we use it
    const auto found = descriptors_.find(token);
    return found != descriptors_.end() && ::shutdown(found->second, SHUT_RDWR) == 0;
}

}
