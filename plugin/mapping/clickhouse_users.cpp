#include "mapping/clickhouse_users.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <unordered_map>

#include "base/error.h"
#include "mapping/text.h"
#include "mapping/values.h"
#include "mapping/work.h"

namespace chmtls::mapping
{

namespace
{

enum class Kind : uint8_t
{
    common_name,
    dns,
    uri,
    email,
    none, ///< no type prefix: compared with nothing
};

constexpr std::array kinds_of_values = {Kind::common_name, Kind::dns, Kind::uri, Kind::email};

/// Lookups by view.
struct TextHash
{
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

Kind take_prefix(std::string_view & text)
{
    for (const auto & [prefix, kind] :
         {std::pair{std::string_view("DNS:"), Kind::dns}, {"URI:", Kind::uri}, {"EMAIL:", Kind::email}})
    {
        if (!text.starts_with(prefix))
            continue;
        text.remove_prefix(prefix.size());
        return kind;
    }
    return Kind::none;
}

/// Calls `see(value)` for each value of this kind until it returns true. Mailboxes with their domain in lower case.
template <typename See>
bool any_value(const Subject & subject, Kind kind, See see)
{
    const openssl::CertificateFacts & facts = subject.facts;
    switch (kind)
    {
    case Kind::common_name:
        return facts.common_name && !facts.common_name->empty() && !is_wildcard_name(*facts.common_name)
               && see(*facts.common_name);
    case Kind::dns:
        return std::any_of(
            facts.san.dns.begin(), facts.san.dns.end(),
            [&](std::string_view name) { return !is_wildcard_name(name) && see(name); });
    case Kind::uri:
        return std::any_of(
            facts.san.uris.begin(), facts.san.uris.end(),
            [&](std::string_view uri) { return is_visible_ascii(uri) && see(uri); });
    case Kind::email:
        return std::any_of(
            facts.san.emails.begin(), facts.san.emails.end(),
            [&](std::string_view mailbox)
            { return mailbox_domain_has_upper(mailbox) ? see(mailbox_with_lower_domain(mailbox)) : see(mailbox); });
    case Kind::none:
        return false;
    }
    return false;
}

}

struct ClickHouseUsers::Entry
{
    Kind kind = Kind::none;
    std::string text; ///< without type prefix
    size_t star = std::string::npos;
    std::string shown; ///< "common_name 'alice'"

    /// An SVID's trust domain vouches for its ID alone.
    [[nodiscard]] bool applies(const Subject & subject) const
    {
        return !subject.trust_domain || (kind == Kind::uri && begins_as_id(text));
    }

    [[nodiscard]] bool matches(std::string_view value) const
    {
        if (value == text)
            return true;
        if (star == std::string::npos || value.size() < text.size())
            return false;
        const std::string_view before = std::string_view(text).substr(0, star);
        const std::string_view behind = std::string_view(text).substr(star + 1);
        if (!value.starts_with(before) || !value.ends_with(behind))
            return false;
        const std::string_view span = value.substr(before.size(), value.size() - before.size() - behind.size());
        return span.find_first_of(kind == Kind::uri ? "/" : "./") == std::string_view::npos;
    }
};

struct ClickHouseUsers::Compiled
{
    std::vector<Entry> entries;
    std::array<TextMap<size_t>, kinds_of_values.size()> exact; ///< by kind: text -> entry
    std::vector<size_t> wildcards;
    bool certificate_only = false;
};

struct ClickHouseUsers::Table
{
    TextMap<Compiled> users;
};

class ClickHouseUsers::Compiler
{
public:
    explicit Compiler(ClickHouseUsers & out) : out_(out) {}

    void add(const UserCertificates & section)
    {
        if (!valid_user_name(section.user))
            report(section, {}, "the user's name is empty, too long or no plain text", "name the user");
        Compiled compiled;
        compiled.certificate_only = !section.has_password;
        for (const std::string & text : section.common_names)
            add_entry(section, compiled, "common_name", text);
        for (const std::string & text : section.subject_alt_names)
            add_entry(section, compiled, "subject_alt_name", text);
        if (section.common_names.empty() && section.subject_alt_names.empty())
            report(section, {}, "has no entry: nobody could log in", "add a common_name or a subject_alt_name");
        if (!out_.by_user_->users.try_emplace(section.user, std::move(compiled)).second)
            report(section, {}, "the user exists twice", "merge the sections");
    }

    [[nodiscard]] Errors take_errors() { return std::move(errors_); }

private:
    void add_entry(const UserCertificates & section, Compiled & compiled, const std::string & element, const std::string & text)
    {
        if (text.empty())
        {
            report(section, element, "is empty", "write the name to look for, or remove the element");
            return;
        }
        std::string_view rest = text;
        Entry entry;
        entry.kind = element == "common_name" ? Kind::common_name : take_prefix(rest);
        if (rest.empty())
        {
            report(section, element, in_quotes(text) + " names nothing", "write the name behind the type prefix");
            return;
        }
        entry.shown = fmt::format("{} {}", element, in_quotes(text));
        entry.text = entry.kind == Kind::email ? mailbox_with_lower_domain(rest) : std::string(rest);
        if (entry.kind != Kind::email)
            entry.star = entry.text.find('*');
        warn(section, entry);

        const size_t number = compiled.entries.size();
        if (entry.kind != Kind::none)
            compiled.exact[static_cast<size_t>(entry.kind)].try_emplace(entry.text, number);
        if (entry.kind != Kind::none && entry.star != std::string::npos)
            compiled.wildcards.push_back(number);
        compiled.entries.push_back(std::move(entry));
    }

