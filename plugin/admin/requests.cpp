#include "admin/requests.h"

#include <exception>
#include <sstream>
#include <vector>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chmtls::admin
{

namespace
{

constexpr size_t max_depth = 8;
constexpr const char * name_member = "request";

std::string refusal(const std::string & why)
{
    Poco::JSON::Object answer(Poco::JSON_PRESERVE_KEY_ORDER);
    answer.set("ok", false);
    answer.set("error", printable(why, 4096));
    std::ostringstream out;
    answer.stringify(out);
    return out.str();
}

/// The request's members, all texts; or what is wrong with the line.
Result<Arguments> read(std::string_view line)
{
    try
    {
        Poco::JSON::Parser parser;
        parser.setDepth(max_depth);
        const auto object = parser.parse(std::string(line)).extract<Poco::JSON::Object::Ptr>();
        Arguments arguments;
        for (const auto & [name, value] : *object)
        {
            if (!value.isString())
                return fail({"", name, "is not a text", "", ""});
            arguments[name] = value.extract<std::string>();
        }
        return arguments;
    }
    catch (const Poco::Exception &)
    {
        return fail({"", "", "the request is no JSON object", "", ""});
    }
}

}

std::string Requests::answer(std::string_view line) const
{
    auto arguments = read(line);
    if (!arguments)
        return refusal(arguments.error().describe());
    const auto named = arguments->extract(name_member);
    if (named.empty())
        return refusal("the object has no member \"request\"");
    const auto handler = handlers_.find(named.mapped());
    if (handler == handlers_.end())
    {
        std::vector<std::string_view> known;
        for (const auto & [name, ignored] : handlers_)
            known.emplace_back(name);
        return refusal(fmt::format("unknown request \"{}\"; known: {}", printable(named.mapped()), fmt::join(known, ", ")));
    }
    try
    {
        const auto result = handler->second(*arguments);
        return result ? fmt::format("{{\"ok\":true,\"result\":{}}}", *result) : refusal(result.error().describe());
    }
    catch (const std::exception & exception)
    {
        return refusal(exception.what());
    }
}

std::string request_line(const std::string & name, const Arguments & arguments)
{
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set(name_member, name);
    for (const auto & [key, value] : arguments)
        object.set(key, value);
    std::ostringstream out;
    object.stringify(out);
    return out.str();
}

}
