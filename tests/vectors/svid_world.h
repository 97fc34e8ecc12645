#pragma once

// The signing certificates of the SVID cases, issued when first asked for.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "spiffe/svid.h"
#include "support/issue.h"

namespace chmtls::test::svid
{

using Change = std::function<void(pki::Spec &)>;

inline constexpr UnixTime issued_from{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};
inline constexpr UnixTime issued_until{std::chrono::sys_days{std::chrono::year{2099} / 12 / 31}};
inline constexpr UnixTime usual_moment{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};
inline constexpr UnixTime new_year_2030{std::chrono::sys_days{std::chrono::year{2030} / 1 / 1}};

/// What a trust domain name of 255 or 256 bytes looks like.
[[nodiscard]] std::string long_trust_domain(size_t length);

/// Changes that several certificates share.
[[nodiscard]] Change both(Change first, Change second);
[[nodiscard]] Change subject(std::vector<std::pair<std::string, std::string>> names);
[[nodiscard]] Change uris(std::vector<std::string> values);
[[nodiscard]] Change key_usages(std::vector<std::string> usages);
[[nodiscard]] Change valid(UnixTime from, UnixTime until);
[[nodiscard]] Change in_the_past();
[[nodiscard]] Change in_the_future();
[[nodiscard]] Change without_key_identifiers();
[[nodiscard]] Change critical_extension(bool critical);

/// A good leaf of spiffe://example.org/workload with this common name.
[[nodiscard]] pki::Spec leaf_spec(const std::string & common_name);

class World
{
public:
    /// By name; throws for a name that is not in the table.
    [[nodiscard]] const pki::Issued & signer(const std::string & name);
    [[nodiscard]] spiffe::Bundle bundle(const std::string & trust_domain, const std::vector<std::string> & signers);

private:
    std::map<std::string, pki::Issued> issued_;
};

}
