#include "config/user_rights.h"

#include <algorithm>

#include "base/ascii.h"
#include "config/parser.h"
#include "config/xml.h"

namespace chmtls::config
{

namespace
{

/// Of the empty text (FIPS 180-4).
constexpr std::string_view sha256_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

constexpr int max_nesting = 8; // of profiles in profiles

bool is_open(const Element & user)
{
    return std::any_of(
        user.children.begin(), user.children.end(),
        [](const Element & child)
        {
            const std::string_view text = trimmed(child.text);
            return child.name == "no_password" || (child.name == "password" && text.empty())
                   || (child.name == "password_sha256_hex" && equal_ignoring_case(text, sha256_of_nothing));
        });
}

bool has_login(const Element & user)
{
    return std::any_of(
        user.children.begin(), user.children.end(),
        [](const Element & child) { return child.name == "ssl_certificates" || is_other_authentication(child.name); });
}

bool from_anywhere(const Element & user)
{
    const Element * networks = user.find("networks");
    return networks != nullptr
           && std::any_of(
               networks->children.begin(), networks->children.end(),
               [](const Element & child) { return child.name == "ip" && trimmed(child.text).ends_with("/0"); });
}

const Element * named(const std::vector<const Element *> & sections, std::string_view name)
{
    for (const Element * section : sections)
        if (const Element * found = section->find(name))
            return found;
    return nullptr;
}

bool is_readonly(const std::vector<const Element *> & profiles, std::string_view name, int nesting)
{
    const Element * profile = named(profiles, name);
    if (profile == nullptr || nesting == max_nesting)
        return false;
    // The last word counts, in the order of the document.
    bool readonly = false;
    for (const Element & setting : profile->children)
    {
        if (setting.name == "readonly")
            readonly = trimmed(setting.text) != "0";
        else if (setting.name == "profile")
            readonly = readonly || is_readonly(profiles, trimmed(setting.text), nesting + 1);
    }
    return readonly;
}

}

std::vector<UserRights> read_user_rights(std::string_view xml, const std::string & source)
{
    std::vector<UserRights> result;
    const Result<Element> root = parse_xml(xml, source);
    if (!root)
        return result;
    std::vector<const Element *> profiles;
    for (const Element & section : root->children)
        if (section.name == "profiles")
            profiles.push_back(&section);
    for (const Element & section : root->children)
    {
        if (section.name != "users")
            continue;
        for (const Element & user : section.children)
        {
            const Element * databases = user.find("allow_databases");
            const Element * profile = user.find("profile");
            const bool named_databases = databases != nullptr && databases->find("database") != nullptr;
            result.push_back(
                {user.name, is_open(user),
                 named_databases || is_readonly(profiles, profile == nullptr ? "default" : trimmed(profile->text), 0),
                 has_login(user), from_anywhere(user)});
        }
    }
    return result;
}

}
