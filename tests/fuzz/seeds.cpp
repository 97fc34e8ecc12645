#include "seeds.h"

#include <cstdio>
#include <cstdlib>

namespace chmtls::fuzz
{

namespace
{

pki::Issued must(Result<pki::Issued> issued)
{
    if (issued)
        return std::move(*issued);
    std::fprintf(stderr, "%s\n", issued.error().describe().c_str());
    std::abort();
}

Pki make_pki()
{
    auto root = must(pki::self_signed(pki::Spec::authority("fuzz root")));
    auto intermediate = must(pki::issue(pki::Spec::authority("fuzz intermediate"), root));
    pki::Spec leaf;
    leaf.subject = {{"O", "Example"}, {"CN", "alice"}};
    leaf.alt_names = {
        {pki::AltName::Kind::dns, "alice.example.org"},
        {pki::AltName::Kind::email, "alice@example.org"},
        {pki::AltName::Kind::uri, "https://example.org/alice"},
        {pki::AltName::Kind::ip, "192.0.2.1"},
        {pki::AltName::Kind::other, "alice"},
    };
    pki::Spec svid;
    svid.alt_names = {{pki::AltName::Kind::uri, "spiffe://example.org/ns/prod/sa/api"}};
    return {root, intermediate, must(pki::issue(leaf, intermediate)), must(pki::issue(svid, root))};
}

Bytes copy(ByteView bytes)
{
    return {bytes.begin(), bytes.end()};
}

Bytes copy(const std::string & text)
{
    return copy(as_bytes(text));
}

Bytes revocation_list(const pki::CrlSpec & spec)
{
    auto crl = pki::issue_crl(spec, test_pki().root);
    if (!crl)
        std::abort();
    return *crl;
}

}

const Pki & test_pki()
{
    static const Pki made = make_pki();
    return made;
}

std::vector<Seed> seeds_for(const std::string & subject)
{
    const Pki & made = test_pki();
    if (subject == "certificate")
        return {
            {"root", copy(made.root.certificate.der())},
            {"leaf", copy(made.leaf.certificate.der())},
            {"svid", copy(made.svid.certificate.der())},
        };
    if (subject == "chain")
    {
        Bytes chain = copy(made.leaf.certificate.der());
        const ByteView above = made.intermediate.certificate.der();
        chain.insert(chain.end(), above.begin(), above.end());
        return {{"leaf_and_intermediate", chain}, {"svid", copy(made.svid.certificate.der())}};
    }
    if (subject == "pem")
        return {
            {"chain", copy(pki::chain_pem({made.leaf.certificate, made.intermediate.certificate}))},
            {"one", copy(pki::certificate_pem(made.root.certificate))},
        };
    if (subject == "crl")
        return {
            {"empty", revocation_list({})},
            {"one", revocation_list({.revoked = {{"01", std::chrono::seconds(-60)}}})},
            {"delta", revocation_list({.delta_base = 1})},
        };
    return {};
}

}
