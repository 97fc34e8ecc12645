#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "end.h"

namespace chmtls::gateway
{

/// The last words to a peer: writes them, says that they were the last, and reads on until the peer has gone, so that no reset
/// overtakes them. Not for longer than `limit`. Keeps itself alive.
class Farewell : public std::enable_shared_from_this<Farewell>
{
public:
    static void say(std::unique_ptr<End> end, std::string words, std::chrono::milliseconds limit);

    Farewell(std::unique_ptr<End> end, std::string words);

private:
    void run();
    bool written();
    bool gone();
    void wait(Io what);

    std::unique_ptr<End> end_;
    const std::string words_;
    size_t sent_ = 0;
    bool finished_ = false;
    asio::steady_timer limit_;
};

}
