#pragma once

#include "accepted_session.h"
#include "connector.h"
#include "relay.h"

namespace chmtls::gateway
{

/// Another node, on a port that is for nodes only: the module has judged it by the node rules in the handshake, and from there on
/// every byte passes as it is. Whoever has no identity, as where mtls.mode only observes, gets none through.
class NodeSession final : public AcceptedSession
{
public:
    using AcceptedSession::AcceptedSession;
    void drain() override;

private:
    void serve() override;
    void ended() noexcept override;

    std::shared_ptr<Connector> connector_;
    std::shared_ptr<Relay> relay_;
};

}
