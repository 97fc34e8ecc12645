#pragma once

// How long what `pki` issues may live: never longer than its authority, since nothing accepts it after that.

#include <string>

#include "cli/pki_store.h"
#include "pki/issue.h"

namespace chmtls::cli
{

/// A lifetime that somebody asked for is not changed silently; the default one is cut. `said_by`: the option that says the
/// lifetime; empty: nobody said it. `file`: the authority's.
[[nodiscard]] Result<void>
keep_within(const std::string & file, UnixTime authority_ends, const std::string & said_by, UnixTime now, pki::Spec & spec);

/// Says on standard error that it was cut.
void note_cut(const PkiStore & store, UnixTime wanted, UnixTime ends);

}
