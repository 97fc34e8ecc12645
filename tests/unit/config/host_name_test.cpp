// One text for all ways of writing a host.

#include <gtest/gtest.h>

#include "config/host_name.h"

namespace chmtls::config
{
namespace
{

struct Written
{
    std::string_view name;
    std::string_view host;
    std::string_view normal;
};

class NormalHost : public testing::TestWithParam<Written>
{
};

TEST_P(NormalHost, Is)
{
    EXPECT_EQ(normal_host(GetParam().host), GetParam().normal);
    EXPECT_EQ(normal_host(normal_host(GetParam().host)), GetParam().normal) << "normal already";
}

INSTANTIATE_TEST_SUITE_P(
    Of, NormalHost,
    testing::Values(
        Written{"Name", "ch1.example.org", "ch1.example.org"}, Written{"UpperCase", "CH1.Example.ORG", "ch1.example.org"},
        Written{"AbsoluteName", "ch1.example.org.", "ch1.example.org"}, Written{"Address", "127.0.0.1", "127.0.0.1"},
        Written{"AddressOfSix", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"}, Written{"Brackets", "[2001:db8::1]", "2001:db8::1"},
        Written{"BracketedName", "[Node]", "node"}, Written{"ShortAddressIsAName", "127.1", "127.1"}, Written{"Nothing", "", ""},
        Written{"OnlyADot", ".", "."}, Written{"OnlyBrackets", "[]", "[]"},
        Written{"NulInside", std::string_view("127.0.0.1\0.x", 12), std::string_view("127.0.0.1\0.x", 12)}),
    [](const auto & test) { return std::string(test.param.name); });

}
}
