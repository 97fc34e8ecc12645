#include "log.h"

#include <Poco/Logger.h>

namespace chmtls::debian
{

namespace
{

thread_local Writer current_writer = Writer::server;

}

Writer writer_of_record() noexcept
{
    return current_writer;
}

void say(Poco::Message::Priority priority, const std::string & text) noexcept
{
    try
    {
        static Poco::Logger & logger = Poco::Logger::get("clickhouse-mtls");
        const auto writer = text.starts_with(audit_marker) ? Writer::audit : Writer::server;
        // An audit line keeps its own beginning; what a peer wrote further on in it must not look like another one.
        const Poco::Message message(
            logger.name(), writer == Writer::audit ? without_markers(text, audit_marker.size()) : text, priority);
        current_writer = writer;
        logger.log(message);
    }
    catch (...) // whatever a channel may throw
    {
    }
    current_writer = Writer::server;
}

}
