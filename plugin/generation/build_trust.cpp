#include "generation/build_trust.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "credentials/trial.h"
#include "generation/findings.h"
#include "generation/system_authorities.h"
#include "openssl/pem_blocks.h"
#include "trust/anchors.h"

namespace chmtls::generation
{

namespace
{

using openssl::Certificate;

constexpr int least_security_level = 1;

/// As RFC 5280 7.1 compares names, and every other part of the path check.
bool bears_name_of(const Certificate & authority, const trust::Crl & list)
{
    return X509_NAME_cmp(X509_get_subject_name(authority.x509()), X509_CRL_get_issuer(list.get())) == 0;
}

class Builder
{
public:
    Builder(const Asked & asked, const Material & material, UnixTime now, Errors & errors, std::vector<std::string> & warnings)
        : asked_(asked), material_(material), now_(now), errors_(errors), warnings_(warnings)
    {
    }

    BuiltTrust run()
    {
        const config::Settings & settings = asked_.settings;
        BuiltTrust result;
        if (serves_tls(settings))
            result.server_authorities = read_authorities(material_.server, "openSSL.server");
        result.client_authorities = read_authorities(material_.client, "openSSL.client");
        if ((serves_tls(settings) && settings.server.load_default_ca_file) || settings.client.load_default_ca_file)
            system_ = system_authorities(material_.system_authorities, warnings_);
        std::vector<spiffe::Bundle> bundles = read_bundles();
        crls_ = read_crls(material_.lists, "mtls.crl");
        const std::vector<std::vector<trust::Crl>> own_crls = read_own_crls();
        if (!errors_.empty())
            return result; // stores of half the authorities would only add findings that are none

        const std::vector<Certificate> of_clients = with_system(settings.server, result.server_authorities);
        const std::vector<Certificate> of_servers = with_system(settings.client, result.client_authorities);
        warn_of_rootless(result.server_authorities, of_clients, "openSSL.server.caConfig");
        warn_of_rootless(result.client_authorities, of_servers, "openSSL.client.caConfig");
        std::vector<const std::vector<Certificate> *> sets{&of_clients, &of_servers};
        for (const spiffe::Bundle & bundle : bundles)
            sets.push_back(&bundle.authorities);
        const std::vector<std::vector<trust::Crl>> shares = share_crls(sets);
        if (!errors_.empty())
            return result;

        const int stock_server_level = credentials::security_level(settings.server.cipher_list);
        const int stock_client_level = credentials::security_level(settings.client.cipher_list);
        const auto level = [&](int of_stock)
        {
            return settings.security_level.value_or(std::max(least_security_level, of_stock));
        };
        result.client_trust
            = make_store(settings.server, of_clients, shares[0], level(stock_server_level), "openSSL.server.caConfig");
        result.server_trust
            = make_store(settings.client, of_servers, shares[1], level(stock_client_level), "openSSL.client.caConfig");
        if (observes(settings))
        {
            result.stock_client_trust = make_stock_store(settings.server, of_clients, stock_server_level);
            result.stock_server_trust = make_stock_store(settings.client, of_servers, stock_client_level);
        }
        std::map<std::string, spiffe::BundleSet::Revocation> revocation;
        for (size_t i = 0; i < bundles.size(); ++i)
        {
            std::vector<trust::Crl> lists = shares[i + 2];
            lists.insert(lists.end(), own_crls[i].begin(), own_crls[i].end());
            const config::RevocationSection & section = settings.trust_domains[i].revocation;
            note_lists(lists, bundles[i].authorities, section, result.revocation_lists);
            revocation.emplace(bundles[i].trust_domain, spiffe::BundleSet::Revocation{std::move(lists), rules_of(section)});
        }
        note_lists(shares[0], result.server_authorities, settings.revocation, result.revocation_lists);
        note_lists(shares[1], result.client_authorities, settings.revocation, result.revocation_lists);
        warn_of_lists(result.revocation_lists);
        warn_of_strangers(sets, own_crls);
        const int bundle_level = level(std::max(stock_server_level, stock_client_level));
        if (auto set = spiffe::BundleSet::create(std::move(bundles), std::move(revocation), bundle_level))
            result.bundles = std::move(*set);
        else
            append(errors_, std::move(set.error()), "mtls.trust_domains");
        return result;
    }

private:
    std::vector<Certificate> read_authorities(const SectionMaterial & section, const std::string & path)
    {
        const std::string field = path + ".caConfig";
        if (section.ca_config.empty())
            return {};
        if (section.authorities.empty())
            errors_.push_back(
                {section.ca_config, field, "the directory holds no authority under its hash (such as 0a1b2c3d.0)",
                 fmt::format("run: openssl rehash {}", section.ca_config), ""});
        std::vector<Certificate> result;
        for (const Piece & piece : section.authorities)
        {
            if (!*piece.content)
            {
                append(errors_, {piece.content->error()}, field);
                continue;
            }
            auto certificates = openssl::certificates_from_pem((*piece.content)->bytes, piece.path);
            if (!certificates)
                append(errors_, {certificates.error()}, field);
            else if (certificates->empty())
                errors_.push_back({piece.path, field, "the file is empty", "put the authorities into it as PEM", ""});
            else
                result.insert(result.end(), certificates->begin(), certificates->end());
        }
        warn_of_expired(result, field);
        warn_of_unknown_keys(result, field);
        return result;
    }

