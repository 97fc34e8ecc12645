// One line in, one line out, whatever the line is.

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/requests.h"

namespace chmtls::admin
{
namespace
{

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Requests echo()
{
    Requests requests;
    requests.add(
        "echo",
        [](const Arguments & arguments) -> Result<std::string>
        { return "\"" + (arguments.contains("text") ? arguments.at("text") : "nothing") + "\""; });
    requests.add("throw", [](const Arguments &) -> Result<std::string> { throw std::runtime_error("out of\nluck"); });
    requests.add(
        "refuse",
        [](const Arguments &) -> Result<std::string> {
            return fail({"", "host", "is \"unknown\"\n", "", ""});
        });
    return requests;
}

TEST(AdminRequests, AnswersWithTheResult)
{
    EXPECT_EQ(echo().answer(R"({"request":"echo","text":"hello"})"), R"({"ok":true,"result":"hello"})");
    EXPECT_EQ(echo().answer(R"( {"request" : "echo"} )"), R"({"ok":true,"result":"nothing"})");
}

TEST(AdminRequests, MakesTheLineThatItReads)
{
    EXPECT_EQ(echo().answer(request_line("echo", {{"text", "a b"}})), R"({"ok":true,"result":"a b"})");
    EXPECT_THAT(request_line("echo", {{"text", "two\nlines"}}), Not(HasSubstr("\n")));
}

TEST(AdminRequests, RefusalsAreOneLine)
{
    EXPECT_THAT(
        echo().answer(R"({"request":"refuse"})"),
        AllOf(StartsWith(R"({"ok":false,"error":)"), HasSubstr("unknown"), Not(HasSubstr("\n"))));
}

TEST(AdminRequests, AHandlerThatThrowsRefuses)
{
    EXPECT_THAT(
        echo().answer(R"({"request":"throw"})"),
        AllOf(StartsWith(R"({"ok":false,"error":)"), HasSubstr("luck"), Not(HasSubstr("\n"))));
}

class NoRequest : public testing::TestWithParam<const char *>
{
};

TEST_P(NoRequest, IsRefused)
{
    EXPECT_THAT(echo().answer(GetParam()), AllOf(StartsWith(R"({"ok":false,"error":)"), Not(HasSubstr("\n"))));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, NoRequest,
    testing::Values(
        "", "dns flush", "[]", "{}", "null", R"({"request":7})", R"({"request":"echo","text":["x"]})", R"({"request":"no such"})",
        R"({"request":"echo")", R"({"request":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}})", "\xff\xfe"));

TEST(AdminRequests, NamesWhatIsKnown)
{
    EXPECT_THAT(echo().answer(R"({"request":"dance"})"), HasSubstr("known: echo, refuse, throw"));
}

}
}
