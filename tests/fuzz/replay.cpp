// Runs a target over its seeds and its corpus directory, and over simple damages of each, as a plain test.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "seeds.h"
#include "target.h"

namespace
{

std::vector<chmtls::fuzz::Seed> read_corpus(const std::filesystem::path & directory)
{
    std::vector<chmtls::fuzz::Seed> seeds;
    if (!std::filesystem::is_directory(directory))
        return seeds;
    for (const auto & entry : std::filesystem::directory_iterator(directory))
    {
        std::ifstream in(entry.path(), std::ios::binary);
        seeds.push_back({entry.path().filename().string(), chmtls::Bytes(std::istreambuf_iterator<char>(in), {})});
    }
    return seeds;
}

/// The seed itself, every cut of it up to a bound, and every byte of its beginning changed.
size_t run_with_damages(const chmtls::Bytes & seed)
{
    constexpr size_t bound = 512;
    size_t runs = 1;
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
    for (size_t cut = 0; cut < seed.size() && cut < bound; ++cut, ++runs)
        LLVMFuzzerTestOneInput(seed.data(), cut);
    chmtls::Bytes damaged = seed;
    for (size_t at = 0; at < seed.size() && at < bound; ++at, ++runs)
    {
        damaged[at] = static_cast<uint8_t>(damaged[at] ^ 0x81u);
        LLVMFuzzerTestOneInput(damaged.data(), damaged.size());
        damaged[at] = seed[at];
    }
    return runs;
}

}

int main(int argc, char ** argv)
{
    if (argc != 2)
    {
        std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    const std::filesystem::path directory(argv[1]);
    auto seeds = read_corpus(directory);
    for (auto & seed : chmtls::fuzz::seeds_for(directory.filename().string()))
        seeds.push_back(std::move(seed));
    if (seeds.empty())
    {
        std::fprintf(stderr, "%s: no seed for this target\n", argv[1]);
        return 1;
    }
    size_t runs = 0;
    for (const auto & seed : seeds)
        runs += run_with_damages(seed.bytes);
    std::printf("%zu seeds, %zu inputs\n", seeds.size(), runs);
    return 0;
}
