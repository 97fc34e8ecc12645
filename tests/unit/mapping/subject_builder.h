#pragma once

// Subjects written down by hand: rules see plain values, so their tests need no certificates.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mapping/rule_set.h"
#include "mapping/subject.h"

namespace chmtls::mapping::test
{

/// For rules without a time.
inline constexpr UnixTime any_time{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}};

class SubjectBuilder
{
public:
    SubjectBuilder & common_name(std::string value)
    {
        facts_.common_name = std::move(value);
        return *this;
    }
    SubjectBuilder & dns(std::string value)
    {
        facts_.san.dns.push_back(std::move(value));
        return *this;
    }
    SubjectBuilder & uri(std::string value)
    {
        facts_.san.uris.push_back(std::move(value));
        return *this;
    }
    SubjectBuilder & email(std::string value)
    {
        facts_.san.emails.push_back(std::move(value));
        return *this;
    }
    SubjectBuilder & svid(std::string id, std::string domain)
    {
        spiffe_id_ = std::move(id);
        trust_domain_ = std::move(domain);
        return *this;
    }
    SubjectBuilder & names(std::string subject, std::string issuer)
    {
        facts_.subject = std::move(subject);
        facts_.issuer = std::move(issuer);
        return *this;
    }
    SubjectBuilder & serial(std::string hex)
    {
        facts_.serial_hex = std::move(hex);
        return *this;
    }
    SubjectBuilder & fingerprint(uint8_t filling)
    {
        facts_.fingerprint_sha256.fill(filling);
        return *this;
    }
    SubjectBuilder & issuer_spki(uint8_t filling)
    {
        issuer_spki_.emplace().fill(filling);
        return *this;
    }

    /// One value of the given field, whatever it is.
    SubjectBuilder & with(Field field, const std::string & value)
    {
        switch (field)
        {
        case Field::common_name:
            return common_name(value);
        case Field::dns:
            return dns(value);
        case Field::uri:
            return uri(value);
        case Field::email:
            return email(value);
        case Field::spiffe_id:
            spiffe_id_ = value;
            return *this;
        case Field::trust_domain:
            trust_domain_ = value;
            return *this;
        case Field::subject:
            facts_.subject = value;
            return *this;
        case Field::issuer:
            facts_.issuer = value;
            return *this;
        case Field::serial:
            return serial(value);
        case Field::fingerprint_sha256:
            return fingerprint(0xab);
        case Field::issuer_spki_sha256:
            return issuer_spki(0xab);
        }
        return *this;
    }

    [[nodiscard]] openssl::CertificateFacts & facts() { return facts_; }
    [[nodiscard]] Subject subject() const { return {facts_, spiffe_id_, trust_domain_, issuer_spki_}; }

private:
    openssl::CertificateFacts facts_{};
    std::optional<std::string> spiffe_id_;
    std::optional<std::string> trust_domain_;
    std::optional<Digest32> issuer_spki_;
};

inline RuleText rule(std::string name, std::vector<MatcherText> matchers, std::string user)
{
    return {name, std::move(matchers), std::move(user), "test: " + name};
}

/// Names a case by its property.
inline constexpr auto case_name = [](const auto & each)
{
    return each.param.name;
};

/// Compiles; an empty pointer and a failed expectation when refused.
inline std::shared_ptr<const RuleSet> compiled(std::vector<RuleText> rules)
{
    auto set = RuleSet::compile(std::move(rules));
    if (set)
        return *set;
    ADD_FAILURE() << describe(set.error());
    return nullptr;
}

/// The findings as one text; empty when it compiles.
inline std::string findings(std::vector<RuleText> rules)
{
    const auto set = RuleSet::compile(std::move(rules));
    return set ? std::string() : describe(set.error());
}

}
