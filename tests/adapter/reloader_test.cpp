// The thread for reloads: what an attempt throws, for want of memory most likely, ends neither the thread nor the server.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>

#include <gtest/gtest.h>

#include <binding/reloader.h>

namespace chmtls::debian
{
namespace
{

class Attempts
{
public:
    /// How many there are now.
    int another()
    {
        const std::lock_guard lock(mutex_);
        changed_.notify_all();
        return ++count_;
    }

    bool reach(int wanted)
    {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return count_ >= wanted; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

TEST(Reloader, AReloadThatThrowsIsMadeAgain)
{
    Attempts reloads;
    Reloader reloader(
        [&]
        {
            if (reloads.another() == 1)
                throw std::bad_alloc();
        },
        [] { return true; });
    reloader.start();
    reloader.request_reload();
    EXPECT_TRUE(reloads.reach(2));
    reloader.request_reload();
    EXPECT_TRUE(reloads.reach(3));
}

TEST(Reloader, ARetryThatThrowsIsMadeAgain)
{
    Attempts retries;
    Reloader reloader(
        [] {},
        [&]
        {
            if (retries.another() == 1)
                throw std::bad_alloc();
            return true;
        });
    reloader.start();
    reloader.request_retry();
    EXPECT_TRUE(retries.reach(2));
    reloader.request_retry();
    EXPECT_TRUE(retries.reach(3));
}

}
}
