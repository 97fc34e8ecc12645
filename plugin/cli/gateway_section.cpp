#include "cli/gateway_section.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

namespace chmtls::cli
{

namespace
{

constexpr const char * program_name = "clickhouse-mtls-gateway";

Error no_answer(const std::string & config, std::string reason)
{
    return Error{
        .file = config,
        .field = "gateway",
        .reason = std::move(reason),
        .remedy = "install clickhouse-mtls-gateway of the same version beside clickhouse-mtls",
        .code = {},
    };
}

std::string program()
{
    std::error_code error;
    const auto tool = std::filesystem::read_symlink("/proc/self/exe", error);
    return (tool.parent_path() / program_name).string();
}

std::string read_all(int descriptor)
{
    std::string text;
    std::array<char, 4096> piece{};
    for (;;)
    {
        const auto got = ::read(descriptor, piece.data(), piece.size());
        if (got > 0)
            text.append(piece.data(), static_cast<size_t>(got));
        else if (got == 0 || errno != EINTR)
            return text;
    }
}

/// What `program --config CONFIG --describe` prints; empty: it could not be run.
std::string run(const std::string & path, const std::string & config)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return {};
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string words[] = {program_name, "--config", config, "--describe"}; // NOLINT: exec wants what may be written to
    const std::array<char *, 5> arguments{words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_t child = 0;
    const int failed = ::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments.data(), ::environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    const auto text = failed == 0 ? read_all(ends[0]) : std::string();
    ::close(ends[0]);
    int status = 0;
    while (failed == 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? text : std::string();
}

std::vector<std::string> texts(const Poco::JSON::Object & object, const char * name)
{
    std::vector<std::string> values;
    if (const auto array = object.getArray(name))
        for (const auto & each : *array)
            values.push_back(each.toString());
    return values;
}

/// "FILE: key: what": the gateway's own form.
Error finding(const std::string & config, std::string text)
{
    const auto lead = config + ": ";
    if (text.starts_with(lead))
        text.erase(0, lead.size());
    const auto colon = text.find(": ");
    const bool has_key = colon != std::string::npos && text.find(' ') > colon;
    return Error{
        .file = config,
        .field = has_key ? text.substr(0, colon) : "gateway",
        .reason = has_key ? text.substr(colon + 2) : text,
        .remedy = {},
        .code = {},
    };
}

GatewaySection parse(const std::string & config, const std::string & json)
{
    const auto object = Poco::JSON::Parser().parse(json).extract<Poco::JSON::Object::Ptr>();
    GatewaySection section;
    for (auto & each : texts(*object, "findings"))
        section.findings.push_back(finding(config, std::move(each)));
    if (!section.findings.empty())
        return section;
    const auto servers = object->getArray("servers");
    for (size_t i = 0; servers && i < servers->size(); ++i)
    {
        const auto server = servers->getObject(static_cast<unsigned>(i));
        section.servers.push_back({server->getValue<std::string>("listener"), server->getValue<std::string>("server")});
    }
    section.tokens = object->isNull("tokens") ? "" : object->getValue<std::string>("tokens");
    section.passwords = object->isNull("passwords") ? "" : object->getValue<std::string>("passwords");
    section.password_users = texts(*object, "password_users");
    section.passes_passwords = object->optValue<std::string>("password_logins", "refuse") == "pass";
    return section;
}

}

Result<GatewaySection> ask_gateway(const std::string & config)
{
    const auto path = program();
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return fail(no_answer(config, "cannot be checked: there is no " + path));
    const auto json = run(path, config);
    try
    {
        return parse(config, json);
    }
    catch (const Poco::Exception &)
    {
        return fail(no_answer(config, "cannot be checked: " + path + " gives no answer that can be read"));
    }
}

std::string proof_of(const GatewaySection & gateway, const std::string & user)
{
    const auto & known = gateway.password_users;
    if (std::find(known.begin(), known.end(), user) != known.end())
        return "the password of " + gateway.passwords;
    return gateway.tokens.empty() ? std::string() : "a single-use token, about which the server asks " + gateway.tokens;
}

}
