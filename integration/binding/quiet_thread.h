#pragma once

#include <functional>
#include <thread>

namespace chmtls::debian
{

/// A thread that takes no signals: those belong to the server's own.
std::thread quiet_thread(std::function<void()> body);

}
