#include "describe.h"

#include <sstream>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include "gateway.h"
#include "passwords.h"

namespace chmtls::gateway
{
namespace
{

using Poco::Dynamic::Var;

Poco::JSON::Array servers_of(const Settings & settings)
{
    Poco::JSON::Array servers;
    for (const auto & listener : settings.listeners)
        for (const auto & server : listener.servers)
        {
            Poco::JSON::Object each;
            each.set("listener", std::string(listener_name(listener.role)));
            each.set("server", to_text(server));
            servers.add(each);
        }
    return servers;
}

void add_proof(Poco::JSON::Object & object, const Settings & settings, const Passwords & passwords)
{
    Poco::JSON::Array users;
    for (const auto & user : passwords.users())
        users.add(user);
    object.set("servers", servers_of(settings));
    object.set("tokens", settings.tokens ? Var(to_text(settings.tokens->listen)) : Var());
    object.set("passwords", settings.passwords_file.empty() ? Var() : Var(settings.passwords_file));
    object.set("password_users", users);
    object.set("password_logins", settings.password_logins == PasswordLogins::pass ? "pass" : "refuse");
}

}

std::string describe(const std::string & file)
{
    auto parsed = read_settings(file);
    auto passwords = Passwords::read(parsed.settings.passwords_file);
    if (!passwords.fault.empty())
        parsed.findings.push_back(file + ": gateway.proof.passwords: " + passwords.fault);
    Poco::JSON::Array findings;
    for (const auto & finding : parsed.findings)
        findings.add(finding);
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set("findings", findings);
    if (parsed.findings.empty())
        add_proof(object, parsed.settings, passwords.passwords);
    std::ostringstream out;
    object.stringify(out);
    return out.str();
}

}
