#include "admissions.h"

#include <utility>

namespace chmtls::gateway
{

Admissions::Place::Place(Place && other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), address_(std::move(other.address_)), in_handshake_(other.in_handshake_)
{
}

Admissions::Place & Admissions::Place::operator=(Place && other) noexcept
{
    std::swap(owner_, other.owner_);
    std::swap(address_, other.address_);
    std::swap(in_handshake_, other.in_handshake_);
    return *this;
}

Admissions::Place::~Place()
{
    if (owner_ != nullptr)
        owner_->give_back(address_, in_handshake_);
}

void Admissions::Place::logged_in() noexcept
{
    if (owner_ != nullptr && std::exchange(in_handshake_, false))
        owner_->handshake_over(address_);
}

Admissions::Place Admissions::admit(const std::string & address, const char *& refusal)
{
    const std::lock_guard lock(mutex_);
    const auto known = by_address_.find(address);
    const auto here = known == by_address_.end() ? Count{} : known->second;
    if (total_.connections >= limits_.connections)
        refusal = "limits.connections";
    else if (total_.handshakes >= limits_.handshakes)
        refusal = "limits.handshakes";
    else if (here.connections >= limits_.connections_per_address)
        refusal = "limits.connections_per_address";
    else if (here.handshakes >= limits_.handshakes_per_address)
        refusal = "limits.handshakes_per_address";
    else
    {
        Place place(*this, address);
        auto & count = by_address_[address];
        ++count.connections;
        ++count.handshakes;
        ++total_.connections;
        ++total_.handshakes;
        return place;
    }
    return {};
}

void Admissions::set(const Limits & limits)
{
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

size_t Admissions::connections() const
{
    const std::lock_guard lock(mutex_);
    return total_.connections;
}

void Admissions::give_back(const std::string & address, bool in_handshake) noexcept
{
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    const size_t handshakes = in_handshake ? 1 : 0;
    --total_.connections;
    total_.handshakes -= handshakes;
    found->second.handshakes -= handshakes;
    if (--found->second.connections == 0)
        by_address_.erase(found);
}

void Admissions::handshake_over(const std::string & address) noexcept
{
    const std::lock_guard lock(mutex_);
    --total_.handshakes;
    --by_address_.find(address)->second.handshakes;
}

}
