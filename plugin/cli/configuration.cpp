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

std::string CheckedConfiguration::with_places(std::string text) const
{
    for (const MergedConfig & document : documents)
        text = document.with_places(text);
    return text;
}

Result<CheckedConfiguration> check_configuration(const std::string & config, const std::string & users, UnixTime now)
{
    const auto server = read_merged_config(config);
    if (!server)
        return fail(server.error());

    CheckedConfiguration checked{
        .findings = {}, .generation = nullptr, .notes = server->notes, .files = server->files, .documents = {*server}};
    generation::Input input{
        .server_xml = server->xml, .users_xml = {}, .server_source = config, .users_source = {}, .watched = server->files};

    const std::string users_path = users.empty() ? users_config_path(*server, config) : users;
    // In ClickHouse the users may also stand in the main file: then <users_config> names that file or is absent.
    if (!users_path.empty() && users_path != config)
    {
        const auto merged = read_merged_config(users_path);
        if (!merged)
            return fail(merged.error());
        input.users_xml = merged->xml;
        input.users_source = users_path;
        append(input.watched, merged->files);
        append(checked.notes, merged->notes);
        append(checked.files, merged->files);
        checked.documents.push_back(*merged);
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
    for (Error & finding : checked.findings)
    {
        finding.file = checked.with_places(finding.file);
        finding.reason = checked.with_places(finding.reason);
    }
    if (checked.gateway) // whose lines are those of the one file that it reads
        checked.findings.insert(checked.findings.end(), checked.gateway->findings.begin(), checked.gateway->findings.end());
    if (!checked.findings.empty())
        return checked;
    for (const std::string & warning : loaded->generation->warnings)
        append(checked.notes, {checked.with_places(warning)});
    note_missing_directory(loaded->generation->settings.admin_socket, checked.notes);
    checked.generation = std::move(loaded->generation);
    return checked;
}

}
