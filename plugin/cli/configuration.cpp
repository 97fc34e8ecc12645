#include "cli/configuration.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/merged_config.h"
#include "config/xml.h"

namespace chmtls::cli
{

namespace
{

/// Line numbers in messages count the lines of what was merged, as those of the server do.
std::string source_of(const std::string & path, const MergedConfig & config)
{
    return config.files.size() > 1 ? path + " (merged)" : path;
}

/// What is there already is not added again: conf.d is merged into both configurations.
void append(std::vector<std::string> & to, const std::vector<std::string> & from)
{
    for (const std::string & each : from)
    {
        if (std::find(to.begin(), to.end(), each) == to.end())
            to.push_back(each);
    }
}

/// The server opens it late and goes on without it. A directory below /run may be made at the server's start, so it is no
/// finding.
void note_missing_directory(const std::string & socket, std::vector<std::string> & notes)
{
    if (socket.empty())
        return;
    const std::string directory = std::filesystem::path(socket).parent_path();
    std::error_code error;
    if (!std::filesystem::is_directory(directory, error))
        notes.push_back(fmt::format(
            "mtls.admin.socket: there is no directory {}, so the server will have no admin socket; create it for the server's "
            "user, or "
            "have it made at the server's start (RuntimeDirectory)",
            directory));
}

/// The gateway reads its one file and merges nothing into it.
std::optional<Error> add_gateway_section(const std::string & path, const MergedConfig & server, CheckedConfiguration & checked)
{
    const auto root = config::parse_xml(server.xml, path);
    if (!root || root->find("gateway") == nullptr)
        return std::nullopt; // what cannot be parsed is a finding of the loader
    auto asked = ask_gateway(path);
    if (!asked)
        return asked.error();
    if (server.files.size() > 1)
        checked.notes.push_back(
            fmt::format("gateway: clickhouse-mtls-gateway reads {} alone; move what {} says into it", path, server.files.back()));
    checked.gateway = std::move(*asked);
    return std::nullopt;
}

}

Result<CheckedConfiguration> check_configuration(const std::string & config, const std::string & users, UnixTime now)
{
    const auto server = read_merged_config(config);
    if (!server)
        return fail(server.error());

    CheckedConfiguration checked{.findings = {}, .generation = nullptr, .notes = server->notes, .files = server->files};
    generation::Input input{
        .server_xml = server->xml,
        .users_xml = {},
        .server_source = source_of(config, *server),
        .users_source = {},
        .watched = server->files};

    const std::string users_path = users.empty() ? users_config_path(*server, config) : users;
    // In ClickHouse the users may also stand in the main file: then <users_config> names that file or is absent.
    if (!users_path.empty() && users_path != config)
    {
        const auto merged = read_merged_config(users_path);
        if (!merged)
            return fail(merged.error());
        input.users_xml = merged->xml;
        input.users_source = source_of(users_path, *merged);
        append(input.watched, merged->files);
        append(checked.notes, merged->notes);
        append(checked.files, merged->files);
    }
    else
    {
        input.users_xml = server->xml;
        input.users_source = input.server_source;
    }

    if (auto error = add_gateway_section(config, *server, checked))
        return fail(std::move(*error));
    auto loaded = generation::load(input, now);
    if (!loaded)
        checked.findings = std::move(loaded.error());
    if (checked.gateway)
        checked.findings.insert(checked.findings.end(), checked.gateway->findings.begin(), checked.gateway->findings.end());
    if (!checked.findings.empty())
        return checked;
    append(checked.notes, loaded->generation->warnings);
    note_missing_directory(loaded->generation->settings.admin_socket, checked.notes);
    checked.generation = std::move(loaded->generation);
    return checked;
}

}
