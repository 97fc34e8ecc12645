#include "config/xml.h"

#include <optional>

#include <Poco/Exception.h>
#include <Poco/SAX/Attributes.h>
#include <Poco/SAX/DefaultHandler.h>
#include <Poco/SAX/LexicalHandler.h>
#include <Poco/SAX/Locator.h>
#include <Poco/SAX/SAXException.h>
#include <Poco/SAX/SAXParser.h>

namespace chmtls::config
{

namespace
{

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view no_dtd = "remove the document type declaration; write the values themselves instead of entities";

/// Builds the tree. Never throws into the parser, which is C: a refusal is kept and everything after it ignored.
class TreeBuilder : public Poco::XML::DefaultHandler, public Poco::XML::LexicalHandler
{
public:
    void setDocumentLocator(const Poco::XML::Locator * locator) override { locator_ = locator; }

    void startElement(
        const Poco::XML::XMLString &, const Poco::XML::XMLString &, const Poco::XML::XMLString & qname,
        const Poco::XML::Attributes & attributes) override
    {
        if (refused_)
            return;
        if (open_.size() >= max_xml_depth)
        {
            refuse("elements are nested deeper than 64 levels", "flatten the document");
            return;
        }
        Element element;
        element.name = qname;
        element.line = line();
        for (int i = 0; i < attributes.getLength(); ++i)
            element.attributes.emplace_back(attributes.getQName(i), attributes.getValue(i));
        open_.push_back(std::move(element));
    }

    void endElement(const Poco::XML::XMLString &, const Poco::XML::XMLString &, const Poco::XML::XMLString &) override
    {
        if (refused_ || open_.empty())
            return;
        Element element = std::move(open_.back());
        open_.pop_back();
        if (open_.empty())
            root_ = std::move(element);
        else
            open_.back().children.push_back(std::move(element));
    }

    void characters(const Poco::XML::XMLChar text[], int start, int length) override
    {
        if (!refused_ && !open_.empty() && length > 0)
            open_.back().text.append(text + start, static_cast<size_t>(length));
    }

    void startDTD(const Poco::XML::XMLString &, const Poco::XML::XMLString &, const Poco::XML::XMLString &) override
    {
        refuse("a document type declaration is not allowed", no_dtd);
    }

    void endDTD() override {}
    void startEntity(const Poco::XML::XMLString &) override {}
    void endEntity(const Poco::XML::XMLString &) override {}
    void startCDATA() override {}
    void endCDATA() override {}
    void comment(const Poco::XML::XMLChar[], int, int) override {}

    struct Refusal
    {
        size_t line;
        std::string_view reason;
        std::string_view remedy;
    };

    [[nodiscard]] const std::optional<Refusal> & refused() const { return refused_; }
    [[nodiscard]] std::optional<Element> & root() { return root_; }

private:
    [[nodiscard]] size_t line() const { return locator_ ? static_cast<size_t>(locator_->getLineNumber()) : 0; }

    void refuse(std::string_view reason, std::string_view remedy)
    {
        if (!refused_)
            refused_ = Refusal{line(), reason, remedy};
    }

    const Poco::XML::Locator * locator_ = nullptr;
    std::vector<Element> open_;
    std::optional<Element> root_;
    std::optional<Refusal> refused_;
};

/// Is there a document type declaration in front of the root element? Found before any parser sees it, so that not even its
/// entity declarations are read.
bool begins_with_dtd(std::string_view xml)
{
    const auto skip_past = [&xml](std::string_view end)
    {
        const size_t at = xml.find(end);
        xml.remove_prefix(at == std::string_view::npos ? xml.size() : at + end.size());
    };
    if (xml.starts_with("\xEF\xBB\xBF"))
        xml.remove_prefix(3);
    while (true)
    {
        const size_t start = xml.find_first_not_of(blanks);
        if (start == std::string_view::npos)
            return false;
        xml.remove_prefix(start);
        if (xml.starts_with("<?"))
            skip_past("?>");
        else if (xml.starts_with("<!--"))
            skip_past("-->");
        else
            return xml.starts_with("<!DOCTYPE");
    }
}

Error refusal(const std::string & source, size_t line, std::string reason, std::string_view remedy)
{
    return Error{at_line(source, line), "", std::move(reason), std::string(remedy), ""};
}

}

const Element * Element::find(std::string_view child) const
{
    for (const Element & element : children)
        if (element.name == child)
            return &element;
    return nullptr;
}

const std::string * Element::attribute(std::string_view wanted) const
{
    for (const auto & [key, value] : attributes)
        if (key == wanted)
            return &value;
    return nullptr;
}

std::string at_line(const std::string & source, size_t line)
{
    return line == 0 || source.ends_with(" (merged)") ? source : source + ":" + std::to_string(line);
}

std::string_view trimmed(std::string_view text)
{
    const size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

Result<Element> parse_xml(std::string_view xml, const std::string & source)
{
    if (xml.size() > max_xml_bytes)
        return fail(refusal(source, 0, "the document is larger than 64 MiB", "move generated rules into a rules file"));
    if (xml.find('\0') != std::string_view::npos)
        return fail(refusal(source, 0, "the document holds NUL bytes", "save it as UTF-8 text"));
    if (trimmed(xml).empty())
        return fail(refusal(source, 0, "the document is empty", "write a configuration with the root element <clickhouse>"));
    if (begins_with_dtd(xml))
        return fail(refusal(source, 0, "a document type declaration is not allowed", no_dtd));

    TreeBuilder builder;
    try
    {
        Poco::XML::SAXParser parser;
        parser.setFeature(Poco::XML::XMLReader::FEATURE_NAMESPACES, false);
        parser.setFeature(Poco::XML::XMLReader::FEATURE_EXTERNAL_GENERAL_ENTITIES, false);
        parser.setFeature(Poco::XML::XMLReader::FEATURE_EXTERNAL_PARAMETER_ENTITIES, false);
        parser.setContentHandler(&builder);
        parser.setProperty(Poco::XML::XMLReader::PROPERTY_LEXICAL_HANDLER, static_cast<Poco::XML::LexicalHandler *>(&builder));
        parser.parseMemoryNP(xml.data(), xml.size());
    }
    catch (const Poco::XML::SAXParseException & exception)
    {
        const auto line = static_cast<size_t>(exception.getLineNumber() > 0 ? exception.getLineNumber() : 0);
        return fail(refusal(source, line, "not well-formed XML: " + printable(exception.message()), "mend the XML at that line"));
    }
    catch (const Poco::Exception & exception)
    {
        return fail(refusal(source, 0, "not well-formed XML: " + printable(exception.displayText()), "mend the XML"));
    }
    if (builder.refused())
        return fail(refusal(source, builder.refused()->line, std::string(builder.refused()->reason), builder.refused()->remedy));
    if (!builder.root())
        return fail(
            refusal(source, 0, "the document has no root element", "write a configuration with the root element <clickhouse>"));
    return std::move(*builder.root());
}

}
