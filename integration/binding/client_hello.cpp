#include <binding/client_hello.h>

#include <cstddef>
#include <string_view>

#include <openssl/tls1.h>

namespace chmtls::host
{
namespace
{

/// Consumes big-endian lengths and the bytes they announce.
class Reader
{
public:
    Reader(const unsigned char * data, size_t size) : rest_(reinterpret_cast<const char *>(data), size) {}

    bool empty() const { return rest_.empty(); }

    std::optional<size_t> number(size_t width)
    {
        if (rest_.size() < width)
            return std::nullopt;
        size_t value = 0;
        for (size_t i = 0; i < width; ++i)
            value = value << 8 | static_cast<unsigned char>(rest_[i]);
        rest_.remove_prefix(width);
        return value;
    }

    /// Bytes behind a length of two octets.
    std::optional<std::string_view> vector16()
    {
        const auto size = number(2);
        if (!size || rest_.size() < *size)
            return std::nullopt;
        const auto bytes = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return bytes;
    }

private:
    std::string_view rest_;
};

constexpr size_t host_name_type = TLSEXT_NAMETYPE_host_name;

}

std::optional<std::string> requested_server_name(SSL * ssl)
{
    const unsigned char * data = nullptr;
    size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1)
        return std::string();
    // ServerNameList with exactly one host_name: no other type was ever defined, and OpenSSL takes no second name either.
    Reader outer(data, size);
    const auto list = outer.vector16();
    if (!list || !outer.empty())
        return std::nullopt;
    Reader names(reinterpret_cast<const unsigned char *>(list->data()), list->size());
    const auto type = names.number(1);
    const auto name = names.vector16();
    if (type != host_name_type || !name || !names.empty())
        return std::nullopt;
    if (name->empty() || name->size() > TLSEXT_MAXLEN_host_name || name->find('\0') != std::string_view::npos)
        return std::nullopt;
    return std::string(*name);
}

}
