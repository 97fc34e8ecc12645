// A no of OpenSSL's that may only be want of memory.

#include <new>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "openssl/error_queue.h"

namespace chmtls::openssl
{
namespace
{

class Verified : public testing::Test
{
protected:
    /// What a check answers by turns, and the error that it leaves behind with each no.
    [[nodiscard]] bool ask(const std::vector<bool> & answers, int error)
    {
        return verified(
            [&]
            {
                const bool answer = answers.at(asked_++);
                if (!answer)
                    ERR_raise(ERR_LIB_X509, error);
                return answer;
            });
    }

    size_t asked_ = 0;
};

TEST_F(Verified, AYesIsAYes)
{
    EXPECT_TRUE(ask({true}, ERR_R_INTERNAL_ERROR));
    EXPECT_EQ(asked_, 1u);
}

TEST_F(Verified, ANoIsSaidTwice)
{
    EXPECT_FALSE(ask({false, false}, ERR_R_INTERNAL_ERROR));
    EXPECT_EQ(asked_, 2u);
    EXPECT_EQ(ERR_peek_error(), 0u) << "and leaves nothing behind";
}

TEST_F(Verified, ANoThatWasNoneIsAYes)
{
    EXPECT_TRUE(ask({false, true}, ERR_R_INTERNAL_ERROR));
}

TEST_F(Verified, WantOfMemoryIsNoAnswer)
{
    EXPECT_THROW((void)ask({false}, ERR_R_MALLOC_FAILURE), std::bad_alloc);
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(Verified, WhatFailedBeforeDoesNotCount)
{
    ERR_raise(ERR_LIB_X509, ERR_R_MALLOC_FAILURE);
    EXPECT_FALSE(ask({false, false}, ERR_R_INTERNAL_ERROR));
}

}
}
