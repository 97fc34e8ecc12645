// Certificates for nodes and Keepers: read again like every other, and found by their id.

#include <gtest/gtest.h>

#include "reload/site.h"

namespace chmtls::test
{
namespace
{

/// As NAME.crt and NAME.key.
std::string credential(const Site & site, const std::string & name)
{
    const pki::Issued issued = site.issue(name + ".example");
    site.write(name + ".crt", pki::certificate_pem(issued.certificate));
    site.write(name + ".key", text_of(pki::key_pem(issued.key)));
    return "<" + name + "><certificateFile>" + site.path(name + ".crt") + "</certificateFile><privateKeyFile>"
           + site.path(name + ".key") + "</privateKeyFile></" + name + ">";
}

TEST(PurposeCredentials, AreReloadedByThemselvesAndFoundById)
{
    Site site;
    site.mtls = "<credentials>" + credential(site, "node") + credential(site, "keeper") + "</credentials>";
    Managed managed;
    ASSERT_TRUE(managed.manager.configure(site.input()).has_value());
    const auto first = managed.manager.current();
    const auto node = first->credentials[generation::Use::node]->select({});
    const auto keeper = first->credentials[generation::Use::keeper]->select({});
    EXPECT_EQ(managed.manager.credential(node->id), node);
    EXPECT_EQ(managed.manager.credential(keeper->id), keeper);

    const pki::Issued issued = site.issue("renewed.example");
    site.write("node.key", text_of(pki::key_pem(issued.key)));
    site.write("node.crt", pki::certificate_pem(issued.certificate));
    const auto shown = [&]
    {
        const auto current = managed.manager.current()->client_credentials_for(config::Purpose::node)->select({});
        return current->chain.front().facts().san.dns.front();
    };
    ASSERT_TRUE(managed.eventually([&] { return shown() == "renewed.example"; })) << managed.log();
    EXPECT_NE(managed.manager.credential(node->id), nullptr) << "of the generation before";
}

}
}
