#include "mapping/user_template.h"

#include <algorithm>

#include "base/error.h"
#include "mapping/rule_set.h"
#include "mapping/text.h"

namespace chmtls::mapping
{

bool valid_user_name(std::string_view user)
{
    return !user.empty() && user.size() <= max_user_name && is_plain_utf8(user);
}

tl::expected<void, Finding> UserTemplate::parse(std::string_view text, const std::vector<std::string> & names)
{
    std::string pending;
    const auto flush = [&]
    {
        if (!pending.empty())
            pieces_.push_back({std::move(pending), literal});
        pending.clear();
    };
    for (size_t i = 0; i < text.size();)
    {
        const char c = text[i];
        if (c != '{' && c != '}')
        {
            pending += c;
            ++i;
            continue;
        }
        if (i + 1 < text.size() && text[i + 1] == c)
        {
            pending += c;
            i += 2;
            continue;
        }
        const size_t close = text.find('}', i);
        if (c == '}' || close == std::string_view::npos)
            return tl::unexpected<Finding>(
                Finding{"has a brace without its partner", "write {name}, or {{ and }} for literal braces"});
        const std::string_view name = text.substr(i + 1, close - i - 1);
        const auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end())
        {
            return tl::unexpected<Finding>(Finding{
                "uses {" + printable(name) + "}, which no matcher of the rule captures",
                names.empty() ? "capture it with {name} in a pattern, or with (?P<name>...) in a regex"
                              : "the rule captures: " + listed(names)});
        }
        flush();
        pieces_.push_back({{}, static_cast<size_t>(found - names.begin())});
        constant_ = false;
        i = close + 1;
    }
    flush();
    return {};
}

tl::expected<UserTemplate, Finding>
UserTemplate::compile(std::string_view text, const std::vector<std::string> & names, const std::vector<bool> & can_be_empty)
{
    UserTemplate result;
    if (text.empty())
        return tl::unexpected<Finding>(Finding{"is empty", "name the ClickHouse user that the rule stands for"});
    if (auto parsed = result.parse(text, names); !parsed)
        return tl::unexpected<Finding>(std::move(parsed.error()));

    std::string literals;
    bool all_can_be_empty = true;
    for (const Piece & piece : result.pieces_)
    {
        literals += piece.text;
        if (piece.capture == literal || !can_be_empty[piece.capture])
            all_can_be_empty = false;
    }
    const size_t longest = result.constant_ ? max_user_name : max_user_name - 1;
    if (literals.size() > longest)
        return tl::unexpected<Finding>(
            Finding{"gives a user name of more than " + std::to_string(max_user_name) + " bytes", "shorten it"});
    if (!std::all_of(result.pieces_.begin(), result.pieces_.end(), [](const Piece & piece) { return is_plain_utf8(piece.text); }))
        return tl::unexpected<Finding>(
            Finding{"is not UTF-8 or holds control characters", "ClickHouse user names are plain text"});
    if (all_can_be_empty)
        return tl::unexpected<Finding>(Finding{
            "can be empty, because what it captures can be", "let the group match at least one character, e.g. '+' for '*'"});
    return result;
}

bool UserTemplate::render(const Captured & captured, std::string & user) const
{
    user.clear();
    for (const Piece & piece : pieces_)
    {
        if (piece.capture == literal)
        {
            user += piece.text;
            continue;
        }
        if (captured[piece.capture].empty())
            return false;
        user += captured[piece.capture];
    }
    return valid_user_name(user);
}

}
