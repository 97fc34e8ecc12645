#include "tls_context.h"

#include <array>
#include <memory>
#include <vector>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <Poco/Exception.h>
#include <Poco/Net/CertificateHandlerFactory.h>
#include <Poco/Net/CertificateHandlerFactoryMgr.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/String.h>
#include <Poco/StringTokenizer.h>

#include <binding/cipher_words.h>

namespace chmtls::debian
{

namespace
{

using Poco::Net::Context;
using Poco::Util::AbstractConfiguration;

constexpr const char * handler_name = "MtlsCertificateHandler";
constexpr std::array start_only_keys{"cipherList", "cipherSuites", "dhParamsFile", "ecdhCurve", "preferServerCiphers"};
// Of openSSL.server these are the listeners' policy, which the module reads at each reload.
constexpr std::array start_only_client_keys{
    "disableProtocols", "requireTLSv1", "requireTLSv1_1", "requireTLSv1_2", "requireTLSv1_3"};

constexpr std::array ports{
    "tcp_port", "http_port", "tcp_port_secure", "https_port", "interserver_http_port", "interserver_https_port"};

[[noreturn]] void refuse(const std::string & key, const std::string & why)
{
    ERR_clear_error();
    throw Poco::InvalidArgumentException("clickhouse-mtls: " + key + ": " + why);
}

std::string joined(const std::vector<std::string> & words)
{
    std::string text;
    for (const auto & word : words)
        text += (text.empty() ? "'" : ", '") + word + "'";
    return text;
}

void apply_cipher_list(SSL_CTX * context, const AbstractConfiguration & config, const std::string & section)
{
    const auto key = section + ".cipherList";
    const auto list = config.getString(key, {});
    if (list.empty())
        return;
    if (const auto unknown = unknown_cipher_words(list); !unknown.empty())
        refuse(key, "OpenSSL does not know " + joined(unknown) + "; write words of ciphers(1)");
    if (SSL_CTX_set_cipher_list(context, list.c_str()) != 1)
        refuse(key, "no cipher is left of '" + list + "'");
}

void apply_cipher_suites(SSL_CTX * context, const AbstractConfiguration & config, const std::string & section)
{
    const auto key = section + ".cipherSuites";
    const auto list = config.getString(key, {});
    if (list.empty())
        return;
    if (const auto unknown = unknown_cipher_suites(list); !unknown.empty())
        refuse(
            key,
            "OpenSSL does not know the TLS 1.3 suite " + joined(unknown) + "; it knows those of: openssl ciphers -s -tls1_3");
    if (SSL_CTX_set_ciphersuites(context, list.c_str()) != 1)
        refuse(key, "OpenSSL does not take '" + list + "'");
}

void apply_curves(SSL_CTX * context, const AbstractConfiguration & config, const std::string & section)
{
    const auto key = section + ".ecdhCurve";
    const auto groups = config.getString(key, {});
    if (!groups.empty() && SSL_CTX_set1_groups_list(context, groups.c_str()) != 1)
        refuse(key, "OpenSSL does not know a group of '" + groups + "'; write names such as X25519:P-256:P-384");
}

// Poco itself leaves a 1024-bit group behind, which OpenSSL refuses to use: DHE would be dead without dhParamsFile.
void apply_dh(SSL_CTX * context, const AbstractConfiguration & config, const std::string & section)
{
    const auto key = section + ".dhParamsFile";
    const auto file = config.getString(key, {});
    if (file.empty())
    {
        SSL_CTX_set_dh_auto(context, 1);
        return;
    }
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> input(BIO_new_file(file.c_str(), "r"), BIO_free_all);
    if (!input)
        refuse(key, "cannot read " + file);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> parameters(PEM_read_bio_Parameters(input.get(), nullptr), EVP_PKEY_free);
    // DHX: of `openssl dhparam -dsaparam`
    if (!parameters || (EVP_PKEY_is_a(parameters.get(), "DH") != 1 && EVP_PKEY_is_a(parameters.get(), "DHX") != 1))
        refuse(key, file + " holds no Diffie-Hellman parameters (PEM)");
    if (SSL_CTX_set0_tmp_dh_pkey(context, parameters.get()) != 1)
    {
        SSL_CTX_set_dh_auto(context, 1); // too small for the security level; the module has warned
        return;
    }
    static_cast<void>(parameters.release());
    SSL_CTX_set_dh_auto(context, 0);
}

void refuse_fips(const AbstractConfiguration & config)
{
    if (config.getBool("openSSL.fips", false))
        refuse("openSSL.fips", "this build cannot switch OpenSSL 3 to its FIPS provider; configure the provider in openssl.cnf");
}

struct Version
{
    const char * word;
    const char * require_key;
    int number;
};
constexpr std::array versions{
    Version{"tlsv1", "requireTLSv1", TLS1_VERSION}, Version{"tlsv1_1", "requireTLSv1_1", TLS1_1_VERSION},
    Version{"tlsv1_2", "requireTLSv1_2", TLS1_2_VERSION}, Version{"tlsv1_3", "requireTLSv1_3", TLS1_3_VERSION}};

// The module has no policy for outgoing connections. The rules are those of openSSL.server: the module has checked the words,
// refused contradictions and gaps; TLS 1.2 and 1.3 unless one version is required.
void apply_client_versions(SSL_CTX * context, const AbstractConfiguration & config)
{
    const std::string section = "openSSL.client.";
    const Poco::StringTokenizer words(
        Poco::toLower(config.getString(section + "disableProtocols", {})), ",;",
        Poco::StringTokenizer::TOK_TRIM | Poco::StringTokenizer::TOK_IGNORE_EMPTY);
    int lowest = 0;
    int highest = 0;
    for (const auto & version : versions)
    {
        if (config.getBool(section + version.require_key, false))
        {
            lowest = highest = version.number;
            break;
        }
        if (version.number < TLS1_2_VERSION || words.has(version.word))
            continue;
        lowest = lowest == 0 ? version.number : lowest;
        highest = version.number;
    }
    if (SSL_CTX_set_min_proto_version(context, lowest) != 1 || SSL_CTX_set_max_proto_version(context, highest) != 1)
        refuse(section + "disableProtocols", "OpenSSL does not take these protocol versions");
}

Context::Ptr make_context(const AbstractConfiguration & config, const std::string & section, Context::Usage usage)
{
    Context::Params params;
    params.verificationMode = Context::VERIFY_NONE; // Poco's own callback is not used
    Context::Ptr context(new Context(usage, params));
    apply_cipher_list(context->sslContext(), config, section);
    apply_cipher_suites(context->sslContext(), config, section);
    apply_curves(context->sslContext(), config, section);
    apply_dh(context->sslContext(), config, section);
    ERR_clear_error();
    return context;
}

}

void MtlsCertificateHandler::onInvalidCertificate(const void * /*sender*/, Poco::Net::VerificationErrorArgs & error)
{
    error.setIgnoreError(false);
}

void register_certificate_handler()
{
    auto & manager = Poco::Net::SSLManager::instance().certificateHandlerFactoryMgr();
    if (!manager.hasFactory(handler_name))
        manager.setFactory(handler_name, new Poco::Net::CertificateHandlerFactoryImpl<MtlsCertificateHandler>());
}

void install_tls_contexts(const AbstractConfiguration & config, host::SslBinding & binding)
{
    refuse_fips(config);
    const auto server = make_context(config, "openSSL.server", Context::TLS_SERVER_USE);
    if (config.getBool("openSSL.server.preferServerCiphers", false))
        SSL_CTX_set_options(server->sslContext(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    binding.attach_server(server->sslContext());

    auto client = make_context(config, "openSSL.client", Context::TLS_CLIENT_USE);
    apply_client_versions(client->sslContext(), config);
    binding.attach_client(client->sslContext());

    auto & manager = Poco::Net::SSLManager::instance();
    manager.initializeServer(nullptr, new MtlsCertificateHandler(true), server);
    manager.initializeClient(nullptr, new MtlsCertificateHandler(false), client);
}

std::string start_only_settings(const AbstractConfiguration & config)
{
    std::string text;
    const auto append = [&](const std::string & key)
    {
        text += key + "=" + config.getString(key, {}) + "\n";
    };
    for (const std::string section : {"openSSL.server.", "openSSL.client."})
        for (const auto * key : start_only_keys)
            append(section + key);
    for (const auto * key : start_only_client_keys)
        append(std::string("openSSL.client.") + key);
    for (const auto * key : ports)
        append(key);
    return text;
}

}