    /// Its authorities, and those of the system where it asks for them.
    std::vector<Certificate> with_system(const config::TlsSection & section, std::vector<Certificate> authorities) const
    {
        if (section.load_default_ca_file)
            authorities.insert(authorities.end(), system_.begin(), system_.end());
        return authorities;
    }

    /// OpenSSL takes them, and then nothing that they have signed.
    void warn_of_unknown_keys(const std::vector<Certificate> & authorities, const std::string & where)
    {
        for (const Certificate & authority : authorities)
            if (X509_get0_pubkey(authority.x509()) == nullptr)
                warnings_.push_back(fmt::format(
                    "{}: the key of {} is damaged or of a kind that OpenSSL does not know here, so nothing that this authority "
                    "has "
                    "signed is believed: replace its certificate, or take it away",
                    where, authority.facts().subject.empty() ? authority.facts().serial_hex : authority.facts().subject));
    }

    void warn_of_expired(const std::vector<Certificate> & authorities, const std::string & field)
    {
        for (const Certificate & authority : authorities)
            if (authority.facts().not_after < now_)
                warnings_.push_back(fmt::format(
                    "{}: authority {} expired at {}", field, printable(authority.facts().subject),
                    format_rfc3339(authority.facts().not_after)));
    }

    /// As on a stock server a path ends at a self-signed certificate. What leads to none of `all` does not make anybody believed.
    void warn_of_rootless(
        const std::vector<Certificate> & authorities, const std::vector<Certificate> & all, const std::string & field)
    {
        if (authorities.empty())
            return;
        if (std::none_of(all.begin(), all.end(), trust::ends_paths))
        {
            warnings_.push_back(fmt::format(
                "{}: none of the {} certificates is self-signed, so nobody is believed: add the root that they lead to", field,
                authorities.size()));
            return;
        }
        for (const Certificate & authority : authorities)
            if (!leads_to_root(authority, all))
                warnings_.push_back(fmt::format(
                    "{}: {} does not lead to a self-signed certificate here, so nobody is believed by it: add {}", field,
                    printable(authority.facts().subject), printable(authority.facts().issuer)));
    }

    static bool leads_to_root(const Certificate & authority, const std::vector<Certificate> & all)
    {
        std::vector<const Certificate *> reached{&authority};
        for (size_t at = 0; at < reached.size(); ++at)
        {
            const Certificate & lower = *reached[at];
            if (trust::ends_paths(lower))
                return true;
            for (const Certificate & candidate : all)
                if (X509_check_issued(candidate.x509(), lower.x509()) == X509_V_OK
                    && std::find(reached.begin(), reached.end(), &candidate) == reached.end())
                    reached.push_back(&candidate);
        }
        return false;
    }

    /// Of each trust domain, in the configuration's order; where there are findings some are left out.
    std::vector<spiffe::Bundle> read_bundles()
    {
        std::vector<spiffe::Bundle> result;
        for (size_t i = 0; i < asked_.settings.trust_domains.size(); ++i)
        {
            const config::TrustDomain & domain = asked_.settings.trust_domains[i];
            const std::string field = fmt::format("mtls.trust_domains.trust_domain[{}]", i);
            const auto name = spiffe::parse_trust_domain(domain.name);
            if (!name)
                errors_.push_back(
                    {"", field + ".name",
                     fmt::format("\"{}\" is no trust domain: {}", printable(domain.name), spiffe::message(name.error())),
                     "write it as in spiffe://NAME/...: lower-case letters, digits, dots, dashes and underscores",
                     std::string(spiffe::code(name.error()))});
            const Result<FileContent> & content = *material_.trust_domains[i].bundle.content;
            if (!content)
                append(errors_, {content.error()}, field + ".bundle");
            if (!name || !content)
                continue;
            if (is_blank(content->bytes))
            {
                errors_.push_back(
                    {domain.bundle_file, field + ".bundle", "the file is empty",
                     "put the bundle into it; one without authorities is {\"keys\": []}", ""});
                continue;
            }
            auto bundle = spiffe::parse_bundle(*name, content->bytes, domain.bundle_file);
            if (!bundle)
            {
                append(errors_, {bundle.error()}, field + ".bundle");
                continue;
            }
            for (const std::string & note : bundle->notes)
                warnings_.push_back(fmt::format("{}: {}", domain.bundle_file, note));
            if (bundle->authorities.empty())
                warnings_.push_back(
                    fmt::format("{}: trust domain {} has no authority: none of its SVIDs verifies", domain.bundle_file, *name));
            warn_of_expired(bundle->authorities, field);
            result.push_back(std::move(*bundle));
        }
        return result;
    }

