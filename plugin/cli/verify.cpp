// clickhouse-mtls verify: the verdict on one chain against given authorities or trust bundles.

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/revocation_text.h"
#include "policy/describe.h"
#include "policy/verify.h"
#include "spiffe/svid.h"

namespace chmtls::cli
{

namespace
{

enum class Profile
{
    automatic,
    x509,
    spiffe,
};

struct Options
{
    std::string chain;
    std::vector<std::string> authorities;
    std::vector<std::string> trust_domains;
    std::vector<std::string> crls;
    bool partial_chain = false;
    Profile profile = Profile::automatic;
    trust::Purpose purpose = trust::Purpose::any;
    size_t depth = 9;
    trust::RevocationPolicy revocation = trust::RevocationPolicy::if_present;
    std::string name;
    std::string at;
};

/// What to believe, read from the files named.
struct Trusted
{
    std::vector<openssl::Certificate> authorities;
    std::vector<spiffe::Bundle> bundles;
    std::vector<trust::Crl> crls;
};

struct Answer
{
    Reason reason = Reason::internal;
    std::string message;
    std::optional<std::string> identity;    ///< as JSON, when accepted
    std::vector<openssl::Certificate> path; ///< likewise
};

Answer refused(Reason reason, std::string message)
{
    return Answer{.reason = reason, .message = std::move(message), .identity = std::nullopt, .path = {}};
}

Result<Trusted> read_trusted(const Options & options)
{
    Trusted trusted;
    auto authorities = read_authorities(options.authorities);
    if (!authorities)
        return fail(authorities.error());
    trusted.authorities = std::move(*authorities);

    for (const std::string & text : options.trust_domains)
    {
        const auto named = trust_domain_option(text);
        if (!named)
            return fail(named.error());
        if (std::any_of(
                trusted.bundles.begin(), trusted.bundles.end(),
                [&](const spiffe::Bundle & bundle) { return bundle.trust_domain == named->name; }))
            return fail(Error{
                .file = {},
                .field = "--trust-domain",
                .reason = "'" + named->name + "' is given twice; bundles are never merged",
                .remedy = "put all of its authorities into one bundle",
                .code = {},
            });
        const auto content = read_file(named->file);
        if (!content)
            return fail(content.error());
        auto bundle = spiffe::parse_bundle(named->name, content->bytes, named->file);
        if (!bundle)
            return fail(bundle.error());
        trusted.bundles.push_back(std::move(*bundle));
    }

    auto crls = read_crls(options.crls);
    if (!crls)
        return fail(crls.error());
    trusted.crls = std::move(*crls);
    return trusted;
}

/// With bundles and no --ca there is nothing else that a chain could be judged by.
Profile effective_profile(const Options & options, const openssl::Certificate & leaf)
{
    if (options.profile != Profile::automatic)
        return options.profile;
    if (options.trust_domains.empty())
        return Profile::x509;
    return options.authorities.empty() || spiffe::claims_spiffe(leaf.facts()) ? Profile::spiffe : Profile::x509;
}

bool beyond_bounds(const std::vector<openssl::Certificate> & chain)
{
    size_t bytes = 0;
    for (const openssl::Certificate & certificate : chain)
        bytes += certificate.der().size();
    return chain.size() > policy::max_chain_length || bytes > policy::max_chain_bytes;
}

trust::RevocationRules rules_of(const Options & options)
{
    return {.general = {.policy = options.revocation}, .by_authority = {}};
}

Answer accepted(
    const openssl::Certificate & leaf, const trust::PathVerdict & path, const std::optional<spiffe::Id> & id,
    const std::vector<trust::RevocationStep> & revocation)
{
    mapping::Subject subject{
        .facts = leaf.facts(), .spiffe_id = std::nullopt, .trust_domain = std::nullopt, .issuer_spki_sha256 = std::nullopt};
    if (id)
    {
        subject.spiffe_id = id->text();
        subject.trust_domain = id->trust_domain();
    }
    if (path.path.size() > 1)
        subject.issuer_spki_sha256 = path.path[1].facts().spki_sha256;
    return Answer{
        .reason = Reason::valid,
        .message = fmt::format("{}", fmt::join(revocation_lines(revocation), "; ")),
        .identity = policy::identity_json(subject),
        .path = path.path};
}

Answer judge_svid(const Trusted & trusted, const std::vector<openssl::Certificate> & chain, const Options & options, UnixTime at)
{
    // The CRLs go to the one bundle that will judge: authorities of two trust domains may bear the same name.
    std::map<std::string, spiffe::BundleSet::Revocation> revocation;
    const auto & uris = chain.front().facts().san.uris;
    const auto id = spiffe::Id::parse(uris.empty() ? std::string_view() : uris.front());
    for (const spiffe::Bundle & bundle : trusted.bundles)
    {
        if (id && id->trust_domain() == bundle.trust_domain)
            revocation[bundle.trust_domain] = {trusted.crls, rules_of(options)};
    }

    const auto bundles = spiffe::BundleSet::create(trusted.bundles, std::move(revocation));
    if (!bundles)
        return refused(Reason::crl_invalid, describe(bundles.error()));

    const std::span<const openssl::Certificate> intermediates(chain.data() + 1, chain.size() - 1);
    std::vector<trust::RevocationStep> steps;
    const spiffe::SvidVerdict verdict = spiffe::verify_svid(**bundles, chain.front(), intermediates, at, options.depth, &steps);
    if (!verdict.accepted())
        return refused(verdict.path.reason, verdict.path.message);
    return accepted(chain.front(), verdict.path, verdict.id, steps);
}

Answer judge_x509(const Trusted & trusted, const std::vector<openssl::Certificate> & chain, const Options & options, UnixTime at)
{
    const auto store = trust::TrustStore::create(
        trusted.authorities, trusted.crls, {.partial_chain = options.partial_chain, .revocation = rules_of(options)});
    if (!store)
        return refused(Reason::crl_invalid, describe(store.error()));

    std::vector<trust::RevocationStep> steps;
    const trust::PathVerdict verdict = (*store)->verify({
        .leaf = chain.front(),
        .intermediates = std::span(chain).subspan(1),
        .purpose = options.purpose,
        .depth = options.depth,
        .at = at,
        .revocation = &steps,
    });
    if (!verdict.accepted())
        return refused(verdict.reason, verdict.message);
    return accepted(chain.front(), verdict, std::nullopt, steps);
}

Answer judge(const Trusted & trusted, const PeerChain & chain, const Options & options, UnixTime at)
{
    if (chain.defect)
        return refused(openssl::reason_of(*chain.defect), chain.defect->describe());
    if (chain.certificates.empty())
        return refused(Reason::no_certificate, "the chain file holds no certificate");
    if (beyond_bounds(chain.certificates))
        return refused(
            Reason::resource,
            fmt::format("more than {} certificates or {} bytes in one chain", policy::max_chain_length, policy::max_chain_bytes));

    const Profile profile = effective_profile(options, chain.certificates.front());
    Answer answer = profile == Profile::spiffe ? judge_svid(trusted, chain.certificates, options, at)
                                               : judge_x509(trusted, chain.certificates, options, at);
    if (answer.identity && !options.name.empty() && !trust::proves_name(answer.path, options.name))
        return refused(Reason::name_mismatch, "the certificate does not prove the name " + printable(options.name));
    return answer;
}

Exit verify(const Options & options)
{
    const auto at = moment(options.at);
    if (!at)
        return complain(bad_option("--at", at.error()));
    const auto trusted = read_trusted(options);
    if (!trusted)
        return complain(trusted.error());
    const auto chain = read_peer_chain(options.chain);
    if (!chain)
        return complain(chain.error());

    const Answer answer = judge(*trusted, *chain, options, *at);
    JsonObject json;
    json.yes_no("accepted", answer.identity.has_value()).text("reason", code(answer.reason)).text("message", answer.message);
    if (answer.identity)
        json.raw("identity", *answer.identity);
    else
        json.null("identity");
    print_line(json.str());
    return answer.identity ? Exit::yes : Exit::no;
}

/// An option whose value is one of the words.
template <typename Value>
CLI::Option *
add_word(CLI::App & command, const char * name, Value & value, const std::map<std::string, Value> & words, const char * what)
{
    return command
        .add_option_function<std::string>(
            name, [&value, &words](const std::string & word) { value = words.at(word); }, what)
        ->check(CLI::IsMember(words));
}

}

void add_verify(CLI::App & app, Action & action)
{
    static const std::map<std::string, Profile> profiles{{"x509", Profile::x509}, {"spiffe", Profile::spiffe}};
    static const std::map<std::string, trust::Purpose> purposes{
        {"client", trust::Purpose::client_auth}, {"server", trust::Purpose::server_auth}, {"any", trust::Purpose::any}};

    static const std::map<std::string, trust::RevocationPolicy> policies{
        {"off", trust::RevocationPolicy::off},
        {"if_present", trust::RevocationPolicy::if_present},
        {"require", trust::RevocationPolicy::require}};

    auto options = std::make_shared<Options>();
    CLI::App * command = app.add_subcommand("verify", "Judge a certificate chain: one JSON verdict");
    command->add_option("--chain", options->chain, "PEM file, leaf first, as the peer sends it")->required();
    command->add_option("--ca", options->authorities, "authorities to believe (PEM or DER); may be repeated");
    command->add_option("--trust-domain", options->trust_domains, "NAME=BUNDLE, a SPIFFE trust bundle; may be repeated");
    command->add_option("--crl", options->crls, "revocation list (PEM or DER); may be repeated");
    command->add_flag(
        "--partial-chain", options->partial_chain, "each certificate of --ca ends a path, not only one that is self-signed");
    add_word(*command, "--revocation", options->revocation, policies, "what the lack of a list means")->default_str("if_present");
    add_word(*command, "--profile", options->profile, profiles, "default: spiffe for a SPIFFE leaf when bundles are given")
        ->default_str("by the leaf");
    add_word(*command, "--purpose", options->purpose, purposes, "what the peer is (x509 profile)")->default_str("any");
    command->add_option("--depth", options->depth, "at most this many intermediate certificates")
        ->check(CLI::Range(0, 100))
        ->capture_default_str();
    command->add_option("--name", options->name, "name that the certificate must prove: dns:HOST or ip:ADDRESS");
    command->add_option("--at", options->at, "judge at this moment (RFC 3339) instead of now");
    add_always_json(*command);
    command->callback(
        [options, &action]
        {
            action = [options]
            {
                return verify(*options);
            };
        });
}

}
