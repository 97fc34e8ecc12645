#include "generation/loader.h"

#include <algorithm>

#include <fmt/format.h>

#include "credentials/trial.h"
#include "generation/build_rules.h"
#include "generation/build_trust.h"
#include "generation/findings.h"
#include "generation/guards.h"
#include "generation/known_certificate.h"
#include "generation/signed_files.h"
#include "openssl/pem_blocks.h"

namespace chmtls::generation
{

namespace
{

/// A rule that leaves it open whose the SPIFFE ID is. Of a regular expression only its beginning is looked at.
bool matches_any_domain(const mapping::RuleText & rule)
{
    bool open = false;
    for (const mapping::MatcherText & matcher : rule.matchers)
    {
        if (matcher.field == mapping::Field::trust_domain)
            return false;
        if (matcher.field != mapping::Field::spiffe_id)
            continue;
        constexpr std::string_view scheme = "spiffe://";
        constexpr std::string_view regex_prefix = "regex:";
        std::string_view pattern = matcher.pattern;
        const bool regex = pattern.starts_with(regex_prefix);
        if (regex)
            pattern.remove_prefix(regex_prefix.size());
        const auto domain = pattern.starts_with(scheme) ? pattern.substr(scheme.size()) : std::string_view("*");
        // "[.]" is the one class that means one character.
        std::string text(domain.substr(0, domain.find('/')));
        for (auto at = text.find("[.]"); regex && at != std::string::npos; at = text.find("[.]"))
        {
            text.erase(at, 2);
            text[at] = '_';
        }
        open = text.find_first_of(regex ? "*+?([{|" : "*{") != std::string::npos;
    }
    return open;
}

class Builder
{
public:
    Builder(const Asked & asked, const Reading & reading, UnixTime now, const Generation * previous)
        : asked_(asked), settings_(asked.settings), material_(reading.material), sequences_(reading.sequences), now_(now),
          previous_(previous), errors_(asked.errors), result_(std::make_shared<Generation>())
    {
        result_->digest = reading.digest;
        result_->loaded_at = now;
        result_->settings = asked.settings;
        result_->warnings = asked.settings.warnings;
    }

    Checked<std::shared_ptr<Generation>> run()
    {
        BuiltTrust trust = build_trust(asked_, material_, now_, errors_, result_->warnings);
        result_->sequences = check_signatures(
            settings_, material_, sequences_, previous_ ? previous_->sequences : signature::Sequences(), errors_,
            result_->warnings);
        build_credentials(trust);
        build_rules();
        build_peer_rules();
        build_users();
        check_dh_params(material_.server, settings_.server.cipher_list, "openSSL.server.dhParamsFile");
        check_dh_params(material_.client, settings_.client.cipher_list, "openSSL.client.dhParamsFile");
        check_listeners();
        if (result_->nodes || (result_->rules && result_->rules->size() > 0)
            || (result_->users && !result_->users->users().empty()))
            refuse_forgeable(settings_, errors_);
        if (!errors_.empty())
            return tl::unexpected(std::move(errors_));

        result_->client_trust = std::move(trust.client_trust);
        result_->server_trust = std::move(trust.server_trust);
        result_->stock_client_trust = std::move(trust.stock_client_trust);
        result_->stock_server_trust = std::move(trust.stock_server_trust);
        result_->bundles = std::move(trust.bundles);
        result_->revocation_lists = std::move(trust.revocation_lists);
        warn_of_unknown_domains();
        warn_of_idle_rules();
        withhold_known_certificate(trust);
        warn_of_any_domain();
        warn_of_users(asked_.every_user, result_->rules->rules(), result_->nodes != nullptr, asked_.reachable, result_->warnings);
        result_->ticket_key = credentials::TicketKey::random();
        return std::move(result_);
    }

private:
    [[nodiscard]] const credentials::CredentialSet * in_force(Use use) const
    {
        return previous_ ? previous_->credentials[use].get() : nullptr;
    }

