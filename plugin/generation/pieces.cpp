#include "generation/pieces.h"

#include <algorithm>

#include <fmt/format.h>

namespace chmtls::generation
{

namespace
{

bool is_hash_name(std::string_view name)
{
    const auto is_digit = [](char c)
    {
        return c >= '0' && c <= '9';
    };
    const auto is_hex = [&](char c)
    {
        return is_digit(c) || (c >= 'a' && c <= 'f');
    };
    return name.size() > 9 && name[8] == '.' && std::all_of(name.begin(), name.begin() + 8, is_hex)
           && std::all_of(name.begin() + 9, name.end(), is_digit);
}

template <typename Wanted>
std::vector<Piece> pieces(FileSet & files, const std::string & path, const Wanted & wanted)
{
    if (path.empty())
        return {};
    const std::optional<std::vector<std::string>> names = files.list(path);
    if (!names)
        return {{path, &files.read(path)}};
    std::vector<Piece> result;
    for (const std::string & name : *names)
        if (wanted(name))
        {
            const std::string file = fmt::format("{}{}{}", path, path.ends_with('/') ? "" : "/", name);
            result.push_back({file, &files.read(file)});
        }
    return result;
}

}

std::vector<Piece> authority_files(FileSet & files, const std::string & ca_config)
{
    return pieces(files, ca_config, is_hash_name);
}

std::vector<Piece> crl_files(FileSet & files, const std::string & path)
{
    return pieces(files, path, [](const std::string & name) { return !name.ends_with(signature_file("")); });
}

std::string signature_file(const std::string & path)
{
    return path + ".minisig";
}

bool is_blank(ByteView bytes)
{
    return as_text(bytes).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}
