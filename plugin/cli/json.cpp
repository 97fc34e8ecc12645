#include "cli/json.h"

#include <cstdio>

namespace chmtls::cli
{

void print_line(std::string_view line)
{
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

}