    std::shared_ptr<const credentials::Credential> load_one(const CredentialMaterial & asked, const BuiltTrust & trust)
    {
        const std::string & field = asked.field;
        const auto side = asked.use == Use::server ? credentials::Side::server : credentials::Side::client;
        const auto * const old = in_force(asked.use);
        const Result<SecretFileContent> & key = *asked.key;
        if (!key)
            append(errors_, {key.error()}, field + ".privateKeyFile");
        if (asked.certificate && !*asked.certificate)
            append(errors_, {asked.certificate->error()}, field + ".certificateFile");
        if (!key || (asked.certificate && !*asked.certificate))
            return nullptr;

        const ByteView certificate_pem = asked.certificate ? ByteView((*asked.certificate)->bytes) : key->bytes.view();
        const auto load_at = [&](UnixTime at)
        {
            return credentials::load_credential(
                {asked.certificate_file, certificate_pem, asked.private_key_file, key->bytes.view(), key->facts,
                 asked.sni ? asked_.sni_passphrases[*asked.sni] : asked_.passphrases[asked.use], asked.server_names,
                 side == credentials::Side::server ? trust.server_authorities : trust.client_authorities, at});
        };
        auto loaded = load_at(now_);
        if (loaded)
            if (auto defect = try_out(*loaded->credential, side, old))
                loaded = tl::unexpected(Errors{std::move(*defect)});
        if (!loaded && old)
            if (auto still = load_as_in_force(*old, load_at))
            {
                result_->warnings.push_back(
                    fmt::format("{}: {}; it is in force already and stays so", field, chmtls::describe(loaded.error())));
                loaded = std::move(*still);
            }
        if (!loaded && !previous_ && (asked.use != Use::server || asked.sni))
            if (auto ended = load_ended(loaded.error(), certificate_pem, load_at))
            {
                result_->warnings.push_back(fmt::format(
                    "{}: {}; it is shown all the same, and peers will refuse it", field, chmtls::describe(loaded.error())));
                loaded = std::move(*ended);
            }
        if (!loaded)
        {
            append(errors_, std::move(loaded.error()), field);
            return nullptr;
        }
        result_->warnings.insert(result_->warnings.end(), loaded->warnings.begin(), loaded->warnings.end());
        warn_of_side(loaded->credential->chain.front(), side, field);
        return std::move(loaded->credential);
    }

    /// Public authorities issue certificates for servers only.
    void warn_of_side(const openssl::Certificate & leaf, credentials::Side use, const std::string & field)
    {
        const auto & purposes = leaf.facts().extended_key_usage;
        if (!purposes.present || purposes.any || purposes.server_auth == purposes.client_auth)
            return; // for neither side: said already
        if (use == credentials::Side::client && !purposes.client_auth)
            result_->warnings.push_back(fmt::format(
                "{}: the certificate is for servers only (extended key usage lacks clientAuth): servers will refuse it from a "
                "client; "
                "have one issued with clientAuth",
                field));
        if (use == credentials::Side::server && !purposes.server_auth)
            result_->warnings.push_back(fmt::format(
                "{}: the certificate is for clients only (extended key usage lacks serverAuth): clients will refuse it; have one "
                "issued with serverAuth",
                field));
    }

    /// A certificate with which every handshake would fail is no certificate to serve.
    std::optional<Error>
    try_out(const credentials::Credential & credential, credentials::Side use, const credentials::CredentialSet * in_force) const
    {
        const config::TlsSection & section = use == credentials::Side::server ? settings_.server : settings_.client;
        const bool settled = in_force && in_force->find(credential.id)
                             && previous_->settings.server.cipher_list == settings_.server.cipher_list
                             && previous_->settings.client.cipher_list == settings_.client.cipher_list;
        if (settled)
            return std::nullopt;
        const auto defect = credentials::handshake_defect(
            credential, use, {section.cipher_list, static_cast<int>(section.min_version), static_cast<int>(section.max_version)});
        if (!defect)
            return std::nullopt;
        const int level = credentials::security_level(section.cipher_list);
        return Error{
            .file = {},
            .field = {},
            .reason = fmt::format(
                "no TLS handshake succeeds with this certificate ({}, {}) at OpenSSL's security level {}: {}",
                credential.chain.front().facts().public_key, credential.chain.front().facts().signature_algorithm, level,
                *defect),
            .remedy = "have it issued with a stronger key (RSA 2048 or P-256) and SHA-256, by an authority that has the same",
            .code = std::string(code(Reason::weak))};
    }

