#include <binding/cipher_words.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include <openssl/ssl.h>

namespace chmtls::debian
{

namespace
{

// Keywords of ciphers(1), OpenSSL 3.0.
constexpr std::array keywords{
    "DEFAULT",
    "ALL",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "HIGH",
    "MEDIUM",
    "LOW",
    "eNULL",
    "NULL",
    "aNULL",
    "kRSA",
    "aRSA",
    "RSA",
    "kDHE",
    "kEDH",
    "DH",
    "DHE",
    "EDH",
    "ADH",
    "kEECDH",
    "kECDHE",
    "ECDH",
    "ECDHE",
    "EECDH",
    "AECDH",
    "aDSS",
    "DSS",
    "aECDSA",
    "ECDSA",
    "TLSv1.2",
    "TLSv1.0",
    "TLSv1",
    "SSLv3",
    "AES128",
    "AES256",
    "AES",
    "AESGCM",
    "AESCCM",
    "AESCCM8",
    "ARIA128",
    "ARIA256",
    "ARIA",
    "ARIAGCM",
    "CAMELLIA128",
    "CAMELLIA256",
    "CAMELLIA",
    "CHACHA20",
    "3DES",
    "DES",
    "RC4",
    "RC2",
    "IDEA",
    "SEED",
    "MD5",
    "SHA1",
    "SHA",
    "SHA256",
    "SHA384",
    "aGOST",
    "aGOST01",
    "aGOST12",
    "kGOST",
    "kGOST18",
    "GOST94",
    "GOST89MAC",
    "GOST12",
    "GOST89",
    "PSK",
    "kPSK",
    "kECDHEPSK",
    "kDHEPSK",
    "kRSAPSK",
    "aPSK",
    "SRP",
    "kSRP",
    "aSRP",
    "SUITEB128",
    "SUITEB192",
    "SUITEB128ONLY",
    "FIPS",
};

constexpr const char * tls13_suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
                                      "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256";

// Known to older versions: harmless in "!NAME", a mistake elsewhere.
constexpr std::array dropped{"EXP",  "EXPORT", "EXPORT40", "EXPORT56", "SSLv2", "FZA",  "kKRB5", "aKRB5",
                             "KRB5", "aFZA",   "eFZA",     "kFZA",     "aDH",   "kDHr", "kDHd"};

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

enum class Ciphers
{
    all,
    tls13,
};

std::set<std::string, std::less<>> cipher_names(Ciphers wanted)
{
    std::set<std::string, std::less<>> names;
    const ContextPtr context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
    if (!context)
        return names;
    SSL_CTX_set_security_level(context.get(), 0);
    if (SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL") != 1
        || SSL_CTX_set_ciphersuites(context.get(), tls13_suites) != 1)
        return names;
    const auto * const ciphers = SSL_CTX_get_ciphers(context.get());
    for (int at = 0; at < sk_SSL_CIPHER_num(ciphers); ++at)
    {
        const auto * const cipher = sk_SSL_CIPHER_value(ciphers, at);
        if (wanted == Ciphers::tls13 && std::string_view(SSL_CIPHER_get_version(cipher)) != "TLSv1.3")
            continue;
        names.insert(SSL_CIPHER_get_name(cipher));
        if (const char * const standard = SSL_CIPHER_standard_name(cipher))
            names.insert(standard);
    }
    return names;
}

std::vector<std::string_view> split(std::string_view list, std::string_view separators)
{
    std::vector<std::string_view> words;
    while (!list.empty())
    {
        const auto end = std::min(list.find_first_of(separators), list.size());
        if (end > 0)
            words.push_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return words;
}

template <size_t Size>
bool contains(const std::array<const char *, Size> & words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_command(std::string_view word)
{
    if (word == "@STRENGTH")
        return true;
    constexpr std::string_view level = "@SECLEVEL=";
    return word.size() == level.size() + 1 && word.starts_with(level) && word.back() >= '0' && word.back() <= '5';
}

}

std::vector<std::string> unknown_cipher_words(std::string_view list)
{
    const auto names = cipher_names(Ciphers::all);
    std::vector<std::string> unknown;
    for (const auto word : split(list, ": ,;"))
    {
        if (is_command(word))
            continue;
        const bool excluded = word.starts_with('!') || word.starts_with('-');
        const auto bare = word.starts_with('!') || word.starts_with('-') || word.starts_with('+') ? word.substr(1) : word;
        // A whole cipher name first: some of them contain a plus sign's letters, none contains the sign.
        if (names.contains(bare))
            continue;
        const auto parts = split(bare, "+");
        const bool known
            = !parts.empty()
              && std::all_of(
                  parts.begin(), parts.end(),
                  [&](std::string_view part)
                  { return contains(keywords, part) || names.contains(part) || (excluded && contains(dropped, part)); });
        if (!known)
            unknown.emplace_back(word);
    }
    return unknown;
}

std::vector<std::string> unknown_cipher_suites(std::string_view list)
{
    const auto names = cipher_names(Ciphers::tls13);
    std::vector<std::string> unknown;
    for (const auto word : split(list, ":"))
        if (!names.contains(word))
            unknown.emplace_back(word);
    return unknown;
}

}
