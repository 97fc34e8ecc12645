#pragma once

// What a rule makes of its captures: literal text with {capture}; "{{" and "}}" stand for braces.

#include <string>
#include <string_view>
#include <vector>

#include "mapping/pattern.h"

namespace chmtls::mapping
{

/// Longest user name in bytes.
inline constexpr size_t max_user_name = 256;

class UserTemplate
{
public:
    /// `names`: the rule's captures; `can_be_empty`: for each of them, whether it is known to match nothing at times.
    [[nodiscard]] static tl::expected<UserTemplate, Finding>
    compile(std::string_view text, const std::vector<std::string> & names, const std::vector<bool> & can_be_empty);

    /// No captures in it: always the same user.
    [[nodiscard]] bool is_constant() const { return constant_; }

    /// False when a capture in it is empty or the result is no valid user name.
    [[nodiscard]] bool render(const Captured & captured, std::string & user) const;

private:
    static constexpr size_t literal = static_cast<size_t>(-1);
    struct Piece
    {
        std::string text;
        size_t capture = literal;
    };
    [[nodiscard]] tl::expected<void, Finding> parse(std::string_view text, const std::vector<std::string> & names);

    std::vector<Piece> pieces_;
    bool constant_ = true;
};

}
