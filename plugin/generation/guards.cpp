#include "generation/guards.h"

namespace chmtls::generation
{

void refuse_forgeable(const config::Settings & settings, Errors & errors)
{
    const auto refuse = [&](const std::string & key, const std::string & reason, const std::string & remedy)
    {
        errors.push_back({"", "openSSL.server." + key, reason, remedy, "FORGEABLE"});
    };
    if (settings.server.verification_mode == config::VerificationMode::none)
        refuse(
            "verificationMode", "is none: certificates are not verified, while rules or users are matched against them",
            "write relaxed or strict, or remove the rules and the users' <ssl_certificates>");
    if (settings.server.handler == config::CertificateHandler::accept)
        refuse(
            "invalidCertificateHandler.name",
            "is AcceptCertificateHandler: it lets certificates pass that do not verify, while rules or users are matched "
            "against them",
            "write RejectCertificateHandler, or remove the rules and the users' <ssl_certificates>");
    if (settings.server.load_default_ca_file)
        refuse(
            "loadDefaultCAFile",
            "is true: each of the system's authorities could issue certificates that rules or users are matched against",
            "write false, and name in caConfig the authorities that vouch for clients");
}

}
