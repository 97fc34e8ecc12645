#include "policy/login_memory.h"

namespace chmtls::policy
{

namespace
{

bool alike(const Login & left, const Login & right)
{
    return left.interface == right.interface && left.user_named == right.user_named && left.password_given == right.password_given
           && left.certificate_asked == right.certificate_asked && left.other_credentials == right.other_credentials
           && left.without_tls == right.without_tls && left.user == right.user;
}

}

std::optional<LoginDecision> LoginMemory::find(uint64_t generation, const Login & login, UnixTime now) const
{
    const std::scoped_lock lock(mutex_);
    if (!last_ || last_->generation != generation || last_->at != now || !alike(last_->login, login))
        return std::nullopt;
    return last_->decision;
}

void LoginMemory::keep(uint64_t generation, const Login & login, UnixTime now, const LoginDecision & decision)
{
    const std::scoped_lock lock(mutex_);
    last_.reset(); // before anything that may want memory: half of a decision is none
    auto & decided = last_.emplace(Decided{generation, now, std::string(login.user), login, decision});
    decided.login.user = decided.user;
}

}
