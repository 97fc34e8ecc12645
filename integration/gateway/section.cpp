#include "section.h"

#include <charconv>
#include <cmath>

#include <Poco/String.h>

namespace chmtls::gateway
{
namespace
{

std::string name_of(const std::string & key)
{
    return key.substr(0, key.find('['));
}

}

Section::Section(
    const Poco::Util::AbstractConfiguration & config, std::string path, const std::string & source,
    std::vector<std::string> & findings)
    : config_(config), path_(std::move(path)), source_(source), findings_(findings)
{
}

std::string Section::path_of(const std::string & key) const
{
    if (path_.empty())
        return key;
    return key.empty() ? path_ : path_ + "." + key;
}

std::vector<std::string> Section::instances(const std::string & key) const
{
    Poco::Util::AbstractConfiguration::Keys keys;
    config_.keys(path_, keys);
    std::vector<std::string> found;
    for (const auto & each : keys)
        if (name_of(each) == key)
            found.push_back(each);
    return found;
}

bool Section::has(const std::string & key)
{
    known_.insert(key.substr(0, key.find('.')));
    return config_.has(path_of(key));
}

std::vector<std::string> Section::texts(const std::string & key)
{
    known_.insert(key);
    std::vector<std::string> values;
    for (const auto & each : instances(key))
    {
        auto value = Poco::trim(config_.getRawString(path_of(each), {}));
        if (value.empty())
            refuse(each, "is empty: give a value, or remove the element");
        else
            values.push_back(std::move(value));
    }
    return values;
}

std::optional<std::string> Section::text(const std::string & key)
{
    auto values = texts(key);
    if (values.size() > 1)
        refuse(key, "is given " + std::to_string(values.size()) + " times: keep one");
    if (values.empty())
        return std::nullopt;
    return std::move(values.front());
}

std::optional<uint64_t> Section::number(const std::string & key, uint64_t least, uint64_t most)
{
    const auto value = text(key);
    if (!value)
        return std::nullopt;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc{} && end == value->data() + value->size() && number >= least && number <= most)
        return number;
    refuse(key, "\"" + *value + "\" is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> Section::seconds(const std::string & key, double least, double most)
{
    const auto value = text(key);
    if (!value)
        return std::nullopt;
    double number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error == std::errc{} && end == value->data() + value->size() && number >= least && number <= most)
        return std::chrono::milliseconds(std::llround(number * 1000));
    refuse(key, "\"" + *value + "\" is not a number of seconds from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
}

std::optional<size_t> Section::word(const std::string & key, std::span<const std::string_view> words)
{
    const auto value = text(key);
    if (!value)
        return std::nullopt;
    std::string known;
    for (size_t i = 0; i < words.size(); ++i)
    {
        if (words[i] == *value)
            return i;
        known.append(i == 0 ? "" : ", ").append(words[i]);
    }
    refuse(key, "\"" + *value + "\" is not a word known here: " + known);
    return std::nullopt;
}

Section Section::child(const std::string & key)
{
    if (instances(key).size() > 1)
        refuse(key, "is given more than once: put everything into one");
    known_.insert(key);
    return {config_, path_of(key), source_, findings_};
}

std::vector<Section> Section::children(const std::string & key)
{
    known_.insert(key);
    std::vector<Section> found;
    for (const auto & each : instances(key))
        found.emplace_back(config_, path_of(each), source_, findings_);
    return found;
}

void Section::refuse(const std::string & key, const std::string & what)
{
    findings_.push_back(source_ + ": " + path_of(key) + ": " + what);
}

void Section::refuse_unknown()
{
    Poco::Util::AbstractConfiguration::Keys keys;
    config_.keys(path_, keys);
    std::string known;
    for (const auto & each : known_)
        known.append(known.empty() ? "" : ", ").append(each);
    for (const auto & each : keys)
        if (known_.count(name_of(each)) == 0)
            refuse(each, "unknown key. Known here: " + known);
}

}
