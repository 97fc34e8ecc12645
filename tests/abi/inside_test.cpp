// The parts of the C edge that a host cannot bring about: slots that run out, texts without room.

#include <set>

#include <gtest/gtest.h>

#include "abi/handles.h"
#include "abi/text.h"

namespace chmtls::abi
{

namespace
{

TEST(HandleTable, EndedHandlesNeverComeBack)
{
    HandleTable<int, 0x1234, 3> table; // seven uses of a slot
    std::set<uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
    {
        const auto handle = table.add(std::make_shared<int>(i));
        ASSERT_TRUE(seen.insert(handle).second) << i;
        ASSERT_EQ(*table.find(handle), i);
        ASSERT_EQ(*table.peek(handle), i);
        ASSERT_EQ(*table.remove(handle), i);
        ASSERT_EQ(table.remove(handle), nullptr);
        ASSERT_EQ(table.find(handle), nullptr);
        ASSERT_EQ(table.peek(handle), nullptr);
    }
}

TEST(HandleTable, ManyAtOnce)
{
    HandleTable<int, 0x1234> table;
    std::vector<uint64_t> handles;
    for (int i = 0; i < 10000; ++i)
        handles.push_back(table.add(std::make_shared<int>(i)));
    for (int i = 0; i < 10000; ++i)
        ASSERT_EQ(*table.find(handles[static_cast<size_t>(i)]), i);
}

TEST(HandleTable, HandlesOfAnotherKindAreNone)
{
    HandleTable<int, 0x1234> ours;
    HandleTable<int, 0x4321> theirs;
    const auto handle = ours.add(std::make_shared<int>(1));
    static_cast<void>(theirs.add(std::make_shared<int>(2)));
    EXPECT_NE(ours.find(handle), nullptr);
    EXPECT_EQ(theirs.find(handle), nullptr);
}

TEST(WriteText, CutsBetweenCharacters)
{
    const struct
    {
        const char * name;
        std::string text;
        size_t capacity;
        const char * written;
    } cases[]{
        {"fits", "abc", 4, "abc"},
        {"one byte short", "abc", 3, "ab"},
        {"only the end mark", "abc", 1, ""},
        {"two-byte character fits", "aä", 4, "aä"},
        {"two-byte character cut", "aä", 3, "a"},
        {"four-byte character cut", "\U0001F512", 4, ""},
        {"nothing but continuations", "\x80\x80\x80", 3, ""},
    };
    for (const auto & each : cases)
    {
        char data[16] = "zzzzzzzzzzzzzzz";
        chmtls_buffer buffer{data, each.capacity, 0};
        write_text(&buffer, each.text);
        EXPECT_STREQ(data, each.written) << each.name;
        EXPECT_EQ(buffer.needed, each.text.size() + 1) << each.name;
    }
}

}

}