    std::vector<trust::Crl> read_crls(const std::vector<ListMaterial> & lists, const std::string & field)
    {
        std::vector<trust::Crl> result;
        for (const ListMaterial & list : lists)
        {
            if (list.pieces.empty())
                warnings_.push_back(fmt::format("{}: the directory {} is empty: nothing is revoked", field, list.path));
            for (const Piece & piece : list.pieces)
                read_crl_file(piece, field, result);
        }
        return result;
    }

    void read_crl_file(const Piece & piece, const std::string & field, std::vector<trust::Crl> & result)
    {
        if (!*piece.content)
        {
            append(errors_, {piece.content->error()}, field);
            return;
        }
        auto crls = trust::Crl::parse((*piece.content)->bytes, piece.path);
        if (!crls)
        {
            append(errors_, {crls.error()}, field);
            return;
        }
        for (const trust::Crl & crl : *crls)
            if (crl.this_update() - trust::max_clock_skew > now_)
                errors_.push_back(
                    {piece.path, field,
                     fmt::format(
                         "the CRL of {} is not valid before {}", printable(crl.issuer()), format_rfc3339(crl.this_update())),
                     "compare the clocks of this machine and of the authority", std::string(code(Reason::crl_invalid))});
        std::move(crls->begin(), crls->end(), std::back_inserter(result));
    }

    /// The lists that each trust domain has for itself, in the same order.
    std::vector<std::vector<trust::Crl>> read_own_crls()
    {
        std::vector<std::vector<trust::Crl>> result;
        for (size_t i = 0; i < material_.trust_domains.size(); ++i)
            result.push_back(
                read_crls(material_.trust_domains[i].lists, fmt::format("mtls.trust_domains.trust_domain[{}].crl", i)));
        return result;
    }

    static trust::RevocationRule rule_of(const config::RevocationRule & asked)
    {
        static_assert(static_cast<int>(trust::RevocationPolicy::require) == static_cast<int>(config::RevocationPolicy::require));
        static_assert(static_cast<int>(trust::StaleList::open) == static_cast<int>(config::StaleList::open));
        return {static_cast<trust::RevocationPolicy>(asked.policy), asked.grace, static_cast<trust::StaleList>(asked.stale)};
    }

    static trust::RevocationRules rules_of(const config::RevocationSection & section)
    {
        trust::RevocationRules rules{rule_of(section.rule), {}};
        for (const auto & [subject, rule] : section.authorities)
            rules.by_authority.emplace(subject, rule_of(rule));
        return rules;
    }

    /// For the operator: the lists of one store, each once, and the authorities that lack one they require.
    void note_lists(
        const std::vector<trust::Crl> & lists, const std::vector<Certificate> & authorities,
        const config::RevocationSection & section, std::vector<RevocationList> & noted)
    {
        const trust::RevocationRules rules = rules_of(section);
        for (const trust::Crl & list : lists)
        {
            const bool known = std::any_of(
                noted.begin(), noted.end(),
                [&](const RevocationList & each) {
                    return each.source == list.source() && each.issuer == list.issuer() && each.this_update == list.this_update();
                });
            if (!known)
                noted.push_back(
                    {list.source(), list.issuer(), list.this_update(), list.next_update(), list.entries(),
                     rules.of(list.issuer()), section.warn_before});
        }
        for (const Certificate & authority : authorities)
        {
            const std::string & subject = authority.facts().subject;
            if (rules.of(subject).policy == trust::RevocationPolicy::require
                && std::none_of(
                    lists.begin(), lists.end(), [&](const trust::Crl & list) { return bears_name_of(authority, list); }))
                warnings_.push_back(fmt::format(
                    "revocation is `require`, but there is no CRL of {}: nothing that it has signed is accepted",
                    printable(subject)));
        }
    }

