#include "spiffe/json.h"

#include <set>

#include <Poco/Exception.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/Parser.h>

namespace chmtls::spiffe
{

namespace
{

/// Leaves the parser; never leaves this file.
struct Refused
{
    Error error;
};

class Builder : public Poco::JSON::Handler
{
public:
    explicit Builder(std::string source) : source_(std::move(source)) {}

    void reset() override
    {
        open_.clear();
        root_ = {};
    }
    void startObject() override { enter<JsonObject>(); }
    void endObject() override { leave(); }
    void startArray() override { enter<JsonArray>(); }
    void endArray() override { leave(); }
    void key(const std::string & name) override
    {
        Frame & frame = open_.back();
        if (!frame.names.insert(name).second)
            throw Refused{
                {.file = source_,
                 .field = printable(name),
                 .reason = "the member name stands twice in one object",
                 .remedy = "write the file again with each name once",
                 .code = "DUPLICATE"}};
        frame.name = name;
    }
    void null() override { add(JsonNull{}); }
    void value(int number) override { add_number(number); }
    void value(unsigned number) override { add(uint64_t{number}); }
    void value(Poco::Int64 number) override { add_number(number); }
    void value(Poco::UInt64 number) override { add(uint64_t{number}); }
    void value(const std::string & text) override { add(text); }
    void value(double) override { add(JsonOtherNumber{}); }
    void value(bool flag) override { add(flag); }

    [[nodiscard]] JsonValue take() { return std::move(root_); }

private:
    struct Frame
    {
        JsonValue value;
        std::string name;            ///< of the member that comes next
        std::set<std::string> names; ///< seen in this object
    };

    void add_number(int64_t number)
    {
        if (number < 0)
            add(JsonOtherNumber{});
        else
            add(static_cast<uint64_t>(number));
    }

    template <typename T>
    void enter()
    {
        if (open_.size() >= max_json_depth)
            throw Refused{
                {.file = source_,
                 .field = {},
                 .reason = "the JSON nests deeper than " + std::to_string(max_json_depth) + " levels",
                 .remedy = "give a trust bundle",
                 .code = "JSON"}};
        open_.emplace_back().value.value.emplace<T>();
    }

    void leave()
    {
        JsonValue value = std::move(open_.back().value);
        open_.pop_back();
        next() = std::move(value);
    }

    template <typename T>
    void add(T value)
    {
        next().value.emplace<T>(std::move(value));
    }

    /// The place of the value that comes next.
    JsonValue & next()
    {
        if (open_.empty())
            return root_;
        Frame & frame = open_.back();
        if (auto * array = std::get_if<JsonArray>(&frame.value.value))
            return array->emplace_back();
        auto & members = std::get<JsonObject>(frame.value.value).members;
        members.push_back({std::move(frame.name), {}});
        return members.back().value;
    }

    std::string source_;
    std::vector<Frame> open_;
    JsonValue root_;
};

Error json_error(const std::string & source, std::string reason)
{
    return Error{
        .file = source, .field = {}, .reason = std::move(reason), .remedy = "give a trust bundle as JSON or PEM", .code = "JSON"};
}

/// The longest run of digits that begins at `at`.
std::string_view digits_at(std::string_view text, size_t at)
{
    const size_t end = text.find_first_not_of("0123456789", at);
    return text.substr(at, end == std::string_view::npos ? end : end - at);
}

/// Is there an integer above 2^64-1? Poco would wrap it round without a word. Looks at numbers only, not into strings; text that
/// is no JSON gives any answer.
bool has_oversized_integer(std::string_view text)
{
    static constexpr std::string_view largest = "18446744073709551615";
    bool in_string = false;
    for (size_t at = 0; at < text.size(); ++at)
    {
        const char c = text[at];
        if (in_string && c == '\\')
            ++at;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && c >= '0' && c <= '9')
        {
            const std::string_view digits = digits_at(text, at);
            const bool is_fraction = at > 0 && text[at - 1] == '.';
            if (!is_fraction && (digits.size() > largest.size() || (digits.size() == largest.size() && digits > largest)))
                return true;
            at += digits.size() - 1;
        }
    }
    return false;
}

}

const JsonValue * JsonObject::find(std::string_view name) const
{
    for (const auto & [member, value] : members)
    {
        if (member == name)
            return &value;
    }
    return nullptr;
}

Result<JsonValue> parse_json(ByteView bytes, const std::string & source)
{
    if (bytes.size() > max_json_bytes)
        return fail(
            {.file = source,
             .field = {},
             .reason = "larger than " + std::to_string(max_json_bytes >> 20) + " MiB",
             .remedy = "give a trust bundle",
             .code = "SIZE"});
    // The parser hands member names on as C strings, which would end at a NUL.
    const std::string_view text = as_text(bytes);
    if (text.find('\0') != std::string_view::npos || text.find("\\u0000") != std::string_view::npos)
        return fail(json_error(source, "the JSON holds a NUL"));
    if (has_oversized_integer(text))
        return fail(json_error(source, "the JSON holds a number of more than 64 bits"));
    try
    {
        Poco::SharedPtr<Builder> builder = new Builder(source);
        Poco::JSON::Parser parser(builder);
        parser.parse(std::string(text));
        return builder->take();
    }
    catch (const Refused & refused)
    {
        return fail(refused.error);
    }
    catch (const Poco::Exception & error)
    {
        return fail(
            json_error(source, "not JSON: " + printable(error.message().empty() ? error.displayText() : error.message())));
    }
}

}
