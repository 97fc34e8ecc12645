// Chain verification over foreign bytes: nothing that differs from the one good chain is ever accepted.

#include "seeds.h"
#include "target.h"
#include "trust/path.h"

using namespace chmtls;

namespace
{

/// Cuts concatenated DER into certificates; what does not parse ends the list.
std::vector<openssl::Certificate> split(ByteView bytes)
{
    std::vector<openssl::Certificate> chain;
    while (!bytes.empty() && chain.size() < 16)
    {
        const uint8_t * at = bytes.data();
        const openssl::X509Ptr parsed(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
        if (!parsed)
            break;
        const auto length = static_cast<size_t>(at - bytes.data());
        auto certificate = openssl::Certificate::from_der(bytes.first(length));
        if (!certificate)
            break;
        chain.push_back(std::move(*certificate));
        bytes = bytes.subspan(length);
    }
    return chain;
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    static const auto store = trust::TrustStore::create({fuzz::test_pki().root.certificate}, {}, {});
    fuzz::require(store.has_value());
    const auto chain = split({data, size});
    if (chain.empty())
        return 0;
    const auto verdict = (*store)->verify(
        {.leaf = chain.front(),
         .intermediates = std::span(chain).subspan(1),
         .purpose = trust::Purpose::client_auth,
         .at = system_time()});
    if (!verdict.accepted())
    {
        fuzz::require(verdict.reason != Reason::valid && !verdict.message.empty() && verdict.path.empty());
        return 0;
    }
    const auto & made = fuzz::test_pki();
    fuzz::require(
        chain.front() == made.leaf.certificate || chain.front() == made.svid.certificate
        || chain.front() == made.intermediate.certificate || chain.front() == made.root.certificate);
    fuzz::require(verdict.path.back() == made.root.certificate && verdict.path.front() == chain.front());
    return 0;
}
