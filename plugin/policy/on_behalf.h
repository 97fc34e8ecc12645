#pragma once

// Whose a query is: what comes over the session of a cluster node, and who else may say that another user
// asked.

#include <string_view>

#include "policy/authorize.h"

namespace chmtls::policy
{

/// A query that a session of the native protocol has sent; see chmtls_query in plugin.h.
struct Query
{
    std::string_view session_user; ///< who the session logged in as
    bool session_granted = false;  ///< by authorize, that is by certificate
    /// Who asked for it, as the peer says; empty: nobody but the peer itself.
    std::string_view initial_user;
    std::string_view initial_address; ///< of that user; judged by the server's own <networks>
    bool again = false;               ///< like the former one of its session, which was granted
};

/// granted: the query runs as `user`. With a rule, the session is a node's: what it says of who asked is true, and the server
/// has to hold the query to that user's rights (and to refuse a user it does not know). Without one, the session speaks for
/// itself only, whatever it says: who asked is the session's user, and from where is the session's address.
/// declined: without <nodes>, for nodes on listeners that only observe, and for
/// those that logged in with a password: the server does as ever, and the query runs as the session's user. refused: on a node's
/// session, when nobody asked for the query and the session's user is none of <acts_as>, or when who asked cannot be a user's
/// name; on every session that a certificate has let in, when it would not be let in again. Thread-safe, no I/O, no lock.
[[nodiscard]] LoginDecision authorize_query(const Standing & standing, const Query & query);

}
