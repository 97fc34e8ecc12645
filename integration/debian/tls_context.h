#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/InvalidCertificateHandler.h>
#include <Poco/Util/AbstractConfiguration.h>

#include <binding/ssl_binding.h>

namespace chmtls::debian
{

/// The handler behind <invalidCertificateHandler><name>MtlsCertificateHandler</name>. Verification is the module's; if Poco ever
/// asks this handler about a certificate, the answer is no.
class MtlsCertificateHandler : public Poco::Net::InvalidCertificateHandler
{
public:
    using InvalidCertificateHandler::InvalidCertificateHandler;
    void onInvalidCertificate(const void * sender, Poco::Net::VerificationErrorArgs & error) override;
};

/// Makes the name known to Poco's factories. Idempotent.
void register_certificate_handler();

/// Puts our contexts in place of those that Poco would make at first use: ciphers, curves and Diffie-Hellman parameters from
/// openSSL.server and openSSL.client here, everything else by the binding. Call before any TLS socket exists, once. Throws
/// Poco::Exception naming the key when a setting cannot be honoured.
void install_tls_contexts(const Poco::Util::AbstractConfiguration & config, host::SslBinding & binding);

/// The settings above as one text: they are read at start only, so a reload compares.
std::string start_only_settings(const Poco::Util::AbstractConfiguration & config);

}
