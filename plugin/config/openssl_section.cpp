#include "config/openssl_section.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/ascii.h"

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 4> verification_modes{"none", "relaxed", "once", "strict"};
constexpr std::array<std::string_view, 6> protocol_words{"sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3"};
constexpr std::array<std::string_view, 2> passphrase_handlers{"KeyFileHandler", "KeyConsoleHandler"};
constexpr std::array<std::string_view, 3> certificate_handlers{
    "RejectCertificateHandler", "AcceptCertificateHandler", "MtlsCertificateHandler"};

constexpr std::array<ProtocolVersion, 4> versions{
    ProtocolVersion::tls1_0, ProtocolVersion::tls1_1, ProtocolVersion::tls1_2, ProtocolVersion::tls1_3};
constexpr std::array<std::string_view, 4> version_names{"TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
constexpr std::array<std::string_view, 4> require_keys{"requireTLSv1", "requireTLSv1_1", "requireTLSv1_2", "requireTLSv1_3"};

/// The versions that disableProtocols leaves; older ones than TLS 1.2 only when one of them is required.
std::array<bool, 4> read_enabled(Section & section, bool old_ones)
{
    std::array<bool, 4> enabled{old_ones, old_ones, true, true};
    const std::string list = section.text_unless_empty("disableProtocols").value_or("");
    size_t at = 0;
    while (at <= list.size())
    {
        const size_t end = std::min(list.find_first_of(",;", at), list.size());
        const std::string word = ascii_lower(trimmed(std::string_view(list).substr(at, end - at)));
        at = end + 1;
        if (word.empty())
            continue;
        const auto found = std::find(protocol_words.begin(), protocol_words.end(), word);
        if (found == protocol_words.end())
            section.refuse(
                "disableProtocols", fmt::format("unknown protocol \"{}\"", printable(word)),
                fmt::format("name {}", list_of(protocol_words)));
        else if (const auto index = static_cast<size_t>(found - protocol_words.begin()); index >= 2)
            enabled[index - 2] = false;
    }
    return enabled;
}

void read_versions(Section & section, TlsSection & result, std::vector<std::string> & warnings)
{
    std::vector<size_t> required;
    for (size_t i = 0; i < require_keys.size(); ++i)
        if (section.flag(require_keys[i]).value_or(false))
            required.push_back(i);
    const bool old_ones = std::any_of(required.begin(), required.end(), [](size_t i) { return i < 2; });
    const std::array<bool, 4> enabled = read_enabled(section, old_ones);

    if (required.size() > 1)
    {
        section.refuse(
            require_keys[required[1]], fmt::format("contradicts {}: a connection has one version", require_keys[required[0]]),
            "keep one of them");
        return;
    }
    if (required.size() == 1)
    {
        const size_t only = required.front();
        if (!enabled[only])
            section.refuse(
                "disableProtocols", fmt::format("disables {}, which {} requires", version_names[only], require_keys[only]),
                "remove one of the two settings");
        result.min_version = versions[only];
        result.max_version = versions[only];
        if (only < 2)
            warnings.push_back(fmt::format(
                "{}.{}: {} is obsolete (RFC 8996) and OpenSSL offers it only at security level 0", section.path(),
                require_keys[only], version_names[only]));
        return;
    }

    const auto first = std::find(enabled.begin(), enabled.end(), true);
    if (first == enabled.end())
    {
        section.refuse("disableProtocols", "no protocol version is left", "leave tlsv1_2 or tlsv1_3 enabled");
        return;
    }
    const auto last = std::find(enabled.rbegin(), enabled.rend(), true).base() - 1;
    result.min_version = versions[static_cast<size_t>(first - enabled.begin())];
    result.max_version = versions[static_cast<size_t>(last - enabled.begin())];
}

CertificateHandler read_handler(Section & section, Findings & findings)
{
    const Element * element = section.child("invalidCertificateHandler");
    if (!element)
        return CertificateHandler::reject;
    Section handler(*element, section.key_path("invalidCertificateHandler", 0, 1), findings);
    const std::optional<size_t> name = handler.word("name", certificate_handlers);
    handler.ignore("options");
    handler.refuse_unknown();
    return name == size_t{1} ? CertificateHandler::accept : CertificateHandler::reject;
}

/// Keys that are known, checked for their form here, and applied by the host or not at all.
void read_host_settings(Section & section, std::vector<std::string> & warnings)
{
    (void)section.text("ecdhCurve");
    (void)section.number("sessionTimeout", 0, std::numeric_limits<int32_t>::max());
    (void)section.number("sessionCacheSize", 0, std::numeric_limits<int32_t>::max());
    if (section.text_unless_empty("sessionIdContext"))
        warnings.push_back(
            section.path()
            + ".sessionIdContext: not used; the context is derived from what is trusted, so that a "
              "change of trust ends resumption");
    if (section.flag("fips").value_or(false))
        section.refuse(
            "fips", "FIPS mode cannot be switched on here", "configure OpenSSL's FIPS provider in its own openssl.cnf");
}

}

std::string read_passphrase(Section & section, Findings & findings)
{
    const Element * element = section.child("privateKeyPassphraseHandler");
    if (!element)
        return {};
    Section handler(*element, section.key_path("privateKeyPassphraseHandler", 0, 1), findings);
    const std::optional<size_t> name = handler.word("name", passphrase_handlers);
    std::string passphrase;
    if (const Element * options_element = handler.child("options"))
    {
        Section options(*options_element, handler.key_path("options", 0, 1), findings);
        passphrase = options.raw_text("password").value_or("");
        options.refuse_unknown();
    }
    if (name == size_t{0} && passphrase.empty())
        handler.refuse("", "KeyFileHandler without options.password", "give the passphrase in <options><password>");
    handler.refuse_unknown();
    return passphrase;
}

TlsSection
read_tls_section(const Element & element, const std::string & path, Findings & findings, std::vector<std::string> & warnings)
{
    Section section(element, path, findings);
    TlsSection result;
    result.private_key_file = section.text_unless_empty("privateKeyFile").value_or("");
    result.certificate_file = section.text_unless_empty("certificateFile").value_or(result.private_key_file);
    if (result.private_key_file.empty() && !result.certificate_file.empty())
        section.refuse("certificateFile", "there is a certificate but no key for it", "set privateKeyFile as well");
    result.ca_config = section.text_unless_empty("caConfig").value_or("");
    result.load_default_ca_file = section.flag("loadDefaultCAFile").value_or(false);
    if (const auto mode = section.word("verificationMode", verification_modes))
        result.verification_mode = static_cast<VerificationMode>(*mode);
    result.verification_depth = section.number("verificationDepth", 0, 100).value_or(result.verification_depth);
    result.handler = read_handler(section, findings);
    result.cipher_list = section.text("cipherList").value_or("");
    result.cipher_suites = section.text("cipherSuites").value_or("");
    read_versions(section, result, warnings);
    result.prefer_server_ciphers = section.flag("preferServerCiphers").value_or(false);
    result.cache_sessions = section.flag("cacheSessions").value_or(false);
    result.dh_params_file = section.text_unless_empty("dhParamsFile").value_or("");
    result.extended_verification = section.flag("extendedVerification").value_or(false);
    result.passphrase = read_passphrase(section, findings);
    read_host_settings(section, warnings);
    section.refuse_unknown();
    return result;
}

}
