// Want of memory while the facts of a certificate are read: all of them are right, or there are none yet.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "faults/injection.h"
#include "faults/revoking_site.h"
#include "generation/loader.h"
#include "mapping/subject.h"
#include "policy/describe.h"
#include "support/issue.h"

namespace chmtls::test
{
namespace
{

/// Every kind of string that OpenSSL converts, names of every kind, and every extension that is read.
Bytes certificate_with_everything()
{
    pki::Spec spec;
    spec.subject = {{"CN", "alice"}, {"O", "Example"}, {"C", "DE"}, {"serialNumber", "42"}, {"1.2.3.4.5", "own"}};
    spec.alt_names = {
        dns("alice.example"), uri("spiffe://prod.example/alice"), email("alice@example.org"), ip("192.0.2.1"), ip("2001:db8::1")};
    spec.key = pki::KeyKind::ed25519; // in words without a curve's name, which is for people
    spec.path_length = 1;
    spec.ca = true;
    const auto root = must(pki::self_signed(pki::Spec::authority("root")));
    return must(pki::issue_der(spec, &root));
}

std::string facts_of(const openssl::Certificate & certificate)
{
    return policy::identity_json(mapping::Subject{certificate.facts(), {}, {}, {}});
}

TEST(MemoryInFacts, AreWholeOrNone)
{
    const Bytes der = certificate_with_everything();
    const std::string expected = facts_of(must(openssl::Certificate::from_der(der)));
    uint64_t none = 0;
    for (uint64_t nth = 1;; ++nth)
    {
        const auto certificate = must(openssl::Certificate::from_der(der));
        const Injection injection(Resource::memory, nth, ENOMEM);
        try
        {
            (void)certificate.facts();
        }
        catch (const std::bad_alloc &)
        {
            ++none;
        }
        injection.pause();
        ASSERT_EQ(facts_of(certificate), expected) << "allocation " << nth;
        if (!injection.fired())
            break;
    }
    EXPECT_GT(none, 20u);
}

TEST(MemoryInFacts, ACertificateDoesNotLoseItsSpiffeId)
{
    const RevokingSite site;
    const auto generation = must(generation::load(site.input(), site.now)).generation;
    ASSERT_EQ(verdict_on(*generation, site.alice, site.now).reason, Reason::valid);
    // By the same authority; what it is not trusted for is the ID of a domain that nobody knows here.
    const auto stranger = must(pki::issue(leaf_spec("alice", {uri("spiffe://unknown.example/alice")}), site.root, site.now));
    for (uint64_t nth = 1;; ++nth)
    {
        const Injection injection(Resource::memory, nth, ENOMEM);
        try
        {
            const auto verdict = verdict_on(*generation, stranger, site.now);
            injection.pause();
            ASSERT_FALSE(verdict.accepted()) << "allocation " << nth;
            if (!injection.fired())
            {
                ASSERT_EQ(verdict.reason, Reason::trust_domain_no_bundle) << verdict.message;
                break;
            }
        }
        catch (const std::bad_alloc &)
        {
        }
    }
}

}
}
