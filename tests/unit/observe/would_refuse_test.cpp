// The table of what enforcement would refuse.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "observe/would_refuse.h"

namespace chmtls::observe
{
namespace
{

const UnixTime now = UnixTime(std::chrono::seconds(1'700'000'000));

Refusal refusal(const std::string & identity, Reason reason = Reason::revoked)
{
    return {Stage::peer, "https_port", identity, "", reason};
}

TEST(WouldRefuse, CountsByIdentityAndReason)
{
    WouldRefuse table;
    table.count(refusal("CN=alice"), now, 1, "first");
    table.count(refusal("CN=alice"), now + std::chrono::seconds(1), 2, "second");
    table.count(refusal("CN=alice", Reason::no_rule), now, 2, "");
    table.count(refusal("CN=bob"), now, 2, "");
    const auto rows = table.rows();
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].second.count, 2u);
    EXPECT_EQ(rows[0].second.generation, 2u);
    EXPECT_EQ(rows[0].second.message, "second");
    EXPECT_EQ(table.not_listed(), 0u);
}

TEST(WouldRefuse, IsBoundedAndSaysSo)
{
    WouldRefuse table;
    for (size_t i = 0; i < WouldRefuse::max_rows + 7; ++i)
        table.count(refusal(fmt::format("CN={}", i)), now, 1, "");
    table.count(refusal("CN=0"), now, 1, "");
    EXPECT_EQ(table.rows().size(), WouldRefuse::max_rows);
    EXPECT_EQ(table.not_listed(), 7u);
    WouldRefuse long_names;
    long_names.count(refusal(std::string(100000, 'x') + "\n"), now, 1, std::string(100000, 'y'));
    EXPECT_LT(long_names.rows()[0].first.identity.size(), 400u);
    EXPECT_LT(long_names.rows()[0].second.message.size(), 600u);
}

}
}
