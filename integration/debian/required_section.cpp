#include "required_section.h"

#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

namespace chmtls::debian
{

namespace
{

/// As patch-server writes it.
constexpr std::string_view required_name = "clickhouse-mtls-required";

/// DT_SONAME of the program itself; empty: it has none.
std::string_view name_of_program() noexcept
{
    void * const program = ::dlopen(nullptr, RTLD_LAZY | RTLD_NOLOAD);
    const link_map * map = nullptr;
    if (program == nullptr || ::dlinfo(program, RTLD_DI_LINKMAP, &map) != 0 || map->l_ld == nullptr)
        return {};
    ElfW(Addr) strings = 0;
    ElfW(Xword) name = 0;
    for (const auto * entry = map->l_ld; entry->d_tag != DT_NULL; ++entry)
    {
        if (entry->d_tag == DT_STRTAB)
            strings = entry->d_un.d_ptr;
        else if (entry->d_tag == DT_SONAME)
            name = entry->d_un.d_val;
    }
    if (strings == 0 || name == 0)
        return {};
    if (strings < map->l_addr) // the loader relocates it in place, where it may write there
        strings += map->l_addr;
    return reinterpret_cast<const char *>(strings + name);
}

}

bool section_is_required() noexcept
{
    static const bool required = name_of_program() == required_name;
    return required;
}

}
