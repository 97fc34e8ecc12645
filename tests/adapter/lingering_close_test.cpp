// The last word of a connection arrives, and nobody holds one open for long by not closing it.

#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include "lingering_close.h"

namespace chmtls::debian
{
namespace
{

using Poco::Net::SocketAddress;
using Poco::Net::StreamSocket;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds deadline{60};

class LingeringCloseTest : public testing::Test
{
protected:
    LingeringCloseTest() : client_(listener_.address()), server_(listener_.acceptConnection())
    {
        std::signal(SIGPIPE, SIG_IGN); // what is sent to a connection that is reset is an error, as in the server
        client_.setReceiveTimeout(Poco::Timespan(60, 0));
    }

    /// The client has sent what nobody reads; the server says its last word and closes.
    void refuse(bool lingering)
    {
        send("a request");
        server_.poll(Poco::Timespan(60, 0), Poco::Net::Socket::SELECT_READ);
        server_.sendBytes("alert", 5);
        if (lingering)
            lingering_.take(server_.impl()->sockfd());
        server_.close();
    }

    bool send(const std::string & bytes)
    {
        try
        {
            return client_.sendBytes(bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
        }
        catch (const Poco::Exception &)
        {
            return false;
        }
    }

    std::string receive()
    {
        std::string text;
        char byte = 0;
        while (client_.receiveBytes(&byte, 1) == 1)
            text += byte;
        return text;
    }

    bool is_reset_in_the_end(const std::string & bytes)
    {
        const auto end = Clock::now() + deadline;
        while (send(bytes))
            if (Clock::now() > end)
                return false;
        return true;
    }

    LingeringClose lingering_;
    Poco::Net::ServerSocket listener_{SocketAddress("127.0.0.1", 0)};
    StreamSocket client_;
    StreamSocket server_;
};

TEST_F(LingeringCloseTest, WhoStillSendsReadsTheLastWord)
{
    refuse(true);
    EXPECT_TRUE(send("more"));
    EXPECT_TRUE(send("and more"));
    EXPECT_EQ(receive(), "alert");
}

TEST_F(LingeringCloseTest, WithoutItTheConnectionIsReset)
{
    refuse(false);
    EXPECT_TRUE(is_reset_in_the_end("more"));
}

TEST_F(LingeringCloseTest, WhoSendsTooMuchIsCutOff)
{
    refuse(true);
    const auto begin = Clock::now();
    EXPECT_TRUE(is_reset_in_the_end(std::string(LingeringClose::most_bytes, 'x')));
    EXPECT_LT(Clock::now() - begin, deadline);
}

/// A byte now and then: far too little for the other bound.
TEST_F(LingeringCloseTest, WhoNeverClosesIsCutOff)
{
    refuse(true);
    const auto begin = Clock::now();
    size_t sent = 0;
    while (send("x") && Clock::now() < begin + deadline)
    {
        ++sent;
        client_.poll(Poco::Timespan(0, 100000), Poco::Net::Socket::SELECT_ERROR);
    }
    EXPECT_LT(Clock::now() - begin, deadline);
    EXPECT_LT(sent, LingeringClose::most_bytes);
}

TEST_F(LingeringCloseTest, ADescriptorThatIsNoneHarmsNothing)
{
    lingering_.take(-1);
    refuse(true);
    EXPECT_EQ(receive(), "alert");
}

}
}
