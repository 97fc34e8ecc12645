#pragma once

// The current generation, read on every handshake, replaced by one assignment.

#include "generation/generation.h"

namespace chmtls::generation
{

/// Readers never wait for a writer: no lock is shared between them. Any thread.
class Published
{
public:
    Published();
    ~Published();
    Published(const Published &) = delete;
    Published & operator=(const Published &) = delete;

    [[nodiscard]] GenerationPtr current() const; ///< null before the first publish
    void publish(GenerationPtr next);            ///< writers are serialised by the caller or by the class itself

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}
