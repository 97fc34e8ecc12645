#include <stdexcept>

#include "https_session.h"
#include "native_session.h"
#include "node_session.h"

namespace chmtls::gateway
{

std::shared_ptr<AcceptedSession> make_session(Accepted accepted)
{
    switch (accepted.listener->role)
    {
    case Role::native:
        return std::make_shared<NativeSession>(std::move(accepted));
    case Role::https:
        return std::make_shared<HttpsSession>(std::move(accepted));
    case Role::interserver:
        return std::make_shared<NodeSession>(std::move(accepted));
    }
    throw std::logic_error("a listener without sessions");
}

}
