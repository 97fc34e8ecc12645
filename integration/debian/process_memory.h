#pragma once

// Where private keys lie in this process, and who may look there.

namespace chmtls::debian
{

/// Has OpenSSL put numbers that are secret (of private keys, and of key exchanges) into memory that is locked, left out of core
/// dumps and wiped when freed. Where the limit of locked memory (RLIMIT_MEMLOCK) is too small it is all that but locked. Call
/// before the first key is made.
void prepare_secure_heap();

/// No core dump of this process is written, and no process of the same user may look into it (prctl PR_SET_DUMPABLE).
void keep_out_of_core_dumps() noexcept;
void allow_core_dumps() noexcept;

}
