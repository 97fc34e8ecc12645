#include <filesystem>

#include "config_xml.h"

namespace chmtls::debian
{

namespace
{

namespace fs = std::filesystem;

// DB::ConfigProcessor merges *.xml and *.conf of <name>.d and of conf.d, both next to the file.
void add_with_merged(std::vector<std::string> & paths, const fs::path & file)
{
    paths.push_back(file.string());
    auto own = file;
    own.replace_extension("d");
    for (const auto & directory : {own, file.parent_path() / "conf.d"})
    {
        std::error_code failed;
        if (!fs::is_directory(directory, failed))
            continue;
        paths.push_back(directory.string());
        for (const auto & entry : fs::directory_iterator(directory, failed))
            if (entry.path().extension() == ".xml" || entry.path().extension() == ".conf")
                paths.push_back(entry.path().string());
    }
}

}

ConfigurationFiles configuration_files(const Poco::Util::AbstractConfiguration & config)
{
    std::error_code failed;
    const auto main = fs::absolute(config.getString("config-file", "config.xml"), failed);
    fs::path users = config.getString("users_config", main.string());
    if (users.is_relative())
    {
        const auto beside = main.parent_path() / users;
        users = fs::exists(beside, failed) ? beside : fs::absolute(users, failed);
    }

    ConfigurationFiles files{main.string(), users.string(), {}};
    add_with_merged(files.watched, main);
    if (users != main)
        add_with_merged(files.watched, users);
    const fs::path include_from = config.getString("include_from", "/etc/metrika.xml"); // the server's default
    if (fs::exists(include_from, failed))
        files.watched.push_back(include_from.string());
    return files;
}

}
