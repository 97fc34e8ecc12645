#include "connection_origin.h"

#include <utility>

namespace chmtls::debian
{

namespace
{

thread_local const OriginScope * innermost = nullptr;

}

OriginScope::OriginScope(NamedBy origin) : origin_(std::move(origin)), outer_(std::exchange(innermost, this)) {}

OriginScope::~OriginScope()
{
    innermost = outer_;
}

NamedBy OriginScope::current()
{
    return innermost != nullptr ? innermost->origin_ : NamedBy::statement({});
}

void Origins::note(const void * object, const NamedBy & origin)
{
    const std::lock_guard lock(mutex_);
    known_.erase(object); // first: should there be no memory for the new one, nothing is known
    if (!origin.nobody_known())
        known_.emplace(object, origin);
}

NamedBy Origins::of(const void * object) const
{
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(object);
    return found != known_.end() ? found->second : NamedBy::statement({});
}

Origins & Origins::instance()
{
    static auto * const origins = new Origins; // connections may outlive everything that is destroyed at the end
    return *origins;
}

}
