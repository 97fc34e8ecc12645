// Minisign's format: what is read, what is refused and why. That the real program's files are read too is tested with the tool.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signature/minisign.h"
#include "support/minisign_signer.h"

namespace chmtls::signature
{
namespace
{

using testing::HasSubstr;

constexpr std::string_view content = "the content\n";

PublicKey key_of(const test::MinisignSigner & signer)
{
    return parse_public_key(signer.public_key(), "key").value();
}

/// Everything that a loader does with a signature; empty: good.
std::string judged(const std::string & text, const PublicKey & key, std::string_view of = content)
{
    const auto signature = parse_signature(text, "f.minisig");
    if (!signature)
        return signature.error().reason;
    const auto verified = verify(*signature, {{key}}, as_bytes(of), "f.minisig");
    return verified ? "" : verified.error().reason;
}

std::string replaced(std::string text, std::string_view from, std::string_view to)
{
    return text.replace(text.find(from), from.size(), to);
}

TEST(Minisign, AGoodSignatureIsAccepted)
{
    const test::MinisignSigner signer;
    EXPECT_EQ(judged(signer.sign(content, 1), key_of(signer)), "");
    EXPECT_EQ(judged(signer.sign("", 1), key_of(signer), ""), "");
    EXPECT_EQ(judged(signer.sign(content, "", "ED"), key_of(signer)), "");
}

TEST(Minisign, OtherContentOtherKeyOtherCommentAreRefused)
{
    const test::MinisignSigner signer;
    const test::MinisignSigner other;
    EXPECT_THAT(judged(signer.sign("else", 1), key_of(signer)), HasSubstr("does not fit the file"));
    EXPECT_THAT(judged(other.sign(content, 1), key_of(signer)), HasSubstr("not trusted here"));
    PublicKey same_id = key_of(other);
    same_id.id = key_of(signer).id;
    EXPECT_THAT(judged(signer.sign(content, 1), same_id), HasSubstr("does not fit the file"));
    EXPECT_THAT(
        judged(replaced(signer.sign(content, 1), "sequence:1", "sequence:2"), key_of(signer)),
        HasSubstr("trusted comment was changed"));
}

TEST(Minisign, TheUntrustedCommentAndTheLineEndsDoNotMatter)
{
    const test::MinisignSigner signer;
    std::string text = replaced(signer.sign(content, 1), "comment: test", "comment:");
    EXPECT_EQ(judged(text, key_of(signer)), "");
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
        text.insert(at, "\r");
    EXPECT_EQ(judged(text, key_of(signer)), "");
    text.resize(text.size() - 2);
    EXPECT_EQ(judged(text, key_of(signer)), "");
}

struct Malformed
{
    std::string name;
    std::string from;
    std::string to;
    std::string reason;
};

class MalformedSignature : public testing::TestWithParam<Malformed>
{
};

TEST_P(MalformedSignature, IsRefused)
{
    const test::MinisignSigner signer;
    const std::string text = replaced(signer.sign(content, 1), GetParam().from, GetParam().to);
    EXPECT_THAT(judged(text, key_of(signer)), HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, MalformedSignature,
    testing::Values(
        Malformed{"NoFirstLine", "untrusted comment: test\n", "", "untrusted comment"},
        Malformed{"NotBase64", "test\n", "test\n*", "second line"},
        Malformed{"BlankBefore64", "test\n", "test\n ", "second line"}, Malformed{"TooShort", "\ntrusted", "", "second line"},
        Malformed{"NoTrustedComment", "trusted comment: s", "comment: s", "third line"},
        Malformed{"NoBlank", "trusted comment: s", "trusted comment:s", "third line"},
        Malformed{"NothingSigned", "trusted comment: sequence:1\n", "trusted comment: sequence:1\n\n", "fourth line"}),
    [](const auto & one) { return one.param.name; });

TEST(Minisign, AlgorithmsAndExtraLinesAreRefused)
{
    const test::MinisignSigner signer;
    EXPECT_THAT(judged(signer.sign(content, "sequence:1", "Ed"), key_of(signer)), HasSubstr("older kind"));
    EXPECT_THAT(judged(signer.sign(content, "sequence:1", "XX"), key_of(signer)), HasSubstr("unknown algorithm"));
    EXPECT_THAT(judged(signer.sign(content, 1) + "more", key_of(signer)), HasSubstr("behind the fourth line"));
    EXPECT_THAT(judged(std::string(max_signature_file + 1, 'x'), key_of(signer)), HasSubstr("no signature"));
}

TEST(Minisign, EveryBytesOfTheSignatureMatters)
{
    const test::MinisignSigner signer;
    const std::string good = signer.sign(content, 1);
    const PublicKey key = key_of(signer);
    const size_t begin = good.find('\n') + 1;
    for (size_t at = begin; at < good.size() - 1; ++at)
    {
        std::string text = good;
        text[at] = text[at] == 'A' ? 'B' : 'A';
        EXPECT_NE(judged(text, key), "") << at;
    }
}

TEST(Minisign, OnlyBase64IsBase64)
{
    // One with a '/' in each of its lines. Each try needs a new key: what one key says of one content is always the same.
    std::string good;
    PublicKey key;
    std::vector<size_t> slashes;
    while (slashes.size() < 2)
    {
        const test::MinisignSigner signer;
        key = key_of(signer);
        good = signer.sign(content, 1);
        slashes.clear();
        for (const size_t line : {good.find('\n') + 1, good.rfind('\n', good.size() - 2) + 1})
            if (const size_t at = good.find('/', line); at < good.find('\n', line))
                slashes.push_back(at);
    }
    EXPECT_EQ(judged(good, key), "");
    for (const size_t at : slashes)
        for (const char other : {'\x80', '\xaf', '\xff', '-', '_', ' ', '='})
        {
            std::string text = good;
            text[at] = other;
            EXPECT_THAT(judged(text, key), HasSubstr("no signature in base64")) << at << " " << static_cast<int>(other);
        }
    std::string public_key;
    while (public_key.find('/') == std::string::npos)
        public_key = test::MinisignSigner().public_key();
    EXPECT_TRUE(parse_public_key(public_key, "k").has_value());
    EXPECT_FALSE(parse_public_key(replaced(public_key, "/", "\xff"), "k").has_value());
}

TEST(MinisignKey, AsLineAndAsFile)
{
    const test::MinisignSigner signer;
    const PublicKey key = key_of(signer);
    const auto from_file = parse_public_key("untrusted comment: minisign public key\n" + signer.public_key() + "\n", "k");
    ASSERT_TRUE(from_file.has_value());
    EXPECT_EQ(from_file->id, key.id);
    EXPECT_EQ(from_file->key, key.key);
    EXPECT_EQ(print(KeyId{1, 2, 3, 4, 5, 6, 7, 0xab}), "AB07060504030201");
}

TEST(MinisignKey, OthersAreRefused)
{
    const std::string good = test::MinisignSigner().public_key();
    for (const std::string & text :
         {std::string(), good.substr(0, 55), good + "A", "QQ" + good.substr(2), good + "\n" + good + "\n",
          std::string("\n") + good, std::string("untrusted comment: x")})
        EXPECT_FALSE(parse_public_key(text, "k").has_value()) << text;
}

TEST(MinisignStatement, Words)
{
    const auto statement = parse_statement("timestamp:1\tsequence:12 file:rules.txt hashed", "s");
    ASSERT_TRUE(statement.has_value());
    EXPECT_EQ(statement->sequence, 12u);
    EXPECT_EQ(statement->file, "rules.txt");
    EXPECT_EQ(parse_statement("sequence:18446744073709551615", "s")->sequence, UINT64_MAX);
}

TEST(MinisignStatement, OthersAreRefused)
{
    for (const std::string text :
         {"", "timestamp:1", "sequence:", "sequence:0", "sequence:-1", "sequence:+1", "sequence:1x", "sequence: 1",
          "sequence:18446744073709551616", "sequence:1 sequence:1", "Sequence:1", "sequence:1 file:", "sequence:1 file:a file:b"})
        EXPECT_FALSE(parse_statement(text, "s").has_value()) << text;
}

}
}
