#include "generation/system_authorities.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "openssl/pem_blocks.h"

namespace chmtls::generation
{

namespace
{

using openssl::Certificate;

std::string from_environment(const char * variable, const char * fallback)
{
    const char * value = secure_getenv(variable);
    return value != nullptr ? value : fallback;
}

std::string default_file()
{
    return from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file());
}

std::string default_directories()
{
    return from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
}

std::vector<std::string> split_directories(const std::string & text)
{
    std::vector<std::string> result;
    for (size_t begin = 0; begin <= text.size();)
    {
        const size_t end = std::min(text.find(':', begin), text.size());
        if (end > begin)
            result.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return result;
}

/// Looked at again before it is called damaged: OpenSSL says no other thing when it has no memory for it just now, and a file
/// that does not change would be left out for good.
Result<std::vector<Certificate>> certificates_in(ByteView pem, const std::string & path)
{
    auto certificates = openssl::certificates_from_pem(pem, path);
    return certificates ? std::move(certificates) : openssl::certificates_from_pem(pem, path);
}

}

std::vector<Piece> system_authority_files(FileSet & files)
{
    std::vector<Piece> result;
    const std::string file = default_file();
    if (const Result<FileContent> & content = files.read(file))
        result.push_back({file, &content});
    for (const std::string & directory : split_directories(default_directories()))
        if (files.list(directory))
            for (Piece & piece : authority_files(files, directory))
                result.push_back(std::move(piece));
    return result;
}

std::vector<std::string> system_authority_paths()
{
    std::vector<std::string> paths = split_directories(default_directories());
    paths.insert(paths.begin(), default_file());
    return paths;
}

std::vector<Certificate> system_authorities(const std::vector<Piece> & files, std::vector<std::string> & warnings)
{
    std::vector<Certificate> result;
    const auto leave_out = [&](const Error & error)
    {
        warnings.push_back(fmt::format("loadDefaultCAFile: {}; it is left out", error.describe()));
    };
    for (const Piece & piece : files)
    {
        if (!*piece.content)
        {
            leave_out(piece.content->error());
            continue;
        }
        const auto certificates = certificates_in((*piece.content)->bytes, piece.path);
        if (certificates)
            result.insert(result.end(), certificates->begin(), certificates->end());
        else
            leave_out(certificates.error());
    }
    if (result.empty())
        warnings.push_back(fmt::format(
            "loadDefaultCAFile: the system has no authority, neither in {} nor under its hash (such as 0a1b2c3d.0) in {}",
            default_file(), default_directories()));
    return result;
}

}
