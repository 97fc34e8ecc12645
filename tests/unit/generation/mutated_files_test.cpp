// A hundred damaged files of each kind: refused, or what is in force works.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/x509.h>

#include "credentials/trial.h"
#include "support/mutations.h"
#include "unit/generation/loading.h"

namespace chmtls::generation
{
namespace
{

std::string content_of(const test::Site & site, const std::string & file)
{
    for (const auto & [name, content] : test::Site::named(site.contents))
        if (name == file)
            return content;
    return {};
}

/// An authority whose key has become one that nobody knows has signed nothing, its list neither.
bool lists_are_there(const trust::TrustStore & store)
{
    const bool known_key = X509_get0_pubkey(store.anchors().front().x509()) != nullptr;
    return store.crls().size() == (known_key ? 1u : 0u);
}

bool works(const Generation & generation)
{
    for (const auto & set : {generation.credentials[generation::Use::server], generation.credentials[generation::Use::client]})
        for (const auto & credential : set->all())
            if (!credential->key.matches(credential->chain.front())
                || credentials::handshake_defect(*credential, credentials::Side::server, {}))
                return false;
    return generation.client_trust != nullptr && generation.client_trust->anchors().size() == 1
           && lists_are_there(*generation.client_trust) && generation.bundles->find("example.org") != nullptr
           && generation.rules->size() <= 1; // what made a comment of the rule has taken it away
}

class MutatedFiles : public testing::TestWithParam<std::string>
{
};

TEST_P(MutatedFiles, AreNeverInForceBroken)
{
    const test::Site site;
    const std::string whole = content_of(site, GetParam());
    ASSERT_FALSE(whole.empty());
    size_t refused = 0;
    for (const std::string & text : test::mutations(whole))
    {
        site.write(GetParam(), text);
        const auto result = load(site.input(), site.now);
        refused += result ? 0 : 1;
        if (result)
        {
            EXPECT_TRUE(works(*result->generation)) << text;
        }
        // Whole lines are a whole rules file.
        const bool cut = whole.starts_with(text) && text.size() + 1 < whole.size() && !text.ends_with('\n');
        EXPECT_FALSE(cut && result) << "cut off at " << text.size();
    }
    EXPECT_GT(refused, 50u);
}

INSTANTIATE_TEST_SUITE_P(
    Each, MutatedFiles,
    testing::Values("server.crt", "server.key", "client.crt", "client.key", "ca.pem", "bundle.pem", "crl.pem", "rules.txt"),
    [](const auto & one) { return test::case_name(one.param); });

}
}
