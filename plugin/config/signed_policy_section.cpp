#include "config/signed_policy_section.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace chmtls::config
{

namespace
{

constexpr std::array<std::string_view, 3> kinds{"rules", "bundles", "crls"};

}

void read_signed_policy(Section & mtls, Settings & settings, Findings & findings)
{
    const Element * element = mtls.child("signed_policy");
    if (!element)
        return;
    Section section(*element, mtls.key_path("signed_policy", 0, 1), findings);
    SignedPolicy & result = settings.signed_policy;
    result.public_keys = section.texts("public_key");
    for (const std::string & word : section.texts("require"))
    {
        const auto found = std::find(kinds.begin(), kinds.end(), word);
        if (found == kinds.end())
            section.refuse("require", fmt::format("\"{}\" is unknown", printable(word)), fmt::format("write {}", list_of(kinds)));
        else
            result.required.insert(static_cast<PolicyFile>(found - kinds.begin()));
    }
    result.state_file = section.text("state_file").value_or("");
    if (!element->find("public_key"))
        section.refuse("", "no <public_key>", "give the key of minisign -G, or the file that holds it");
    if (!element->find("require"))
        section.refuse(
            "", "no <require>: nothing would have to be signed", fmt::format("write <require> with {}", list_of(kinds)));
    if (!element->find("state_file"))
        section.refuse(
            "", "no <state_file>: after a restart an older file could not be told from a newer",
            "name a file in a directory that the server's user alone can write to");
    section.refuse_unknown();
}

}
