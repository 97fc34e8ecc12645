#include "config/limits_section.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, peer_class_count> class_names{"users", "nodes", "keeper"};
constexpr std::array<std::string_view, 9> curve_words{
    "P-256", "P-384", "P-521", "secp256k1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "ED25519", "ED448"};
constexpr std::array<std::string_view, 7> hash_words{"SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-384", "SHA3-512"};
constexpr std::chrono::seconds longest_duration{std::chrono::hours(24 * 366 * 100)};

std::string upper(std::string_view text)
{
    std::string result(text);
    for (char & c : result)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return result;
}

/// Words between commas or blanks, each one of `known`, case ignored; as `known` writes them.
std::vector<std::string> read_words(Section & section, std::string_view key, std::span<const std::string_view> known)
{
    std::vector<std::string> result;
    const std::optional<std::string> value = section.text(key);
    if (!value)
        return result;
    constexpr std::string_view between = ", \t\r\n";
    for (size_t at = value->find_first_not_of(between); at != std::string::npos;)
    {
        const size_t end = std::min(value->find_first_of(between, at), value->size());
        const std::string word = value->substr(at, end - at);
        const auto found
            = std::find_if(known.begin(), known.end(), [&](std::string_view each) { return upper(each) == upper(word); });
        if (found == known.end())
            section.refuse(key, fmt::format("unknown word \"{}\"", printable(word)), "write some of " + list_of(known));
        else
            result.emplace_back(*found);
        at = value->find_first_not_of(between, end);
    }
    if (result.empty() && value->find_first_not_of(between) == std::string::npos)
        section.refuse(key, "names nothing", "write some of " + list_of(known));
    return result;
}

CertificateLimits read_class(const Element & element, const std::string & path, Findings & findings)
{
    Section section(element, path, findings);
    CertificateLimits limits;
    limits.min_rsa_bits = section.number("min_rsa_bits", 1024, 16384);
    limits.curves = read_words(section, "curves", curve_words);
    limits.signature_hashes = read_words(section, "signature_hashes", hash_words);
    limits.max_certificate_lifetime = read_duration(section, "max_certificate_lifetime");
    limits.min_remaining_lifetime = read_duration(section, "min_remaining_lifetime");
    section.refuse_unknown();
    if (limits.max_certificate_lifetime && limits.min_remaining_lifetime
        && *limits.min_remaining_lifetime >= *limits.max_certificate_lifetime)
        section.refuse(
            "min_remaining_lifetime", "is not below max_certificate_lifetime: no certificate could keep both",
            "write a shorter time");
    return limits;
}

/// What a browser on a bad line needs is the least, what nobody would call a handshake any more is the most.
void read_unfinished(Section & section, UnfinishedLimits & limits)
{
    constexpr std::chrono::seconds longest{600};
    if (const auto timeout = read_duration(section, "handshake_timeout"))
    {
        if (*timeout > longest)
            section.refuse("handshake_timeout", "is longer than 10 minutes", "write at most 10m");
        limits.handshake_timeout = *timeout;
    }
    if (const auto most = section.number("max_unfinished", 1, 1'000'000))
        limits.total = static_cast<uint32_t>(*most);
    if (const auto most = section.number("max_unfinished_per_address", 1, 1'000'000))
        limits.per_address = static_cast<uint32_t>(*most);
    if (limits.total != 0 && limits.per_address > limits.total)
        section.refuse(
            "max_unfinished_per_address", "is more than max_unfinished: one address could hold all of them",
            "write a smaller number, or leave it out");
}

}

std::optional<std::chrono::seconds> read_duration(Section & section, std::string_view key, std::chrono::seconds least)
{
    const std::optional<std::string> value = section.text(key);
    if (!value)
        return std::nullopt;
    const auto duration = parse_duration(*value);
    if (duration && *duration >= least && *duration <= longest_duration)
        return *duration;
    section.refuse(key, fmt::format("\"{}\" is no length of time", printable(*value)), "write for instance 90s, 15m, 12h or 30d");
    return std::nullopt;
}

void read_limits(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("limits");
    if (!element)
        return;
    Section section(*element, mtls.key_path("limits", 0, 1), findings);
    if (const auto level = section.number("security_level", 1, 5))
        settings.security_level = static_cast<int>(*level);
    for (size_t i = 0; i < class_names.size(); ++i)
        if (const Element * found = section.child(class_names[i]))
            settings.limits[i] = read_class(*found, section.key_path(class_names[i], 0, 1), findings);
    read_unfinished(section, settings.unfinished);
    section.refuse_unknown();
}

}
