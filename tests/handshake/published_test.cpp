#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <binding/published.h>

namespace chmtls::test
{
namespace
{

struct Tracked
{
    Tracked(int first, std::atomic<int> & count) : left(first), right(first), alive(count) { ++alive; }
    ~Tracked()
    {
        left = right = -1;
        --alive;
    }
    Tracked(const Tracked &) = delete;
    Tracked & operator=(const Tracked &) = delete;

    int left;
    int right;
    std::atomic<int> & alive;
};

TEST(Published, StartsEmptyAndKeepsWhatAnUpdateLeaves)
{
    host::Published<int> published;
    EXPECT_EQ(published.load(), nullptr);
    published.update([](const auto & present) { return std::make_shared<const int>(present == nullptr ? 1 : 2); });
    EXPECT_EQ(*published.load(), 1);
    published.update([](const auto &) { return std::shared_ptr<const int>(); });
    EXPECT_EQ(*published.load(), 1);
}

TEST(Published, DropsTheFormerObjectAtOnce)
{
    std::atomic<int> alive{0};
    host::Published<Tracked> published;
    for (int i = 0; i < 5; ++i)
    {
        published.update([&](const auto &) { return std::make_shared<const Tracked>(i, alive); });
        EXPECT_EQ(alive, 1);
    }
    const auto kept = published.load();
    published.update([&](const auto &) { return std::make_shared<const Tracked>(5, alive); });
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(kept->left, 4);
}

TEST(Published, NeverShowsAnObjectThatIsGone)
{
    std::atomic<int> alive{0};
    host::Published<Tracked> published;
    published.update([&](const auto &) { return std::make_shared<const Tracked>(0, alive); });
    std::atomic<bool> stop{false};
    std::atomic<long> wrong{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
        readers.emplace_back(
            [&]
            {
                int last = 0;
                while (!stop)
                {
                    const auto seen = published.load();
                    if (seen->left != seen->right || seen->left < last)
                        ++wrong;
                    last = seen->left;
                }
            });
    for (int i = 1; i <= 5000; ++i)
        published.update([&](const auto &) { return std::make_shared<const Tracked>(i, alive); });
    stop = true;
    for (auto & reader : readers)
        reader.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(alive, 1);
}

}
}
