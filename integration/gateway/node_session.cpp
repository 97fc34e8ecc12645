#include "node_session.h"

#include "log.h"
#include "login.h"

namespace chmtls::gateway
{

void NodeSession::ended() noexcept
{
    if (connector_ != nullptr)
        connector_->cancel();
    if (relay_ != nullptr)
        relay_->stop();
}

void NodeSession::drain()
{
    relay_ == nullptr ? end("the gateway ends") : relay_->end_when_quiet();
}

void NodeSession::serve()
{
    const auto name = std::string(listener_name(listener_.role));
    if (peer() == nullptr || !is_node(plugin_, *peer()).value_or(false))
    {
        say_of_strangers(Level::warning, name + ": " + address_ + " is no node, and nothing of it is passed on");
        return close();
    }
    if (const auto watched = watch(CHMTLS_INTERFACE_HTTP, {}, {}); !watched.ok())
        return close();
    logged_in();
    connector_ = std::make_shared<Connector>(worker_.io(), listener_.servers, site_->settings.timeouts.connect);
    connector_->start(
        [self = shared_from_this(), this, name](tcp::socket socket, const std::string & fault)
        {
            connector_.reset();
            if (!fault.empty())
            {
                say(Level::error, name + ": no server for " + address_ + ": " + fault);
                return close();
            }
            relay_ = std::make_shared<Relay>(
                std::move(client_), std::make_unique<PlainEnd>(std::move(socket)), worker_.scratch(),
                site_->settings.timeouts.half_closed);
            relay_->start({}, [self](std::string_view) {});
        });
}

}
