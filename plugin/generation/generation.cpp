#include "generation/generation.h"

namespace chmtls::generation
{

const config::Listener * Generation::listener(std::string_view name) const
{
    for (const config::Listener & each : settings.listeners)
        if (each.name == name)
            return &each;
    return nullptr;
}

}
