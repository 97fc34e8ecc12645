#include "handed_on.h"

#include <algorithm>
#include <optional>

#include <openssl/evp.h>

#include "address.h"

namespace chmtls::gateway
{
namespace
{

constexpr size_t max_certificates = 10;
constexpr size_t max_elements = 64;

HandedOn refused(std::string_view fault)
{
    return {{}, fault};
}

/// The one field of this name. Nothing: there is none, or not exactly one in this spelling.
struct Found
{
    std::optional<std::string_view> value;
    bool ambiguous = false;
};

Found field(const RequestHead & head, std::string_view folded)
{
    Found found;
    for (const auto & [name, value] : head.fields)
    {
        if (folded_name(name) != folded)
            continue;
        found.ambiguous = found.ambiguous || found.value || name.find_first_of("_.") != std::string_view::npos;
        found.value = value;
    }
    if (found.ambiguous)
        found.value.reset();
    return found;
}

// RFC 4648 4, with padding and nothing else; the bits that padding leaves over are zero, so that there is one spelling only.
std::optional<std::string> from_base64(std::string_view text)
{
    if (text.empty() || text.size() % 4 != 0 || text.size() > max_head_bytes)
        return std::nullopt;
    const auto is_digit = [](char c)
    {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    };
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    const auto digits = text.substr(0, text.size() - padding);
    if (!std::all_of(digits.begin(), digits.end(), is_digit))
        return std::nullopt;
    std::string decoded(text.size() / 4 * 3 + 1, '\0');
    const int size = EVP_DecodeBlock(
        reinterpret_cast<unsigned char *>(decoded.data()), reinterpret_cast<const unsigned char *>(text.data()),
        static_cast<int>(text.size()));
    if (size < 0)
        return std::nullopt;
    decoded.resize(static_cast<size_t>(size) - padding);
    std::string again(text.size() + 1, '\0');
    EVP_EncodeBlock(
        reinterpret_cast<unsigned char *>(again.data()), reinterpret_cast<const unsigned char *>(decoded.data()),
        static_cast<int>(decoded.size()));
    again.resize(text.size());
    return again == text ? std::optional(std::move(decoded)) : std::nullopt;
}

std::optional<std::string> from_percent(std::string_view text)
{
    const auto digit = [](char c)
    {
        constexpr std::string_view digits = "0123456789abcdef";
        const auto at = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
        return at == std::string_view::npos ? -1 : static_cast<int>(at);
    };
    std::string out;
    for (size_t i = 0; i < text.size(); ++i)
    {
        if (text[i] != '%')
        {
            out.push_back(text[i]); // '+' is base64's own
            continue;
        }
        const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

/// Is it the whole of one DER element, and how long is the first one in `bytes`? 0: it is none (X.690 8.1.3, 10.1).
size_t der_size(std::string_view bytes)
{
    if (bytes.size() < 2 || bytes[0] != 0x30)
        return 0;
    const auto first = static_cast<uint8_t>(bytes[1]);
    if (first < 0x80)
        return 2U + first <= bytes.size() ? 2U + first : 0;
    const size_t octets = first & 0x7FU;
    if (octets == 0 || octets > 3 || bytes.size() < 2 + octets)
        return 0;
    size_t length = 0;
    for (size_t i = 0; i < octets; ++i)
        length = length << 8 | static_cast<uint8_t>(bytes[2 + i]);
    return length <= bytes.size() - 2 - octets ? 2 + octets + length : 0;
}

/// Certificates one behind the other.
bool split_der(std::string_view bytes, std::vector<std::string> & out)
{
    while (!bytes.empty())
    {
        const auto size = der_size(bytes);
        if (size == 0 || out.size() == max_certificates)
            return false;
        out.emplace_back(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
    return !out.empty();
}

/// PEM of certificates, and nothing else but line ends between them.
std::vector<std::string> from_pem(std::string_view pem)
{
    constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
    constexpr std::string_view end = "-----END CERTIFICATE-----";
    std::vector<std::string> chain;
    while (!pem.empty())
    {
        const auto stop = pem.find(end);
        if (!pem.starts_with(begin) || stop == std::string_view::npos || stop < begin.size() || chain.size() == max_certificates)
            return {};
        std::string base64;
        for (const char c : pem.substr(begin.size(), stop - begin.size()))
            if (c != '\n' && c != '\r')
                base64.push_back(c);
        const auto der = from_base64(base64);
        if (!der || der_size(*der) != der->size())
            return {};
        chain.push_back(*der);
        pem.remove_prefix(stop + end.size());
        pem.remove_prefix(std::min(pem.size(), pem.find_first_not_of("\r\n")));
    }
    return chain;
}

/// A byte sequence of structured fields (RFC 8941 3.3.5), without parameters.
std::optional<std::string> byte_sequence(std::string_view item)
{
    if (item.size() < 2 || item.front() != ':' || item.back() != ':')
        return std::nullopt;
    auto der = from_base64(item.substr(1, item.size() - 2));
    return der && der_size(*der) == der->size() ? der : std::nullopt;
}

HandedOn by_client_cert(const RequestHead & head)
{
    const auto leaf = field(head, "client-cert");
    const auto chain = field(head, "client-cert-chain");
    if (leaf.ambiguous || chain.ambiguous)
        return refused("Client-Cert or Client-Cert-Chain is given twice or misspelt");
    const auto der = leaf.value ? byte_sequence(*leaf.value) : std::nullopt;
    if (!der)
        return refused(
            leaf.value ? "Client-Cert is not one certificate as RFC 9440 has it" : "the proxy handed on no Client-Cert");
    HandedOn result;
    result.chain.push_back(*der);
    for (auto rest = chain.value.value_or(""); !rest.empty();)
    {
        const auto comma = rest.find(',');
        auto item = rest.substr(0, comma);
        item.remove_prefix(std::min(item.size(), item.find_first_not_of(" \t")));
        item = item.substr(0, item.find_last_not_of(" \t") + 1);
        const auto certificate = byte_sequence(item);
        if (!certificate || result.chain.size() == max_certificates || comma + 1 == rest.size())
            return refused("Client-Cert-Chain is not a list of certificates as RFC 9440 has it");
        result.chain.push_back(*certificate);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return result;
}

/// Reads one element of X-Forwarded-Client-Cert, up to its comma.
class XfccReader
{
public:
    struct Element
    {
        std::optional<std::string> certificate;
        std::optional<std::string> chain;
    };

    explicit XfccReader(std::string_view text) : rest_(text) {}

    /// Nothing: it cannot be read.
    std::optional<std::vector<Element>> elements()
    {
        std::vector<Element> all;
        do
        {
            if (all.size() == max_elements || !element(all.emplace_back()))
                return std::nullopt;
        } while (take(','));
        return rest_.empty() ? std::optional(std::move(all)) : std::nullopt;
    }

private:
    bool take(char c)
    {
        if (!rest_.starts_with(c))
            return false;
        rest_.remove_prefix(1);
        return true;
    }

    void skip_blanks() { rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \t"))); }

    bool element(Element & element)
    {
        do
        {
            skip_blanks();
            const auto equals = rest_.find_first_of("=,;\"");
            if (equals == std::string_view::npos || equals == 0 || rest_[equals] != '=')
                return false;
            const auto key = folded_name(rest_.substr(0, equals));
            rest_.remove_prefix(equals + 1);
            std::string value;
            if (!read_value(value))
                return false;
            auto * const wanted = key == "cert" ? &element.certificate : key == "chain" ? &element.chain : nullptr;
            if (wanted != nullptr && *wanted)
                return false;
            if (wanted != nullptr)
                *wanted = std::move(value);
        } while (take(';'));
        return true;
    }

    bool read_value(std::string & value)
    {
        if (!take('"'))
        {
            const auto end = std::min(rest_.size(), rest_.find_first_of(",;"));
            value = rest_.substr(0, end);
            rest_.remove_prefix(end);
            return value.find('"') == std::string::npos;
        }
        while (!rest_.empty())
        {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"')
            {
                skip_blanks();
                return rest_.empty() || rest_.front() == ',' || rest_.front() == ';';
            }
            if (c == '\\' && take('"'))
                value.push_back('"');
            else
                value.push_back(c);
        }
        return false;
    }

    std::string_view rest_;
};

HandedOn by_xfcc(const RequestHead & head, size_t hops)
{
    const auto found = field(head, "x-forwarded-client-cert");
    if (found.ambiguous)
        return refused("X-Forwarded-Client-Cert is given twice or misspelt");
    if (!found.value || found.value->empty())
        return refused("the proxy handed on no X-Forwarded-Client-Cert");
    const auto elements = XfccReader(*found.value).elements();
    if (!elements || elements->size() < hops)
        return refused("X-Forwarded-Client-Cert cannot be read, or has fewer elements than hops");
    const auto & element = (*elements)[elements->size() - hops];
    if (!element.certificate && !element.chain)
        return refused("X-Forwarded-Client-Cert has no Cert and no Chain: a name alone is no identity");
    const auto decoded = [](const std::optional<std::string> & value)
    {
        const auto pem = value ? from_percent(*value) : std::nullopt;
        return pem ? from_pem(*pem) : std::vector<std::string>{};
    };
    const auto leaf = decoded(element.certificate);
    const auto chain = decoded(element.chain);
    const bool bad_leaf = element.certificate && leaf.size() != 1;
    const bool bad_chain = element.chain && chain.empty();
    if (bad_leaf || bad_chain || (element.certificate && element.chain && leaf.front() != chain.front()))
        return refused("Cert or Chain of X-Forwarded-Client-Cert cannot be read, or they do not belong together");
    return {element.chain ? chain : leaf, {}};
}

HandedOn by_nginx(const RequestHead & head)
{
    const auto certificate = field(head, "x-ssl-client-cert");
    const auto verify = field(head, "x-ssl-client-verify");
    if (certificate.ambiguous || verify.ambiguous)
        return refused("X-SSL-Client-Cert or X-SSL-Client-Verify is given twice or misspelt");
    if (!certificate.value || certificate.value->empty())
        return refused("the proxy handed on no X-SSL-Client-Cert");
    if (verify.value != "SUCCESS")
        return refused("X-SSL-Client-Verify is not SUCCESS");
    const auto pem = from_percent(*certificate.value);
    auto chain = pem ? from_pem(*pem) : std::vector<std::string>{};
    return chain.size() == 1 ? HandedOn{std::move(chain), {}}
                             : refused("X-SSL-Client-Cert is not one certificate, percent-encoded");
}

HandedOn by_haproxy(const RequestHead & head)
{
    const auto leaf = field(head, "x-ssl-client-der");
    const auto chain = field(head, "x-ssl-client-chain-der");
    const auto used = field(head, "x-ssl-client-used");
    const auto verify = field(head, "x-ssl-client-verify");
    if (leaf.ambiguous || chain.ambiguous || used.ambiguous || verify.ambiguous)
        return refused("a field of X-SSL-Client- is given twice or misspelt");
    if (!leaf.value || leaf.value->empty() || used.value != "1")
        return refused("the proxy handed on no X-SSL-Client-DER, or X-SSL-Client-Used is not 1");
    if (verify.value != "0")
        return refused("X-SSL-Client-Verify is not 0");
    const auto der = from_base64(*leaf.value);
    if (!der || der_size(*der) != der->size())
        return refused("X-SSL-Client-DER is not one certificate in base64");
    HandedOn result;
    result.chain.push_back(*der);
    if (!chain.value || chain.value->empty())
        return result;
    const auto all = from_base64(*chain.value);
    if (!all || !split_der(*all, result.chain))
        return refused("X-SSL-Client-Chain-DER is not certificates in base64");
    if (result.chain.size() > 1 && result.chain[1] == result.chain[0]) // some put the leaf in front
        result.chain.erase(result.chain.begin());
    return result;
}

}

HandedOn handed_on(const RequestHead & head, HandsOn how, size_t hops)
{
    switch (how)
    {
    case HandsOn::client_cert:
        return by_client_cert(head);
    case HandsOn::xfcc:
        return by_xfcc(head, hops);
    case HandsOn::nginx:
        return by_nginx(head);
    case HandsOn::haproxy:
        return by_haproxy(head);
    case HandsOn::proxy_protocol:
        break;
    }
    return refused("the proxy hands on no certificate with a request");
}

std::string forwarded_for(const RequestHead & head)
{
    const auto found = field(head, "x-forwarded-for");
    if (!found.value)
        return {};
    const auto elements = list_elements(*found.value);
    return !elements.empty() && is_address(std::string(elements.back())) ? std::string(elements.back()) : std::string();
}

}
