#include "instance/host.h"

namespace chmtls::instance
{

namespace
{

chmtls_bytes bytes_of(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

}

void Host::log(uint32_t level, std::string_view message) const
{
    if (table_.log != nullptr)
        table_.log(table_.context, level, bytes_of(message));
}

bool Host::close_session(uint64_t token, std::string_view reason) const
{
    if (table_.close_session == nullptr)
        return false;
    table_.close_session(table_.context, token, bytes_of(reason));
    return true;
}

void Host::configuration_changed() const
{
    if (table_.configuration_changed != nullptr)
        table_.configuration_changed(table_.context);
}

bool Host::flush_dns(std::string_view host) const
{
    if (table_.flush_dns == nullptr)
        return false;
    table_.flush_dns(table_.context, bytes_of(host));
    return true;
}

}
