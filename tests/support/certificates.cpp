#include "support/certificates.h"

#include <stdexcept>

namespace chmtls::test
{
namespace
{

void check(int returned, const char * what)
{
    if (returned != 1)
        throw std::runtime_error(what);
}

}

pki::Issued authority(const std::string & common_name)
{
    return value(pki::self_signed(pki::Spec::authority(common_name)));
}

pki::Issued intermediate(const std::string & common_name, const pki::Issued & parent)
{
    return value(pki::issue(pki::Spec::authority(common_name), parent));
}

pki::Issued leaf(const pki::Spec & spec, const pki::Issued & issuer)
{
    return value(pki::issue(spec, issuer));
}

pki::Spec client_spec(const std::string & common_name)
{
    pki::Spec spec;
    spec.subject = {{"CN", common_name}};
    spec.extended_key_usages = {"clientAuth"};
    return spec;
}

pki::Spec server_spec(const std::string & dns)
{
    pki::Spec spec;
    spec.subject = {{"CN", dns}};
    spec.extended_key_usages = {"serverAuth"};
    spec.alt_names = {{pki::AltName::Kind::dns, dns}};
    return spec;
}

std::string key_text(const pki::Issued & issued)
{
    const auto pem = pki::key_pem(issued.key);
    return std::string(as_text(pem.view()));
}

void present(SSL_CTX * context, const pki::Issued & issued, const std::vector<pki::Issued> & intermediates)
{
    const auto key = value(issued.key.open());
    check(SSL_CTX_use_certificate(context, issued.certificate.x509()), "use_certificate");
    check(SSL_CTX_use_PrivateKey(context, key.get()), "use_PrivateKey");
    for (const auto & certificate : intermediates)
        check(static_cast<int>(SSL_CTX_add1_chain_cert(context, certificate.certificate.x509())), "add1_chain_cert");
}

void believe(SSL_CTX * context, const pki::Issued & root)
{
    check(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.certificate.x509()), "X509_STORE_add_cert");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

std::string common_name_of_peer(const SSL * ssl)
{
    const auto * const certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr)
        return {};
    char text[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof(text));
    return text;
}

}
