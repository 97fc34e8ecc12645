#include "log.h"

#include <Poco/Logger.h>

namespace chmtls::debian
{

void say(Poco::Message::Priority priority, const std::string & text) noexcept
{
    try
    {
        static Poco::Logger & logger = Poco::Logger::get("clickhouse-mtls");
        logger.log(Poco::Message(logger.name(), text, priority));
    }
    catch (...) // whatever a channel may throw
    {
    }
}

}
