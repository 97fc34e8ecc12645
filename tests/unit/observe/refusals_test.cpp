// Refusals in the log: what is told at once, what is counted, and that every one is in a line or in a count.

#include "observe/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chmtls::observe
{
namespace
{

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const RefusalKey alice{"peer", "192.0.2.1", "fingerprint", "TIME", "tcp_port_secure"};

AuditLine line(std::string_view event)
{
    return AuditLine(event);
}

std::vector<std::string> texts(const std::vector<AuditLine> & lines)
{
    std::vector<std::string> result;
    for (const AuditLine & each : lines)
        result.push_back(each.str().substr(std::string_view("audit event=").size()));
    return result;
}

/// How many refusals these lines stand for.
uint64_t told(const std::vector<std::string> & lines)
{
    uint64_t sum = 0;
    for (const auto & line : lines)
    {
        uint64_t in_line = 1;
        for (const std::string key : {" repeated=", " count="})
            if (const auto at = line.find(key); at != std::string::npos)
                in_line = std::stoull(line.substr(at + key.size()));
        sum += in_line;
    }
    return sum;
}

void append(std::vector<std::string> & all, const std::vector<std::string> & more)
{
    all.insert(all.end(), more.begin(), more.end());
}

TEST(RefusalLines, TheFirstAtOnceThenOneForEachInterval)
{
    RefusalLines lines;
    const SteadyTime start{};
    EXPECT_EQ(lines.next(), SteadyTime::max());
    EXPECT_THAT(texts(lines.note(alice, line("first"), start)), ElementsAre("first"));
    EXPECT_THAT(texts(lines.note(alice, line("second"), start + seconds(1))), IsEmpty());
    EXPECT_THAT(texts(lines.note(alice, line("third"), start + seconds(9))), IsEmpty());
    EXPECT_EQ(lines.next(), start + RefusalLines::interval);
    EXPECT_THAT(texts(lines.due(start + seconds(9))), IsEmpty());
    EXPECT_THAT(texts(lines.due(start + seconds(10))), ElementsAre("third repeated=2"));
    EXPECT_THAT(texts(lines.note(alice, line("fourth"), start + seconds(11))), IsEmpty()) << "still in a row";
    EXPECT_THAT(texts(lines.due(start + seconds(20))), ElementsAre("fourth repeated=1"));
    EXPECT_THAT(texts(lines.due(start + seconds(30))), IsEmpty());
    EXPECT_EQ(lines.next(), SteadyTime::max()) << "forgotten";
    EXPECT_THAT(texts(lines.note(alice, line("fifth"), start + seconds(31))), ElementsAre("fifth"));
}

TEST(RefusalLines, WhatDiffersInAnythingIsALineOfItsOwn)
{
    RefusalLines lines;
    const SteadyTime start{};
    EXPECT_THAT(texts(lines.note(alice, line("alice"), start)), SizeIs(1));
    for (auto member :
         {&RefusalKey::event, &RefusalKey::address, &RefusalKey::certificate, &RefusalKey::reason, &RefusalKey::where})
    {
        auto other = alice;
        other.*member += "2";
        EXPECT_THAT(texts(lines.note(other, line("other"), start)), ElementsAre("other"));
        EXPECT_THAT(texts(lines.note(other, line("other"), start)), IsEmpty());
    }
}

TEST(RefusalLines, AFloodOfDifferentOnesIsBoundedAndNothingIsLost)
{
    RefusalLines lines;
    std::vector<std::string> written;
    SteadyTime now{};
    uint64_t refused = 0;
    constexpr int minutes = 5;
    for (int tick = 0; tick < minutes * 600; ++tick, now += std::chrono::milliseconds(100))
        for (int i = 0; i < 20; ++i)
        {
            auto key = alice;
            key.address = std::to_string(refused % 100'000);
            append(written, texts(lines.note(key, line("line"), now)));
            ++refused;
        }
    append(written, texts(lines.rest()));
    EXPECT_EQ(told(written), refused);
    EXPECT_LE(written.size(), RefusalLines::burst + minutes * 60 * 2);
    EXPECT_THAT(written.back(), HasSubstr("suppressed decision=refused count="));
}

TEST(RefusalLines, ASummaryThatHasNoRoomIsCounted)
{
    RefusalLines lines;
    std::vector<std::string> written;
    const SteadyTime start{};
    append(written, texts(lines.note(alice, line("alice"), start)));
    append(written, texts(lines.note(alice, line("alice"), start)));
    for (uint32_t i = 0; i < 2 * RefusalLines::burst; ++i)
    {
        auto key = alice;
        key.address = std::to_string(i);
        append(written, texts(lines.note(key, line("line"), start)));
    }
    append(written, texts(lines.due(start + RefusalLines::interval)));
    append(written, texts(lines.rest()));
    EXPECT_EQ(told(written), 2 + 2 * RefusalLines::burst);
}

TEST(RefusalLog, WritesWhatIsPendingBeforeItEnds)
{
    std::vector<std::string> written;
    {
        RefusalLog log([&](const AuditLine & each) { written.push_back(texts({each}).front()); });
        for (int i = 0; i < 3; ++i)
            log.note(alice, line("line"));
    }
    EXPECT_THAT(written, ElementsAre("line", "line repeated=2"));
}

TEST(AddressWithoutPort, ByForm)
{
    EXPECT_EQ(address_without_port("192.0.2.1:9440"), "192.0.2.1");
    EXPECT_EQ(address_without_port("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(address_without_port("[2001:db8::1]:9440"), "2001:db8::1");
    EXPECT_EQ(address_without_port("2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(address_without_port(""), "");
}

}
}
