#pragma once

// What the entries share: the live handles, sinks, and the guarded call on an instance.

#include <cstdint>
#include <string_view>

#include "abi/guard.h"
#include "abi/handles.h"
#include "instance/instance.h"

namespace chmtls::abi
{

using instance::Instance;

/// An identity as the host holds it: of one instance, and of no use without it.
struct HeldIdentity
{
    policy::IdentityPtr identity;
    uint64_t plugin = 0;
};

static_assert(sizeof(void *) == sizeof(uint64_t), "handles need 64 bits");

// Not addresses of any user space on the platforms we know: a host that dereferences one stops at once.
using Plugins = HandleTable<Instance, 0xc1a5>;
using Identities = HandleTable<HeldIdentity, 0x1de7>;

// Never destroyed: the host may call until the process ends.
Plugins & plugins();
Identities & identities();

inline uint64_t number_of(const void * handle)
{
    return reinterpret_cast<uintptr_t>(handle);
}

template <typename Handle>
Handle * handle_of(uint64_t number)
{
    // A number in a pointer's clothes, see handles.h.
    return reinterpret_cast<Handle *>(static_cast<uintptr_t>(number)); // NOLINT(performance-no-int-to-ptr)
}

inline Instance * instance_of(const chmtls_plugin * handle)
{
    return plugins().peek(number_of(handle));
}

inline void put(const chmtls_sink & sink, uint32_t kind, chmtls_bytes bytes)
{
    sink.put(sink.context, kind, bytes);
}

inline chmtls_bytes bytes_of(ByteView view)
{
    return {view.data(), view.size()};
}

inline bool usable(const chmtls_sink * sink)
{
    return sink != nullptr && sink->put != nullptr;
}

constexpr std::string_view not_live = "not a live handle";
/// Runs `body(Instance &, ErrorText &)` on a live plugin.
template <typename Body>
chmtls_status on(const chmtls_plugin * plugin, chmtls_buffer * error, Body && body) noexcept
{
    return guarded(
        error,
        [&](ErrorText & text) -> chmtls_status
        {
            auto * instance = instance_of(plugin);
            if (instance == nullptr)
                return text.fail(CHMTLS_INVALID_HANDLE, not_live);
            return body(*instance, text);
        });
}

}
