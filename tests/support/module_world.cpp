#include "support/module_world.h"

#include <stdexcept>

namespace chmtls::test
{
namespace
{

std::string chain_text(const pki::Issued & issued, const std::vector<pki::Issued> & intermediates)
{
    std::string text = pki::certificate_pem(issued.certificate);
    for (const auto & certificate : intermediates)
        text += pki::certificate_pem(certificate.certificate);
    return text;
}

std::string element(const std::string & name, const std::string & content)
{
    return "<" + name + ">" + content + "</" + name + ">\n";
}

}

const Module & module_of_this_build()
{
    static const Module module = []
    {
        auto loaded = Module::load(CHMTLS_MODULE_PATH);
        if (!loaded.outcome.ok())
            throw std::runtime_error(loaded.outcome.message);
        return loaded.module;
    }();
    return module;
}

ModuleWorld::ModuleWorld(WorldOptions world_options) : options(std::move(world_options))
{
    serve(server);
    serve_as("client", client);
    trust({root});
}

void ModuleWorld::serve(const pki::Issued & issued, const std::vector<pki::Issued> & intermediates) const
{
    // Key first: a reload in between sees a pair that does not match, and waits.
    directory.write("server.key", key_text(issued));
    directory.write("server.crt", chain_text(issued, intermediates));
}

void ModuleWorld::serve_as(const std::string & name, const pki::Issued & issued) const
{
    directory.write(name + ".key", key_text(issued));
    directory.write(name + ".crt", chain_text(issued, {}));
}

void ModuleWorld::trust(const std::vector<pki::Issued> & authorities) const
{
    std::string text;
    for (const auto & each : authorities)
        text += pki::certificate_pem(each.certificate);
    directory.write("ca.crt", text);
}

Configuration ModuleWorld::configuration() const
{
    const auto server_section = element(
        "server", element("certificateFile", directory.file("server.crt"))
                      + element("privateKeyFile", directory.file("server.key")) + element("caConfig", directory.file("ca.crt"))
                      + element("verificationMode", "relaxed") + options.extra_server);
    const auto client_files = options.client_certificate ? element("certificateFile", directory.file("client.crt"))
                                                               + element("privateKeyFile", directory.file("client.key"))
                                                         : std::string();
    const auto client_section = element(
        "client", client_files + element("caConfig", directory.file("ca.crt"))
                      + element("verificationMode", options.client_verification) + options.extra_client);
    const auto listeners = element(
        "listeners", element("tcp_port_secure", element("client_certificate", options.listener_mode))
                         + element("https_port", element("client_certificate", options.https_mode)));
    const auto rule = element(
        "users", element("rule", element("name", "everybody") + element("common_name", "*") + element("user", "someone")));

    Configuration result;
    result.server = element(
        "clickhouse", element("tcp_port_secure", "9440") + element("https_port", "8443")
                          + element("interserver_https_port", "9010") + element("openSSL", server_section + client_section)
                          + element("mtls", listeners + rule + options.extra_mtls));
    result.users = options.users;
    result.server_source = "config.xml";
    result.users_source = "users.xml";
    return result;
}

std::shared_ptr<Plugin> ModuleWorld::plugin(std::shared_ptr<HostCallbacks> callbacks) const
{
    auto created = Plugin::create(module_of_this_build(), configuration(), std::move(callbacks));
    if (!created.outcome.ok())
        throw std::runtime_error(created.outcome.message);
    return created.plugin;
}

uint64_t ModuleWorld::generation(const Plugin & plugin)
{
    chmtls_listener_policy policy{};
    return plugin.listener_policy("tcp_port_secure", policy) == CHMTLS_OK ? policy.generation : 0;
}

ContextPtr ModuleWorld::plain_client(int version) const
{
    auto context = client_context(version);
    believe(context.get(), root);
    return context;
}

ContextPtr ModuleWorld::plain_client(int version, const pki::Issued & shown) const
{
    auto context = plain_client(version);
    present(context.get(), shown);
    return context;
}

}
