#include "trust/path_search.h"

#include <algorithm>
#include <deque>

#include <openssl/core_names.h>

#include "openssl/error_queue.h"
#include "openssl/strength.h"
#include "trust/name_constraints.h"

namespace chmtls::trust
{

namespace
{

using openssl::Certificate;

constexpr size_t max_steps = 20'000;             // about 10 ms
constexpr uint64_t comparisons_of_a_unit = 2048; // of a name with a name constraint

bool same_bearer(const Certificate & left, const Certificate & right)
{
    return X509_NAME_cmp(X509_get_subject_name(left.x509()), X509_get_subject_name(right.x509())) == 0
           && EVP_PKEY_eq(X509_get0_pubkey(left.x509()), X509_get0_pubkey(right.x509())) == 1;
}

/// By names and key identifiers, as OpenSSL has it. That its key usage does not allow it to sign is said by the verification.
bool may_have_issued(const Certificate & issuer, const Certificate & subject)
{
    const int relation = X509_check_issued(issuer.x509(), subject.x509());
    return relation == X509_V_OK || relation == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

bool has_signed(const Certificate & issuer, const Certificate & subject)
{
    EVP_PKEY * const key = X509_get0_pubkey(issuer.x509());
    return key != nullptr && openssl::verified([&] { return X509_verify(subject.x509(), key) == 1; });
}

uint64_t squared(uint64_t value)
{
    return value * value;
}

uint64_t rsa_cost(const EVP_PKEY * key, uint64_t bits)
{
    BIGNUM * raw = nullptr;
    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw);
    const openssl::BignumPtr exponent(raw);
    const auto exponent_bits = static_cast<uint64_t>(exponent ? BN_num_bits(exponent.get()) : 17);
    return std::max<uint64_t>(1, squared(bits) * std::max<uint64_t>(exponent_bits, 17) / (squared(4096) * 17));
}

uint64_t path_cost(const std::vector<Certificate> & path)
{
    uint64_t cost = 1;
    uint64_t names = 0;
    for (size_t i = 0; i < path.size(); ++i)
    {
        if (i > 0)
            cost += signature_cost(path[i]) + names * count_constraints(path[i]) / comparisons_of_a_unit;
        names += count_names(path[i]);
    }
    return cost;
}

}

bool WorkBudget::spend(uint64_t units)
{
    overdrawn_ = overdrawn_ || units > left_;
    if (!overdrawn_)
        left_ -= units;
    return !overdrawn_;
}

uint64_t signature_cost(const Certificate & issuer)
{
    const EVP_PKEY * const key = X509_get0_pubkey(issuer.x509());
    if (key == nullptr)
        return 1;
    const auto bits = static_cast<uint64_t>(std::max(EVP_PKEY_get_bits(key), 0));
    switch (EVP_PKEY_get_base_id(key))
    {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return rsa_cost(key, bits);
    case EVP_PKEY_ED25519:
        return 2;
    case EVP_PKEY_ED448:
        return 4;
    case EVP_PKEY_DSA:
        return 4 + 4 * squared(bits) / squared(2048);
    case EVP_PKEY_EC:
        return openssl::curve_name(key) == "P-256" ? 1 : openssl::curve_name(key).starts_with("P-") ? 10 : 50;
    default:
        return 50;
    }
}

PathSearch::PathSearch(const Input & input, WorkBudget & budget)
    : purpose_(input.purpose), depth_(input.depth), at_(input.at), budget_(budget)
{
    const auto of_known
        = std::ranges::find(input.known, input.leaf, [](const KnownAuthority & known) { return known.certificate; });
    add(input.leaf, of_known != input.known.end() && of_known->ends_paths);
    for (const KnownAuthority & known : input.known)
        add(known.certificate, known.ends_paths);
    for (const Certificate & sent : input.sent)
        add(sent, false);
    find_issuers();
}

void PathSearch::add(const Certificate & certificate, bool ends_paths)
{
    if (std::ranges::any_of(nodes_, [&](const Node & node) { return node.certificate == certificate; }))
        return;
    Node node{.certificate = certificate, .ends_paths = ends_paths, .bearer = nodes_.size()};
    const auto twin
        = std::ranges::find_if(nodes_, [&](const Node & other) { return same_bearer(other.certificate, certificate); });
    if (twin != nodes_.end())
        node.bearer = twin->bearer;
    X509 * const x509 = certificate.x509();
    const int authority = purpose_ == 0 ? X509_check_ca(x509) : X509_check_purpose(x509, purpose_, 1);
    node.defects = (authority == 0 || (authority != 1 && !ends_paths) ? 1u : 0u)
                   + ((X509_get_extension_flags(x509) & EXFLAG_CRITICAL) != 0 ? 1u : 0u)
                   + (certificate.facts().not_before > at_ || certificate.facts().not_after < at_ ? 1u : 0u);
    nodes_.push_back(std::move(node));
}

void PathSearch::find_issuers()
{
    std::deque<size_t> vouched_for;
    std::vector<bool> queued(nodes_.size());
    const auto queue = [&](size_t i)
    {
        // Whoever is no authority would only make us use a key that nobody vouches for.
        if (queued[i] || X509_check_ca(nodes_[i].certificate.x509()) == 0)
            return;
        queued[i] = true;
        vouched_for.push_back(i);
    };
    for (size_t i = 0; i < nodes_.size(); ++i)
        if (nodes_[i].ends_paths)
            queue(i);
    for (; !vouched_for.empty(); vouched_for.pop_front())
    {
        const size_t issuer = vouched_for.front();
        for (size_t i = 0; i < nodes_.size(); ++i)
        {
            const bool needs_none = nodes_[i].ends_paths && i != 0;
            if (i == issuer || needs_none || !may_have_issued(nodes_[issuer].certificate, nodes_[i].certificate))
                continue;
            if (!budget_.spend(signature_cost(nodes_[issuer].certificate)))
                return;
            if (!has_signed(nodes_[issuer].certificate, nodes_[i].certificate))
                continue;
            nodes_[i].issuers.push_back(issuer);
            if (i != 0)
                queue(i);
        }
    }
    for (Node & node : nodes_)
        std::ranges::stable_sort(
            node.issuers, {}, [&](size_t i) { return std::pair(nodes_[i].defects, nodes_[i].ends_paths ? 0 : 1); });
}

void PathSearch::each(const std::function<bool(const std::vector<Certificate> &)> & try_path)
{
    path_ = {0};
    if (nodes_[0].ends_paths && report(try_path))
        return;
    static_cast<void>(extend(try_path));
}

bool PathSearch::report(const std::function<bool(const std::vector<Certificate> &)> & try_path)
{
    std::vector<Certificate> path;
    path.reserve(path_.size());
    for (const size_t i : path_)
        path.push_back(nodes_[i].certificate);
    return !budget_.spend(path_cost(path)) || try_path(path);
}

bool PathSearch::extend(const std::function<bool(const std::vector<Certificate> &)> & try_path)
{
    for (const size_t issuer : nodes_[path_.back()].issuers)
    {
        if (std::ranges::any_of(path_, [&](size_t i) { return nodes_[i].bearer == nodes_[issuer].bearer; }))
            continue;
        if (!nodes_[issuer].ends_paths && path_.size() > depth_)
            continue;
        if (++steps_ > max_steps)
            return !budget_.spend(UINT64_MAX);
        path_.push_back(issuer);
        const bool enough = nodes_[issuer].ends_paths ? report(try_path) : extend(try_path);
        path_.pop_back();
        if (enough)
            return true;
    }
    return false;
}

}
