// A file is replaced as a whole, or not at all.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/durable_file.h"
#include "base/file.h"
#include "support/scratch_dir.h"

namespace chmtls
{
namespace
{

namespace fs = std::filesystem;

TEST(DurableFile, IsCreatedAndReplaced)
{
    const test::ScratchDir dir;
    for (const std::string content : {"one", "", "a longer one"})
    {
        ASSERT_TRUE(replace_file_durably(dir.file("state"), as_bytes(content)).has_value());
        EXPECT_EQ(as_text(read_file(dir.file("state"))->bytes), content);
        EXPECT_FALSE(fs::exists(dir.file("state.new")));
    }
    EXPECT_EQ(read_file(dir.file("state"))->facts.mode, 0600u);
}

TEST(DurableFile, AFailureLeavesTheFormerFile)
{
    const test::ScratchDir dir;
    dir.write("state", "former");
    fs::create_directory(dir.file("state.new"));
    const auto written = replace_file_durably(dir.file("state"), as_bytes("next"));
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error().file, dir.file("state.new"));
    EXPECT_EQ(as_text(read_file(dir.file("state"))->bytes), "former");
    EXPECT_FALSE(replace_file_durably(dir.file("no/state"), as_bytes("next")).has_value());
    fs::create_directory(dir.file("directory"));
    EXPECT_FALSE(replace_file_durably(dir.file("directory"), as_bytes("next")).has_value());
    EXPECT_FALSE(fs::exists(dir.file("directory.new")));
}

}
}
