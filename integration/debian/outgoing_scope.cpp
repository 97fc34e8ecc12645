#include "outgoing_scope.h"

#include <utility>

namespace chmtls::debian
{

namespace
{

thread_local const NodeScope * current_scope = nullptr;

}

NodeScope::NodeScope(std::string host, uint32_t interface, NamedBy named_by)
    : host_(std::move(host)), interface_(interface), named_by_(std::move(named_by)), outer_(std::exchange(current_scope, this))
{
}

NodeScope::~NodeScope()
{
    current_scope = outer_;
}

const NodeScope * NodeScope::current() noexcept
{
    return current_scope;
}

}
