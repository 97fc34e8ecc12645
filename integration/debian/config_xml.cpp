#include "config_xml.h"

#include <algorithm>
#include <string_view>

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/Util/LayeredConfiguration.h>
#include <Poco/Util/MapConfiguration.h>

#include "users_overlay.h"

namespace chmtls::debian
{

namespace
{

enum class Passwords
{
    keep,
    leave_out,
};

// In the place of a password. That it is not empty may be known.
constexpr std::string_view hidden = "hidden";

bool is_secret(std::string_view name, const std::string & text)
{
    static const auto of_nothing = sha256_hex({});
    return name.starts_with("password") && !text.empty() && Poco::icompare(text, of_nothing) != 0;
}

bool is_xml_name(std::string_view name)
{
    const auto letter = [](char c)
    {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
    };
    const auto other = [&](char c)
    {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
    };
    return !name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), other);
}

void append_escaped(std::string & out, std::string_view text)
{
    for (const char c : text)
    {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '\r')
            out += "&#13;";
        else if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n')
            out += c; // other control characters cannot stand in XML, so they did not come from there
    }
}

std::string text_of(const Poco::Util::AbstractConfiguration & config, const std::string & key)
{
    try
    {
        return config.getString(key, {});
    }
    catch (const Poco::Exception &) // a reference that leads to itself
    {
        return config.getRawString(key, {});
    }
}

void append_children(
    std::string & out, const Poco::Util::AbstractConfiguration & config, const std::string & parent, Passwords passwords)
{
    Poco::Util::AbstractConfiguration::Keys keys;
    config.keys(parent, keys);
    for (const auto & key : keys)
    {
        const auto name = key.substr(0, key.find('['));
        if (!is_xml_name(name) || (parent.empty() && (name == "system" || name == "application")))
            continue;
        auto path = parent;
        path.append(parent.empty() ? "" : ".").append(key);
        Poco::Util::AbstractConfiguration::Keys below;
        config.keys(path, below);
        out.append("<").append(name).append(">");
        if (!below.empty())
            append_children(out, config, path, passwords);
        else if (const auto text = text_of(config, path); passwords == Passwords::keep || !is_secret(name, text))
            append_escaped(out, text);
        else
            out += hidden;
        out.append("</").append(name).append(">\n");
    }
}

std::string document(const Poco::Util::AbstractConfiguration & config, Passwords passwords)
{
    std::string out = "<clickhouse>\n";
    append_children(out, config, {}, passwords);
    out += "</clickhouse>\n";
    return out;
}

}

std::string to_xml(const Poco::Util::AbstractConfiguration & config)
{
    return document(config, Passwords::keep);
}

std::string users_to_xml(const Poco::Util::AbstractConfiguration & config)
{
    return document(config, Passwords::leave_out);
}

Poco::AutoPtr<Poco::Util::AbstractConfiguration> with_command_line(
    const Poco::AutoPtr<Poco::Util::AbstractConfiguration> & reloaded, const std::vector<std::string> & argv,
    const Poco::Util::AbstractConfiguration & at_start)
{
    Poco::AutoPtr<Poco::Util::MapConfiguration> given(new Poco::Util::MapConfiguration);
    for (const auto & argument : argv)
    {
        const auto begin = argument.find_first_not_of('-');
        const auto equals = argument.find('=');
        if (begin == std::string::npos || begin == 0 || equals == std::string::npos || equals <= begin)
            continue;
        const auto key = argument.substr(begin, equals - begin);
        const auto value = argument.substr(equals + 1);
        if (at_start.getRawString(key, {}) == value)
            given->setString(key, value);
    }
    Poco::AutoPtr<Poco::Util::LayeredConfiguration> merged(new Poco::Util::LayeredConfiguration);
    merged->add(given, -100);
    merged->add(reloaded, 0);
    return merged;
}

}
