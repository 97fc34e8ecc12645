#pragma once

#include "config/settings.h"

namespace chmtls::generation
{

/// For a configuration in which certificates stand for users: settings by which somebody could come by such an identity without
/// a certificate that one of the named authorities has issued. Each is a finding with code "FORGEABLE" that names the setting.
void refuse_forgeable(const config::Settings & settings, Errors & errors);

}
