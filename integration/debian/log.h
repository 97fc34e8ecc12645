#pragma once

#include <string>

#include <Poco/Message.h>

#include "log_record.h"

namespace chmtls::debian
{

/// A line of the server's log. Where it cannot be written (a full disk makes Poco throw) it is lost, and nothing else.
void say(Poco::Message::Priority priority, const std::string & text) noexcept;

/// Who writes the record that this thread is about to put into a channel.
Writer writer_of_record() noexcept;

}