    /// A certificate of which nothing is wrong but that it ended. It stops no start, as little as that of a stock server: what it
    /// is shown to refuses it, and the rest of the server works.
    template <typename LoadAt>
    static std::optional<credentials::LoadedCredential>
    load_ended(const Errors & errors, ByteView certificate_pem, const LoadAt & load_at)
    {
        const bool ended = errors.size() == 1 && errors.front().code == code(Reason::expired);
        const auto chain
            = ended ? openssl::certificates_from_pem_or_der(certificate_pem, {}) : std::vector<openssl::Certificate>();
        if (!chain || chain->empty())
            return std::nullopt;
        auto loaded = load_at(chain->front().facts().not_after);
        if (!loaded)
            return std::nullopt;
        return std::move(*loaded);
    }

    /// The certificate that is in force already, judged by the last moment at which it was valid. The chain may be
    /// another one now: who has signed the certificate may just have lost our trust.
    template <typename LoadAt>
    static std::optional<credentials::LoadedCredential>
    load_as_in_force(const credentials::CredentialSet & in_force, const LoadAt & load_at)
    {
        for (const auto & credential : in_force.all())
        {
            auto loaded = load_at(credential->chain.front().facts().not_after);
            if (loaded && loaded->credential->chain.front() == credential->chain.front())
                return std::move(*loaded);
        }
        return std::nullopt;
    }

    void build_credentials(const BuiltTrust & trust)
    {
        const size_t before = errors_.size();
        ByUse<std::shared_ptr<const credentials::Credential>> main;
        std::vector<std::shared_ptr<const credentials::Credential>> by_name;
        for (const CredentialMaterial & each : material_.credentials)
        {
            auto credential = load_one(each, trust);
            if (!each.sni)
                main[each.use] = std::move(credential);
            else if (credential)
                by_name.push_back(std::move(credential));
        }
        if (errors_.size() > before)
            return;
        auto & sets = result_->credentials;
        sets[Use::server] = make_set(std::move(main[Use::server]), std::move(by_name), "mtls.server_certificates");
        sets[Use::client] = make_set(std::move(main[Use::client]), {}, "openSSL.client");
        for (const Use use : {Use::node, Use::keeper})
            if (main[use])
                sets[use] = make_set(std::move(main[use]), {}, fmt::format("mtls.credentials.{}", name(use)));
    }

    std::shared_ptr<const credentials::CredentialSet> make_set(
        std::shared_ptr<const credentials::Credential> main, std::vector<std::shared_ptr<const credentials::Credential>> by_name,
        const std::string & field)
    {
        auto set = credentials::CredentialSet::create(std::move(main), std::move(by_name));
        if (set)
            return std::move(*set);
        append(errors_, std::move(set.error()), field);
        return nullptr;
    }

    void build_rules()
    {
        const size_t before = errors_.size();
        std::vector<mapping::RuleText> rules;
        for (const config::Rule & each : settings_.rules)
            rules.push_back(rule_text(each, errors_));
        for (const auto & [path, read] : material_.rules)
        {
            const Result<FileContent> & content = *read;
            if (!content)
            {
                append(errors_, {content.error()}, "mtls.users.rules_file");
                continue;
            }
            if (is_blank(content->bytes))
            {
                errors_.push_back(
                    {path, "mtls.users.rules_file", "the file is empty",
                     "write the rules into it; a file of comments (#) says that there shall be none", ""});
                continue;
            }
            auto parsed = mapping::parse_rules_file(as_text(content->bytes), path);
            if (parsed)
                std::move(parsed->begin(), parsed->end(), std::back_inserter(rules));
            else
                append(errors_, std::move(parsed.error()), "mtls.users.rules_file");
        }
        if (errors_.size() > before)
            return;
        auto compiled = mapping::RuleSet::compile(std::move(rules));
        if (compiled)
            result_->rules = std::move(*compiled);
        else
            append(errors_, std::move(compiled.error()), "mtls.users");
    }

