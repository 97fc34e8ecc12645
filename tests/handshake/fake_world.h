#pragma once

#include <gtest/gtest.h>

#include "bound.h"
#include "fake_module.h"
#include "support/certificates.h"

namespace chmtls::test
{

inline Bytes copy_of(ByteView view)
{
    return {view.begin(), view.end()};
}

/// A fake module that serves a good certificate, and plain OpenSSL sides to meet it.
class FakeWorld
{
public:
    FakeWorld()
    {
        module.key = copy_of(server.key.pkcs8());
        module.certificates = {copy_of(server.certificate.der())};
    }

    /// A client of plain OpenSSL that shows a certificate.
    [[nodiscard]] ContextPtr plain_client(int version) const
    {
        auto context = client_context(version);
        believe(context.get(), root);
        present(context.get(), client);
        return context;
    }

    /// A server of plain OpenSSL that asks for a certificate.
    [[nodiscard]] ContextPtr plain_server(int version) const
    {
        auto context = server_context(version);
        believe(context.get(), root);
        present(context.get(), server);
        return context;
    }

    FakeModule module;
    pki::Issued root = authority("root");
    pki::Issued server = leaf(server_spec("server.test"), root);
    pki::Issued client = leaf(client_spec("client"), root);
};

class WithFakeModule : public testing::TestWithParam<int>
{
protected:
    [[nodiscard]] static int version() { return GetParam(); }
    FakeWorld world;
};

inline std::string name_of_version(const testing::TestParamInfo<int> & info)
{
    return version_name(info.param);
}

}
