#include <binding/session_sockets.h>

#include <sys/socket.h>

namespace chmtls::debian
{

uint64_t SessionSockets::add(int descriptor)
{
    auto duplicate = host::Descriptor::duplicate_of(descriptor);
    if (!duplicate.valid())
        return 0;
    const std::lock_guard lock(mutex_);
    const auto token = ++last_token_;
    descriptors_.emplace(token, std::move(duplicate));
    return token;
}

uint64_t SessionSockets::add_unproven(int descriptor, uint64_t policy)
{
    const auto token = add(descriptor);
    if (token == 0)
        return 0;
    try
    {
        const std::lock_guard lock(mutex_);
        if (policy == policy_)
        {
            unproven_.insert(token);
            return token;
        }
    }
    catch (...)
    {
        remove(token);
        throw;
    }
    remove(token);
    return 0;
}

size_t SessionSockets::shut_down_unproven()
{
    const std::lock_guard lock(mutex_);
    ++policy_;
    size_t ended = 0;
    for (const auto token : unproven_)
        if (::shutdown(descriptors_.at(token).get(), SHUT_RDWR) == 0)
            ++ended;
    return ended;
}

void SessionSockets::remove(uint64_t token)
{
    const std::lock_guard lock(mutex_);
    unproven_.erase(token);
    descriptors_.erase(token);
}

bool SessionSockets::shut_down(uint64_t token)
{
    const std::lock_guard lock(mutex_); // the duplicate stays open while we use it
    const auto found = descriptors_.find(token);
    return found != descriptors_.end() && ::shutdown(found->second.get(), SHUT_RDWR) == 0;
}

}
