// A remembered verdict is the verdict: whatever is sent, the verifier that remembers says the first and the second time what the
// judgement without any memory says.

#include "chain_input.h"
#include "policy/verify.h"
#include "seeds.h"
#include "target.h"

using namespace chmtls;

namespace
{

generation::GenerationPtr generation_of(const pki::Issued & root)
{
    auto made = std::make_shared<generation::Generation>();
    made->number = 1;
    made->settings.listeners = {{"tcp_port_secure", 9440, config::ClientCertificate::required}};
    auto store = trust::TrustStore::create({root.certificate}, {}, {});
    auto bundles = spiffe::BundleSet::create({});
    fuzz::require(store.has_value() && bundles.has_value());
    made->client_trust = *store;
    made->bundles = *bundles;
    return made;
}

void require_same(const policy::PeerVerdict & left, const policy::PeerVerdict & right)
{
    fuzz::require(left.reason == right.reason && left.message == right.message);
    fuzz::require((left.identity == nullptr) == (right.identity == nullptr));
    if (left.identity == nullptr)
        return;
    fuzz::require(left.valid_until == right.valid_until && left.identity->describe() == right.identity->describe());
    fuzz::require(left.identity->sent == right.identity->sent);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    static const auto generation = generation_of(fuzz::test_pki().root);
    static policy::Verifier verifier;
    const auto pieces = fuzz::der_pieces({data, size});
    const policy::PeerQuery query{
        .role = policy::PeerRole::client, .listener = "tcp_port_secure", .chain = pieces, .expected_name = {}};
    const UnixTime now = system_time();
    const auto cold = policy::verify_peer(*generation, query, now);
    require_same(cold, verifier.verify(generation, query, now));
    require_same(cold, verifier.verify(generation, query, now));
    return 0;
}
