#include "denial.h"

#include <Poco/Exception.h>

namespace chmtls::debian
{

namespace
{

constexpr int unknown_user = 192;
constexpr int required_password = 194;

// Poco::Exception lets only derived classes set the text.
struct TextAccess : Poco::Exception
{
    static void set(Poco::Exception & exception, const std::string & text)
    {
        (exception.*static_cast<void (Poco::Exception::*)(const std::string &)>(&TextAccess::message))(text);
    }
};

bool is_denial(const Poco::Exception & exception)
{
    return exception.code() == wrong_password || exception.code() == unknown_user || exception.code() == required_password;
}

}

void throw_denied(const std::function<void()> & deny, const std::string & message)
{
    // Only a DB::Exception reaches the client as an answer, and its constructor is not exported: so the server throws its own.
    try
    {
        deny();
    }
    catch (Poco::Exception & exception)
    {
        if (is_denial(exception))
            TextAccess::set(exception, message);
        throw;
    }
    throw Poco::RuntimeException(message); // the server let an unknown password in: the answer is still no
}

void run_with_reason(const std::function<void()> & login, const std::string & why_no_certificate)
{
    try
    {
        login();
    }
    catch (Poco::Exception & exception)
    {
        if (is_denial(exception) && !why_no_certificate.empty())
            TextAccess::set(exception, exception.message() + ". No login by certificate either: " + why_no_certificate);
        throw;
    }
}

}
