#include "cli/pki_lifetime.h"

#include <algorithm>
#include <cstdio>

namespace chmtls::cli
{

Result<void>
keep_within(const std::string & file, UnixTime authority_ends, const std::string & said_by, UnixTime now, pki::Spec & spec)
{
    const UnixTime ends = now + spec.not_after;
    if (ends <= authority_ends)
        return {};
    if (said_by.empty() && authority_ends > std::max(now, now + spec.not_before))
    {
        spec.not_after_at = authority_ends;
        return {};
    }
    const std::string new_authority = "make a new authority (clickhouse-mtls pki init)";
    return fail({
        .file = {},
        .field = said_by.empty() ? "--lifetime" : said_by,
        .reason = "the certificate would end at " + format_rfc3339(ends) + ", later than its authority " + file
                  + ", whose end is " + format_rfc3339(authority_ends),
        .remedy = authority_ends > now ? "choose a shorter lifetime, or " + new_authority : new_authority,
        .code = {},
    });
}

void note_cut(const PkiStore & store, UnixTime wanted, UnixTime ends)
{
    if (ends < wanted)
        (void)std::fprintf(
            stderr, "clickhouse-mtls: note: the certificate ends with its authority %s, at %s, and not at %s\n",
            printable(store.file("ca.pem")).c_str(), format_rfc3339(ends).c_str(), format_rfc3339(wanted).c_str());
}

}
