#include "trust/system_authorities.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "base/file.h"
#include "openssl/pem_blocks.h"

namespace chmtls::trust
{

namespace
{

namespace fs = std::filesystem;

std::string from_environment(const char * variable, const char * fallback)
{
    const char * value = secure_getenv(variable);
    return value != nullptr ? value : fallback;
}

void add_file(const std::string & path, std::vector<openssl::Certificate> & out)
{
    const auto content = read_file(path);
    if (!content)
        return;
    auto certificates = openssl::certificates_from_pem(content->bytes, path);
    if (!certificates)
        return;
    out.insert(out.end(), certificates->begin(), certificates->end());
}

/// "0123abcd.0": the subject hash as eight hex digits, a dot, a number.
bool is_hashed_name(const std::string & name)
{
    if (name.size() < 10 || name[8] != '.')
        return false;
    const auto is_hex = [](char c)
    {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    };
    const auto is_digit = [](char c)
    {
        return c >= '0' && c <= '9';
    };
    return std::all_of(name.begin(), name.begin() + 8, is_hex) && std::all_of(name.begin() + 9, name.end(), is_digit);
}

void add_directory(const std::string & path, std::vector<openssl::Certificate> & out)
{
    std::set<std::string> names; // sorted: the same order whatever the directory says
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
    {
        std::string name = at->path().filename().string();
        if (is_hashed_name(name))
            names.insert(std::move(name));
    }
    for (const std::string & name : names)
        add_file(path + "/" + name, out);
}

}

std::vector<openssl::Certificate> system_authorities()
{
    std::vector<openssl::Certificate> out;
    add_file(from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file()), out);
    const std::string directories = from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    size_t begin = 0;
    while (begin <= directories.size())
    {
        const size_t end = std::min(directories.find(':', begin), directories.size());
        if (end > begin)
            add_directory(directories.substr(begin, end - begin), out);
        begin = end + 1;
    }
    return out;
}

}
