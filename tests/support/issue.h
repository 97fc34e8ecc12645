#pragma once

// Certificates for unit tests, header only. A failure to issue one throws, which fails the test that asked.

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pki/issue.h"

namespace chmtls::test
{

template <typename T>
[[nodiscard]] T must(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

template <typename T>
[[nodiscard]] T must(Checked<T> result)
{
    if (!result)
        throw std::runtime_error(describe(result.error()));
    return std::move(*result);
}

[[nodiscard]] inline pki::AltName dns(std::string value)
{
    return {pki::AltName::Kind::dns, std::move(value)};
}

[[nodiscard]] inline pki::AltName uri(std::string value)
{
    return {pki::AltName::Kind::uri, std::move(value)};
}

[[nodiscard]] inline pki::AltName email(std::string value)
{
    return {pki::AltName::Kind::email, std::move(value)};
}

[[nodiscard]] inline pki::AltName ip(std::string value)
{
    return {pki::AltName::Kind::ip, std::move(value)};
}

/// A good leaf with this common name and these SANs.
[[nodiscard]] inline pki::Spec leaf_spec(const std::string & common_name, std::vector<pki::AltName> alt_names = {})
{
    pki::Spec spec;
    spec.subject = {{"CN", common_name}};
    spec.alt_names = std::move(alt_names);
    return spec;
}

/// root -> intermediate -> leaf, all good.
struct GoodPki
{
    UnixTime now;
    pki::Issued root;
    pki::Issued intermediate;
    pki::Issued leaf;

    /// Another leaf below the intermediate.
    [[nodiscard]] pki::Issued issue(const pki::Spec & spec) const { return must(pki::issue(spec, intermediate, now)); }

    /// As a peer sends it: leaf, intermediate.
    [[nodiscard]] std::vector<openssl::Certificate> chain() const { return {leaf.certificate, intermediate.certificate}; }
    [[nodiscard]] std::vector<openssl::Certificate> chain(const pki::Issued & other) const
    {
        return {other.certificate, intermediate.certificate};
    }
};

[[nodiscard]] inline GoodPki
good_pki(const pki::Spec & leaf = leaf_spec("leaf", {dns("leaf.example.org")}), UnixTime now = system_time())
{
    pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    pki::Issued intermediate = must(pki::issue(pki::Spec::authority("intermediate"), root, now));
    pki::Issued issued = must(pki::issue(leaf, intermediate, now));
    return {.now = now, .root = std::move(root), .intermediate = std::move(intermediate), .leaf = std::move(issued)};
}

/// A name for a table-driven case: letters, digits and '_' only.
[[nodiscard]] inline std::string case_name(std::string text)
{
    for (char & c : text)
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9'))
            c = '_';
    return text;
}

}
