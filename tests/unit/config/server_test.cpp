// The server configuration: what is read, what is refused, and how findings are named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <clickhouse_mtls/section_name.h>

#include "config/parser.h"

namespace chmtls::config
{
namespace
{

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view key_pair = "<certificateFile>/c.pem</certificateFile><privateKeyFile>/k.pem</privateKeyFile>";

/// A complete configuration with additions in three places.
std::string server(std::string_view mtls, std::string_view openssl_server = "", std::string_view rest = "")
{
    return fmt::format(
        "<clickhouse>\n<tcp_port_secure>9440</tcp_port_secure>\n<openSSL><server>{}{}</server></openSSL>\n<mtls>{}</mtls>\n{}"
        "</clickhouse>\n",
        key_pair, openssl_server, mtls, rest);
}

Settings parsed(const std::string & xml)
{
    auto result = parse_server(xml, "config.xml");
    EXPECT_TRUE(result.has_value()) << (result ? "" : describe(result.error()));
    return result ? *result : Settings();
}

Errors refused(const std::string & xml)
{
    auto result = parse_server(xml, "config.xml");
    EXPECT_FALSE(result.has_value()) << xml;
    return result ? Errors() : result.error();
}

auto finding(const std::string & field, const std::string & reason)
{
    return AllOf(
        Field(&Error::field, field), Field(&Error::reason, HasSubstr(reason)), Field(&Error::remedy, testing::Not(IsEmpty())));
}

TEST(ServerConfiguration, WithoutMtlsNothingIsJudged)
{
    const Settings settings = parsed("<yandex><openSSL><server><nonsense/></server></openSSL></yandex>");
    EXPECT_FALSE(settings.enabled);
    EXPECT_THAT(settings.listeners, IsEmpty());
}

TEST(ServerConfiguration, ASlipOfTheSectionsNameIsWarnedOf)
{
    for (const std::string name :
         {"mlts", "mtsl", "mtl", "mts", "tls", "mtlss", "mttls", "m_tls", "MTLS", "mTLS", "MLTS", "ntls"})
    {
        const Settings settings = parsed(fmt::format("<yandex><{0}></{0}></yandex>", name));
        EXPECT_FALSE(settings.enabled);
        EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("<" + name + ">"))) << name;
    }
    for (const std::string name : {"macros", "tcp", "mt", "smtls2", "zookeeper", "ltms", "mtlsxx"})
        EXPECT_THAT(parsed(fmt::format("<yandex><{0}></{0}></yandex>", name)).warnings, IsEmpty()) << name;
    EXPECT_FALSE(is_slip_of_section_name("mtls"));
    EXPECT_FALSE(is_slip_of_section_name(""));
}

TEST(ServerConfiguration, PartsForEverybodyAreWarnedOf)
{
    constexpr std::string_view port = "<interserver_https_port>9010</interserver_https_port>";
    const auto warning = testing::Contains(HasSubstr("there is no mtls.nodes"));
    EXPECT_THAT(parsed(server("")).warnings, testing::Not(warning));
    EXPECT_THAT(parsed(server("", "", port)).warnings, warning);
    EXPECT_THAT(
        parsed(server("<nodes><rule><name>n</name><dns>*.nodes</dns></rule></nodes>", "", port)).warnings, testing::Not(warning));
}

TEST(ServerConfiguration, EmptyMtlsIsEnabled)
{
    EXPECT_TRUE(parsed(server("")).enabled);
}

TEST(ServerConfiguration, DocumentedDefaults)
{
    const Settings settings = parsed(server(""));
    EXPECT_EQ(settings.server.verification_mode, VerificationMode::relaxed);
    EXPECT_EQ(settings.server.verification_depth, 9u);
    EXPECT_EQ(settings.server.handler, CertificateHandler::reject);
    EXPECT_EQ(settings.server.min_version, ProtocolVersion::tls1_2);
    EXPECT_EQ(settings.server.max_version, ProtocolVersion::tls1_3);
    EXPECT_FALSE(settings.server.load_default_ca_file);
    EXPECT_FALSE(settings.server.cache_sessions);
    EXPECT_FALSE(settings.server.prefer_server_ciphers);
    EXPECT_FALSE(settings.server.extended_verification);
    EXPECT_EQ(settings.certificate_login, CertificateLogin::header);
    EXPECT_EQ(settings.poll_interval, std::chrono::seconds(5));
    EXPECT_THAT(settings.warnings, IsEmpty());
}

