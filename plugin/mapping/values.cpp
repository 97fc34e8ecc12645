#include "mapping/values.h"

#include <algorithm>

#include "base/ascii.h"
#include "mapping/text.h"

namespace chmtls::mapping
{

namespace
{

bool clean_uri(std::string_view uri)
{
    return !uri.empty() && is_visible_ascii(uri);
}

}

bool beyond_bounds(const openssl::SubjectAltNames & names)
{
    if (names.dns.size() + names.uris.size() + names.emails.size() > max_names)
        return true;
    size_t bytes = 0;
    for (const auto * list : {&names.dns, &names.uris, &names.emails})
        for (const std::string & name : *list)
            bytes += name.size();
    return bytes > max_name_bytes;
}

Values::Values(const Subject & subject, FieldMask needed) // NOLINT(*-member-init): the digit arrays are written when needed
{
    const openssl::CertificateFacts & facts = subject.facts;
    if (subject.trust_domain)
        trust_domain_ = *subject.trust_domain;
    if (beyond_bounds(facts.san))
    {
        too_many_ = true;
        return;
    }
    set_names(facts.san, needed);
    if (needed.has(Field::common_name) && facts.common_name && !is_wildcard_name(*facts.common_name))
        set_one(Field::common_name, *facts.common_name);
    if (needed.has(Field::spiffe_id) && subject.spiffe_id)
        set_one(Field::spiffe_id, *subject.spiffe_id);
    if (needed.has(Field::trust_domain) && subject.trust_domain)
        set_one(Field::trust_domain, *subject.trust_domain);
    if (needed.has(Field::subject) && !facts.subject_empty)
        set_one(Field::subject, facts.subject);
    if (needed.has(Field::issuer))
        set_one(Field::issuer, facts.issuer);
    if (needed.has(Field::serial))
        set_one(Field::serial, facts.serial_hex);
    if (needed.has(Field::fingerprint_sha256))
        set_hex(Field::fingerprint_sha256, facts.fingerprint_sha256, fingerprint_);
    if (needed.has(Field::issuer_spki_sha256) && subject.issuer_spki_sha256)
        set_hex(Field::issuer_spki_sha256, *subject.issuer_spki_sha256, issuer_spki_);
}

void Values::set_one(Field field, std::string_view value)
{
    if (value.empty())
        return;
    Slot & slot = slots_[static_cast<size_t>(field)];
    slot.one = value;
    slot.has_one = true;
}

void Values::set_hex(Field field, const Digest32 & digest, std::array<char, 64> & digits)
{
    constexpr std::string_view hex = "0123456789abcdef";
    for (size_t i = 0; i < digest.size(); ++i)
    {
        digits[2 * i] = hex[digest[i] >> 4];
        digits[2 * i + 1] = hex[digest[i] & 0x0fu];
    }
    set_one(field, {digits.data(), digits.size()});
}

void Values::set_names(const openssl::SubjectAltNames & names, FieldMask needed)
{
    const auto at = [this](Field field) -> Slot &
    {
        return slots_[static_cast<size_t>(field)];
    };
    if (needed.has(Field::dns))
    {
        at(Field::dns).many = names.dns;
        const auto unusual = [](std::string_view name)
        {
            return has_upper(name) || is_wildcard_name(name);
        };
        if (std::any_of(names.dns.begin(), names.dns.end(), unusual))
        {
            for (const std::string & name : names.dns)
                if (!is_wildcard_name(name))
                    dns_.push_back(ascii_lower(name));
            at(Field::dns).many = dns_;
        }
    }
    if (needed.has(Field::uri))
    {
        at(Field::uri).many = names.uris;
        if (!std::all_of(names.uris.begin(), names.uris.end(), clean_uri))
        {
            std::copy_if(names.uris.begin(), names.uris.end(), std::back_inserter(uris_), clean_uri);
            at(Field::uri).many = uris_;
        }
    }
    if (needed.has(Field::email))
    {
        at(Field::email).many = names.emails;
        if (std::any_of(names.emails.begin(), names.emails.end(), mailbox_domain_has_upper))
        {
            std::transform(names.emails.begin(), names.emails.end(), std::back_inserter(emails_), mailbox_with_lower_domain);
            at(Field::email).many = emails_;
        }
    }
}

}
