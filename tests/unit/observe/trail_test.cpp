// The audit trail: the chain goes on over restarts, rotations and full disks, and whatever is taken out of it shows.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "observe/trail_check.h"
#include "support/scratch_dir.h"

namespace chmtls::observe
{
namespace
{

namespace fs = std::filesystem;
using test::ScratchDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::chrono::system_clock::time_point noon{std::chrono::seconds(1'700'000'000) + std::chrono::microseconds(42)};

std::unique_ptr<Trail> opened(const std::string & path)
{
    auto trail = Trail::open(path);
    if (!trail)
        throw std::runtime_error(trail.error().describe());
    return std::move(*trail);
}

void append(Trail & trail, int count)
{
    for (int i = 0; i < count; ++i)
        ASSERT_TRUE(trail.append("\"event\": \"login\"", noon).has_value());
}

TrailSummary checked(const std::vector<std::string> & files, const std::optional<TrailHead> & head = std::nullopt)
{
    auto summary = check_trail(files, head);
    if (!summary)
        throw std::runtime_error(summary.error().describe());
    return *summary;
}

std::vector<std::string> reasons(const std::vector<TrailFinding> & findings)
{
    std::vector<std::string> result;
    for (const auto & each : findings)
        result.push_back(std::to_string(each.line) + ": " + each.reason);
    return result;
}

std::vector<std::string> lines_of(const std::string & path)
{
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

void write_lines(const std::string & path, const std::vector<std::string> & lines)
{
    std::ofstream out(path, std::ios::trunc);
    for (const auto & line : lines)
        out << line << '\n';
}

class Trails : public testing::Test
{
protected:
    ScratchDir dir_;
    const std::string path_ = dir_.file("audit.jsonl");
};

TEST_F(Trails, ARecordIsOneLineThatNamesTheOneBefore)
{
    const auto trail = opened(path_);
    append(*trail, 2);
    const auto lines = lines_of(path_);
    ASSERT_THAT(lines, SizeIs(2));
    EXPECT_EQ(
        lines[0], "{\"v\": 1, \"n\": 1, \"prev\": \"" + std::string(64, '0')
                      + "\", \"time\": \"2023-11-14T22:13:20.000042Z\", \"event\": \"login\"}");
    TrailLink link;
    ASSERT_TRUE(read_link(lines[1], link));
    EXPECT_EQ(link.number, 2u);
    EXPECT_EQ(trail->head().number, 2u);
    EXPECT_EQ(checked({path_}, trail->head()).head, trail->head());

    struct stat facts = {};
    ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0007u, 0u) << "not for everybody";
}

TEST_F(Trails, TheChainGoesOnOverARestart)
{
    append(*opened(path_), 3);
    append(*opened(path_), 2);
    const auto summary = checked({path_});
    EXPECT_EQ(summary.records, 5u);
    EXPECT_THAT(summary.faults, IsEmpty());
    EXPECT_THAT(summary.notes, IsEmpty());
}

TEST_F(Trails, TheChainGoesOnOverARotation)
{
    const auto trail = opened(path_);
    append(*trail, 3);
    fs::rename(path_, path_ + ".1");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!fs::exists(path_) && std::chrono::steady_clock::now() < deadline)
        append(*trail, 1);
    ASSERT_TRUE(fs::exists(path_));
    const auto summary = checked({path_ + ".1", path_}, trail->head());
    EXPECT_THAT(reasons(summary.faults), IsEmpty());
    EXPECT_EQ(summary.records, trail->head().number);

    EXPECT_THAT(reasons(checked({path_}).notes), ElementsAre(HasSubstr("not in these files")));
    EXPECT_THAT(reasons(checked({path_, path_ + ".1"}).faults), ElementsAre(HasSubstr("begins anew")));
}

TEST_F(Trails, TheChainGoesOnOverARotationWhileNobodyRuns)
{
    append(*opened(path_), 3);
    fs::rename(path_, path_ + ".1");
    append(*opened(path_), 1);
    EXPECT_THAT(reasons(checked({path_ + ".1", path_}).faults), IsEmpty());
}

TEST_F(Trails, HalfARecordHidesNothing)
{
    append(*opened(path_), 2);
    fs::resize_file(path_, fs::file_size(path_) - 10); // a crash, or a full disk
    const auto trail = opened(path_);
    EXPECT_EQ(trail->head().number, 1u);
    append(*trail, 2);
    const auto summary = checked({path_}, trail->head());
    EXPECT_THAT(reasons(summary.faults), IsEmpty());
    EXPECT_THAT(reasons(summary.notes), ElementsAre(HasSubstr("2: this line is no record")));
}

TEST_F(Trails, WhateverIsTakenOutOrChangedShows)
{
    const auto trail = opened(path_);
    append(*trail, 6);
    const auto whole = lines_of(path_);
    const struct
    {
        const char * name;
        std::function<void(std::vector<std::string> &)> damage;
        const char * reason;
    } cases[]{
        {"the twin", [](auto &) {}, nullptr},
        {"one is missing", [](auto & lines) { lines.erase(lines.begin() + 2); }, "3: record 3 is missing"},
        {"two are missing", [](auto & lines) { lines.erase(lines.begin() + 2, lines.begin() + 4); },
         "records 3 to 4 are missing"},
        {"one was changed", [](auto & lines) { lines[2].replace(lines[2].find("login"), 5, "logon"); }, "record 3 was changed"},
        {"one became none", [](auto & lines) { lines[2] = "?"; }, "record 3 is missing"},
        {"two change places", [](auto & lines) { std::swap(lines[2], lines[3]); }, "record 3 is missing"},
        {"one came twice", [](auto & lines) { lines.insert(lines.begin() + 2, lines[2]); }, "stands behind record 3"},
        {"the first is gone, the second is the first",
         [](auto & lines)
         {
             lines.erase(lines.begin());
             lines[0].replace(lines[0].find("\"n\": 2"), 6, "\"n\": 1");
         },
         "follows one that is not here"},
        {"the end is gone", [](auto & lines) { lines.pop_back(); }, "its end is missing"},
    };
    for (const auto & each : cases)
    {
        auto lines = whole;
        each.damage(lines);
        write_lines(path_, lines);
        const auto faults = reasons(checked({path_}, trail->head()).faults);
        if (each.reason == nullptr)
        {
            EXPECT_THAT(faults, IsEmpty()) << each.name;
            continue;
        }
        EXPECT_THAT(faults, testing::Contains(HasSubstr(each.reason))) << each.name;
    }
}

TEST_F(Trails, WhatCannotBeWrittenIsInNoChain)
{
    const auto refused = Trail::open(dir_.file("none/audit.jsonl"));
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().describe(), HasSubstr("none/audit.jsonl"));

    fs::create_symlink(dir_.file("elsewhere"), dir_.file("link"));
    EXPECT_FALSE(Trail::open(dir_.file("link")).has_value());
    ASSERT_EQ(::mkfifo(dir_.file("fifo").c_str(), 0600), 0);
    EXPECT_FALSE(Trail::open(dir_.file("fifo")).has_value());

    const auto full = Trail::open("/dev/full");
    EXPECT_FALSE(full.has_value()) << "a device keeps no records";
}

TEST(TrailHeads, AsText)
{
    TrailHead head{7, {}};
    head.hash[0] = 0xab;
    EXPECT_EQ(parse_head(head.str()), head);
    for (const char * const text : {"", "7", "7:", "x:ab", "7:abcd"})
        EXPECT_FALSE(parse_head(text).has_value()) << text;
}

}
}
