// Want of memory while a key and its chain are loaded: the chain is complete, or the load has failed and is made again.

#include <cerrno>
#include <new>

#include <gtest/gtest.h>

#include "credentials/credential.h"
#include "faults/injection.h"
#include "support/issue.h"

namespace chmtls::test
{
namespace
{

TEST(MemoryInCredentials, TheChainIsCompletedOrNothingIsServed)
{
    const auto pki = good_pki();
    const std::string certificate = pki::certificate_pem(pki.leaf.certificate);
    const SecretBytes key = pki::key_pem(pki.leaf.key);
    const SecretBytes no_passphrase;
    const std::vector<openssl::Certificate> authorities{pki.root.certificate, pki.intermediate.certificate};
    const auto load = [&]
    {
        return credentials::load_credential(
            {"server.pem", as_bytes(certificate), "server.key", key.view(), {}, no_passphrase, {}, authorities, pki.now});
    };
    ASSERT_EQ(must(load()).credential->chain.size(), 2u);
    uint64_t refused = 0;
    for (const uint64_t nth : first_calls_from_each_place(Resource::memory, [&] { (void)load(); }))
    {
        const Injection injection(Resource::memory, nth, ENOMEM);
        try
        {
            const auto loaded = load();
            injection.pause();
            if (loaded)
            {
                ASSERT_EQ(loaded->credential->chain.size(), 2u) << "allocation " << nth;
            }
            else
                ++refused;
        }
        catch (const std::bad_alloc &)
        {
            ++refused;
        }
    }
    EXPECT_GT(refused, 100u);
}

}
}
