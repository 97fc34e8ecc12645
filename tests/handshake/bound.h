#pragma once

// A binding with the contexts that it serves.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <binding/ssl_binding.h>

#include "support/tls_pair.h"

namespace chmtls::test
{

class FixedListener final : public host::ListenerResolver
{
public:
    explicit FixedListener(std::optional<std::string> name) : name_(std::move(name)) {}
    std::optional<std::string> listener_of(SSL *) const override { return name_; }

private:
    std::optional<std::string> name_;
};

struct Bound
{
    explicit Bound(std::shared_ptr<Plugin> plugin, std::optional<std::string> listener = "tcp_port_secure")
        : binding(std::move(plugin), std::make_unique<FixedListener>(std::move(listener)))
    {
    }

    [[nodiscard]] ContextPtr server(int version)
    {
        auto context = server_context(version);
        binding.attach_server(context.get());
        return context;
    }

    [[nodiscard]] ContextPtr client(int version)
    {
        auto context = client_context(version);
        binding.attach_client(context.get());
        return context;
    }

    host::SslBinding binding;
};

/// TLS1_2_VERSION, TLS1_3_VERSION.
inline const char * version_name(int version)
{
    return version == TLS1_2_VERSION ? "TLS12" : "TLS13";
}

}