    void warn(const UserCertificates & section, const Entry & entry)
    {
        const std::string where = fmt::format("{}: user {}: {}", section.source, in_quotes(section.user), entry.shown);
        if (entry.kind == Kind::none)
            out_.warnings_.push_back(where + " has no type prefix (DNS:, URI:, EMAIL:) and matches nothing");
        else if (entry.star != std::string::npos && entry.text.find('*', entry.star + 1) != std::string::npos)
            out_.warnings_.push_back(where + ": only the first '*' is a wildcard");
        else if (entry.kind == Kind::email && entry.text.find('*') != std::string::npos)
            out_.warnings_.push_back(where + ": '*' is an ordinary character in a mailbox");
    }

    void report(const UserCertificates & section, const std::string & element, std::string reason, std::string remedy)
    {
        std::string field = fmt::format("users.{}.ssl_certificates", printable(section.user));
        if (!element.empty())
            field += "." + element;
        errors_.push_back({section.source, std::move(field), std::move(reason), std::move(remedy), {}});
    }

    ClickHouseUsers & out_;
    Errors errors_;
};

ClickHouseUsers::ClickHouseUsers() : by_user_(std::make_unique<Table>()) {}
ClickHouseUsers::~ClickHouseUsers() = default;

Checked<std::shared_ptr<const ClickHouseUsers>> ClickHouseUsers::compile(std::vector<UserCertificates> users)
{
    std::shared_ptr<ClickHouseUsers> out(new ClickHouseUsers());
    out->users_ = std::move(users);
    Compiler compiler(*out);
    for (const UserCertificates & section : out->users_)
        compiler.add(section);
    Errors errors = compiler.take_errors();
    if (!errors.empty())
        return tl::unexpected<Errors>(std::move(errors));
    return std::shared_ptr<const ClickHouseUsers>(std::move(out));
}

const ClickHouseUsers::Compiled * ClickHouseUsers::find(std::string_view user) const
{
    const auto found = by_user_->users.find(user);
    return found == by_user_->users.end() ? nullptr : &found->second;
}

bool ClickHouseUsers::matches(const Subject & subject, std::string_view user, std::string * matched) const
{
    const Compiled * compiled = find(user);
    if (compiled == nullptr || beyond_bounds(subject.facts.san))
        return false;
    const auto answer = [&](const Entry & entry)
    {
        if (matched != nullptr)
            *matched = entry.shown;
        return true;
    };
    for (const Kind kind : kinds_of_values)
    {
        const auto & exact = compiled->exact[static_cast<size_t>(kind)];
        if (exact.empty())
            continue;
        const auto is_exact = [&](std::string_view value)
        {
            const auto found = exact.find(value);
            if (found == exact.end() || !compiled->entries[found->second].applies(subject))
                return false;
            return answer(compiled->entries[found->second]);
        };
        if (any_value(subject, kind, is_exact))
            return true;
    }
    Budget budget;
    for (const size_t number : compiled->wildcards)
    {
        const Entry & entry = compiled->entries[number];
        if (!entry.applies(subject))
            continue;
        const auto fits = [&](std::string_view value)
        {
            return budget.spend(1) && entry.matches(value);
        };
        if (any_value(subject, entry.kind, fits))
            return answer(entry);
        if (budget.exhausted())
            return false;
    }
    return false;
}

std::vector<std::pair<std::string_view, std::string>> ClickHouseUsers::matching(const Subject & subject, size_t most) const
{
    std::vector<std::pair<std::string_view, std::string>> found;
    std::string matched;
    for (const UserCertificates & user : users_)
    {
        if (found.size() == most)
            break;
        if (matches(subject, user.user, &matched))
            found.emplace_back(user.user, matched);
    }
    return found;
}

bool ClickHouseUsers::certificate_only(std::string_view user) const
{
    const Compiled * compiled = find(user);
    return compiled != nullptr && compiled->certificate_only;
}

std::vector<RuleTrace> ClickHouseUsers::explain(const Subject & subject, std::string_view user) const
{
    std::vector<RuleTrace> traces;
    const Compiled * compiled = find(user);
    if (compiled == nullptr)
        return traces;
    const auto section
        = std::find_if(users_.begin(), users_.end(), [&](const UserCertificates & each) { return each.user == user; });
    const bool too_many = beyond_bounds(subject.facts.san);
    for (const Entry & entry : compiled->entries)
    {
        RuleTrace trace{"ssl_certificates: " + entry.shown, section->source, false, {}, {}};
        std::string seen;
        const auto fits = [&](std::string_view value)
        {
            if (seen.size() < 256)
                seen += (seen.empty() ? "" : ", ") + in_quotes(value);
            return entry.matches(value);
        };
        const bool applies = entry.applies(subject);
        trace.matched = !too_many && applies && any_value(subject, entry.kind, fits);
        if (trace.matched)
            trace.user = user;
        if (too_many)
            trace.detail = "the certificate has too many names";
        else if (entry.kind == Kind::none)
            trace.detail = "no type prefix (DNS:, URI:, EMAIL:): matches nothing";
        else if (!applies)
            trace.detail = fmt::format(
                "the trust domain {} vouches for no name but its SPIFFE IDs, and the entry is no URI:spiffe://...",
                in_quotes(*subject.trust_domain));
        else if (seen.empty())
            trace.detail = entry.kind == Kind::common_name && subject.facts.common_name_defect
                               ? "the subject's common name cannot be used: " + *subject.facts.common_name_defect
                               : "the certificate has no name of this kind";
        else
            trace.detail = (trace.matched ? "matches one of " : "does not match ") + seen;
        traces.push_back(std::move(trace));
    }
    return traces;
}

}
