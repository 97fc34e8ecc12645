#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/scratch_dir.h"

using namespace chmtls;

TEST(ReadFile, GivesContentModeAndOwner)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", "content");
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    const auto file = read_file(path);
    ASSERT_TRUE(file) << file.error().describe();
    EXPECT_EQ(as_text(file->bytes), "content");
    EXPECT_EQ(file->facts.mode, 0640u);
    EXPECT_EQ(file->facts.owner, ::getuid());
}

TEST(ReadFile, GivesAnEmptyFileAsEmpty)
{
    const test::ScratchDir dir;
    const auto file = read_file(dir.write("f", ""));
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->bytes.empty());
}

TEST(ReadFile, ReadsThroughASymbolicLink)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", "content");
    ASSERT_EQ(::symlink(path.c_str(), dir.file("link").c_str()), 0);
    EXPECT_EQ(as_text(read_file(dir.file("link"))->bytes), "content");
}

TEST(ReadFile, ReadsAtADirectoryHandle)
{
    const test::ScratchDir dir;
    dir.write("f", "content");
    const int handle = ::open(dir.file("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(handle, 0);
    const auto good = read_file_at(handle, "f", "shown/f", 100);
    const auto missing = read_file_at(handle, "g", "shown/g", 100);
    const auto secret = read_secret_file_at(handle, "f", "shown/f");
    ::close(handle);
    EXPECT_EQ(as_text(good->bytes), "content");
    EXPECT_EQ(as_text(secret->bytes.view()), "content");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().file, "shown/g");
}

TEST(ReadFile, HoldsToTheLimit)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", std::string(100, 'x'));
    EXPECT_TRUE(read_file(path, 100));
    const auto refused = read_file(path, 99);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().reason.find("100 bytes"), std::string::npos);
    EXPECT_TRUE(read_secret_file(path, 100));
    EXPECT_FALSE(read_secret_file(path, 99));
}

TEST(ReadFile, NamesPathCauseAndRemedy)
{
    const test::ScratchDir dir;
    const auto missing = read_file(dir.file("none"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().file, dir.file("none"));
    EXPECT_EQ(missing.error().reason, "cannot open the file: No such file or directory");
    EXPECT_EQ(missing.error().remedy, "create the file or correct the path");
}

/// In a process of its own, because root reads everything: 0 when the refusal is as it should be.
[[noreturn]] static void read_as_nobody(const std::string & path)
{
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
        ::_exit(2);
    const auto refused = read_file(path);
    ::_exit(!refused && refused.error().reason == "cannot open the file: Permission denied" ? 0 : 1);
}

TEST(ReadFileDeathTest, NamesAPermissionThatIsMissing)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", "content");
    ASSERT_EQ(::chmod(path.c_str(), 0), 0);
    EXPECT_EXIT(read_as_nobody(path), testing::ExitedWithCode(0), "");
}

TEST(ReadFile, RefusesADirectory)
{
    const test::ScratchDir dir;
    const auto refused = read_file(dir.file(""));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "is a directory, not a regular file");
}

TEST(ReadFile, RefusesAFifoWithoutWaitingForAWriter)
{
    const test::ScratchDir dir;
    ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
    const auto refused = read_file(dir.file("fifo"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "is a FIFO, not a regular file");
}

TEST(ReadFile, RefusesADevice)
{
    const auto refused = read_file("/dev/zero");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "is a device, not a regular file");
}

TEST(ReadFile, RefusesALinkLoop)
{
    const test::ScratchDir dir;
    ASSERT_EQ(::symlink("loop", dir.file("loop").c_str()), 0);
    const auto refused = read_file(dir.file("loop"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().remedy, "mend the symbolic link that points to itself");
}

TEST(ReadFile, NeverCutsAPathAtNul)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", "content");
    EXPECT_TRUE(read_file(path));
    EXPECT_FALSE(read_file(path + std::string("\0.pem", 5)));
    EXPECT_FALSE(read_file(""));
}

TEST(ReadFile, LeavesNoDescriptorOpen)
{
    const test::ScratchDir dir;
    const std::string path = dir.write("f", "content");
    const auto next = []
    {
        const int descriptor = ::dup(0);
        ::close(descriptor);
        return descriptor;
    };
    const int before = next();
    EXPECT_TRUE(read_file(path));
    EXPECT_FALSE(read_file(dir.file("")));
    EXPECT_FALSE(read_file(path, 1));
    EXPECT_EQ(next(), before);
}