TEST(ServerConfiguration, TheSystemsAuthoritiesAreBelievedAsOnAStockServerWhereThatOpensNothing)
{
    struct Case
    {
        const char * client;
        const char * mtls;
        bool believed;
        bool spoken_of;
    };
    const Case cases[]
        = {{"", "", true, false},
           {"<client><cacheSessions>true</cacheSessions></client>", "", true, false},
           {"<client><loadDefaultCAFile>false</loadDefaultCAFile></client>", "", false, false},
           {"<client><caConfig>/ca.pem</caConfig></client>", "", false, false},
           {"<client><verificationMode>none</verificationMode></client>", "", false, false},
           {"", "<nodes><plaintext>allow</plaintext><rule><name>n</name><dns>n</dns></rule></nodes>", false, true},
           {"", "<keeper><rule><name>n</name><dns>n</dns></rule></keeper>", false, true},
           {"<client><loadDefaultCAFile>true</loadDefaultCAFile></client>",
            "<keeper><rule><name>n</name><dns>n</dns></rule></keeper>", true, false}};
    for (const Case & each : cases)
    {
        SCOPED_TRACE(std::string(each.client) + each.mtls);
        const Settings settings
            = parsed(fmt::format("<yandex><openSSL>{}</openSSL><mtls>{}</mtls></yandex>", each.client, each.mtls));
        EXPECT_EQ(settings.client.load_default_ca_file, each.believed);
        EXPECT_EQ(
            testing::Value(settings.warnings, testing::Contains(HasSubstr("openSSL.client.loadDefaultCAFile is left out"))),
            each.spoken_of);
        EXPECT_FALSE(settings.server.load_default_ca_file);
    }
}

TEST(ServerConfiguration, ADocumentThatIsNoFileHasNoLines)
{
    const std::string xml = "<yandex>\n<mtls><odd/></mtls></yandex>";
    EXPECT_EQ(parse_server(xml, "config.xml").error().front().file, "config.xml:2");
    EXPECT_EQ(parse_server(xml, "config.xml (merged)").error().front().file, "config.xml (merged)");
}

