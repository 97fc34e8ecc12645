#pragma once

// How a user of users.xml is held: what runs as that user without being asked for, and who gets in as it.

#include <string>
#include <string_view>
#include <vector>

namespace chmtls::config
{

struct UserRights
{
    std::string user;
    /// Nothing has to be known to log in as this user: an empty password, or none (<no_password>).
    bool open = false;
    /// <allow_databases> names databases, or the profile is readonly.
    bool limited = false;
    /// Has any password or other means of login of ClickHouse's, or <ssl_certificates>.
    bool has_login = false;
    /// <networks> names all addresses.
    bool from_anywhere = false;

    [[nodiscard]] bool operator==(const UserRights &) const = default;
};

/// All users of the document, also those without <ssl_certificates>. A user with no password element at all is not open: the
/// patched server closes it to passwords. What cannot be read holds no users; parse_users says what is wrong.
[[nodiscard]] std::vector<UserRights> read_user_rights(std::string_view xml, const std::string & source);

}
