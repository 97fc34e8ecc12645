#pragma once

// A module made of a C table, which says yes to everything until a test makes one of its answers wrong.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <clickhouse_mtls/plugin.hpp>

#include "base/bytes.h"

namespace chmtls::test
{

struct FakeModule
{
    FakeModule();
    ~FakeModule();
    FakeModule(const FakeModule &) = delete;
    FakeModule & operator=(const FakeModule &) = delete;

    chmtls_status policy_status = CHMTLS_OK;
    chmtls_listener_policy policy{};

    chmtls_status credential_status = CHMTLS_OK;
    chmtls_credential credential{};
    chmtls_status export_status = CHMTLS_OK;
    Bytes key;                       ///< PKCS#8
    std::vector<Bytes> certificates; ///< leaf first

    chmtls_status ca_names_status = CHMTLS_OK;
    std::vector<Bytes> ca_names;

    chmtls_status verify_status = CHMTLS_OK;
    bool verify_gives_identity = true;
    uint32_t verify_alert = 0;
    std::string verify_text;

    chmtls_status ticket_status = CHMTLS_OK;
    uint8_t ticket_key_name = 1; ///< another one: tickets of the former key are unknown

    /// Size of the table that the module claims to have; 0: all of it.
    uint32_t table_size = 0;

    std::atomic<int> identities_out{0};
    std::atomic<int> exports{0};
    std::atomic<int> judgements{0};

    // What the last judgement was asked.
    uint32_t asked_peer = 0;
    std::string asked_listener;
    std::string asked_name;
    size_t asked_chain_length = 0;
    std::string asked_server_name; ///< of the last credential query
    uint32_t asked_credential_peer = 0;
    uint32_t asked_purpose = 0;
    uint32_t asked_credential_purpose = 0;
    uint32_t asked_named_by = 0;
    std::string asked_asker;

    uint16_t abi_minor = CHMTLS_ABI_MINOR; ///< that the module claims

    /// A plugin of this module; one FakeModule at a time.
    [[nodiscard]] std::shared_ptr<Plugin> plugin();
};

}
