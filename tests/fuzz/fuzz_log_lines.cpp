// Every field of a peer's that reaches a line of the log, through the module and through the server's own records. Whatever they
// hold: an audit line is one line of key=value pairs with each key once and the values that belong there, and no record of the
// server's holds a second line that looks like a record, or passes for an audit line.
//
// An input is texts with 0x1F between them: user, remote address, expected name, common name, DNS name, URI, mailbox, id of a
// query.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include <log_record.h>

#include "base/error.h"
#include "base/utf8.h"
#include "support/module_world.h"
#include "target.h"

using namespace chmtls;

namespace
{

using Fields = std::array<std::string, 8>;

Fields fields_of(std::string_view input)
{
    Fields fields;
    for (std::string & field : fields)
    {
        const auto end = std::min(input.find('\x1f'), input.size());
        field = input.substr(0, end);
        input.remove_prefix(std::min(end + 1, input.size()));
    }
    return fields;
}

/// The pairs of an audit line; nothing when it is not made as it should be.
std::optional<std::map<std::string, std::string>> pairs_of(std::string_view line)
{
    constexpr std::string_view begin = "audit ";
    if (!line.starts_with(begin) || has_control(line))
        return std::nullopt;
    line.remove_prefix(begin.size());
    std::map<std::string, std::string> pairs;
    while (true)
    {
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return std::nullopt;
        const std::string key(line.substr(0, equals));
        if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
            return std::nullopt;
        line.remove_prefix(equals + 1);
        std::string value;
        if (line.starts_with('"'))
        {
            size_t at = 1;
            for (; at < line.size() && line[at] != '"'; ++at)
            {
                if (line[at] == '\\' && at + 1 < line.size() && line[at + 1] != 'x')
                    ++at;
                value += line[at];
            }
            if (at >= line.size())
                return std::nullopt;
            line.remove_prefix(at + 1);
        }
        else
        {
            value = line.substr(0, line.find(' '));
            line.remove_prefix(value.size());
            if (value.find_first_of("\"\\= ") != std::string::npos || value.empty())
                return std::nullopt;
        }
        if (!pairs.emplace(key, value).second)
            return std::nullopt;
        if (line.empty())
            return pairs;
        if (line.front() != ' ')
            return std::nullopt;
        line.remove_prefix(1);
    }
}

/// What of a value that a peer chose must stand in the log.
bool shows(const std::map<std::string, std::string> & pairs, const std::string & key, const std::string & value)
{
    const auto found = pairs.find(key);
    if (value.empty())
        return found == pairs.end();
    constexpr size_t whole = 200; // surely not cut
    return found != pairs.end() && (value.size() > whole || found->second == printable(value, 1024));
}

class Listening : public HostCallbacks
{
public:
    void log(uint32_t, std::string_view message) override
    {
        if (message.starts_with("audit "))
            lines.emplace_back(message);
    }
    void close_session(uint64_t, std::string_view) override {}
    void configuration_changed() override {}

