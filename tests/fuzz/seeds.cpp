#include "seeds.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <openssl/ssl.h>

#include "openssl/pointers.h"
#include "unit/trust/changed_crl.h"
#include "vectors/jwk.h"

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

/// What an ordinary client sends first.
Bytes client_hello(int version)
{
    const std::unique_ptr<SSL_CTX, openssl::Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const std::unique_ptr<SSL, openssl::Freed<SSL_free>> ssl(SSL_new(context.get()));
    BIO * const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_set_tlsext_host_name(ssl.get(), "server.test");
    SSL_set_connect_state(ssl.get());
    SSL_do_handshake(ssl.get());
    char * bytes = nullptr;
    const long size = BIO_get_mem_data(out, &bytes);
    return {bytes, bytes + size};
}

Bytes revocation_list(const pki::CrlSpec & spec)
{
    auto crl = pki::issue_crl(spec, test_pki().root);
    if (!crl)
        std::abort();
    return *crl;
}

/// The good chain, and another authority that certifies the one above the leaf and is certified by it.
Bytes cyclic_chain()
{
    const auto & made = test_pki();
    const auto other = must(pki::issue(pki::Spec::authority("other"), made.intermediate));
    const auto again = must(pki::issue_for_key(pki::Spec::authority("fuzz intermediate"), made.intermediate.key, &other));
    Bytes chain;
    for (const auto * issued : {&made.leaf, &again, &other, &made.intermediate})
    {
        const ByteView der = issued->certificate.der();
        chain.insert(chain.end(), der.begin(), der.end());
    }
    return chain;
}

Bytes indirect_list()
{
    const auto indirect = test::distribution_point([](ISSUING_DIST_POINT & point) { point.indirectCRL = 0xff; });
    return test::changed_crl(test_pki().root, {.revoked = {{"01", std::chrono::seconds(-60)}}}, system_time(), indirect);
}

Bytes as_pem(std::initializer_list<Bytes> lists)
{
    std::string text;
    for (const Bytes & list : lists)
        text += pki::crl_pem(list);
    return copy(text);
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
    if (subject == "chain" || subject == "remembered")
    {
        Bytes chain = copy(made.leaf.certificate.der());
        const ByteView above = made.intermediate.certificate.der();
        chain.insert(chain.end(), above.begin(), above.end());
        return {{"leaf_and_intermediate", chain}, {"svid", copy(made.svid.certificate.der())}, {"cycle", cyclic_chain()}};
    }
    if (subject == "pem")
        return {
            {"chain", copy(pki::chain_pem({made.leaf.certificate, made.intermediate.certificate}))},
            {"one", copy(pki::certificate_pem(made.root.certificate))},
            {"key", copy(pki::key_pem(made.leaf.key).view())},
        };
    if (subject == "crl")
    {
        const Bytes revokes
            = revocation_list({.revoked = {{made.svid.certificate.facts().serial_hex, std::chrono::seconds(-60)}}, .number = 2});
        return {
            {"empty", revocation_list({})},
            {"one", revocation_list({.revoked = {{"01", std::chrono::seconds(-60)}}})},
            {"delta", revocation_list({.delta_base = 1})},
            {"complete_and_delta", as_pem({revocation_list({.number = 1}), revocation_list({.number = 2, .delta_base = 1})})},
            {"indirect", indirect_list()},
            {"older_first", as_pem({revocation_list({.number = 1}), revokes})},
            {"newer_first", as_pem({revocation_list({.number = 3}), revokes})},
            {"equally_new", as_pem({revocation_list({.number = 2}), revokes})},
        };
    }
    if (subject == "bundle")
    {
        const std::string entry = test::json_object(test::entry_members(made.root.certificate));
        const std::string other = test::json_object(test::entry_members(made.intermediate.certificate));
        return {
            {"one", copy(test::key_set(entry))},
            {"twice", copy(test::key_set(entry + "," + other + "," + entry, R"(,"spiffe_sequence":7,"spiffe_refresh_hint":60)"))},
            {"pem", copy(pki::chain_pem({made.root.certificate, made.intermediate.certificate}))},
            {"map_of_two",
             copy(R"({"trust_domains":{"a.test":)" + test::key_set(entry) + R"(,"b.test":)" + test::key_set(other) + "}}")},
        };
    }
    if (subject == "client_hello")
        return {{"tls12", client_hello(TLS1_2_VERSION)}, {"tls13", client_hello(TLS1_3_VERSION)}};
    if (subject == "boundary")
    {
        // The calls of a connection, in their order, with everything right: see fuzz_boundary.cpp.
        static constexpr std::array<uint8_t, 12> in_order{0, 1, 2, 3, 11, 4, 5, 6, 7, 8, 9, 10};
        Bytes calls;
        for (const uint8_t which : in_order)
        {
            calls.push_back(which);
            if (which == 4 || which == 5)
                calls.insert(calls.end(), {1, 1, 6}); // native, names the user "someone"
            calls.insert(calls.end(), 24, 0);
        }
        return {{"each_once", calls}};
    }
    return {};
}

}
