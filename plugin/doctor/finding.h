#pragma once

#include <string>
#include <vector>

namespace chmtls::doctor
{

enum class State
{
    ok,
    warn, ///< works, and deserves a word
    fail, ///< makes connections or logins fail
};

/// What one check has to say. Printable text; never key material.
struct Finding
{
    std::string check; ///< stable id: "ports"
    State state = State::ok;
    std::string seen;
    std::string why{};    ///< empty when ok
    std::string remedy{}; ///< likewise
};

using Findings = std::vector<Finding>;

}