    std::vector<std::string> lines;
};

/// A few inputs share one module: it bounds how many refusals it writes down.
struct Site
{
    std::shared_ptr<Listening> host = std::make_shared<Listening>();
    std::shared_ptr<Plugin> plugin;
    int left = 40;
};

const test::ModuleWorld & world()
{
    static const test::ModuleWorld made;
    return made;
}

Site & site()
{
    static Site current;
    if (current.plugin == nullptr || current.left-- == 0)
    {
        current = {};
        current.plugin = world().plugin(current.host);
    }
    current.host->lines.clear();
    return current;
}

void require_records(const std::string & line, const Fields & fields)
{
    using debian::Writer;
    const auto said = debian::without_markers(line, debian::audit_marker.size()); // as the adapter's log says it
    const auto prefix = "2026.11.28 12:00:00.000000 [ 1 ] {" + fields[7] + "} ";
    const auto audit = debian::one_record(prefix + "<Warning> clickhouse-mtls: " + said, Writer::audit);
    const auto marker = audit.find(debian::audit_marker);
    fuzz::require(marker != std::string::npos && audit.find(debian::audit_marker, marker + 1) == std::string::npos);
    fuzz::require(audit.ends_with(said));
    fuzz::require(audit.find("\n2026") == std::string::npos);

    std::string text = prefix + "<Debug> TCPHandler: Connected";
    for (const std::string & field : fields)
        text += " " + field;
    const auto record = debian::one_record(text, Writer::server);
    fuzz::require(record.find(debian::audit_marker) == std::string::npos);
    for (size_t at = 0; at < record.size(); ++at)
    {
        const auto byte = static_cast<unsigned char>(record[at]);
        fuzz::require(byte >= 0x20 || byte == '\t' || (byte == '\n' && at + 1 < record.size() && record[at + 1] == '\t'));
        fuzz::require(byte != 0x7F);
    }
    fuzz::require(debian::is_one_record(text, Writer::server) == (record == text));
}

void require_lines(Site & site, const Fields & fields, const std::string & user, const std::string & remote)
{
    for (const auto & line : site.host->lines)
    {
        const auto pairs = pairs_of(line);
        fuzz::require(pairs.has_value() && pairs->contains("decision"));
        if (pairs->at("event") != "suppressed" && !pairs->contains("repeated"))
            fuzz::require(shows(*pairs, "asked", user) && shows(*pairs, "remote", remote));
        require_records(line, fields);
    }
    site.host->lines.clear();
}

void log_in(Site & site, const Identity & identity, const Fields & fields)
{
    chmtls_login login{};
    login.interface = CHMTLS_INTERFACE_NATIVE;
    login.flags = CHMTLS_LOGIN_USER_NAMED;
    login.user = bytes_of(fields[0]);
    login.remote_address = bytes_of(fields[1]);
    (void)site.plugin->authorize(identity, login);
    require_lines(site, fields, fields[0], fields[1]);
    login.interface = CHMTLS_INTERFACE_HTTP;
    login.flags |= CHMTLS_LOGIN_CERTIFICATE_ASKED | CHMTLS_LOGIN_UNPRINTABLE;
    (void)site.plugin->authorize(identity, login);
    require_lines(site, fields, fields[0], fields[1]);
}

/// With these names; nothing when OpenSSL does not write such a certificate. Most inputs differ from the last one elsewhere.
const std::optional<pki::Issued> & certificate_of(const Fields & fields)
{
    static std::optional<Fields> made_for;
    static std::optional<pki::Issued> made;
    if (made_for && std::equal(fields.begin() + 3, fields.begin() + 7, made_for->begin() + 3))
        return made;
    auto spec = test::client_spec(fields[3]);
    for (const auto & [kind, value] :
         {std::pair{pki::AltName::Kind::dns, fields[4]},
          {pki::AltName::Kind::uri, fields[5]},
          {pki::AltName::Kind::email, fields[6]}})
        if (!value.empty())
            spec.alt_names.push_back({kind, value});
    auto issued = pki::issue(spec, world().root);
    made = issued ? std::optional(std::move(*issued)) : std::nullopt;
    made_for = fields;
    return made;
}

void meet(Site & site, const Fields & fields)
{
    const auto & issued = certificate_of(fields);
    if (!issued)
        return;
    const ByteView der = issued->certificate.der();
    const chmtls_bytes leaf{der.data(), der.size()};
    Peer peer;
    peer.peer = CHMTLS_PEER_CLIENT;
    peer.listener = "tcp_port_secure";
    peer.chain = &leaf;
    peer.chain_len = 1;
    peer.remote_address = fields[1];
    const auto verdict = site.plugin->verify_peer(peer);
    require_lines(site, fields, {}, fields[1]);
    if (verdict.outcome.ok())
        log_in(site, verdict.identity, fields);
    peer.peer = CHMTLS_PEER_SERVER;
    peer.listener = {};
    peer.expected_name = fields[2];
    (void)site.plugin->verify_peer(peer);
    require_lines(site, fields, {}, fields[1]);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    const auto fields = fields_of(fuzz::text_of(data, size));
    auto & current = site();
    log_in(current, {}, fields);
    meet(current, fields);
    return 0;
}
