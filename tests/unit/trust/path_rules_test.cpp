// What OpenSSL does not judge by itself, or not as we do: policies, uses of the nineties, its own bounds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/issue.h"
#include "trust/path.h"

using namespace chmtls;
using namespace chmtls::test;
using openssl::Certificate;
using testing::HasSubstr;
using trust::Purpose;
using trust::TrustStore;

namespace
{

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

/// 2.5.29.32.0, and one under an arc of our own.
const Bytes any_policy{0x06, 0x04, 0x55, 0x1d, 0x20, 0x00};
const Bytes one_policy{0x06, 0x03, 0x2a, 0x03, 0x04};
const Bytes other_policy{0x06, 0x03, 0x2a, 0x03, 0x05};

Bytes sequence(const Bytes & content)
{
    Bytes out{0x30, static_cast<uint8_t>(content.size())};
    out.insert(out.end(), content.begin(), content.end());
    return out;
}

pki::RawExtension policies(const Bytes & policy, bool critical = false)
{
    return {"2.5.29.32", critical, sequence(sequence(policy))};
}

pki::RawExtension mapping(const Bytes & from, const Bytes & to)
{
    Bytes both = from;
    both.insert(both.end(), to.begin(), to.end());
    return {"2.5.29.33", true, sequence(sequence(both))};
}

const pki::RawExtension demands_policy{"2.5.29.36", true, {0x30, 0x03, 0x80, 0x01, 0x00}}; // requireExplicitPolicy 0
const pki::RawExtension forbids_mapping{"2.5.29.36", true, {0x30, 0x06, 0x80, 0x01, 0x00, 0x81, 0x01, 0x00}};
const pki::RawExtension inhibits_any{"2.5.29.54", true, {0x02, 0x01, 0x00}};

struct PolicyCase
{
    const char * name;
    std::vector<pki::RawExtension> authority;
    std::vector<pki::RawExtension> issuing;
    std::vector<pki::RawExtension> leaf;
    Reason reason;
};

}

TEST(PathPolicy, ByTable)
{
    const std::vector<PolicyCase> cases{
        {"none anywhere", {}, {}, {}, Reason::valid},
        {"only in the leaf, critical", {}, {}, {policies(one_policy, true)}, Reason::valid},
        {"of different names, not demanded",
         {policies(one_policy, true)},
         {policies(other_policy)},
         {policies(one_policy)},
         Reason::valid},
        {"demanded and there",
         {policies(one_policy), demands_policy},
         {policies(one_policy)},
         {policies(one_policy)},
         Reason::valid},
        {"demanded and anyPolicy",
         {policies(any_policy), demands_policy},
         {policies(any_policy)},
         {policies(one_policy)},
         Reason::valid},
        {"demanded, the leaf has none", {policies(one_policy), demands_policy}, {policies(one_policy)}, {}, Reason::purpose},
        {"demanded, the middle has none", {policies(one_policy), demands_policy}, {}, {policies(one_policy)}, Reason::purpose},
        {"demanded, another one",
         {policies(one_policy), demands_policy},
         {policies(one_policy)},
         {policies(other_policy)},
         Reason::purpose},
        {"demanded below only",
         {policies(one_policy)},
         {policies(one_policy), demands_policy},
         {policies(other_policy)},
         Reason::purpose},
        {"any inhibited",
         {policies(one_policy), demands_policy, inhibits_any},
         {policies(any_policy)},
         {policies(one_policy)},
         Reason::purpose},
        {"mapped",
         {policies(one_policy), demands_policy, mapping(one_policy, other_policy)},
         {policies(other_policy)},
         {policies(other_policy)},
         Reason::valid},
        {"mapping forbidden",
         {policies(one_policy), forbids_mapping},
         {policies(one_policy), mapping(one_policy, other_policy)},
         {policies(other_policy)},
         Reason::purpose},
    };
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    const auto store = must(TrustStore::create({root.certificate}, {}, {}));
    for (const PolicyCase & one : cases)
    {
        SCOPED_TRACE(one.name);
        pki::Spec upper = pki::Spec::authority("Policy");
        upper.extra = one.authority;
        pki::Spec lower = pki::Spec::authority("Issuing");
        lower.extra = one.issuing;
        pki::Spec spec = leaf_spec("alice");
        spec.extra = one.leaf;
        const pki::Issued authority = must(pki::issue(upper, root, now));
        const pki::Issued issuing = must(pki::issue(lower, authority, now));
        const pki::Issued leaf = must(pki::issue(spec, issuing, now));
        const std::vector<Certificate> sent{issuing.certificate, authority.certificate};
        const auto verdict = store->verify({.leaf = leaf.certificate, .intermediates = sent, .at = now});
        EXPECT_EQ(verdict.reason, one.reason) << verdict.message;
        if (one.reason == Reason::purpose)
        {
            EXPECT_THAT(verdict.message, HasSubstr("policy"));
        }
    }
}

TEST(PathPurpose, ServerGatedCryptoIsNotServerAuth)
{
    const pki::Issued root = must(pki::self_signed(pki::Spec::authority("root"), now));
    const auto store = must(TrustStore::create({root.certificate}, {}, {}));
    for (const char * gated : {"2.16.840.1.113730.4.1", "1.3.6.1.4.1.311.10.3.3"})
    {
        for (const bool with_server_auth : {false, true})
        {
            std::vector<std::string> usages{gated};
            if (with_server_auth)
                usages.emplace_back("serverAuth");
            pki::Spec spec = leaf_spec("server");
            spec.extended_key_usages = usages;
            pki::Spec signer = pki::Spec::authority("Issuing");
            signer.extended_key_usage = true;
            signer.extended_key_usages = usages;
            const pki::Issued issuing = must(pki::issue(signer, root, now));
            const std::vector<Certificate> sent{issuing.certificate};
            for (const pki::Issued & leaf :
                 {must(pki::issue(spec, root, now)), must(pki::issue(leaf_spec("server"), issuing, now))})
            {
                const auto verdict = store->verify(
                    {.leaf = leaf.certificate, .intermediates = sent, .purpose = Purpose::server_auth, .at = now});
                EXPECT_EQ(verdict.reason, with_server_auth ? Reason::valid : Reason::purpose) << verdict.message;
            }
        }
    }
}

TEST(PathNames, MoreThanOpenSslComparesIsABound)
{
    const auto judge = [](size_t names, size_t constraints)
    {
        pki::Spec spec = pki::Spec::authority("root");
        for (size_t i = 0; i < constraints; ++i)
            spec.excluded_names.push_back("DNS:x" + std::to_string(i));
        const pki::Issued root = must(pki::self_signed(spec, now));
        std::vector<pki::AltName> alt_names;
        for (size_t i = 0; i < names; ++i)
            alt_names.push_back(dns("n" + std::to_string(i)));
        const pki::Issued leaf = must(pki::issue(leaf_spec("alice", alt_names), root, now));
        return must(TrustStore::create({root.certificate}, {}, {}))
            ->verify({.leaf = leaf.certificate, .intermediates = {}, .at = now});
    };
    EXPECT_EQ(judge(100, 100).reason, Reason::valid);
    const auto beyond = judge(1100, 1000);
    EXPECT_EQ(beyond.reason, Reason::resource);
    EXPECT_THAT(beyond.message, HasSubstr("more names, name constraints or policies"));
}
