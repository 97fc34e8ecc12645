#include <stdexcept>

#include "egress_session.h"
#include "https_session.h"
#include "native_session.h"
#include "node_session.h"

namespace chmtls::gateway
{

std::shared_ptr<Session> make_session(Accepted accepted)
{
    if (accepted.egress != nullptr)
        return std::make_shared<EgressSession>(std::move(accepted));
    switch (accepted.listener->role)
    {
    case Role::native:
        return std::make_shared<NativeSession>(std::move(accepted));
    case Role::https:
        return std::make_shared<HttpsSession>(std::move(accepted));
    case Role::interserver:
        return std::make_shared<NodeSession>(std::move(accepted));
    case Role::egress:
        break;
    }
    throw std::logic_error("a listener without sessions");
}

}
