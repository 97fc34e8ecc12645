#include "config/admin_section.h"

#include <fmt/format.h>

namespace chmtls::config
{

namespace
{

/// sockaddr_un.sun_path has 108 bytes, and the socket is made under a longer name first.
constexpr size_t max_path = 96;

}

void read_admin_section(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("admin");
    if (!element)
        return;
    Section section(*element, mtls.key_path("admin", 0, 1), findings);
    const auto path = section.text("socket");
    if (path && !path->starts_with('/'))
        section.refuse("socket", fmt::format("\"{}\" is not an absolute path", printable(*path)), "write it from the root");
    else if (path && path->size() > max_path)
        section.refuse(
            "socket", fmt::format("the path has {} bytes; a socket's may have {}", path->size(), max_path),
            "choose a shorter one");
    else if (path)
        settings.admin_socket = *path;
    section.refuse_unknown();
}

}
