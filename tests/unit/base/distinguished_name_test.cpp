// Names as people write them, in the one form.

#include <gtest/gtest.h>

#include "base/distinguished_name.h"

namespace chmtls
{
namespace
{

struct NameCase
{
    std::string name;
    std::string text;
    std::optional<std::string> normal;
};

void PrintTo(const NameCase & c, std::ostream * out)
{
    *out << c.name;
}

class DistinguishedName : public testing::TestWithParam<NameCase>
{
};

TEST_P(DistinguishedName, HasOneForm)
{
    const NameCase & c = GetParam();
    EXPECT_EQ(normal_distinguished_name(c.text), c.normal);
    if (c.normal)
    {
        EXPECT_EQ(normal_distinguished_name(*c.normal), c.normal) << "the form itself stays";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, DistinguishedName,
    testing::ValuesIn(std::vector<NameCase>{
        {"Plain", "CN=Issuing CA,O=Example", "CN=Issuing CA,O=Example"},
        {"Blanks", " CN = Issuing CA , O= Example  ", "CN=Issuing CA,O=Example"},
        {"CaseOfTypes", "cn=A,EMAILADDRESS=a@b,uid=u,Dc=x", "CN=A,emailAddress=a@b,UID=u,DC=x"},
        {"LongTypes", "commonName=A,organizationalUnitName=B", "CN=A,OU=B"},
        {"CaseOfValues", "CN=a", "CN=a"},
        {"SeveralInOne", "OU=b + CN=a,O=x", "OU=b+CN=a,O=x"},
        {"NumericType", "1.2.3=#0C0161", "1.2.3=#0c0161"},
        {"EmptyValue", "CN=,O=x", "CN=,O=x"},
        {"EscapedComma", "O=A\\, B", "O=A\\, B"},
        {"EscapedCommaAsHex", "O=A\\2C B", "O=A\\, B"},
        {"Utf8AsHex", "CN=Soci\\c3\\A9t\\C3\\a9", "CN=Soci\xc3\xa9t\xc3\xa9"},
        {"Utf8", "CN=Soci\xc3\xa9t\xc3\xa9", "CN=Soci\xc3\xa9t\xc3\xa9"},
        {"EscapedThatNeedNot", "CN=a\\=b", "CN=a=b"},
        {"BlanksThatCount", "CN=\\ a\\20 ", "CN=\\ a\\ "},
        {"InnerBlanks", "CN=a  b", "CN=a  b"},
        {"Control", "CN=a\\0a", "CN=a\\0A"},
        {"LeadingHash", "CN=\\#a", "CN=\\#a"},
        {"Empty", "", {}},
        {"NoType", "Issuing CA", {}},
        {"OnlyType", "CN", {}},
        {"EmptyType", "=a", {}},
        {"TrailingComma", "CN=a,", {}},
        {"Quoted", "CN=\"a\"", {}},
        {"Semicolon", "CN=a;O=b", {}},
        {"OpenEscape", "CN=a\\", {}},
        {"BadEscape", "CN=a\\x", {}},
        {"BadHex", "CN=#0", {}},
        {"HexThatIsNone", "CN=#xy", {}},
        {"NotUtf8", "CN=\\ff", {}},
        {"Slashes", "/CN=a/O=b", {}},
    }),
    [](const auto & test) { return test.param.name; });

}
}
