// What caConfig believes: the same as OpenSSL's default verification, which is what a stock server does with the same file.

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "openssl/pem_blocks.h"
#include "support/issue.h"
#include "trust/path.h"

namespace chmtls
{
namespace
{

using openssl::Certificate;
using test::must;

constexpr UnixTime now{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

/// root (only names below example.org) -> policy (no authority but one below it) -> issuing, and a root apart.
struct Pki
{
    pki::Issued root;
    pki::Issued policy;
    pki::Issued issuing;
    pki::Issued below_issuing;
    pki::Issued other;

    Pki()
        : root(must(pki::self_signed(constrained(), now))), policy(must(pki::issue(one_below(), root, now))),
          issuing(must(pki::issue(pki::Spec::authority("issuing"), policy, now))),
          below_issuing(must(pki::issue(pki::Spec::authority("below issuing"), issuing, now))),
          other(must(pki::self_signed(pki::Spec::authority("other"), now)))
    {
    }

    static pki::Spec constrained()
    {
        pki::Spec spec = pki::Spec::authority("root");
        spec.permitted_names = {"DNS:example.org"};
        return spec;
    }

    static pki::Spec one_below()
    {
        pki::Spec spec = pki::Spec::authority("policy");
        spec.path_length = 1;
        return spec;
    }
};

const Pki & world()
{
    static const Pki made;
    return made;
}

pki::Issued leaf(const pki::Issued & issuer, const std::string & name)
{
    return must(pki::issue(test::leaf_spec("leaf", {test::dns(name)}), issuer, now));
}

/// As SSL_CTX_load_verify_locations and a handshake do it.
bool openssl_accepts(
    const std::vector<Certificate> & authorities, const Certificate & leaf, const std::vector<Certificate> & sent)
{
    const std::unique_ptr<X509_STORE, openssl::Freed<X509_STORE_free>> store(X509_STORE_new());
    for (const Certificate & authority : authorities)
        X509_STORE_add_cert(store.get(), authority.x509());
    STACK_OF(X509) * const untrusted = sk_X509_new_null();
    for (const Certificate & certificate : sent)
        sk_X509_push(untrusted, certificate.x509());
    const openssl::X509StoreCtxPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf.x509(), untrusted);
    X509_STORE_CTX_set_default(context.get(), "ssl_client");
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), static_cast<time_t>(now.time_since_epoch().count()));
    const bool accepted = X509_verify_cert(context.get()) == 1;
    sk_X509_free(untrusted);
    return accepted;
}

bool caconfig_accepts(
    const std::vector<Certificate> & authorities, const Certificate & leaf, const std::vector<Certificate> & sent)
{
    const auto store = must(trust::TrustStore::create(authorities, {}, {.partial_chain = false}));
    const auto verdict
        = store->verify({.leaf = leaf, .intermediates = sent, .purpose = trust::Purpose::client_auth, .depth = 9, .at = now});
    return verdict.accepted();
}

struct Case
{
    const char * name;
    std::vector<Certificate> authorities;
    Certificate leaf;
    std::vector<Certificate> sent;
    bool accepted;
};

std::vector<Case> cases()
{
    const Pki & w = world();
    const Certificate & root = w.root.certificate;
    const Certificate & policy = w.policy.certificate;
    const Certificate & issuing = w.issuing.certificate;
    const Certificate & below = w.below_issuing.certificate;
    const Certificate & other = w.other.certificate;
    const Certificate inside = leaf(w.issuing, "a.example.org").certificate;
    const Certificate outside = leaf(w.issuing, "a.example.com").certificate;
    const Certificate deep = leaf(w.below_issuing, "a.example.org").certificate;
    return {
        {"whole chain, inside the constraint", {root, policy, issuing}, inside, {}, true},
        {"whole chain, outside the constraint", {root, policy, issuing}, outside, {}, false},
        {"whole chain in another order", {issuing, root, policy}, outside, {}, false},
        {"one authority more than the path length allows", {root, policy, issuing, below}, deep, {}, false},
        {"the same, sent", {root, policy, issuing}, deep, {below}, false},
        {"two intermediates, no root", {policy, issuing}, inside, {}, false},
        {"two intermediates, the root is sent", {policy, issuing}, inside, {root}, false},
        {"two intermediates and another root", {policy, issuing, other}, inside, {}, false},
        {"the root alone, the rest is sent", {root}, inside, {issuing, policy}, true},
        {"the root and the lowest, nothing sent", {root, issuing}, inside, {}, false},
        {"the leaf itself is no anchor", {inside}, inside, {}, false},
        {"a root among others", {other, root, policy, issuing}, inside, {}, true},
    };
}

