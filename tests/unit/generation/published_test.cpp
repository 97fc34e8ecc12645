// The swap: readers see whole generations in order, and the old one is freed.

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "generation/published.h"

namespace chmtls::generation
{
namespace
{

GenerationPtr numbered(uint64_t number)
{
    auto generation = std::make_shared<Generation>();
    generation->number = number;
    return generation;
}

TEST(Published, NothingBeforeTheFirst)
{
    const Published published;
    EXPECT_EQ(published.current(), nullptr);
}

TEST(Published, GivesTheLast)
{
    Published published;
    published.publish(numbered(1));
    EXPECT_EQ(published.current()->number, 1u);
    published.publish(numbered(2));
    EXPECT_EQ(published.current()->number, 2u);
}

TEST(Published, KeepsNoOldOneAlive)
{
    Published published;
    published.publish(numbered(1));
    const std::weak_ptr<const Generation> first = published.current();
    const GenerationPtr held = published.current();
    published.publish(numbered(2));
    EXPECT_FALSE(first.expired()) << "a handshake has it still";
    EXPECT_EQ(held->number, 1u);
    {
        const GenerationPtr last = held;
    }
    EXPECT_EQ(held.use_count(), 1) << "nobody else has it";
}

TEST(Published, ReadersSeeNumbersThatOnlyGrow)
{
    Published published;
    published.publish(numbered(1));
    constexpr uint64_t last = 2000;
    std::atomic<uint64_t> reads{0};
    std::atomic<bool> backwards{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 6; ++i)
        readers.emplace_back(
            [&]
            {
                uint64_t seen = 0;
                while (seen < last)
                {
                    const GenerationPtr current = published.current();
                    if (current->number < seen)
                        backwards = true;
                    seen = current->number;
                    reads.fetch_add(1, std::memory_order_relaxed);
                }
            });
    for (uint64_t number = 2; number <= last; ++number)
    {
        published.publish(numbered(number));
        // A busy machine lets nobody read for a while: somebody has to see some of the numbers between.
        for (const uint64_t before = reads; number % 100 == 1 && reads == before;)
            std::this_thread::yield();
    }
    for (std::thread & reader : readers)
        reader.join();
    EXPECT_FALSE(backwards);
}

TEST(Published, SeveralWriters)
{
    Published published;
    published.publish(numbered(1));
    std::atomic<bool> done{false};
    std::thread reader(
        [&]
        {
            while (!done)
                EXPECT_GE(published.current()->number, 1u);
        });
    std::vector<std::thread> writers;
    for (int i = 0; i < 3; ++i)
        writers.emplace_back(
            [&]
            {
                for (uint64_t n = 1; n < 300; ++n)
                    published.publish(numbered(n));
            });
    for (std::thread & writer : writers)
        writer.join();
    done = true;
    reader.join();
    EXPECT_EQ(published.current()->number, 299u);
    EXPECT_EQ(published.current().use_count(), 2);
}

}
}
