#include "admin/client.h"

#include <cerrno>
#include <cstring>
#include <sstream>

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <poll.h>
#include <sys/socket.h>

#include "admin/endpoint.h"
#include "admin/line.h"

namespace chmtls::admin
{

namespace
{

constexpr std::chrono::seconds patience{30}; // the server answers others first
constexpr size_t max_answer = 64u << 20;

Error trouble(const std::string & path, std::string reason, std::string remedy)
{
    return {path, "", std::move(reason), std::move(remedy), ""};
}

Result<Descriptor> connect_to(const std::string & path)
{
    const auto address = socket_address(path);
    if (!address)
        return fail(trouble(path, "no path that a socket can have", "give the server's <mtls><admin><socket>"));
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.is_open() && ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)) == 0)
        return socket;
    const std::string why = std::strerror(errno); // NOLINT(concurrency-mt-unsafe): glibc's is safe
    const bool forbidden = errno == EACCES || errno == EPERM;
    return fail(trouble(
        path, "cannot be connected to: " + why,
        forbidden ? "run this as root or as the server's user"
                  : "is the server running, and is this its <mtls><admin><socket>?"));
}

Result<Answer> read_answer(const std::string & path, const std::string & line)
{
    try
    {
        const auto object = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
        Answer answer;
        answer.ok = object->getValue<bool>("ok");
        if (answer.ok)
        {
            std::ostringstream out;
            Poco::JSON::Stringifier::condense(object->get("result"), out);
            answer.result = out.str();
        }
        else
            answer.error = object->getValue<std::string>("error");
        return answer;
    }
    catch (const Poco::Exception &)
    {
        return fail(trouble(path, "the answer is not understood", "use the tool of the server's own version"));
    }
}

}

Result<Answer> ask(const std::string & path, const std::string & request, const Arguments & arguments)
{
    const auto socket = connect_to(path);
    if (!socket)
        return fail(socket.error());
    const Deadline deadline = std::chrono::steady_clock::now() + patience;
    if (!write_line(socket->get(), request_line(request, arguments), deadline))
        return fail(trouble(path, "the server takes no request", "run this as root or as the server's user"));
    const auto line = read_line(socket->get(), max_answer, deadline);
    if (!line)
        return fail(
            trouble(path, "the server gave no answer", "run this as root or as the server's user; the server's log says more"));
    return read_answer(path, *line);
}

}
