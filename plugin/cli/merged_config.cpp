#include "cli/merged_config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include <Poco/AutoPtr.h>
#include <Poco/DOM/DOMParser.h>
#include <Poco/DOM/DOMWriter.h>
#include <Poco/DOM/Document.h>
#include <Poco/DOM/Element.h>
#include <Poco/DOM/NamedNodeMap.h>
#include <Poco/DOM/Text.h>
#include <Poco/Exception.h>
#include <fmt/format.h>

#include "base/file.h"
#include "config/xml.h"

namespace chmtls::cli
{

namespace
{

namespace xml = Poco::XML;
namespace filesystem = std::filesystem;
using DocumentPtr = Poco::AutoPtr<xml::Document>;

constexpr size_t max_config_file = 64u << 20;
constexpr size_t max_depth = 256;
constexpr const char * origin = "clickhouse-mtls-origin"; // of our own, for as long as files are merged

Error no_good(const std::string & path, const std::string & reason)
{
    return Error{.file = path, .field = {}, .reason = reason, .remedy = "correct the file", .code = {}};
}

Result<DocumentPtr> parse_document(std::string_view text, const std::string & path)
{
    try
    {
        xml::DOMParser parser;
        parser.setFeature(xml::XMLReader::FEATURE_EXTERNAL_GENERAL_ENTITIES, false);
        DocumentPtr document = parser.parseMemory(text.data(), text.size());
        if (document->documentElement() == nullptr)
            return fail(no_good(path, "holds no element"));
        return document;
    }
    catch (const Poco::Exception & error)
    {
        return fail(no_good(path, "is not well-formed XML: " + printable(error.displayText())));
    }
}

std::vector<xml::Element *> child_elements(xml::Node & parent)
{
    std::vector<xml::Element *> elements;
    for (xml::Node * node = parent.firstChild(); node != nullptr; node = node->nextSibling())
    {
        if (node->nodeType() == xml::Node::ELEMENT_NODE)
            elements.push_back(static_cast<xml::Element *>(node));
    }
    return elements;
}

/// Two elements mean the same setting when name and attributes agree; attributes that steer the merge do not count.
std::string merge_key(const xml::Element & element)
{
    std::map<std::string, std::string> attributes;
    const Poco::AutoPtr<xml::NamedNodeMap> map = element.attributes();
    for (unsigned long i = 0; i < map->length(); ++i)
    {
        const std::string name = map->item(i)->nodeName();
        if (name != origin && name != "replace" && name != "remove" && name != "incl" && name != "from_zk" && name != "from_env")
            attributes.emplace(name, map->item(i)->nodeValue());
    }
    std::string key = element.nodeName();
    for (const auto & [name, value] : attributes)
        key.append(1, '\0').append(name).append(1, '\0').append(value);
    return key;
}

/// Gives each element an attribute that says where it stands, which goes with it through all of the merging.
void note_origins(xml::Element & element, const config::Element & parsed, size_t file)
{
    element.setAttribute(origin, fmt::format("{}:{}", file, parsed.line));
    const auto children = child_elements(element);
    for (size_t i = 0; i < children.size() && i < parsed.children.size(); ++i)
        note_origins(*children[i], parsed.children[i], file);
}

/// The document at `path`, which becomes the last of the configuration's files.
Result<DocumentPtr> read_document(const std::string & path, MergedConfig & config)
{
    const auto content = read_file(path, max_config_file);
    if (!content)
        return fail(content.error());
    auto document = parse_document(as_text(content->bytes), path);
    if (!document)
        return document;
    // What has no such view (too deep, a document type) is refused later on, and whole.
    if (const auto parsed = config::parse_xml(as_text(content->bytes), path))
        note_origins(*(*document)->documentElement(), *parsed, config.files.size());
    config.files.push_back(path);
    return document;
}

/// Takes the attributes away again and puts each element on a line of its own: the line then says which element it is.
void collect_origins(xml::Document & document, xml::Element & element, std::vector<MergedConfig::Place> & places)
{
    const std::string noted = element.getAttribute(origin);
    element.removeAttribute(origin);
    const size_t colon = noted.find(':');
    MergedConfig::Place place;
    if (colon != std::string::npos)
        place = {.file = std::stoul(noted), .line = std::stoul(noted.substr(colon + 1))};
    places.push_back(place);
    for (xml::Element * child : child_elements(element))
    {
        Poco::AutoPtr<xml::Text> line_end = document.createTextNode("\n");
        element.insertBefore(line_end, child);
        collect_origins(document, *child, places);
    }
}

/// As config::parse_xml counts them, in the order of the elements.
void number_lines(const config::Element & element, std::vector<size_t> & lines)
{
    lines.push_back(element.line);
    for (const config::Element & child : element.children)
        number_lines(child, lines);
}

bool is_text(const xml::Node & node)
{
    const bool textual = node.nodeType() == xml::Node::TEXT_NODE || node.nodeType() == xml::Node::CDATA_SECTION_NODE;
    return textual && node.getNodeValue().find_first_not_of(" \t\r\n") != std::string::npos;
}

/// A setting that is given again replaces the former value.
void drop_text(xml::Element & element)
{
    for (xml::Node * node = element.firstChild(); node != nullptr;)
    {
        xml::Node * next = node->nextSibling();
        if (is_text(*node))
            element.removeChild(node);
        node = next;
    }
}

void append_copy(xml::Document & document, xml::Element & parent, xml::Node & node)
{
    Poco::AutoPtr<xml::Node> copy = document.importNode(&node, true);
    parent.appendChild(copy);
}

using Known = std::multimap<std::string, xml::Element *>;

void merge_into(xml::Document & document, xml::Element & base, xml::Element & overlay, size_t depth);

void merge_child(xml::Document & document, xml::Element & base, Known & known, xml::Element & child, size_t depth)
{
    const bool remove = child.hasAttribute("remove");
    const bool replace = child.hasAttribute("replace");
    if (remove && replace)
        throw Poco::DataException("<" + child.nodeName() + "> has both attributes 'remove' and 'replace'");
    child.removeAttribute("replace");

    const auto found = known.find(merge_key(child));
    if (found == known.end())
    {
        if (!remove)
            append_copy(document, base, child);
        return;
    }

    xml::Element * existing = found->second;
    known.erase(found);
    if (remove)
    {
        base.removeChild(existing);
        return;
    }
    if (!replace)
    {
        merge_into(document, *existing, child, depth + 1);
        return;
    }
    Poco::AutoPtr<xml::Node> copy = document.importNode(&child, true);
    base.replaceChild(copy, existing);
}

void merge_into(xml::Document & document, xml::Element & base, xml::Element & overlay, size_t depth)
{
    if (depth > max_depth)
        throw Poco::DataException("elements are nested too deeply");

    drop_text(base);
    if (child_elements(overlay).empty()) // what it says now is said there
        base.setAttribute(origin, overlay.getAttribute(origin));
    Known known;
    for (xml::Element * element : child_elements(base))
        known.emplace(merge_key(*element), element);

    for (xml::Node * node = overlay.firstChild(); node != nullptr; node = node->nextSibling())
    {
        if (node->nodeType() == xml::Node::ELEMENT_NODE)
            merge_child(document, base, known, static_cast<xml::Element &>(*node), depth);
        else if (is_text(*node))
            append_copy(document, base, *node);
    }
}

/// The files that are merged into `path`, by full path.
std::vector<std::string> files_beside(const filesystem::path & path)
{
    std::vector<std::string> files;
    for (const std::string & name : {path.stem().string() + ".d", std::string("conf.d")})
    {
        std::error_code ignored; // a directory that is not there adds nothing
        for (const auto & entry : filesystem::directory_iterator(path.parent_path() / name, ignored))
        {
            const std::string extension = entry.path().extension().string();
            const bool hidden = entry.path().filename().string().starts_with('.');
            if (entry.is_regular_file(ignored) && !hidden && (extension == ".xml" || extension == ".conf"))
                files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
    return files;
}

/// Fills in `incl` and `from_env`.
class Substitution
{
public:
    /// `includes` null: there is no file of them, and `wanted` says whether there should be one.
    Substitution(xml::Document & document, xml::Element * includes, bool wanted, std::vector<std::string> & notes)
        : document_(document), includes_(includes), wanted_(wanted), notes_(notes)
    {
    }

    void apply(xml::Element & element, size_t depth)
    {
        if (depth > max_depth)
            throw Poco::DataException("elements are nested too deeply");
        if (element.hasAttribute("incl"))
            include(element);
        if (element.hasAttribute("from_env"))
            from_environment(element);
        if (element.hasAttribute("from_zk"))
            notes_.push_back("<" + element.nodeName() + " from_zk>: ZooKeeper is not asked, the element is taken as it stands");
        for (xml::Element * child : child_elements(element))
            apply(*child, depth + 1);
    }

private:
    void include(xml::Element & element)
    {
        const std::string name = element.getAttribute("incl");
        xml::Element * source = includes_ == nullptr ? nullptr : includes_->getChildElement(name);
        if (source == nullptr)
        {
            // The packaged configuration offers to include what most servers do not have.
            if (!element.hasAttribute("optional") && (wanted_ || includes_ != nullptr))
                notes_.push_back(
                    "<" + element.nodeName() + " incl=\"" + name + "\">: no such include, the element is taken as it stands");
            return;
        }
        element.removeAttribute("incl");
        if (element.hasAttribute("replace"))
        {
            element.removeAttribute("replace");
            while (xml::Node * old = element.firstChild())
                element.removeChild(old);
        }
        for (xml::Node * node = source->firstChild(); node != nullptr; node = node->nextSibling())
            append_copy(document_, element, *node);
    }

    void from_environment(xml::Element & element)
    {
        const std::string name = element.getAttribute("from_env");
        const char * value = std::getenv(name.c_str());
        if (value == nullptr)
        {
            notes_.push_back("<" + element.nodeName() + " from_env=\"" + name + "\">: the variable is not set");
            return;
        }
        element.removeAttribute("from_env");
        Poco::AutoPtr<xml::Text> text = document_.createTextNode(value);
        element.appendChild(text);
    }

    xml::Document & document_;
    xml::Element * includes_;
    bool wanted_;
    std::vector<std::string> & notes_;
};

Result<void> merge_files(MergedConfig & config, xml::Document & document, const std::string & path)
{
    for (const std::string & file : files_beside(path))
    {
        const auto overlay = read_document(file, config);
        if (!overlay)
            return fail(overlay.error());
        // As the server does it: whatever the root is called, what stands in it is merged.
        if (const std::string root = (*overlay)->documentElement()->nodeName(); root != "clickhouse" && root != "yandex")
            config.notes.push_back(
                file + ": its root is <" + root + ">, which later versions of ClickHouse refuse: write <clickhouse> or <yandex>");
        try
        {
            merge_into(document, *document.documentElement(), *(*overlay)->documentElement(), 0);
        }
        catch (const Poco::Exception & error)
        {
            return fail(no_good(file, "cannot be merged: " + printable(error.displayText())));
        }
    }
    return {};
}

Result<void> substitute(MergedConfig & config, xml::Document & document)
{
    std::string include_file = "/etc/metrika.xml";
    const xml::Element * named = document.documentElement()->getChildElement("include_from");
    if (named != nullptr)
        include_file = named->innerText();

    DocumentPtr includes;
    std::error_code ignored; // as the server does: no file, no includes
    if (filesystem::exists(include_file, ignored))
    {
        auto parsed = read_document(include_file, config);
        if (!parsed)
            return fail(parsed.error());
        includes = *parsed;
    }
    Substitution(document, includes.isNull() ? nullptr : includes->documentElement(), named != nullptr, config.notes)
        .apply(*document.documentElement(), 0);
    return {};
}

void write(MergedConfig & config, xml::Document & document)
{
    std::vector<MergedConfig::Place> places;
    collect_origins(document, *document.documentElement(), places);
    std::ostringstream out;
    xml::DOMWriter().writeNode(out, &document);
    config.xml = out.str();
    const auto parsed = config::parse_xml(config.xml, config.files.front());
    std::vector<size_t> lines;
    if (parsed)
        number_lines(*parsed, lines);
    for (size_t i = 0; i < std::min(lines.size(), places.size()); ++i)
        config.by_line.emplace(lines[i], places[i]);
}

}

Result<MergedConfig> read_merged_config(const std::string & path)
{
    MergedConfig config;
    auto document = read_document(path, config);
    if (!document)
        return fail(document.error());
    if (const auto merged = merge_files(config, **document, path); !merged)
        return fail(merged.error());
    try
    {
        if (const auto substituted = substitute(config, **document); !substituted)
            return fail(substituted.error());
        write(config, **document);
    }
    catch (const Poco::Exception & error)
    {
        return fail(no_good(path, "cannot be read: " + printable(error.displayText())));
    }
    return config;
}

std::string MergedConfig::with_places(const std::string & text) const
{
    const std::string source = files.front() + ":";
    std::string result;
    size_t at = 0;
    for (size_t found = text.find(source); found != std::string::npos; found = text.find(source, at))
    {
        const size_t digits = found + source.size();
        const size_t end = std::min(text.find_first_not_of("0123456789", digits), text.size());
        const bool begins = found == 0 || text[found - 1] == ' ';
        const bool short_enough = end > digits && end - digits < 9;
        const auto place = by_line.find(begins && short_enough ? std::stoul(text.substr(digits, end - digits)) : 0);
        result += text.substr(at, found - at);
        result += place == by_line.end()    ? text.substr(found, end - found)
                  : place->second.line == 0 ? files.front()
                                            : fmt::format("{}:{}", files.at(place->second.file), place->second.line);
        at = end;
    }
    return result + text.substr(at);
}

std::string users_config_path(const MergedConfig & config, const std::string & path)
{
    try
    {
        xml::DOMParser parser;
        const DocumentPtr document = parser.parseMemory(config.xml.data(), config.xml.size());
        const xml::Element * element = document->documentElement()->getChildElement("users_config");
        if (element == nullptr || element->innerText().empty())
            return {};
        const filesystem::path users = element->innerText();
        const filesystem::path beside = filesystem::path(path).parent_path() / users;
        std::error_code ignored; // not beside the main file: in the working directory, as the server looks for it
        return users.is_relative() && filesystem::exists(beside, ignored) ? beside.string() : users.string();
    }
    catch (const Poco::Exception &)
    {
        return {}; // the document was written by us a moment ago; what it lacks is found by the parser of the settings
    }
}

}
