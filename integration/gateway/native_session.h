#pragma once

#include "accepted_session.h"
#include "connector.h"
#include "login.h"
#include "native_hello.h"
#include "relay.h"

namespace chmtls::gateway
{

/// A client of the native protocol: its first packet is read and given the credentials that the server knows, everything else
/// passes.
class NativeSession final : public AcceptedSession
{
public:
    using AcceptedSession::AcceptedSession;
    void drain() override;

private:
    void serve() override { read_hello(); }
    void ended() noexcept override;

    void read_hello();
    void login(const NativeHello & hello);
    void login_server();
    /// The first packet as the server gets it.
    void connect(std::string first);
    void refuse(int32_t code, const std::string & text);

    std::string hello_; ///< what the client has sent so far
    std::shared_ptr<Connector> connector_;
    std::shared_ptr<Relay> relay_;
};

}
