#pragma once

#include <Poco/JSON/Object.h>

#include "dns/service.h"

namespace chmtls::instance
{

/// What is watched and flushed, in numbers.
[[nodiscard]] Poco::JSON::Object dns_summary(const dns::Status & status);

/// The same and every name, as one JSON object on one line.
[[nodiscard]] std::string dns_status_json(const dns::Status & status);

}
