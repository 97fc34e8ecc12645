// <mtls><mode> and <listeners><X><mode>.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::Contains;
using testing::HasSubstr;

auto parse(const std::string & mtls, const std::string & verification = "relaxed")
{
    return parse_server(
        "<clickhouse><tcp_port_secure>9440</tcp_port_secure><https_port>8443</https_port><openSSL><server>"
        "<certificateFile>/c</certificateFile><privateKeyFile>/k</privateKeyFile><verificationMode>"
            + verification + "</verificationMode></server></openSSL><mtls>" + mtls + "</mtls></clickhouse>",
        "config.xml");
}

const Listener & listener(const Settings & settings, const std::string & name)
{
    return *std::find_if(
        settings.listeners.begin(), settings.listeners.end(), [&](const Listener & one) { return one.name == name; });
}

TEST(ModeConfiguration, EnforcesUnlessToldOtherwise)
{
    const auto settings = parse("");
    EXPECT_EQ(settings->mode, Mode::enforce);
    EXPECT_EQ(listener(*settings, "https_port").mode, Mode::enforce);
}

TEST(ModeConfiguration, ForEverythingAndForAListener)
{
    const auto settings = parse("<mode>observe</mode><listeners><https_port><mode>enforce</mode></https_port></listeners>");
    ASSERT_TRUE(settings.has_value()) << describe(settings.error());
    EXPECT_EQ(settings->mode, Mode::observe);
    EXPECT_EQ(listener(*settings, "tcp_port_secure").mode, Mode::observe);
    EXPECT_EQ(listener(*settings, "https_port").mode, Mode::enforce);
    EXPECT_THAT(settings->warnings, Contains(HasSubstr("tcp_port_secure only observes")));
    EXPECT_FALSE(parse("<mode>watch</mode>").has_value());
}

TEST(ModeConfiguration, AnObservedListenerAsksForCertificatesAsTheStockServerDoes)
{
    const std::string required
        = "<listeners><https_port><client_certificate>required</client_certificate></https_port></listeners>";
    EXPECT_EQ(listener(*parse(required), "https_port").client_certificate, ClientCertificate::required);
    const auto relaxed = parse("<mode>observe</mode>" + required);
    EXPECT_EQ(listener(*relaxed, "https_port").client_certificate, ClientCertificate::optional);
    EXPECT_THAT(relaxed->warnings, Contains(HasSubstr("would require a client certificate")));
    EXPECT_EQ(
        listener(*parse("<mode>observe</mode>" + required, "strict"), "https_port").client_certificate,
        ClientCertificate::required);
}

}
}