    /// A rule for an authority that bears another name than was meant would be no rule at all.
    void warn_of_strangers(
        const std::vector<const std::vector<Certificate> *> & sets, const std::vector<std::vector<trust::Crl>> & own_crls)
    {
        std::set<std::string> known;
        for (const auto * set : sets)
            for (const Certificate & authority : *set)
                known.insert(authority.facts().subject);
        for (const trust::Crl & list : crls_)
            known.insert(list.issuer());
        for (const auto & lists : own_crls)
            for (const trust::Crl & list : lists)
                known.insert(list.issuer());
        std::set<std::string> strangers;
        const auto look_at = [&](const config::RevocationSection & section)
        {
            for (const auto & [subject, rule] : section.authorities)
                if (!known.contains(subject))
                    strangers.insert(subject);
        };
        look_at(asked_.settings.revocation);
        for (const config::TrustDomain & domain : asked_.settings.trust_domains)
            look_at(domain.revocation);
        for (const std::string & subject : strangers)
            warnings_.push_back(fmt::format(
                "revocation.authority: no authority and no list that is loaded here bears the subject {}: the rule is for an "
                "intermediate of that name that peers send, or for nobody",
                printable(subject, 1024)));
    }

    void warn_of_lists(const std::vector<RevocationList> & lists)
    {
        for (const RevocationList & list : lists)
            if (auto warning = warning_of(list, now_))
                warnings_.push_back(std::move(*warning));
    }

    /// What is wrong with the CRL for the authorities of this set that bear its issuer's name; no errors: one of them signed it.
    /// Nothing: none bears the name.
    static std::optional<Errors> defects_for(const std::vector<Certificate> & authorities, const trust::Crl & crl)
    {
        std::vector<Certificate> namesakes;
        std::copy_if(
            authorities.begin(), authorities.end(), std::back_inserter(namesakes),
            [&](const Certificate & authority) { return bears_name_of(authority, crl); });
        if (namesakes.empty())
            return std::nullopt;
        auto store = trust::TrustStore::create(std::move(namesakes), {crl}, {});
        return store ? Errors() : std::move(store.error());
    }

    std::vector<std::vector<trust::Crl>> share_crls(const std::vector<const std::vector<Certificate> *> & sets)
    {
        std::vector<std::vector<trust::Crl>> shares(sets.size());
        for (const trust::Crl & crl : crls_)
        {
            Errors defects;
            bool verified = false;
            std::vector<bool> fits(sets.size());
            for (size_t i = 0; i < sets.size(); ++i)
            {
                auto answer = defects_for(*sets[i], crl);
                fits[i] = !answer || answer->empty();
                verified = verified || (answer && answer->empty());
                if (answer && defects.empty())
                    defects = std::move(*answer);
            }
            for (Error & defect : verified ? Errors() : std::move(defects))
            {
                defect.field = "mtls.crl";
                defect.reason = fmt::format("the CRL of {}: {}", printable(crl.issuer()), defect.reason);
                errors_.push_back(std::move(defect));
            }
            for (size_t i = 0; i < sets.size(); ++i)
                if (fits[i])
                    shares[i].push_back(crl);
        }
        return shares;
    }

    std::shared_ptr<const trust::TrustStore> make_store(
        const config::TlsSection & section, const std::vector<Certificate> & authorities, std::vector<trust::Crl> crls,
        int security_level, const std::string & field)
    {
        if (authorities.empty() && !section.load_default_ca_file)
            return nullptr;
        auto store = trust::TrustStore::create(
            authorities, std::move(crls),
            {.partial_chain = false, .revocation = rules_of(asked_.settings.revocation), .security_level = security_level});
        if (store)
            return std::move(*store);
        append(errors_, std::move(store.error()), field);
        return nullptr;
    }

    static bool observes(const config::Settings & settings)
    {
        const auto observed = [](const config::Listener & listener)
        {
            return listener.mode == config::Mode::observe;
        };
        return settings.mode == config::Mode::observe
               || std::any_of(settings.listeners.begin(), settings.listeners.end(), observed);
    }

    std::shared_ptr<const trust::TrustStore>
    make_stock_store(const config::TlsSection & section, const std::vector<Certificate> & authorities, int security_level)
    {
        if (authorities.empty() && !section.load_default_ca_file)
            return nullptr;
        auto store = trust::TrustStore::create(authorities, {}, {.partial_chain = false, .security_level = security_level});
        return store ? std::move(*store) : nullptr; // what is wrong with the authorities has been said
    }

    const Asked & asked_;
    const Material & material_;
    UnixTime now_;
    Errors & errors_;
    std::vector<std::string> & warnings_;
    std::vector<Certificate> system_; ///< empty as well when no section asks for them
    std::vector<trust::Crl> crls_;
};

}

BuiltTrust
build_trust(const Asked & asked, const Material & material, UnixTime now, Errors & errors, std::vector<std::string> & warnings)
{
    Errors own;
    BuiltTrust result = Builder(asked, material, now, own, warnings).run();
    errors.insert(errors.end(), own.begin(), own.end());
    return result;
}

}
