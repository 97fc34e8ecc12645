// A log that cannot be written: a line is lost, and nothing else.

#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Exception.h>
#include <Poco/Logger.h>

#include "log.h"

namespace chmtls::debian
{
namespace
{

using testing::ElementsAre;

class FailingChannel : public Poco::Channel
{
public:
    void log(const Poco::Message & message) override
    {
        seen.push_back(message.getText());
        if (failure)
            failure();
    }

    std::function<void()> failure;
    std::vector<std::string> seen;
};

TEST(Log, WhateverAChannelThrowsStaysInIt)
{
    static_assert(noexcept(say(Poco::Message::PRIO_ERROR, std::string())));
    Poco::AutoPtr<FailingChannel> channel(new FailingChannel);
    auto & logger = Poco::Logger::get("clickhouse-mtls");
    logger.setChannel(channel);
    const std::function<void()> failures[] = {
        [] { throw Poco::WriteFileException("disk full"); },
        [] { throw std::bad_alloc(); },
        [] { throw std::runtime_error("standard"); },
        [] { throw 28; },
    };
    for (const auto & failure : failures)
    {
        channel->failure = failure;
        say(Poco::Message::PRIO_ERROR, "lost");
    }
    channel->failure = nullptr;
    say(Poco::Message::PRIO_INFORMATION, "written");
    EXPECT_THAT(channel->seen, ElementsAre("lost", "lost", "lost", "lost", "written"));
    logger.setChannel(nullptr);
    say(Poco::Message::PRIO_ERROR, "nowhere");
    EXPECT_EQ(channel->seen.size(), 5U);
}

}
}