    void check_user_names(const std::vector<std::string> & users, const std::string & field)
    {
        for (const std::string & user : users)
            if (!mapping::valid_user_name(user))
                errors_.push_back(
                    {"", field, fmt::format("\"{}\" is no user name", printable(user)), "write the name of a ClickHouse user",
                     ""});
    }

    void build_peer_rules()
    {
        if (const auto & nodes = settings_.nodes)
        {
            judge_acts_as(asked_.user_rights, errors_, result_->warnings);
            check_user_names(nodes->acts_as, "mtls.nodes.acts_as.user");
            check_user_names(nodes->table_functions, "mtls.nodes.table_functions.user");
            if (auto peers = build_peers(nodes->peers, "mtls.nodes", errors_))
            {
                peers->acts_as = nodes->acts_as;
                peers->table_functions.insert(nodes->table_functions.begin(), nodes->table_functions.end());
                for (const config::UserRights & rights : asked_.open_users)
                    peers->open_users.insert(rights.user);
                result_->nodes = std::move(peers);
            }
        }
        if (settings_.keeper)
            result_->keeper = build_peers(*settings_.keeper, "mtls.keeper", errors_);
    }

    void build_users()
    {
        std::vector<mapping::UserCertificates> users;
        for (const config::UserSection & each : asked_.users)
            users.push_back({each.user, each.common_names, each.subject_alt_names, each.has_password, each.source});
        auto compiled = mapping::ClickHouseUsers::compile(std::move(users));
        if (!compiled)
        {
            append(errors_, std::move(compiled.error()), "users");
            return;
        }
        result_->users = std::move(*compiled);
        // As the stock server serves it, so it is not ours to refuse.
        for (const config::UserRights & rights : asked_.rights_of_certificate_users)
            if (rights.open)
                result_->warnings.push_back(fmt::format(
                    "users.{}: has <ssl_certificates> and an empty password: everybody is this user without a certificate; "
                    "remove "
                    "the empty password (a user with <ssl_certificates> needs none), or set one",
                    printable(rights.user)));
        const auto & notes = result_->users->warnings();
        result_->warnings.insert(result_->warnings.end(), notes.begin(), notes.end());
    }

    void check_dh_params(const SectionMaterial & section, const std::string & cipher_list, const std::string & field)
    {
        if (!section.dh_params)
            return;
        const auto & [path, read] = *section.dh_params;
        const Result<FileContent> & content = *read;
        if (!content)
        {
            append(errors_, {content.error()}, field);
            return;
        }
        const credentials::DhParameters judged = credentials::judge_dh_parameters(content->bytes, cipher_list);
        if (judged == credentials::DhParameters::unreadable)
            errors_.push_back(
                {path, field, "holds no DH PARAMETERS, or they are damaged", "make them with: openssl dhparam -out FILE 3072",
                 ""});
        else if (judged == credentials::DhParameters::weak)
            result_->warnings.push_back(fmt::format(
                "{}: {}: the parameters are too small for OpenSSL's security level and are not used, it chooses its own; make "
                "new "
                "ones with: openssl dhparam -out FILE 3072, or leave the setting out",
                printable(path, 1024), field));
    }

    void check_listeners()
    {
        if (!settings_.server.ca_config.empty() || settings_.server.load_default_ca_file)
            return;
        for (const config::Listener & listener : settings_.listeners)
        {
            // Nodes are known by their SPIFFE IDs only where rules look at them.
            if (!settings_.trust_domains.empty() && (listener.name != config::interserver_listener || settings_.nodes))
                continue;
            if (listener.client_certificate == config::ClientCertificate::required)
                errors_.push_back(
                    {"", fmt::format("mtls.listeners.{}.client_certificate", listener.name),
                     "a client certificate is required, but no authority is trusted: nobody could connect",
                     "set openSSL.server.caConfig or mtls.trust_domains", ""});
            else if (listener.client_certificate == config::ClientCertificate::optional)
                result_->warnings.push_back(fmt::format(
                    "{} asks for client certificates, but no authority is trusted: set openSSL.server.caConfig or "
                    "mtls.trust_domains",
                    listener.name));
        }
    }

