#include <fstream>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include <gateway/passwords.h>
#include <support/temp_dir.h>

namespace
{

using chmtls::gateway::Passwords;

TEST(GatewayPasswords, AreLinesOfUserAndPassword)
{
    const auto read = Passwords::parse("# users of the gateway\n\nalice  with blanks \r\nbob\tx#y", "f");
    ASSERT_EQ(read.fault, "");
    EXPECT_EQ(*read.passwords.of("alice"), "with blanks ");
    EXPECT_EQ(*read.passwords.of("bob"), "x#y");
    EXPECT_EQ(read.passwords.of("carol"), nullptr);
    EXPECT_EQ(read.passwords.of(""), nullptr);
}

TEST(GatewayPasswords, NameTheLineThatCannotBeRead)
{
    EXPECT_EQ(Passwords::parse("alice\n", "f").fault, "f:1: is not a user, a blank, and a password");
    EXPECT_EQ(Passwords::parse("a b\n c\n", "f").fault, "f:2: is not a user, a blank, and a password");
    EXPECT_EQ(Passwords::parse("alice \n", "f").fault, "f:1: is not a user, a blank, and a password");
    EXPECT_EQ(Passwords::parse("a b\na c\n", "f").fault, "f:2: names a user again");
}

TEST(GatewayPasswords, LieInAFileOfTheirOwnerAlone)
{
    const chmtls::test::TempDir directory;
    const auto file = directory.file("passwords");
    std::ofstream(file) << "alice secret\n";
    for (const mode_t mode : {0600U, 0400U})
    {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        const auto read = Passwords::read(file);
        EXPECT_EQ(read.fault, "");
        EXPECT_NE(read.passwords.of("alice"), nullptr);
    }
    for (const mode_t mode : {0640U, 0604U, 0610U, 0602U})
    {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        EXPECT_NE(Passwords::read(file).fault.find("chmod 600"), std::string::npos) << mode;
    }
    EXPECT_NE(Passwords::read(directory.path().string()).fault.find("not a regular file"), std::string::npos);
    EXPECT_NE(Passwords::read(file + ".missing").fault, "");
    EXPECT_EQ(Passwords::read("").fault, "");
}

}
