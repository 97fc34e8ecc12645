#pragma once

// The functions that the adapter hooks or calls by name, found once when the library is loaded. symbols.txt lists them.

#include "symbols_table.h"

namespace chmtls::debian
{

/// The server's own definition: the one after ours in lookup order. Never null once the server runs: a server in which one of
/// them is missing refuses to start. Thread-safe.
void * original(Symbol symbol) noexcept;

/// As a function. A member function is called with the object as first argument (Itanium C++ ABI, x86-64).
template <class Signature>
Signature * original_as(Symbol symbol) noexcept
{
    return reinterpret_cast<Signature *>(original(symbol));
}

}
