// Who owns a descriptor closes it, once.

#include <fcntl.h>

#include <gtest/gtest.h>

#include "base/descriptor.h"

namespace chmtls
{
namespace
{

bool is_open(int number)
{
    return ::fcntl(number, F_GETFD) >= 0;
}

Descriptor opened()
{
    return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Descriptor, IsClosedWithItsOwner)
{
    int number = -1;
    {
        const Descriptor one = opened();
        number = one.get();
        EXPECT_TRUE(one.is_open());
        EXPECT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, HasOneOwner)
{
    Descriptor one = opened();
    const int number = one.get();
    Descriptor other = opened();
    const int replaced = other.get();
    other = std::move(one);
    EXPECT_FALSE(is_open(replaced)) << "nobody owns it any more";
    EXPECT_EQ(other.get(), number);
    EXPECT_TRUE(is_open(number));
    const int released = other.release();
    EXPECT_FALSE(other.is_open());
    EXPECT_TRUE(is_open(released));
    EXPECT_EQ(::close(released), 0);
}

TEST(Descriptor, SaysWhetherItWasClosedWell)
{
    Descriptor one = opened();
    EXPECT_TRUE(one.reset());
    EXPECT_TRUE(one.reset()) << "there is nothing to lose";
    Descriptor stale = opened();
    ASSERT_EQ(::close(stale.get()), 0);
    EXPECT_FALSE(stale.reset());
}

}
}