TEST(ServerConfiguration, EveryOpenSslKeyIsRead)
{
    const Settings settings = parsed(server(
        "", "<caConfig> /ca </caConfig><verificationMode>STRICT</verificationMode><verificationDepth>3</verificationDepth>"
            "<loadDefaultCAFile>true</loadDefaultCAFile><cipherList>HIGH</cipherList><cipherSuites>TLS_AES_128_GCM_SHA256</"
            "cipherSuites>"
            "<dhParamsFile>/dh.pem</dhParamsFile><ecdhCurve>prime256v1</ecdhCurve><preferServerCiphers>yes</preferServerCiphers>"
            "<cacheSessions>1</cacheSessions><sessionTimeout>60</sessionTimeout><sessionCacheSize>10</sessionCacheSize>"
            "<extendedVerification>on</extendedVerification><fips>false</fips>"
            "<privateKeyPassphraseHandler><name>KeyFileHandler</name><options><password> s3 </password></options>"
            "</privateKeyPassphraseHandler>"
            "<invalidCertificateHandler><name>AcceptCertificateHandler</name></invalidCertificateHandler>"));
    const TlsSection & section = settings.server;
    EXPECT_EQ(section.certificate_file, "/c.pem");
    EXPECT_EQ(section.private_key_file, "/k.pem");
    EXPECT_EQ(section.ca_config, "/ca");
    EXPECT_EQ(section.verification_mode, VerificationMode::strict);
    EXPECT_EQ(section.verification_depth, 3u);
    EXPECT_TRUE(section.load_default_ca_file);
    EXPECT_EQ(section.cipher_list, "HIGH");
    EXPECT_EQ(section.cipher_suites, "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(section.dh_params_file, "/dh.pem");
    EXPECT_TRUE(section.prefer_server_ciphers);
    EXPECT_TRUE(section.cache_sessions);
    EXPECT_TRUE(section.extended_verification);
    EXPECT_EQ(section.passphrase, " s3 ") << "a passphrase is not trimmed";
    EXPECT_EQ(section.handler, CertificateHandler::accept);
}

TEST(ServerConfiguration, DebiansOwnSectionIsTaken)
{
    // The openSSL section of the packaged configuration, as it stands.
    const Settings settings
        = parsed("<yandex><https_port>8443</https_port><openSSL><server><certificateFile>/etc/s.crt</certificateFile>"
                 "<privateKeyFile>/etc/s.key</privateKeyFile><dhParamsFile>/etc/dh.pem</dhParamsFile><verificationMode>none</"
                 "verificationMode>"
                 "<loadDefaultCAFile>true</loadDefaultCAFile><cacheSessions>true</cacheSessions>"
                 "<disableProtocols>sslv2,sslv3</disableProtocols><preferServerCiphers>true</preferServerCiphers></server>"
                 "<client><loadDefaultCAFile>true</loadDefaultCAFile><cacheSessions>true</cacheSessions>"
                 "<disableProtocols>sslv2,sslv3</disableProtocols><preferServerCiphers>true</preferServerCiphers>"
                 "<invalidCertificateHandler><name>RejectCertificateHandler</name></invalidCertificateHandler></client></openSSL>"
                 "<mtls/></yandex>");
    EXPECT_TRUE(settings.client.load_default_ca_file);
    ASSERT_THAT(settings.listeners, SizeIs(1));
    EXPECT_EQ(settings.listeners[0].client_certificate, ClientCertificate::none);
}

TEST(ServerConfiguration, CertificateMayBeInTheKeysFile)
{
    const Settings settings
        = parsed("<clickhouse><openSSL><server><privateKeyFile>/both.pem</privateKeyFile></server></openSSL><mtls/>"
                 "<https_port>1</https_port></clickhouse>");
    EXPECT_EQ(settings.server.certificate_file, "/both.pem");
}

// ---- versions ----

struct VersionCase
{
    std::string name;
    std::string xml;
    ProtocolVersion min;
    ProtocolVersion max;
};

void PrintTo(const VersionCase & one, std::ostream * out)
{
    *out << one.name;
}

class Versions : public testing::TestWithParam<VersionCase>
{
};

TEST_P(Versions, Bounds)
{
    const TlsSection section = parsed(server("", GetParam().xml)).server;
    EXPECT_EQ(section.min_version, GetParam().min);
    EXPECT_EQ(section.max_version, GetParam().max);
}

constexpr auto v10 = ProtocolVersion::tls1_0;
constexpr auto v11 = ProtocolVersion::tls1_1;
constexpr auto v12 = ProtocolVersion::tls1_2;
constexpr auto v13 = ProtocolVersion::tls1_3;

INSTANTIATE_TEST_SUITE_P(
    All, Versions,
    testing::Values(
        VersionCase{"Nothing", "", v12, v13}, VersionCase{"Require12", "<requireTLSv1_2>true</requireTLSv1_2>", v12, v12},
        VersionCase{"Require12False", "<requireTLSv1_2>false</requireTLSv1_2>", v12, v13},
        VersionCase{"Require13", "<requireTLSv1_3>true</requireTLSv1_3>", v13, v13},
        VersionCase{"Require10", "<requireTLSv1>true</requireTLSv1>", v10, v10},
        VersionCase{"Require11", "<requireTLSv1_1>1</requireTLSv1_1>", v11, v11},
        VersionCase{"Without12", "<disableProtocols>tlsv1_2</disableProtocols>", v13, v13},
        VersionCase{"Without13", "<disableProtocols>sslv3; TLSv1_3</disableProtocols>", v12, v12},
        VersionCase{"EmptyList", "<disableProtocols></disableProtocols>", v12, v13},
        VersionCase{"OldOnes", "<disableProtocols>sslv2,sslv3,tlsv1,tlsv1_1</disableProtocols>", v12, v13}),
    [](const auto & one) { return one.param.name; });

TEST(ServerConfiguration, ObsoleteVersionsComeWithAWarning)
{
    EXPECT_THAT(parsed(server("", "<requireTLSv1>true</requireTLSv1>")).warnings, ElementsAre(HasSubstr("obsolete")));
}

// ---- refusals: each with the key that is named ----

struct RefusalCase
{
    std::string name;
    std::string xml;
    std::string field;
    std::string reason;
};

void PrintTo(const RefusalCase & one, std::ostream * out)
{
    *out << one.name;
}

class Refusals : public testing::TestWithParam<RefusalCase>
{
};

TEST_P(Refusals, NameTheKey)
{
    EXPECT_THAT(refused(GetParam().xml), ElementsAre(finding(GetParam().field, GetParam().reason)));
}

const std::string good_rule = "<name>a</name><dns>a.example</dns><user>u</user>";

INSTANTIATE_TEST_SUITE_P(
    OpenSsl, Refusals,
    testing::Values(
        RefusalCase{
            "UnknownKey", server("", "<verificationmode>none</verificationmode>"), "openSSL.server.verificationmode",
            "unknown key"},
        RefusalCase{
            "UnknownMode", server("", "<verificationMode>always</verificationMode>"), "openSSL.server.verificationMode",
            "unknown word \"always\""},
        RefusalCase{"EmptyMode", server("", "<verificationMode></verificationMode>"), "openSSL.server.verificationMode", "empty"},
        RefusalCase{
            "DepthNoNumber", server("", "<verificationDepth>-1</verificationDepth>"), "openSSL.server.verificationDepth",
            "not a whole number"},
        RefusalCase{
            "FlagNoFlag", server("", "<cacheSessions>maybe</cacheSessions>"), "openSSL.server.cacheSessions",
            "neither true nor false"},
        RefusalCase{
            "Twice", server("", "<caConfig>/a</caConfig><caConfig>/b</caConfig>"), "openSSL.server.caConfig", "given 2 times"},
        RefusalCase{
            "ElementInValue", server("", "<caConfig><file>/a</file></caConfig>"), "openSSL.server.caConfig", "holds <file>"},
        RefusalCase{
            "UnknownProtocol", server("", "<disableProtocols>sslv2,tls1_1</disableProtocols>"), "openSSL.server.disableProtocols",
            "unknown protocol \"tls1_1\""},
        RefusalCase{
            "NoVersionLeft", server("", "<disableProtocols>tlsv1_2,tlsv1_3</disableProtocols>"),
            "openSSL.server.disableProtocols", "no protocol version is left"},
        RefusalCase{
            "RequiredIsDisabled", server("", "<requireTLSv1_2>true</requireTLSv1_2><disableProtocols>tlsv1_2</disableProtocols>"),
            "openSSL.server.disableProtocols", "requireTLSv1_2 requires"},
        RefusalCase{
            "TwoRequired", server("", "<requireTLSv1_2>true</requireTLSv1_2><requireTLSv1_1>true</requireTLSv1_1>"),
            "openSSL.server.requireTLSv1_2", "contradicts requireTLSv1_1"},
        RefusalCase{
            "UnknownCertificateHandler", server("", "<invalidCertificateHandler><name>Foo</name></invalidCertificateHandler>"),
            "openSSL.server.invalidCertificateHandler.name", "unknown word"},
        RefusalCase{
            "ConsoleCertificateHandler",
            server("", "<invalidCertificateHandler><name>ConsoleCertificateHandler</name></invalidCertificateHandler>"),
            "openSSL.server.invalidCertificateHandler.name", "unknown word"},
        RefusalCase{
            "PassphraseWithoutPassword",
            server("", "<privateKeyPassphraseHandler><name>KeyFileHandler</name></privateKeyPassphraseHandler>"),
            "openSSL.server.privateKeyPassphraseHandler", "without options.password"},
        RefusalCase{"Fips", server("", "<fips>true</fips>"), "openSSL.server.fips", "FIPS"},
        RefusalCase{
            "UnknownSection", "<clickhouse><openSSL><sever/></openSSL><mtls/></clickhouse>", "openSSL.sever", "unknown key"},
        RefusalCase{
            "UnresolvedSubstitution", server("", "<caConfig from_env=\"CA\"/>"), "openSSL.server.caConfig",
            "from_env=\"CA\" was not resolved"},
        RefusalCase{
            "UnknownAttribute", server("", "<caConfig type=\"pem\">/a</caConfig>"), "openSSL.server.caConfig",
            "unknown attribute"},
        RefusalCase{
            "ListenerWithoutKey", "<clickhouse><https_port>8443</https_port><mtls/></clickhouse>", "openSSL",
            "no key and certificate"},
        RefusalCase{
            "CertificateWithoutKey",
            "<clickhouse><openSSL><client><certificateFile>/c</certificateFile></client></openSSL><mtls/></clickhouse>",
            "openSSL.client.certificateFile", "no key for it"}),
    [](const auto & one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Mtls, Refusals,
    testing::Values(
        RefusalCase{"UnknownKeyAtTop", server("<rules/>"), "mtls.rules", "unknown key"},
        RefusalCase{"Text", server("text"), "mtls", "holds the text"},
        RefusalCase{
            "PollIntervalZero", server("<poll_interval>0</poll_interval>"), "mtls.poll_interval", "not a number of seconds"},
        RefusalCase{
            "UnknownLogin", server("<certificate_login>never</certificate_login>"), "mtls.certificate_login", "unknown word"},
        RefusalCase{
            "AbsentListener",
            server("<listeners><https_port><client_certificate>none</client_certificate></https_port></listeners>"),
            "mtls.listeners.https_port", "no such listener"},
        RefusalCase{"UnknownListener", server("<listeners><tcp_port/></listeners>"), "mtls.listeners.tcp_port", "unknown key"},
        RefusalCase{
            "UnknownClientCertificate",
            server("<listeners><tcp_port_secure><client_certificate>yes</client_certificate></tcp_port_secure></listeners>"),
            "mtls.listeners.tcp_port_secure.client_certificate", "unknown word"},
        RefusalCase{
            "AskedButNotVerified",
            server(
                "<listeners><tcp_port_secure><client_certificate>required</client_certificate></tcp_port_secure></listeners>",
                "<verificationMode>none</verificationMode>"),
            "mtls.listeners.tcp_port_secure.client_certificate", "would not verify"},
        RefusalCase{
            "PortTwice", server("", "", "<https_port>9440</https_port>"), "https_port", "port 9440 is tcp_port_secure's already"},
        RefusalCase{"PortZero", server("", "", "<https_port>0</https_port>"), "https_port", "not a whole number"},
        RefusalCase{
            "SniTwice",
            server("<server_certificates><certificate><server_name>a.example</server_name><server_name>A.example</"
                   "server_name><privateKeyFile>/k</privateKeyFile></certificate></server_certificates>"),
            "mtls.server_certificates.certificate.server_name", "given twice"},
        RefusalCase{
            "SniNoName",
            server("<server_certificates><certificate><privateKeyFile>/k</privateKeyFile></certificate></server_certificates>"),
            "mtls.server_certificates.certificate", "no <server_name>"},
        RefusalCase{
            "SniNoHostName",
            server("<server_certificates><certificate><server_name>a..b</server_name><privateKeyFile>/k</privateKeyFile></"
                   "certificate></server_certificates>"),
            "mtls.server_certificates.certificate.server_name", "not a host name"},
        RefusalCase{
            "SniNoKey",
            server("<server_certificates><certificate><server_name>a</server_name><certificateFile>/c</certificateFile></"
                   "certificate></server_certificates>"),
            "mtls.server_certificates.certificate", "no <privateKeyFile>"},
        RefusalCase{"SniEmpty", server("<server_certificates/>"), "mtls.server_certificates", "holds no <certificate>"},
        RefusalCase{
            "TrustDomainTwice",
            server("<trust_domains><trust_domain><name>a</name><bundle>/x</bundle></trust_domain><trust_domain><name>a</"
                   "name><bundle>/y</bundle></trust_domain></trust_domains>"),
            "mtls.trust_domains.trust_domain[1].name", "never merged"},
        RefusalCase{
            "TrustDomainNoBundle", server("<trust_domains><trust_domain><name>a</name></trust_domain></trust_domains>"),
            "mtls.trust_domains.trust_domain", "no <bundle>"},
        RefusalCase{"CrlEmpty", server("<crl>/a</crl><crl> </crl>"), "mtls.crl[1]", "empty"},
        RefusalCase{
            "RuleNoMatcher", server("<users><rule><name>a</name><user>u</user></rule></users>"), "mtls.users.rule[0]",
            "no matcher"},
        RefusalCase{
            "RuleNoUser", server("<users><rule><name>a</name><dns>b</dns></rule></users>"), "mtls.users.rule[0]", "no <user>"},
        RefusalCase{
            "RuleNoName", server("<users><rule><dns>b</dns><user>u</user></rule></users>"), "mtls.users.rule[0]", "no <name>"},
        RefusalCase{
            "RuleOnlyTerms", server("<users><rule><name>a</name><user>u</user><max_session>1h</max_session></rule></users>"),
            "mtls.users.rule[0]", "no matcher"},
        RefusalCase{
            "RuleNoTime", server("<users><rule>" + good_rule + "<valid_until>tomorrow</valid_until></rule></users>"),
            "mtls.users.rule[0].valid_until", "no date and time"},
        RefusalCase{
            "RuleNoDuration", server("<users><rule>" + good_rule + "<max_session>0</max_session></rule></users>"),
            "mtls.users.rule[0].max_session", "no length of time"},
        RefusalCase{
            "RulePasswordWord", server("<users><rule>" + good_rule + "<password>optional</password></rule></users>"),
            "mtls.users.rule[0].password", "unknown word"},
        RefusalCase{
            "RuleEmptyMatcher",
            server(
                "<users><rule>" + good_rule + "</rule><rule>" + good_rule + "</rule><rule>" + good_rule
                + "<dns></dns></rule></users>"),
            "mtls.users.rule[2].dns[1]", "empty"}),
    [](const auto & one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Document, Refusals,
    testing::Values(
        RefusalCase{"Empty", " ", "", "empty"}, RefusalCase{"NotXml", "mtls: yes", "", "not well-formed"},
        RefusalCase{"NotClosed", "<clickhouse><mtls>", "", "not well-formed"},
        RefusalCase{"OtherRoot", "<config><mtls/></config>", "", "root element is <config>"},
        RefusalCase{
            "Doctype",
            "<?xml version=\"1.0\"?>\n<!-- x -->\n<!DOCTYPE clickhouse [<!ENTITY a SYSTEM "
            "\"file:///etc/passwd\">]><clickhouse>&a;</clickhouse>",
            "", "document type declaration"},
        RefusalCase{"UndeclaredEntity", "<clickhouse><mtls>&a;</mtls></clickhouse>", "", "not well-formed"},
        RefusalCase{"Nul", std::string("<clickhouse>\0</clickhouse>", 26), "", "NUL"},
        RefusalCase{"Utf16", std::string("\xFE\xFF\0<\0a\0/\0>", 10), "", "NUL"}),
    [](const auto & one) { return one.param.name; });

TEST(ServerConfiguration, DoctypeInsideACommentIsHarmless)
{
    EXPECT_TRUE(parsed("<!-- <!DOCTYPE a> -->" + server("")).enabled);
}

TEST(ServerConfiguration, TooDeep)
{
    std::string xml = "<clickhouse>";
    for (int i = 0; i < 1000; ++i)
        xml += "<a>";
    for (int i = 0; i < 1000; ++i)
        xml += "</a>";
    EXPECT_THAT(refused(xml + "</clickhouse>"), ElementsAre(finding("", "nested deeper")));
}

TEST(ServerConfiguration, AllFindingsAtOnceWithTheirLines)
{
    const Errors errors = refused("<clickhouse>\n<mtls>\n<poll>1</poll>\n<certificate_login>x</certificate_login>\n</mtls>\n"
                                  "<openSSL>\n<client>\n<cacheSession>1</cacheSession>\n</client>\n</openSSL>\n</clickhouse>");
    ASSERT_THAT(errors, SizeIs(3));
    EXPECT_EQ(errors[0].file, "config.xml:8");
    EXPECT_THAT(errors[0].remedy, HasSubstr("did you mean <cacheSessions>?"));
    EXPECT_EQ(errors[1].file, "config.xml:4");
    EXPECT_EQ(errors[2].file, "config.xml:3");
    EXPECT_EQ(errors[2].field, "mtls.poll");
}

// ---- values of <mtls> ----

TEST(ServerConfiguration, ListenersFollowTheVerificationModeUnlessTheySaySo)
{
    const std::pair<std::string, ClientCertificate> modes[]
        = {{"none", ClientCertificate::none},
           {"relaxed", ClientCertificate::optional},
           {"once", ClientCertificate::optional},
           {"strict", ClientCertificate::required}};
    for (const auto & [mode, expected] : modes)
    {
        const Settings settings = parsed(server("", fmt::format("<verificationMode>{}</verificationMode>", mode)));
        ASSERT_THAT(settings.listeners, SizeIs(1));
        EXPECT_EQ(settings.listeners[0].client_certificate, expected) << mode;
        EXPECT_EQ(settings.listeners[0].port, 9440);
        const bool warned
            = !settings.warnings.empty() && settings.warnings[0].find("client_certificate>required") != std::string::npos;
        EXPECT_EQ(warned, std::string_view(mode) == "once") << mode;
    }
    const Settings own = parsed(server(
        "<listeners><https_port><client_certificate>optional</client_certificate></https_port></listeners>",
        "<verificationMode>strict</verificationMode>",
        "<https_port>8443</https_port><interserver_https_port>9010</interserver_https_port>"));
    ASSERT_THAT(own.listeners, SizeIs(3));
    EXPECT_EQ(own.listeners[0].client_certificate, ClientCertificate::required);
    EXPECT_EQ(own.listeners[1].name, "https_port");
    EXPECT_EQ(own.listeners[1].client_certificate, ClientCertificate::optional);
    EXPECT_EQ(own.listeners[2].name, "interserver_https_port");
}

TEST(ServerConfiguration, MtlsValues)
{
    const Settings settings = parsed(server(
        "<module>/usr/lib/m.so</module><poll_interval>0.25</poll_interval><certificate_login>always</certificate_login>"
        "<server_certificates><certificate><server_name>A.example</server_name><server_name>*.b.example</server_name>"
        "<certificateFile>/a.pem</certificateFile><privateKeyFile>/a.key</privateKeyFile></certificate></server_certificates>"
        "<trust_domains><trust_domain><name>example.org</name><bundle>/b.json</bundle></trust_domain></trust_domains>"
        "<crl>/r1</crl><crl>/r2</crl>"
        "<users><rule><name>n</name><dns>a</dns><dns>b</dns><uri>c</uri><user>{x}</user></rule><rules_file>/r</rules_file></"
        "users>"));
    EXPECT_EQ(settings.poll_interval, std::chrono::milliseconds(250));
    EXPECT_EQ(settings.certificate_login, CertificateLogin::always);
    ASSERT_THAT(settings.sni, SizeIs(1));
    EXPECT_THAT(settings.sni[0].server_names, ElementsAre("a.example", "*.b.example"));
    EXPECT_EQ(settings.sni[0].certificate_file, "/a.pem");
    ASSERT_THAT(settings.trust_domains, SizeIs(1));
    EXPECT_EQ(settings.trust_domains[0].bundle_file, "/b.json");
    EXPECT_THAT(settings.crl_files, ElementsAre("/r1", "/r2"));
    ASSERT_THAT(settings.rules, SizeIs(1));
    ASSERT_THAT(settings.rules[0].matchers, SizeIs(3));
    EXPECT_EQ(settings.rules[0].matchers[1].field, "dns");
    EXPECT_EQ(settings.rules[0].matchers[1].pattern, "b");
    EXPECT_EQ(settings.rules[0].user, "{x}");
    EXPECT_EQ(settings.rules[0].source, "config.xml:4: mtls.users.rule[0]");
    EXPECT_THAT(settings.rules_files, ElementsAre("/r"));
}

TEST(ServerConfiguration, RulesHaveTerms)
{
    const Settings settings = parsed(server(
        "<users><rule>" + good_rule
        + "<valid_from>2026-06-01T00:00:00Z</valid_from><valid_until>2026-06-01T03:00:00+02:00</valid_until>"
          "<max_session>15m</max_session><password>required</password></rule></users>"));
    ASSERT_THAT(settings.rules, SizeIs(1));
    const RuleTerms & terms = settings.rules[0].terms;
    ASSERT_TRUE(terms.valid_from && terms.valid_until);
    EXPECT_EQ(*terms.valid_until - *terms.valid_from, std::chrono::hours(1));
    EXPECT_EQ(terms.max_session, std::chrono::minutes(15));
    EXPECT_TRUE(terms.password_required);
    EXPECT_THAT(settings.rules[0].matchers, SizeIs(1));
}

TEST(ServerConfiguration, WhatMergingLeavesBehindIsHarmless)
{
    EXPECT_TRUE(parsed(server("<users replace=\"1\"><rule optional=\"true\">" + good_rule + "</rule></users>")).enabled);
}

TEST(ServerConfiguration, ValuesMayBeCdata)
{
    EXPECT_THAT(parsed(server("<crl><![CDATA[/a&b]]></crl>")).crl_files, ElementsAre("/a&b"));
}

}
}
