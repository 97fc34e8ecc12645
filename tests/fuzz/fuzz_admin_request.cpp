// A line on the admin socket: whatever it is, the answer is one line that the tool understands.

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
        fuzz::require(object->has(object->getValue<bool>("ok") ? "result" : "error"));
    }
    catch (const Poco::Exception &)
    {
        fuzz::require(false);
    }
    return 0;
}
