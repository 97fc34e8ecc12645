// Files of one moment: what is read, what is watched, what counts as changed.

#include <chrono>
#include <filesystem>
#include <functional>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/file_set.h"
#include "support/scratch_dir.h"

namespace chmtls::files
{
namespace
{

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;

std::string text_of(const Result<FileContent> & content)
{
    return content ? std::string(as_text(content->bytes)) : "error: " + content.error().describe();
}

/// What the kubelet does: a new directory, a link to it, the link renamed over ..data.
void swap_data(const test::ScratchDir & dir, const std::string & name, const std::string & content)
{
    fs::create_directory(dir.file(name));
    dir.write(name + "/tls.crt", content + " certificate");
    dir.write(name + "/tls.key", content + " key");
    fs::create_directory_symlink(name, dir.file("..data_tmp"));
    fs::rename(dir.file("..data_tmp"), dir.file("..data"));
}

void link_files(const test::ScratchDir & dir)
{
    fs::create_symlink("..data/tls.crt", dir.file("tls.crt"));
    fs::create_symlink("..data/tls.key", dir.file("tls.key"));
}

TEST(FileSet, ReadsOnceAndRemembers)
{
    const test::ScratchDir dir;
    dir.write("a", "one");
    FileSet files;
    EXPECT_EQ(text_of(files.read(dir.file("a"))), "one");
    dir.write("a", "two");
    EXPECT_EQ(text_of(files.read(dir.file("a"))), "one");
}

/// Within one tick of the clock that files are dated by: nothing but the content tells.
TEST(FileSet, AWriteInPlaceIsSeenHoweverSoonItComes)
{
    const test::ScratchDir dir;
    fs::create_directory(dir.file("list"));
    for (int i = 0; i < 200; ++i)
    {
        dir.write("a", "one");
        dir.write("key", "one");
        FileSet files;
        (void)files.read(dir.file("a"));
        FileSet keys;
        (void)keys.read_secret(dir.file("key"));
        EXPECT_FALSE(files.changed());
        EXPECT_FALSE(keys.changed());
        dir.write("a", "two");
        dir.write("key", "two");
        ASSERT_TRUE(files.changed()) << i;
        ASSERT_TRUE(keys.changed()) << i;

        dir.write("list/one", "");
        FileSet lists;
        (void)lists.list(dir.file("list"));
        EXPECT_FALSE(lists.changed());
        fs::rename(dir.file("list/one"), dir.file("list/two"));
        ASSERT_TRUE(lists.changed()) << i;
        fs::remove(dir.file("list/two"));
    }
}

TEST(FileSet, SwapBetweenTwoFilesGivesBothOfOneMoment)
{
    const test::ScratchDir dir;
    swap_data(dir, "..1", "old");
    link_files(dir);
    FileSet files;
    EXPECT_EQ(text_of(files.read(dir.file("tls.crt"))), "old certificate");
    swap_data(dir, "..2", "new");
    EXPECT_EQ(text_of(files.read(dir.file("tls.key"))), "old key");
    EXPECT_TRUE(files.changed());

    FileSet again;
    EXPECT_EQ(text_of(again.read(dir.file("tls.crt"))), "new certificate");
    EXPECT_EQ(text_of(again.read(dir.file("tls.key"))), "new key");
    EXPECT_FALSE(again.changed());
}

TEST(FileSet, SwapAndRemovalOfTheOldDirectoryIsAnErrorNotAMixture)
{
    const test::ScratchDir dir;
    swap_data(dir, "..1", "old");
    link_files(dir);
    FileSet files;
    EXPECT_EQ(text_of(files.read(dir.file("tls.crt"))), "old certificate");
    swap_data(dir, "..2", "new");
    fs::remove_all(dir.file("..1"));
    EXPECT_FALSE(files.read(dir.file("tls.key")).has_value());
    EXPECT_TRUE(files.changed());
}

TEST(FileSet, WatchesTheLinkAndWhereItLeads)
{
    const test::ScratchDir dir;
    swap_data(dir, "..1", "old");
    link_files(dir);
    FileSet files;
    (void)files.read(dir.file("tls.crt"));
    const WatchList & watches = files.watches();
    const std::string base = fs::canonical(dir.file(".")).string();
    ASSERT_THAT(watches, Contains(Key(base)));
    EXPECT_THAT(watches.at(base).names, ElementsAre("..data", "tls.crt"));
    ASSERT_THAT(watches, Contains(Key(base + "/..1")));
    EXPECT_THAT(watches.at(base + "/..1").names, ElementsAre("tls.crt"));
}

TEST(FileSet, WatchesForWhatIsMissing)
{
    const test::ScratchDir dir;
    FileSet files;
    EXPECT_THAT(text_of(files.read(dir.file("sub/a"))), HasSubstr("sub"));
    const std::string base = fs::canonical(dir.file(".")).string();
    ASSERT_THAT(files.watches(), Contains(Key(base)));
    EXPECT_THAT(files.watches().at(base).names, ElementsAre("sub"));
}

TEST(FileSet, ListsADirectoryAndWatchesAllOfIt)
{
    const test::ScratchDir dir;
    fs::create_directory(dir.file("ca"));
    fs::create_directory(dir.file("ca/below"));
    dir.write("ca/b.0", "");
    dir.write("ca/a.0", "");
    dir.write("ca/.hidden", "");
    FileSet files;
    const auto names = files.list(dir.file("ca"));
    ASSERT_TRUE(names.has_value());
    EXPECT_THAT(*names, ElementsAre("a.0", "b.0"));
    EXPECT_TRUE(files.watches().at(fs::canonical(dir.file("ca")).string()).everything);
    EXPECT_FALSE(files.list(dir.file("ca/a.0")).has_value());
    EXPECT_FALSE(files.list(dir.file("nowhere")).has_value());
}

TEST(FileSet, FollowsParentsAndRelativeLinks)
{
    const test::ScratchDir dir;
    fs::create_directories(dir.file("x/y"));
    fs::create_directories(dir.file("z"));
    dir.write("z/a", "here");
    fs::create_directory_symlink("../../z", dir.file("x/y/link"));
    FileSet files;
    EXPECT_EQ(text_of(files.read(dir.file("x/y/link/../z/./a"))), "here") << "'..' counts from where the link leads";
    EXPECT_EQ(text_of(files.read(dir.file("x//y/link/a"))), "here");
    fs::create_directory_symlink(dir.file("z"), dir.file("absolute"));
    EXPECT_EQ(text_of(files.read(dir.file("absolute/a"))), "here");
}

struct ErrorCase
{
    std::string name;
    std::function<void(const test::ScratchDir &)> make;
    std::string reason;
};

void PrintTo(const ErrorCase & one, std::ostream * out)
{
    *out << one.name;
}

class FileSetErrors : public testing::TestWithParam<ErrorCase>
{
};

TEST_P(FileSetErrors, NameThePathAsAskedFor)
{
    const test::ScratchDir dir;
    GetParam().make(dir);
    FileSet files;
    const auto & content = files.read(dir.file("f"), 4);
    ASSERT_FALSE(content.has_value());
    EXPECT_EQ(content.error().file, dir.file("f"));
    EXPECT_THAT(content.error().reason, HasSubstr(GetParam().reason));
    EXPECT_NE(content.error().remedy, "");
    EXPECT_FALSE(files.read_secret(dir.file("f"), 4).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    All, FileSetErrors,
    testing::Values(
        ErrorCase{"Missing", [](const test::ScratchDir &) {}, "No such file"},
        ErrorCase{
            "DanglingLink", [](const test::ScratchDir & dir) { fs::create_symlink("gone", dir.file("f")); }, "No such file"},
        ErrorCase{"LinkToItself", [](const test::ScratchDir & dir) { fs::create_symlink("f", dir.file("f")); }, "symbolic links"},
        ErrorCase{"Directory", [](const test::ScratchDir & dir) { fs::create_directory(dir.file("f")); }, "directory"},
        ErrorCase{"Fifo", [](const test::ScratchDir & dir) { ASSERT_EQ(::mkfifo(dir.file("f").c_str(), 0600), 0); }, "FIFO"},
        ErrorCase{"TooLarge", [](const test::ScratchDir & dir) { dir.write("f", "12345"); }, "5 bytes"}),
    [](const auto & one) { return one.param.name; });

struct ChangeCase
{
    std::string name;
    std::function<void(const test::ScratchDir &)> apply;
    bool content = true; ///< and the digest of a new reading differs
};

void PrintTo(const ChangeCase & one, std::ostream * out)
{
    *out << one.name;
}

class FileSetChanges : public testing::TestWithParam<ChangeCase>
{
public:
    static FileSet read(const test::ScratchDir & dir)
    {
        FileSet files;
        (void)files.read(dir.file("d/f"));
        (void)files.read_secret(dir.file("link/k"));
        (void)files.read(dir.file("missing"));
        (void)files.list(dir.file("ca"));
        return files;
    }
};

/// Most file systems take the time of a change from a clock that goes on every few milliseconds: what is written in place before
/// it has gone on looks as it did.
void wait_for_the_next_tick(const test::ScratchDir & dir)
{
    const std::string path = dir.write("clock", "");
    const auto now = [&]
    {
        dir.write("clock", "");
        return fs::last_write_time(path);
    };
    const auto before = now();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (now() == before)
        ASSERT_LT(std::chrono::steady_clock::now(), end) << "the clock of the file system stands still";
}

TEST_P(FileSetChanges, AreSeen)
{
    const test::ScratchDir dir;
    for (const char * name : {"d", "t1", "t2", "ca"})
        fs::create_directory(dir.file(name));
    dir.write("d/f", "one");
    dir.write("t1/k", "key");
    dir.write("t2/k", "other");
    dir.write("ca/00000000.0", "x");
    fs::create_directory_symlink("t1", dir.file("link"));

    const FileSet before = read(dir);
    EXPECT_FALSE(before.changed());
    EXPECT_EQ(before.digest(), read(dir).digest());
    ASSERT_NO_FATAL_FAILURE(wait_for_the_next_tick(dir));
    GetParam().apply(dir);
    EXPECT_TRUE(before.changed());
    EXPECT_EQ(before.digest() != read(dir).digest(), GetParam().content);
}

void retarget(const test::ScratchDir & dir)
{
    fs::create_directory_symlink("t2", dir.file("link_tmp"));
    fs::rename(dir.file("link_tmp"), dir.file("link"));
}

void keep_modification_time(const test::ScratchDir & dir)
{
    const auto time = fs::last_write_time(dir.file("d/f"));
    dir.write("d/f", "two"); // the same size
    fs::last_write_time(dir.file("d/f"), time);
}

INSTANTIATE_TEST_SUITE_P(
    All, FileSetChanges,
    testing::Values(
        ChangeCase{
            "InPlace",
            [](const test::ScratchDir & dir)
            {
                dir.write("d/f", "two");
            }},
        ChangeCase{"InPlaceWithTheSameTimeAndSize", keep_modification_time},
        ChangeCase{
            "Renamed",
            [](const test::ScratchDir & dir)
            {
                fs::rename(dir.write("n", "two"), dir.file("d/f"));
            }},
        ChangeCase{
            "Removed",
            [](const test::ScratchDir & dir)
            {
                fs::remove(dir.file("d/f"));
            }},
        ChangeCase{
            "SecretInPlace",
            [](const test::ScratchDir & dir)
            {
                dir.write("t1/k", "yek");
            }},
        ChangeCase{"LinkLeadsElsewhere", retarget},
        ChangeCase{
            "DirectoryReplaced",
            [](const test::ScratchDir & dir)
            {
                fs::rename(dir.file("d"), dir.file("old"));
                fs::create_directory(dir.file("d"));
                dir.write("d/f", "two");
            }},
        ChangeCase{
            "EntryAdded",
            [](const test::ScratchDir & dir)
            {
                dir.write("ca/00000000.1", "x");
            }},
        ChangeCase{
            "EntryRemoved",
            [](const test::ScratchDir & dir)
            {
                fs::remove(dir.file("ca/00000000.0"));
            }},
        ChangeCase{
            "TheSameContentAgain", [](const test::ScratchDir & dir) { fs::rename(dir.write("n", "one"), dir.file("d/f")); },
            false}),
    [](const auto & one) { return one.param.name; });

TEST(FileSet, AppearanceOfAMissingFileChangesTheDigest)
{
    const test::ScratchDir dir;
    FileSet before;
    (void)before.read(dir.file("f"));
    dir.write("f", "");
    FileSet after;
    (void)after.read(dir.file("f"));
    EXPECT_NE(before.digest(), after.digest());
}

}
}
