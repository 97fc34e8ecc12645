// Letters of ASCII, and nothing else.

#include <gtest/gtest.h>

#include "base/ascii.h"

namespace chmtls
{
namespace
{

TEST(Ascii, OnlyLettersAreLowered)
{
    EXPECT_EQ(ascii_lower("AZaz09-._@[`{"), "azaz09-._@[`{");
    EXPECT_EQ(ascii_lower("\xc3\x84Ä"), "\xc3\x84Ä") << "bytes beyond ASCII stay";
    EXPECT_EQ(ascii_lower(""), "");
}

TEST(Ascii, EqualButForCase)
{
    EXPECT_TRUE(equal_ignoring_case("Spiffe:", "sPIFFE:"));
    EXPECT_FALSE(equal_ignoring_case("spiffe:", "spiffe"));
    EXPECT_FALSE(equal_ignoring_case("a[", "a{")) << "32 apart, and no letters";
    EXPECT_TRUE(equal_ignoring_case("", ""));
}

}
}