    /// Without trust domains nobody has a SPIFFE ID.
    void warn_of_unknown_domains()
    {
        if (!settings_.trust_domains.empty())
            return;
        bool rules = looks_at_spiffe(result_->rules->rules());
        for (const auto & peers : {result_->nodes, result_->keeper})
        {
            rules = rules || (peers && peers->rules && looks_at_spiffe(peers->rules->rules()));
            if (peers && !peers->expected.empty())
                result_->warnings.emplace_back(
                    "servers are expected to have SPIFFE IDs (expect), but there is no mtls.trust_domains: none has one");
        }
        if (rules)
            result_->warnings.emplace_back(
                "rules look at spiffe_id or trust_domain, but there is no mtls.trust_domains: they match nobody");
    }

    /// Another domain that is added later is covered as well, and a partner's authority writes what it likes behind its name.
    void warn_of_any_domain()
    {
        std::vector<const std::vector<mapping::RuleText> *> lists{&result_->rules->rules()};
        for (const auto & peers : {result_->nodes, result_->keeper})
            if (peers && peers->rules)
                lists.push_back(&peers->rules->rules());
        for (const auto * list : lists)
            for (const auto & rule : *list)
                if (matches_any_domain(rule))
                    result_->warnings.push_back(fmt::format(
                        "{}: rule '{}': its spiffe_id matches IDs of every trust domain, also of one that is added later: write "
                        "the "
                        "trust domain, or add <trust_domain>",
                        rule.source, printable(rule.name)));
    }

    /// Where trust domains alone vouch for clients, what looks at none of their IDs matches nobody.
    void warn_of_idle_rules()
    {
        if (settings_.trust_domains.empty() || result_->client_trust)
            return;
        const auto & rules = result_->rules->rules();
        const auto idle = std::find_if_not(rules.begin(), rules.end(), mapping::tells_domains_apart);
        if (idle != rules.end())
            result_->warnings.push_back(fmt::format(
                "{}: rule '{}' looks at none of {}, and without openSSL.server.caConfig only trust domains vouch for clients: it "
                "and "
                "others like it match nobody",
                idle->source, printable(idle->name), mapping::telling_fields));
    }

    /// openSSL.client's certificate goes to whatever server a statement names, so it must be nobody of ours.
    void withhold_known_certificate(const BuiltTrust & trust)
    {
        result_->general_credentials = result_->credentials[Use::client];
        const auto shown = result_->general_credentials->select({});
        if (shown == nullptr)
            return;
        const auto known = known_as(*result_, shown->chain, trust.client_authorities);
        if (!known)
            return;
        result_->general_credentials = nullptr;
        result_->warnings.push_back(fmt::format(
            "openSSL.client: its certificate is matched by {}, so url(), dictionaries and other connections that are not to "
            "nodes or "
            "Keeper show none: whoever names their servers would act as it. Name it in mtls.credentials instead, and in "
            "openSSL.client another one or none",
            *known));
    }

    const Asked & asked_;
    const config::Settings & settings_;
    const Material & material_;
    const Result<signature::Sequences> & sequences_;
    UnixTime now_;
    const Generation * previous_;
    Errors errors_;
    std::shared_ptr<Generation> result_;
};

}

Checked<std::shared_ptr<Generation>>
build(const Asked & asked, const Reading & reading, UnixTime now, const Generation * previous)
{
    if (reading.torn)
        return tl::unexpected(Errors{
            {"", "", "files kept changing while they were read", "replace files by renaming finished ones over them", ""}});
    return Builder(asked, reading, now, previous).run();
}

Checked<Loaded> load(const Input & input, UnixTime now)
{
    const Asked asked = ask(input);
    const Reading reading = read(asked);
    auto generation = build(asked, reading, now, nullptr);
    if (!generation)
        return tl::unexpected(std::move(generation.error()));
    return Loaded{std::move(*generation), reading.files.paths()};
}

}
