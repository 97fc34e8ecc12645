// inotify on directories: what matters, what does not, and what is still being written.

#include <filesystem>
#include <fstream>

#include <poll.h>

#include <gtest/gtest.h>

#include "files/watcher.h"
#include "support/scratch_dir.h"

namespace chmtls::files
{
namespace
{

namespace fs = std::filesystem;

class WatcherTest : public testing::Test
{
protected:
    void SetUp() override { fs::create_directory(dir_.file("d")); }

    [[nodiscard]] WatchList only(const std::string & name) const { return {{dir_.file("d"), Watch{{name}, false}}}; }

    /// Events are there as soon as the call that caused them has returned.
    [[nodiscard]] bool quiet()
    {
        pollfd handle{watcher_.handle(), POLLIN, 0};
        return ::poll(&handle, 1, 0) == 0;
    }

    test::ScratchDir dir_;
    Watcher watcher_;
};

TEST_F(WatcherTest, TellsWhetherSomethingIsWatchedAnew)
{
    EXPECT_TRUE(watcher_.arm(only("f")));
    EXPECT_FALSE(watcher_.arm(only("f")));
    EXPECT_FALSE(watcher_.arm(only("g"))) << "the same directory";
    EXPECT_EQ(watcher_.defect(), "");
}

TEST_F(WatcherTest, AMissingDirectoryIsNoDefect)
{
    EXPECT_FALSE(watcher_.arm({{dir_.file("gone"), Watch{{"f"}, false}}}));
    EXPECT_EQ(watcher_.defect(), "");
}

TEST_F(WatcherTest, OnlyTheNamesAskedFor)
{
    watcher_.arm(only("f"));
    dir_.write("d/other", "x");
    EXPECT_FALSE(watcher_.drain());
    dir_.write("d/f", "x");
    EXPECT_TRUE(watcher_.drain());
    EXPECT_FALSE(watcher_.drain());
}

TEST_F(WatcherTest, EveryNameOfAListedDirectory)
{
    watcher_.arm({{dir_.file("d"), Watch{{}, true}}});
    dir_.write("d/anything", "x");
    EXPECT_TRUE(watcher_.drain());
}

TEST_F(WatcherTest, RenamedOver)
{
    dir_.write("d/f", "x");
    watcher_.arm(only("f"));
    fs::rename(dir_.write("n", "y"), dir_.file("d/f"));
    EXPECT_TRUE(watcher_.drain());
}

TEST_F(WatcherTest, ReadingIsNoEvent)
{
    dir_.write("d/f", "x");
    watcher_.arm(only("f"));
    std::ifstream(dir_.file("d/f")).get();
    EXPECT_TRUE(quiet());
}

TEST_F(WatcherTest, AttributesMatter)
{
    dir_.write("d/f", "x");
    watcher_.arm(only("f"));
    fs::permissions(dir_.file("d/f"), fs::perms::owner_read);
    EXPECT_TRUE(watcher_.drain());
}

TEST_F(WatcherTest, KnowsAFileThatIsStillOpenForWriting)
{
    watcher_.arm(only("f"));
    std::ofstream out(dir_.file("d/f"));
    out << "half" << std::flush;
    EXPECT_TRUE(watcher_.drain());
    EXPECT_TRUE(watcher_.writing());
    out << "rest";
    out.close();
    EXPECT_TRUE(watcher_.drain());
    EXPECT_FALSE(watcher_.writing());
}

TEST_F(WatcherTest, ARemovedDirectoryMattersAndIsArmedAnew)
{
    watcher_.arm(only("f"));
    fs::remove_all(dir_.file("d"));
    EXPECT_TRUE(watcher_.drain());
    fs::create_directory(dir_.file("d"));
    EXPECT_TRUE(watcher_.arm(only("f")));
    dir_.write("d/f", "x");
    EXPECT_TRUE(watcher_.drain());
}

TEST_F(WatcherTest, WhatIsGivenUpIsQuiet)
{
    watcher_.arm(only("f"));
    watcher_.arm({});
    dir_.write("d/f", "x");
    EXPECT_FALSE(watcher_.drain());
}

}
}
