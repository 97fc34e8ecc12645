/* Runs one test by name, or lists them. Usage: compat_host MATERIAL TEST */
#include <stdio.h>
#include <string.h>

#include "host_support.h"

static const test * const tables[] = {lifecycle_tests, fault_tests};

int main(int argc, char ** argv)
{
    if (argc != 3)
    {
        fprintf(stderr, "usage: compat_host MATERIAL TEST\n");
        return 2;
    }
    use_material(argv[1]);
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; ++t)
    {
        for (const test * each = tables[t]; each->name != NULL; ++each)
        {
            if (strcmp(each->name, argv[2]) != 0)
                continue;
            each->run();
            return failures() == 0 ? 0 : 1;
        }
    }
    fprintf(stderr, "there is no test %s\n", argv[2]);
    return 2;
}
