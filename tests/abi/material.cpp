// Writes what the C hosts of this folder need into a directory: certificates issued now, and configurations that name them.
// Usage: abi_material DIRECTORY

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "pki/issue.h"

namespace
{

using namespace chmtls;

template <typename T>
T must(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

class Folder
{
public:
    explicit Folder(std::filesystem::path path) : path_(std::move(path)) { std::filesystem::create_directories(path_); }

    std::string write(const std::string & name, std::string_view content) const
    {
        const auto target = path_ / name;
        std::filesystem::remove(target);
        std::ofstream out(target, std::ios::binary);
        std::filesystem::permissions(target, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!out.flush())
            throw std::runtime_error("cannot write " + target.string());
        return target.string();
    }

private:
    std::filesystem::path path_;
};

pki::Issued client(const std::string & common_name, const pki::Issued & issuer)
{
    pki::Spec spec;
    spec.subject = {{"CN", common_name}};
    return must(pki::issue(spec, issuer));
}

struct Files
{
    std::string certificate;
    std::string key;
    std::string authority;
};

/// `rules`: the <rule> elements; `more`: what else stands in <mtls>.
std::string configuration(const Files & files, const std::string & rules, const std::string & more = "")
{
    return fmt::format(
        R"(<clickhouse>
  <tcp_port_secure>9440</tcp_port_secure>
  <https_port>8443</https_port>
  <openSSL>
    <server>
      <certificateFile>{0}</certificateFile>
      <privateKeyFile>{1}</privateKeyFile>
      <caConfig>{2}</caConfig>
      <verificationMode>relaxed</verificationMode>
    </server>
    <client>
      <certificateFile>{0}</certificateFile>
      <privateKeyFile>{1}</privateKeyFile>
      <caConfig>{2}</caConfig>
    </client>
  </openSSL>
  <mtls>
    <users>
{3}    </users>
    {4}
  </mtls>
</clickhouse>
)",
        files.certificate, files.key, files.authority, rules, more);
}

std::string rule(const std::string & name, const std::string & common_name, const std::string & user)
{
    return fmt::format(
        "      <rule><name>{}</name><common_name>{}</common_name><user>{}</user></rule>\n", name, common_name, user);
}

void make(const Folder & folder)
{
    const auto root = must(pki::self_signed(pki::Spec::authority("ABI Root")));
    const auto other_root = must(pki::self_signed(pki::Spec::authority("Other Root")));
    pki::Spec spec;
    spec.subject = {{"CN", "server"}};
    spec.alt_names = {{pki::AltName::Kind::dns, "server.internal"}};
    const auto server = must(pki::issue(spec, root));

    const auto key_text = [&](const pki::Issued & issued)
    {
        return pki::key_pem(issued.key);
    };
    const auto key = key_text(server);
    const auto other_key = key_text(client("other", root));
    Files files{
        .certificate = folder.write("server.pem", pki::certificate_pem(server.certificate)),
        .key = folder.write("server.key", as_text(key.view())),
        .authority = folder.write("root.pem", pki::certificate_pem(root.certificate)),
    };
    const std::string rules = rule("alices", "alice", "alice") + rule("umlaut", "ümlaut", "jürgen");
    folder.write("config.xml", configuration(files, rules));
    folder.write("config-without-alice.xml", configuration(files, rule("bobs", "bob", "bob")));

    const std::string patient = "<sessions><on_revoked>after_query</on_revoked></sessions>";
    folder.write("config-patient.xml", configuration(files, rules, patient));
    folder.write("config-patient-without-alice.xml", configuration(files, rule("bobs", "bob", "bob"), patient));

    const std::string dns = "<dns><watch>db1</watch><watch>db2</watch><failures>2</failures><min_interval>0.1</"
                            "min_interval><on_rotation>true</on_rotation></dns>";
    folder.write("config-dns.xml", configuration(files, rules, dns));
    const auto next = must(pki::issue(spec, root));
    const auto next_key = key_text(next);
    auto renewed = files;
    renewed.certificate = folder.write("renewed.pem", pki::certificate_pem(next.certificate));
    renewed.key = folder.write("renewed.key", as_text(next_key.view()));
    folder.write("config-dns-renewed.xml", configuration(renewed, rules, dns));

    auto other_authority = files;
    other_authority.authority = folder.write("other-root.pem", pki::certificate_pem(other_root.certificate));
    folder.write("config-other-root.xml", configuration(other_authority, rules));

    auto mismatched = files;
    mismatched.key = folder.write("other.key", as_text(other_key.view()));
    folder.write("config-mismatched-key.xml", configuration(mismatched, rules));

    folder.write("users.xml", "<clickhouse><users><default><password></password></default></users></clickhouse>\n");

    const auto der = [&](const std::string & name, const pki::Issued & issued)
    {
        folder.write(name, as_text(issued.certificate.der()));
    };
    der("root.der", root);
    der("server.der", server);
    der("alice.der", client("alice", root));
    der("nobody.der", client("nobody", root));
    der("umlaut.der", client("ümlaut", root));
    der("stranger.der", client("alice", other_root));
}

}

int main(int argc, char ** argv)
{
    if (argc != 2)
    {
        std::fputs("usage: abi_material DIRECTORY\n", stderr);
        return 2;
    }
    try
    {
        make(Folder(argv[1]));
    }
    catch (const std::exception & exception)
    {
        std::fprintf(stderr, "abi_material: %s\n", exception.what());
        return 1;
    }
    return 0;
}
