#include "behalf/client_info.h"

#include <array>

#include <unistd.h>

#include <Poco/Exception.h>

#include "symbols.h"
#include "users_overlay.h"

namespace chmtls::debian
{

namespace
{

constexpr ptrdiff_t offset_in_context = 0x20;

[[noreturn]] void refuse(const std::string & what)
{
    throw Poco::RuntimeException(
        "clickhouse-mtls: " + what
        + " is not where the adapter expects it: this is not the libclickhouse 18.16.1 that it was made for");
}

std::string host_name()
{
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0)
        throw Poco::RuntimeException("clickhouse-mtls: the system does not tell its host name");
    return name.data();
}

}

ClientInfo & client_info_of(DB::Context & context) noexcept
{
    return *reinterpret_cast<ClientInfo *>(reinterpret_cast<char *>(&context) + offset_in_context);
}

DB::Context & context_of(ClientInfo & info) noexcept
{
    return *reinterpret_cast<DB::Context *>(reinterpret_cast<char *>(&info) - offset_in_context);
}

void fill_in_versions(ClientInfo & info)
{
    original_as<void(ClientInfo *)>(Symbol::fill_client_info)(&info);
}

void check_layout(DB::Context & context)
{
    ClientInfo info;
    fill_in_versions(info);
    constexpr uint32_t revision_of_18_16 = 54412;
    if (info.client_revision != revision_of_18_16 || info.client_version_major != 18 || info.client_version_minor != 16)
        refuse("the version in DB::ClientInfo");
    // A long host name is cut differently here and there: where it lies is what counts.
    if (const auto name = host_name(); info.client_hostname.empty() || name.rfind(info.client_hostname, 0) != 0)
        if (info.client_hostname.rfind(name, 0) != 0)
            refuse("the host name in DB::ClientInfo");

    // An id of a query, longer than what a string keeps inside itself. Nobody has set one yet.
    auto & id = client_info_of(context).current_query_id;
    if (original_as<std::string(const DB::Context *)>(Symbol::get_query_id)(&context) != std::string{})
        refuse("the query's id in DB::Context");
    const auto unlikely = unknown_password();
    original_as<void(DB::Context *, const std::string &)>(Symbol::set_query_id)(&context, unlikely);
    if (id != unlikely)
        refuse("the query's id in DB::Context");
    id.clear();
    if (!original_as<std::string(const DB::Context *)>(Symbol::get_query_id)(&context).empty())
        refuse("the query's id in DB::Context");
}

}
