#include <gtest/gtest.h>

#include "base/distinguished_name.h"
#include "openssl/certificate.h"
#include "openssl/name.h"
#include "openssl/pointers.h"
#include "pki/extensions.h"
#include "support/issue.h"

using namespace chmtls;
using namespace chmtls::openssl;
using test::must;

using Attributes = std::vector<std::pair<std::string, std::string>>;

namespace
{

std::string printed(const Attributes & attributes)
{
    return print_name(must(pki::make_name(attributes)).get());
}

std::string printed_by_openssl(const Attributes & attributes)
{
    const BioPtr out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), must(pki::make_name(attributes)).get(), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    char * data = nullptr;
    const long length = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<size_t>(length)};
}

/// A name with one common name of any ASN.1 type.
X509NamePtr common_name_of_type(int type, const std::string & value)
{
    X509NamePtr name(X509_NAME_new());
    X509_NAME_add_entry_by_NID(
        name.get(), NID_commonName, type, reinterpret_cast<const unsigned char *>(value.data()), static_cast<int>(value.size()),
        -1, 0);
    return name;
}

}

struct NameCase
{
    const char * name;
    Attributes attributes;
    std::string text;
};

class Names : public testing::TestWithParam<NameCase>
{
};

TEST_P(Names, ArePrintedAsRfc4514Says)
{
    EXPECT_EQ(printed(GetParam().attributes), GetParam().text);
    if (!GetParam().text.empty())
    {
        EXPECT_EQ(normal_distinguished_name(GetParam().text), GetParam().text) << "what is configured can be compared with it";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, Names,
    testing::Values(
        NameCase{"empty", {}, ""}, NameCase{"one", {{"CN", "alice"}}, "CN=alice"},
        NameCase{"last_first", {{"C", "US"}, {"O", "SPIFFE"}, {"CN", "leaf"}}, "CN=leaf,O=SPIFFE,C=US"},
        NameCase{"multi_valued", {{"O", "Sales"}, {"CN", "J. Smith"}, {"+UID", "jsmith"}}, "UID=jsmith+CN=J. Smith,O=Sales"},
        NameCase{"domain_components", {{"DC", "net"}, {"DC", "example"}}, "DC=example,DC=net"},
        NameCase{"email", {{"emailAddress", "a@example.org"}}, "emailAddress=a@example.org"},
        NameCase{"comma", {{"O", "Sue, Grabbit and Runn"}}, "O=Sue\\, Grabbit and Runn"},
        NameCase{"plus", {{"O", "a+b"}}, "O=a\\+b"}, NameCase{"quote", {{"O", "a\"b"}}, "O=a\\\"b"},
        NameCase{"backslash", {{"O", "a\\b"}}, "O=a\\\\b"}, NameCase{"semicolon", {{"O", "a;b"}}, "O=a\\;b"},
        NameCase{"angles", {{"O", "a<b>c"}}, "O=a\\<b\\>c"}, NameCase{"equals_is_plain", {{"O", "a=b"}}, "O=a=b"},
        NameCase{"leading_hash", {{"O", "#a"}}, "O=\\#a"}, NameCase{"inner_hash", {{"O", "a#"}}, "O=a#"},
        NameCase{"leading_blank", {{"O", " a"}}, "O=\\ a"}, NameCase{"trailing_blank", {{"O", "a "}}, "O=a\\ "},
        NameCase{"only_a_blank", {{"O", " "}}, "O=\\ "}, NameCase{"two_blanks", {{"O", "  "}}, "O=\\ \\ "},
        NameCase{"inner_blanks", {{"O", "a  b"}}, "O=a  b"}, NameCase{"line_feed", {{"O", "a\nCN=b"}}, "O=a\\0ACN=b"},
        NameCase{"nul", {{"O", std::string("a\0b", 3)}}, "O=a\\00b"}, NameCase{"delete", {{"O", "a\x7f"}}, "O=a\\7F"},
        NameCase{"utf8", {{"CN", "Lu\xc4\x8di\xc4\x87"}}, "CN=Lu\xc4\x8di\xc4\x87"},
        NameCase{"text_turned_around", {{"CN", "a\xe2\x80\xae"}}, "CN=a\\E2\\80\\AE"}, NameCase{"empty_value", {{"O", ""}}, "O="},
        NameCase{"unknown_attribute", {{"1.3.6.1.4.1.55744.9", "x"}}, "1.3.6.1.4.1.55744.9=#0c0178"},
        NameCase{"an_injected_rdn_stays_a_value", {{"CN", "alice,O=admins"}}, "CN=alice\\,O=admins"}),
    [](const auto & tested) { return std::string(tested.param.name); });

TEST(Names, AgreeWithOpenSslOnOrdinaryNames)
{
    for (const Attributes & attributes : std::vector<Attributes>{
             {{"C", "US"}, {"ST", "CA"}, {"L", "Town"}, {"O", "Org, Inc."}, {"OU", "a+b"}, {"CN", "leaf"}},
             {{"O", "Sales"}, {"CN", "J. Smith"}, {"+UID", "jsmith"}, {"+OU", "x"}},
             {{"CN", " #lead"}, {"O", "trail "}, {"serialNumber", "42"}, {"title", "\"Dr\" <x>;\\"}},
             {{"CN", "Lu\xc4\x8di\xc4\x87"}}})
        EXPECT_EQ(printed(attributes), printed_by_openssl(attributes));
}

TEST(Names, OfOtherStringTypesAreConverted)
{
    EXPECT_EQ(print_name(common_name_of_type(V_ASN1_BMPSTRING, std::string("\0J\0\xfc", 4)).get()), "CN=J\xc3\xbc");
    EXPECT_EQ(print_name(common_name_of_type(V_ASN1_T61STRING, "J\xfc").get()), "CN=J\xc3\xbc");
    EXPECT_EQ(print_name(common_name_of_type(V_ASN1_PRINTABLESTRING, "J").get()), "CN=J");
}

TEST(Names, OfTypesThatAreNoTextArePrintedAsHex)
{
    const Bytes bit_string{0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x03, 0x02, 0x00, 'J'};
    const unsigned char * at = bit_string.data();
    const X509NamePtr name(d2i_X509_NAME(nullptr, &at, static_cast<long>(bit_string.size())));
    ASSERT_NE(name, nullptr);
    EXPECT_EQ(print_name(name.get()), "CN=#0302004a");
}

TEST(Names, ThatAreNoUtf8ArePrintedAsHex)
{
    EXPECT_EQ(print_name(common_name_of_type(V_ASN1_UTF8STRING, "a\xff").get()), "CN=#0c0261ff");
}

struct CommonNameCase
{
    const char * name;
    Attributes subject;
    std::optional<std::string> common_name;
    std::optional<std::string> defect;
};

class CommonNames : public testing::TestWithParam<CommonNameCase>
{
};

TEST_P(CommonNames, AreUsableOrSayWhyNot)
{
    pki::Spec spec;
    spec.subject = GetParam().subject;
    const auto facts = must(pki::self_signed(spec)).certificate.facts();
    EXPECT_EQ(facts.common_name, GetParam().common_name);
    EXPECT_EQ(facts.common_name_defect, GetParam().defect);
    EXPECT_EQ(facts.subject_empty, GetParam().subject.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, CommonNames,
    testing::Values(
        CommonNameCase{"usual", {{"O", "x"}, {"CN", "alice"}}, "alice", {}},
        CommonNameCase{"utf8", {{"CN", "Lu\xc4\x8d"}}, "Lu\xc4\x8d", {}}, CommonNameCase{"absent", {{"O", "x"}}, {}, {}},
        CommonNameCase{"empty_subject", {}, {}, {}},
        CommonNameCase{"two", {{"CN", "alice"}, {"CN", "admin"}}, {}, "more than one"},
        CommonNameCase{"two_in_one_rdn", {{"CN", "alice"}, {"+CN", "admin"}}, {}, "more than one"},
        CommonNameCase{"nul", {{"CN", std::string("admin\0.evil", 11)}}, {}, "NUL"},
        CommonNameCase{"nul_last", {{"CN", std::string("admin\0", 6)}}, {}, "NUL"},
        CommonNameCase{"empty_value", {{"CN", ""}}, {}, "empty"},
        CommonNameCase{"line_feed", {{"CN", "admin\n"}}, {}, "control character"},
        CommonNameCase{"longer_than_64", {{"CN", std::string(100, 'a')}}, std::string(100, 'a'), {}}),
    [](const auto & tested) { return std::string(tested.param.name); });
