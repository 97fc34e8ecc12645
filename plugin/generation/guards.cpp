#include "generation/guards.h"

#include <fmt/format.h>

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

void judge_acts_as(const std::vector<config::UserRights> & users, Errors & errors, std::vector<std::string> & warnings)
{
    for (const config::UserRights & rights : users)
    {
        const std::string name = printable(rights.user);
        if (rights.open)
            errors.push_back(
                {"", "mtls.nodes.acts_as.user",
                 fmt::format("user '{}' has an empty password, so everybody may act as it without a certificate", name),
                 fmt::format("remove the empty password from users.{}: a user without any is closed to passwords here", name),
                 "OPEN-USER"});
        else if (!rights.limited)
            warnings.push_back(fmt::format(
                "mtls.nodes.acts_as: user '{}' has no limits (no allow_databases, no readonly profile), so a node may do "
                "anything "
                "here that it says nobody asked for",
                name));
    }
}

}
