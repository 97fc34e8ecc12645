#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "credentials/credential.h"
#include "credentials/server_name.h"

namespace chmtls::credentials
{

namespace
{

Error refused(const std::string & name, std::string reason, std::string remedy)
{
    return {
        .file = {},
        .field = "server name " + printable(name),
        .reason = std::move(reason),
        .remedy = std::move(remedy),
        .code = {}};
}

}

Checked<std::shared_ptr<const CredentialSet>> CredentialSet::create(
    std::shared_ptr<const Credential> default_credential, std::vector<std::shared_ptr<const Credential>> by_name)
{
    Errors errors;
    auto set = std::make_shared<CredentialSet>();
    for (const auto & credential : by_name)
    {
        if (credential->server_names.empty())
            errors.push_back(refused(
                "", fmt::format("is missing for the certificate of {}", printable(credential->chain.front().facts().subject)),
                "give each further certificate the server names it is for"));
        for (const std::string & written : credential->server_names)
        {
            const auto name = normal_pattern(written);
            if (!name)
            {
                errors.push_back(refused(written, "is no host name", "write a host name, or \"*.\" before one"));
                continue;
            }
            const bool wild = name->starts_with("*.");
            Index & index = wild ? set->wildcard_ : set->exact_;
            const auto [entry, added] = index.emplace(wild ? name->substr(2) : *name, credential);
            if (!added && entry->second->id != credential->id)
                errors.push_back(refused(*name, "has two certificates", "leave one certificate for each server name"));
        }
    }
    if (!errors.empty())
        return tl::unexpected(std::move(errors));
    set->default_ = std::move(default_credential);
    set->by_name_ = std::move(by_name);
    return std::shared_ptr<const CredentialSet>(std::move(set));
}

std::shared_ptr<const Credential> CredentialSet::select(std::string_view server_name) const
{
    std::array<char, 256> buffer{};
    const std::string_view name = fold_server_name(server_name, buffer);
    if (const auto found = exact_.find(name); found != exact_.end())
        return found->second;
    const std::string_view parent = parent_domain(name);
    if (const auto found = wildcard_.find(parent); !parent.empty() && found != wildcard_.end())
        return found->second;
    return default_;
}

std::shared_ptr<const Credential> CredentialSet::find(uint64_t id) const
{
    if (default_ && default_->id == id)
        return default_;
    const auto found
        = std::find_if(by_name_.begin(), by_name_.end(), [&](const auto & credential) { return credential->id == id; });
    return found == by_name_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<const Credential>> CredentialSet::all() const
{
    std::vector<std::shared_ptr<const Credential>> all;
    if (default_)
        all.push_back(default_);
    all.insert(all.end(), by_name_.begin(), by_name_.end());
    return all;
}

}
