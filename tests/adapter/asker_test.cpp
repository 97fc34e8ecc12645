// Who asked, in front of a statement.

#include <gtest/gtest.h>

#include <Poco/Exception.h>

#include "behalf/asker.h"

namespace chmtls::debian
{

namespace
{

const Asker eve{"eve", "192.0.2.7:5000", {}};
const std::string insert = "INSERT INTO eve.t (x) VALUES";

TEST(AskerOfAStatement, ComesBackAsItWentIn)
{
    for (const auto & asker :
         {eve, Asker{"eve", "[2001:db8::1]:5000", "key"}, Asker{"*/ DROP TABLE t /*", "a.b", "."}, Asker{"e\nv'e\\", "x", "\0y"}})
    {
        const auto text = with_asker(asker, insert);
        const auto taken = take_asker(text);
        ASSERT_TRUE(taken) << text;
        EXPECT_EQ(taken->asker, asker);
        EXPECT_EQ(taken->query, insert);
        EXPECT_EQ(text.find("*/"), text.rfind("*/")) << "nothing in a name ends the comment";
    }
}

TEST(AskerOfAStatement, IsInFrontOnly)
{
    EXPECT_FALSE(claims_asker(insert));
    EXPECT_FALSE(take_asker(insert));
    EXPECT_FALSE(claims_asker(" " + with_asker(eve, insert)));
    EXPECT_FALSE(take_asker(insert + with_asker(eve, insert)));
    const auto twice = take_asker(with_asker({"admin", "x", {}}, with_asker(eve, insert)));
    ASSERT_TRUE(twice);
    EXPECT_EQ(twice->asker.user, "admin") << "the one in front";
}

TEST(AskerOfAStatement, IsReadWholeOrNotAtAll)
{
    const auto text = with_asker(eve, insert);
    const auto head = text.substr(0, text.find("657665"));
    for (const auto & damaged :
         {head, head + "657665 */ " + insert, head + "657665.31. */ " + insert + "*", head + "65766.31. */ x", head + ".31. */ x",
          head + "657665.. */ x", head + "657665.31.31.31 */ x", head + "65766g.31. */ x", head + "657665.31.*/ x",
          head + "657665 .31. */ x"})
    {
        EXPECT_TRUE(claims_asker(damaged));
        const auto taken = take_asker(damaged);
        EXPECT_EQ(taken.has_value(), damaged == head + "657665.31. */ " + insert + "*") << damaged;
    }
}

TEST(AskerOfAStatement, CameFromAnAddressAndNoName)
{
    EXPECT_EQ(address_of(eve).toString(), "192.0.2.7:5000");
    EXPECT_EQ(address_of({"eve", "[2001:db8::1]:5000", {}}).toString(), "[2001:db8::1]:5000");
    for (const auto * text :
         {"localhost:5000", "192.0.2.7", "192.0.2.7:", "192.0.2.7:65536", ":5000", "", "secure://192.0.2.7:1"})
        EXPECT_THROW((void)address_of({"eve", text, {}}), Poco::Exception) << text;
}

}

}
