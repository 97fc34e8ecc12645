// make_seeds SUBJECT DIRECTORY: writes the seeds that a fuzzing run starts from.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "seeds.h"

int main(int argc, char ** argv)
{
    if (argc != 3)
    {
        std::fprintf(stderr, "usage: %s SUBJECT DIRECTORY\n", argv[0]);
        return 2;
    }
    const std::filesystem::path directory(argv[2]);
    std::filesystem::create_directories(directory);
    for (const auto & seed : chmtls::fuzz::seeds_for(argv[1]))
    {
        std::ofstream out(directory / seed.name, std::ios::binary);
        out.write(reinterpret_cast<const char *>(seed.bytes.data()), static_cast<std::streamsize>(seed.bytes.size()));
        if (!out)
        {
            std::fprintf(stderr, "cannot write %s\n", (directory / seed.name).c_str());
            return 1;
        }
    }
    return 0;
}
