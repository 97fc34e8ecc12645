// What is remembered of signed files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signature/sequences.h"

namespace chmtls::signature
{
namespace
{

using testing::HasSubstr;

Accepted accepted(uint64_t sequence, uint8_t content)
{
    Accepted result{sequence, {}};
    result.content.fill(content);
    return result;
}

TEST(Sequences, MayOnlyGrow)
{
    const Sequences known{{"/rules", accepted(5, 1)}};
    EXPECT_TRUE(check_sequence(known, "/rules", accepted(6, 2), "s").has_value());
    EXPECT_TRUE(check_sequence(known, "/rules", accepted(5, 1), "s").has_value());
    EXPECT_TRUE(check_sequence(known, "/other", accepted(1, 2), "s").has_value());
    EXPECT_THAT(check_sequence(known, "/rules", accepted(4, 1), "s").error().reason, HasSubstr("older than 5"));
    EXPECT_THAT(check_sequence(known, "/rules", accepted(5, 2), "s").error().reason, HasSubstr("other content"));
}

TEST(Sequences, MergeKeepsTheNewer)
{
    Sequences all{{"/a", accepted(2, 1)}, {"/b", accepted(2, 1)}};
    merge(all, {{"/a", accepted(1, 9)}, {"/b", accepted(3, 9)}, {"/c", accepted(1, 9)}});
    EXPECT_EQ(all, (Sequences{{"/a", accepted(2, 1)}, {"/b", accepted(3, 9)}, {"/c", accepted(1, 9)}}));
}

TEST(Sequences, PrintedAndReadAgain)
{
    for (const Sequences & all : {Sequences{}, Sequences{{"/a b", accepted(1, 0xff)}, {"end 1", accepted(UINT64_MAX, 0)}}})
        EXPECT_EQ(parse_sequences(print(all), "state").value(), all);
}

TEST(Sequences, ADamagedFileIsNoFile)
{
    const std::string good = print({{"/a", accepted(1, 1)}, {"/b", accepted(2, 2)}});
    for (size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(parse_sequences(good.substr(0, length), "state").has_value()) << length;
    for (const std::string & bad :
         {good + "x", good + "\n", "x" + good, std::string("clickhouse-mtls sequences 1\n0 aa /a\nend 1\n"),
          std::string("clickhouse-mtls sequences 1\nend 1\n"), std::string("clickhouse-mtls sequences 2\nend 0\n")})
        EXPECT_FALSE(parse_sequences(bad, "state").has_value()) << bad;
    const std::string digest(64, 'a');
    for (const std::string & entry :
         {"0 " + digest + " /a", "-1 " + digest + " /a", "1x " + digest + " /a", " " + digest + " /a",
          "18446744073709551616 " + digest + " /a", "1 " + digest.substr(2) + " /a", "1 " + digest + "aa /a",
          "1 " + std::string(64, 'g') + " /a", std::string("1  /a"), "1 " + digest + " ", "1 " + digest, std::string("1"),
          std::string()})
        EXPECT_FALSE(parse_sequences("clickhouse-mtls sequences 1\n" + entry + "\nend 1\n", "state").has_value()) << entry;
    EXPECT_TRUE(parse_sequences("clickhouse-mtls sequences 1\n1 " + digest + " /a\nend 1\n", "state").has_value());
    for (const std::string end : {"end 0", "end 2", "end", "end ", "end x", "end 1 ", "END 1"})
        EXPECT_FALSE(parse_sequences("clickhouse-mtls sequences 1\n1 " + digest + " /a\n" + end + "\n", "state").has_value())
            << end;
    const auto twice = parse_sequences(
        "clickhouse-mtls sequences 1\n1 " + std::string(64, 'a') + " /a\n1 " + std::string(64, 'a') + " /a\nend 2\n", "state");
    ASSERT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().file, "state:3");
    EXPECT_THAT(twice.error().reason, HasSubstr("damaged"));
}

}
}
