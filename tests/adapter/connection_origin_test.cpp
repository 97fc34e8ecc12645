// Who named the server of a connection.

#include <thread>

#include <gtest/gtest.h>

#include "connection_origin.h"

namespace chmtls::debian
{
namespace
{

std::string shown(const NamedBy & origin)
{
    return origin.asker() ? "statement of '" + *origin.asker() + "'" : "configuration";
}

TEST(Origin, WithoutAScopeIsAStatementOfNobody)
{
    EXPECT_EQ(shown(OriginScope::current()), "statement of ''");
    const OriginScope scope(NamedBy::configuration());
    std::string elsewhere;
    std::thread([&] { elsewhere = shown(OriginScope::current()); }).join();
    EXPECT_EQ(elsewhere, "statement of ''") << "a scope is its thread's alone";
}

TEST(Origin, TheInnermostScopeCounts)
{
    const OriginScope outer(NamedBy::configuration());
    {
        const OriginScope inner(NamedBy::statement("eve"));
        EXPECT_EQ(shown(OriginScope::current()), "statement of 'eve'");
        const OriginScope unknown(NamedBy::statement({}));
        EXPECT_EQ(shown(OriginScope::current()), "statement of ''");
    }
    EXPECT_EQ(shown(OriginScope::current()), "configuration");
}

TEST(Origins, WhatWasNotNotedIsOfNobody)
{
    const int object = 0;
    const Origins origins;
    EXPECT_EQ(shown(origins.of(&object)), "statement of ''");
}

TEST(Origins, AnAddressThatIsUsedAgainForgetsItsFormerObject)
{
    const int object = 0;
    const int other = 0;
    Origins origins;
    origins.note(&object, NamedBy::configuration());
    origins.note(&other, NamedBy::statement("etl"));
    EXPECT_EQ(shown(origins.of(&object)), "configuration");
    EXPECT_EQ(shown(origins.of(&other)), "statement of 'etl'");
    origins.note(&object, NamedBy::statement({}));
    origins.note(&other, NamedBy::configuration());
    EXPECT_EQ(shown(origins.of(&object)), "statement of ''");
    EXPECT_EQ(shown(origins.of(&other)), "configuration");
}

}
}
