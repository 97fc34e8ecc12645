// A line on the admin socket: whatever it is, the answer is one line that the tool understands; and what a handler was told is
// what the tool would have to say to tell it the same.

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "admin/requests.h"
#include "target.h"

using namespace chmtls;

namespace
{

admin::Requests requests()
{
    admin::Requests made;
    made.add("status", [](const admin::Arguments &) -> Result<std::string> { return std::string("{}"); });
    made.add(
        "dns flush",
        [](const admin::Arguments & arguments) -> Result<std::string>
        { return std::to_string(arguments.contains("host") ? 1 : 0); });
    made.add(
        "refuse",
        [](const admin::Arguments & arguments) -> Result<std::string> {
            return fail({"", "", arguments.contains("why") ? arguments.at("why") : "no", "", ""});
        });
    made.add(
        "echo", [](const admin::Arguments & arguments) -> Result<std::string> { return admin::request_line("echo", arguments); });
    return made;
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
    static const admin::Requests known = requests();
    const std::string answer = known.answer(fuzz::text_of(data, size));
    fuzz::require(answer.find('\n') == std::string::npos);
    try
    {
        const auto object = Poco::JSON::Parser().parse(answer).extract<Poco::JSON::Object::Ptr>();
        const bool accepted = object->getValue<bool>("ok");
        fuzz::require(object->has(accepted ? "result" : "error"));
        if (accepted && object->isObject("result") && object->getObject("result")->has("request"))
        {
            constexpr std::string_view head = R"({"ok":true,"result":)";
            fuzz::require(known.answer(answer.substr(head.size(), answer.size() - head.size() - 1)) == answer);
        }
    }
    catch (const Poco::Exception &)
    {
        fuzz::require(false);
    }
    return 0;
}
