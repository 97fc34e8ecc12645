#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chmtls::gateway
{

/// Password of each user, for servers that know no better proof. Wiped when it goes.
class Passwords
{
public:
    Passwords() = default;
    Passwords(Passwords &&) noexcept = default;
    Passwords & operator=(Passwords &&) noexcept = default;
    Passwords(const Passwords &) = delete;
    Passwords & operator=(const Passwords &) = delete;
    ~Passwords();

    /// Null: none is known.
    [[nodiscard]] const std::string * of(std::string_view user) const;
    [[nodiscard]] size_t size() const { return by_user_.size(); }
    [[nodiscard]] std::vector<std::string> users() const;

    struct Read;
    /// A file of lines "user password": the user up to the first blank, the password from the next other character to the end of
    /// the line. Empty lines, and those that begin with '#', say nothing. The file must be regular and of no use to group and
    /// others; `path` empty: no passwords.
    static Read read(const std::string & path);
    /// Its content alone.
    static Read parse(std::string_view content, const std::string & path);

private:
    std::map<std::string, std::string, std::less<>> by_user_;
};

struct Passwords::Read
{
    Passwords passwords;
    std::string fault; ///< empty: well
};

}
