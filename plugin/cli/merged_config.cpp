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

Result<DocumentPtr> read_document(const std::string & path)
{
    const auto content = read_file(path, max_config_file);
    if (!content)
        return fail(content.error());
    return parse_document(as_text(content->bytes), path);
}

/// The writer leaves out what stands before the root element, and messages name lines.
void restore_first_line(std::string & written, std::string_view original, const std::string & path)
{
    const auto before = config::parse_xml(original, path);
    const auto now = config::parse_xml(written, path);
    if (before && now && before->line > now->line)
        written.insert(0, before->line - now->line, '\n');
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
        if (name != "replace" && name != "remove" && name != "incl" && name != "from_zk" && name != "from_env")
            attributes.emplace(name, map->item(i)->nodeValue());
    }
    std::string key = element.nodeName();
    for (const auto & [name, value] : attributes)
        key.append(1, '\0').append(name).append(1, '\0').append(value);
    return key;
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
    Substitution(xml::Document & document, xml::Element * includes, std::vector<std::string> & notes)
        : document_(document), includes_(includes), notes_(notes)
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
            if (!element.hasAttribute("optional"))
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
    std::vector<std::string> & notes_;
};

Result<void> merge_files(MergedConfig & config, xml::Document & document, const std::string & path)
{
    for (const std::string & file : files_beside(path))
    {
        const auto overlay = read_document(file);
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
        config.files.push_back(file);
    }
    return {};
}

Result<void> substitute(MergedConfig & config, xml::Document & document)
{
    std::string include_file = "/etc/metrika.xml";
    if (const xml::Element * element = document.documentElement()->getChildElement("include_from"))
        include_file = element->innerText();

    DocumentPtr includes;
    std::error_code ignored; // as the server does: no file, no includes
    if (filesystem::exists(include_file, ignored))
    {
        auto parsed = read_document(include_file);
        if (!parsed)
            return fail(parsed.error());
        includes = *parsed;
        config.files.push_back(include_file);
    }
    Substitution(document, includes.isNull() ? nullptr : includes->documentElement(), config.notes)
        .apply(*document.documentElement(), 0);
    return {};
}

}

Result<MergedConfig> read_merged_config(const std::string & path)
{
    const auto content = read_file(path, max_config_file);
    if (!content)
        return fail(content.error());
    auto document = parse_document(as_text(content->bytes), path);
    if (!document)
        return fail(document.error());

    MergedConfig config;
    config.files.push_back(path);
    if (const auto merged = merge_files(config, **document, path); !merged)
        return fail(merged.error());
    try
    {
        if (const auto substituted = substitute(config, **document); !substituted)
            return fail(substituted.error());
        std::ostringstream out;
        xml::DOMWriter().writeNode(out, *document);
        config.xml = out.str();
        restore_first_line(config.xml, as_text(content->bytes), path);
    }
    catch (const Poco::Exception & error)
    {
        return fail(no_good(path, "cannot be read: " + printable(error.displayText())));
    }
    return config;
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