TEST(StockPaths, AreThoseOfCaConfig)
{
    for (const Case & c : cases())
    {
        EXPECT_EQ(openssl_accepts(c.authorities, c.leaf, c.sent), c.accepted) << c.name;
        EXPECT_EQ(caconfig_accepts(c.authorities, c.leaf, c.sent), c.accepted) << c.name;
    }
}

TEST(StockPaths, AreTheSameInALargeStore)
{
    std::vector<Certificate> many;
    for (int i = 0; i < 12; ++i)
        many.push_back(must(pki::self_signed(pki::Spec::authority("filler " + std::to_string(i)), now)).certificate);
    for (const Case & c : cases())
    {
        std::vector<Certificate> authorities = many;
        authorities.insert(authorities.end(), c.authorities.begin(), c.authorities.end());
        EXPECT_EQ(caconfig_accepts(authorities, c.leaf, c.sent), c.accepted) << c.name;
    }
}

/// A second root of the same name, which signed nothing: OpenSSL takes the first that fits and stays with it, we try both.
TEST(StockPaths, GoThroughIntermediatesOfCaConfigAlsoWhenARootWasRenewed)
{
    const auto bare = [](const std::string & name)
    {
        pki::Spec spec = pki::Spec::authority(name);
        spec.subject_key_identifier = false;
        spec.authority_key_identifier = false;
        return spec;
    };
    const pki::Issued old_root = must(pki::self_signed(bare("rotated"), now));
    const pki::Issued new_root = must(pki::self_signed(bare("rotated"), now));
    const pki::Issued middle = must(pki::issue(bare("middle"), new_root, now));
    const Certificate of_middle = leaf(middle, "a.example.org").certificate;
    EXPECT_TRUE(caconfig_accepts({old_root.certificate, new_root.certificate, middle.certificate}, of_middle, {}));
    EXPECT_FALSE(caconfig_accepts({old_root.certificate, middle.certificate}, of_middle, {}));
}

enum class Marked
{
    trusted,
    rejected,
};

Certificate marked(const Certificate & certificate, Marked how, int use)
{
    const openssl::X509Ptr copy(X509_dup(certificate.x509()));
    ASN1_OBJECT * const object = OBJ_nid2obj(use);
    if (how == Marked::trusted)
        X509_add1_trust_object(copy.get(), object);
    else
        X509_add1_reject_object(copy.get(), object);
    const openssl::BioPtr output(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_AUX(output.get(), copy.get());
    char * pem = nullptr;
    const long length = BIO_get_mem_data(output.get(), &pem);
    return must(openssl::certificates_from_pem(as_bytes({pem, static_cast<size_t>(length)}), "marked")).front();
}

TEST(StockPaths, TakeNoteOfWhatATrustedCertificateRejects)
{
    const Pki & w = world();
    const Certificate inside = leaf(w.issuing, "a.example.org").certificate;
    const Certificate & policy = w.policy.certificate;
    const Certificate & issuing = w.issuing.certificate;
    const Certificate no_clients = marked(w.root.certificate, Marked::rejected, NID_client_auth);
    const Certificate no_servers = marked(w.root.certificate, Marked::rejected, NID_server_auth);
    const Certificate trusted_issuing = marked(issuing, Marked::trusted, NID_client_auth);
    const Certificate rejected_issuing = marked(issuing, Marked::rejected, NID_client_auth);
    EXPECT_EQ(no_clients.der().size(), w.root.certificate.der().size()) << "the settings are no part of the certificate";
    const std::vector<Case> all{
        {"rejected for clients", {no_clients, policy, issuing}, inside, {}, false},
        {"rejected for servers", {no_servers, policy, issuing}, inside, {}, true},
        {"rejected intermediate", {w.root.certificate, policy, rejected_issuing}, inside, {}, false},
        {"rejected intermediate, a copy is sent", {w.root.certificate, policy, rejected_issuing}, inside, {issuing}, false},
        {"intermediate that is called trusted", {trusted_issuing}, inside, {}, true},
    };
    for (const Case & c : all)
    {
        EXPECT_EQ(openssl_accepts(c.authorities, c.leaf, c.sent), c.accepted) << c.name;
        EXPECT_EQ(caconfig_accepts(c.authorities, c.leaf, c.sent), c.accepted) << c.name;
    }
}

}
}
