/* Hosts that pass what they should not: null, structures that are too short, values of no meaning, bytes that are no certificate.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "host_support.h"

static void null_arguments(void)
{
    static recorder told;
    recorder_init(&told);
    const chmtls_host host = host_table(&told);
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    check_status(chmtls_get_plugin_api(CHMTLS_ABI_MAJOR, NULL), CHMTLS_INVALID_ARGUMENT, "no table");
    check_status(api()->create(NULL, &asked, &plugin, NULL), CHMTLS_INVALID_ARGUMENT, "create: no host");
    check_status(api()->create(&host, NULL, &plugin, NULL), CHMTLS_INVALID_ARGUMENT, "create: no configuration");
    check_status(api()->create(&host, &asked, NULL, NULL), CHMTLS_INVALID_ARGUMENT, "create: no place for the plugin");
    chmtls_configuration empty = asked;
    empty.server.data = NULL;
    check_status(api()->create(&host, &empty, &plugin, NULL), CHMTLS_INVALID_ARGUMENT, "create: null bytes with a length");
    empty.server.len = 0;
    check_status(api()->create(&host, &empty, &plugin, NULL), CHMTLS_INVALID_ARGUMENT, "create: no server configuration");
    empty = asked;
    empty.watched_count = 1;
    check_status(api()->create(&host, &empty, &plugin, NULL), CHMTLS_INVALID_ARGUMENT, "create: null paths with a count");
    check(plugin == NULL, "no plugin");
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create, with everything");

    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_bytes no_bytes = {NULL, 5};
    const chmtls_sink no_put = {NULL, NULL};
    collected items;
    const chmtls_sink sink = sink_to(&items);
    chmtls_listener_policy policy = {.struct_size = sizeof policy};
    chmtls_credential_query query = {.struct_size = sizeof query, .peer = CHMTLS_PEER_SERVER};
    chmtls_credential credential = {.struct_size = sizeof credential};
    const chmtls_status no = CHMTLS_INVALID_ARGUMENT;
    check_status(api()->configure(plugin, NULL, NULL), no, "configure: no configuration");
    check_status(api()->listener_policy(plugin, text("https_port"), NULL), no, "listener_policy: no place");
    check_status(api()->listener_policy(plugin, no_bytes, &policy), no, "listener_policy: null name with a length");
    check_status(api()->credential(plugin, NULL, &credential), no, "credential: no query");
    check_status(api()->credential(plugin, &query, NULL), no, "credential: no place");
    check_status(api()->credential(plugin, &query, &credential), CHMTLS_OK, "credential, with everything");
    check_status(api()->export_credential(plugin, credential.id, NULL), no, "export_credential: no sink");
    check_status(api()->export_credential(plugin, credential.id, &no_put), no, "export_credential: no put");
    check_status(api()->export_credential(plugin, credential.id, &sink), CHMTLS_OK, "export_credential, with everything");
    check_status(api()->ca_names(plugin, text("https_port"), NULL), no, "ca_names: no sink");
    check_status(api()->identity_describe(NULL, &sink), CHMTLS_INVALID_HANDLE, "identity_describe: no identity");
    check_status(api()->identity_describe(identity, NULL), no, "identity_describe: no sink");
    check_status(api()->status(plugin, NULL), no, "status: no sink");
    check_status(api()->ticket_key(plugin, text(""), NULL), no, "ticket_key: no place");

    const chmtls_bytes certificate = load("alice.der");
    chmtls_peer peer = peer_of(&certificate);
    chmtls_identity * fresh = NULL;
    check_status(api()->verify_peer(plugin, NULL, NULL, &fresh, NULL), no, "verify_peer: no peer");
    check_status(api()->verify_peer(plugin, &peer, NULL, NULL, NULL), no, "verify_peer: no place for the identity");
    peer.chain = NULL;
    check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), no, "verify_peer: null chain with a length");
    peer.chain = &no_bytes;
    check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), no, "verify_peer: null certificate with a length");
    check(fresh == NULL, "no identity");

    const chmtls_login login = native_login("alice");
    chmtls_login nobody = login;
    nobody.user = no_bytes;
    check_status(api()->authorize(plugin, identity, NULL, &sink, NULL), no, "authorize: no login");
    check_status(api()->authorize(plugin, identity, &login, NULL, NULL), no, "authorize: no sink");
    check_status(api()->authorize(plugin, identity, &nobody, &sink, NULL), no, "authorize: null user with a length");
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_OK, "authorize, with everything");
    const chmtls_query asked_query = query_of("alice", "eve");
    chmtls_query unreadable = asked_query;
    unreadable.initial_user = no_bytes;
    chmtls_query of_nobody = asked_query;
    of_nobody.session_user = text("");
    check_status(api()->authorize_query(plugin, identity, NULL, &sink, NULL), no, "authorize_query: no query");
    check_status(api()->authorize_query(plugin, identity, &asked_query, NULL, NULL), no, "authorize_query: no sink");
    check_status(api()->authorize_query(plugin, identity, &unreadable, &sink, NULL), no, "authorize_query: null with a length");
    check_status(api()->authorize_query(plugin, identity, &of_nobody, &sink, NULL), no, "authorize_query: no session's user");
    check_status(
        api()->authorize_query(plugin, identity, &asked_query, &sink, NULL), CHMTLS_DECLINED, "authorize_query, with everything");
    check_status(
        api()->authorize_query(plugin, NULL, &asked_query, &sink, NULL), CHMTLS_REFUSED, "authorize_query: granted to nobody");
    const chmtls_session session = session_of(1, "alice");
    check_status(api()->session_opened(plugin, identity, NULL, NULL), no, "session_opened: no session");
    check_status(api()->session_opened(plugin, NULL, &session, NULL), CHMTLS_INVALID_HANDLE, "session_opened: no identity");
    api()->identity_release(NULL);
    api()->session_closed(NULL, 1);
    check(api()->generation(NULL) == 0, "no generation without a plugin");
    check_status(api()->names_host(NULL, text("db1")), CHMTLS_INVALID_HANDLE, "names_host: no plugin");
    check_status(api()->names_host(plugin, no_bytes), no, "names_host: null host with a length");
    check_status(api()->names_host(plugin, text("")), no, "names_host: an empty host");
    api()->destroy(NULL);
    api()->identity_release(identity);
    api()->destroy(plugin);
}

static void values_of_no_meaning(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_bytes certificate = load("alice.der");
    const uint32_t no_meaning[] = {0, 3, 77, UINT32_MAX};
    collected items;
    const chmtls_sink sink = sink_to(&items);
    for (size_t i = 0; i < sizeof no_meaning / sizeof no_meaning[0]; ++i)
    {
        chmtls_identity * fresh = NULL;
        chmtls_peer peer = peer_of(&certificate);
        peer.peer = no_meaning[i];
        check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), CHMTLS_INVALID_ARGUMENT, "a kind of peer");
        check(fresh == NULL, "no identity");
        chmtls_credential_query query = {.struct_size = sizeof query, .peer = no_meaning[i]};
        chmtls_credential credential = {.struct_size = sizeof credential};
        check_status(api()->credential(plugin, &query, &credential), CHMTLS_INVALID_ARGUMENT, "a kind of peer");
        if (no_meaning[i] != CHMTLS_PURPOSE_GENERAL)
        {
            peer = peer_of(&certificate);
            peer.peer = CHMTLS_PEER_SERVER;
            peer.purpose = no_meaning[i];
            check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), CHMTLS_INVALID_ARGUMENT, "a purpose");
            query.peer = CHMTLS_PEER_SERVER;
            query.purpose = no_meaning[i];
            check_status(api()->credential(plugin, &query, &credential), CHMTLS_INVALID_ARGUMENT, "a purpose");
            query.purpose = CHMTLS_PURPOSE_NODE;
            query.named_by = no_meaning[i] == CHMTLS_NAMED_BY_STATEMENT ? UINT32_MAX - 1 : no_meaning[i];
            check_status(api()->credential(plugin, &query, &credential), CHMTLS_INVALID_ARGUMENT, "who named the server");
        }
        chmtls_login login = native_login("alice");
        login.interface = no_meaning[i];
        check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_INVALID_ARGUMENT, "an interface");
        chmtls_session session = session_of(1, "alice");
        session.interface = no_meaning[i];
        check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_INVALID_ARGUMENT, "an interface");
    }
    /* A flag from the future may forbid what we would allow. */
    chmtls_login login = native_login("alice");
    login.flags |= 1u << 31;
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_INVALID_ARGUMENT, "a login flag");
    login.flags &= ~(1u << 31);
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_OK, "the same without it");
    chmtls_query query = query_of("alice", "eve");
    query.flags |= 4u;
    check_status(api()->authorize_query(plugin, identity, &query, &sink, NULL), CHMTLS_INVALID_ARGUMENT, "a query flag");
    api()->identity_release(identity);
    api()->destroy(plugin);
}

/* Sizes from 0 up: below the least that makes sense INVALID_ARGUMENT, from there on OK, and never a byte outside. */
static void short_structures(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    const chmtls_bytes certificate = load("alice.der");

    for (uint32_t size = 0; size <= sizeof(chmtls_listener_policy); ++size)
    {
        chmtls_listener_policy policy;
        memset(&policy, 0x5a, sizeof policy);
        policy.struct_size = size;
        const chmtls_status status = api()->listener_policy(plugin, text("https_port"), &policy);
        check_status(status, size < 8 ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK, "listener_policy by size");
        check(policy.struct_size == size, "struct_size stays the caller's");
        const uint8_t * bytes = (const uint8_t *)&policy;
        for (size_t i = size < 4 ? 4 : size; i < sizeof policy; ++i)
            check(bytes[i] == 0x5a, "no byte outside is written");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_verdict); ++size)
    {
        const chmtls_peer peer = peer_of(&certificate);
        chmtls_verdict verdict;
        memset(&verdict, 0x5a, sizeof verdict);
        verdict.struct_size = size;
        chmtls_identity * fresh = NULL;
        const chmtls_status status = api()->verify_peer(plugin, &peer, &verdict, &fresh, NULL);
        check_status(status, size < 4 ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK, "verify_peer by size of the verdict");
        const uint8_t * bytes = (const uint8_t *)&verdict;
        for (size_t i = size < 4 ? 4 : size; i < sizeof verdict; ++i)
            check(bytes[i] == 0x5a, "no byte outside is written");
        api()->identity_release(fresh);
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_ticket_key); ++size)
    {
        chmtls_ticket_key key;
        memset(&key, 0x5a, sizeof key);
        key.struct_size = size;
        const chmtls_status status = api()->ticket_key(plugin, text(""), &key);
        check_status(status, size < sizeof key ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK, "ticket_key by size");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_peer); ++size)
    {
        chmtls_peer peer = peer_of(&certificate);
        peer.struct_size = size;
        peer.expected_name.data = NULL; /* null with a length: to be seen only when it is inside */
        peer.expected_name.len = 1;
        chmtls_identity * fresh = NULL;
        const chmtls_status expected = size < offsetof(chmtls_peer, remote_address) || size >= offsetof(chmtls_peer, purpose)
                                           ? CHMTLS_INVALID_ARGUMENT
                                           : CHMTLS_OK;
        check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), expected, "verify_peer by size of the peer");
        api()->identity_release(fresh);
    }
    /* A host of minor 0 says no purpose, and what stands behind its structure is not read. */
    for (uint32_t size = offsetof(chmtls_peer, purpose); size <= sizeof(chmtls_peer); ++size)
    {
        chmtls_peer peer = peer_of(&certificate);
        peer.struct_size = size;
        peer.purpose = CHMTLS_PURPOSE_KEEPER; /* of a client: to be seen only when it is inside */
        chmtls_identity * fresh = NULL;
        const chmtls_status expected = size < offsetof(chmtls_peer, reserved2) ? CHMTLS_OK : CHMTLS_INVALID_ARGUMENT;
        check_status(api()->verify_peer(plugin, &peer, NULL, &fresh, NULL), expected, "verify_peer by size, with a purpose");
        api()->identity_release(fresh);
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_credential_query); ++size)
    {
        chmtls_credential_query query = {.struct_size = size, .peer = CHMTLS_PEER_CLIENT, .listener = text("https_port")};
        query.purpose = CHMTLS_PURPOSE_NODE; /* likewise */
        chmtls_credential credential = {.struct_size = sizeof credential};
        chmtls_status expected = CHMTLS_OK;
        if (size < offsetof(chmtls_credential_query, listener) || size >= offsetof(chmtls_credential_query, reserved))
            expected = CHMTLS_INVALID_ARGUMENT;
        else if (size < offsetof(chmtls_credential_query, server_name))
            expected = CHMTLS_NOT_FOUND; /* no listener named */
        check_status(api()->credential(plugin, &query, &credential), expected, "credential by size of the query");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_login); ++size)
    {
        chmtls_login login = native_login("alice");
        login.struct_size = size;
        const chmtls_status expected = size < offsetof(chmtls_login, remote_address) ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK;
        check_status(api()->authorize(plugin, identity, &login, &sink, NULL), expected, "authorize by size");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_query); ++size)
    {
        chmtls_query query = query_of("alice", "eve");
        query.struct_size = size;
        const chmtls_status expected = size < offsetof(chmtls_query, initial_address) ? CHMTLS_INVALID_ARGUMENT : CHMTLS_DECLINED;
        check_status(api()->authorize_query(plugin, identity, &query, &sink, NULL), expected, "authorize_query by size");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_session); ++size)
    {
        chmtls_session session = session_of(1, "alice");
        session.struct_size = size;
        const chmtls_status expected = size < offsetof(chmtls_session, rule) ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK;
        check_status(api()->session_opened(plugin, identity, &session, NULL), expected, "session_opened by size");
    }
    for (uint32_t size = 0; size <= sizeof(chmtls_configuration); ++size)
    {
        chmtls_configuration asked = configuration("config.xml");
        asked.struct_size = size;
        const chmtls_status expected = size < offsetof(chmtls_configuration, users) ? CHMTLS_INVALID_ARGUMENT : CHMTLS_OK;
        check_status(api()->configure(plugin, &asked, NULL), expected, "configure by size");
    }
    for (uint32_t size = 0; size < 8; ++size)
    {
        chmtls_host host = host_table(&told);
        host.struct_size = size;
        const chmtls_configuration asked = configuration("config.xml");
        chmtls_plugin * none = NULL;
        check_status(api()->create(&host, &asked, &none, NULL), CHMTLS_INVALID_ARGUMENT, "create by size of the host table");
        check(none == NULL, "no plugin");
    }
    api()->identity_release(identity);
    api()->destroy(plugin);
}

/* Whole characters only: for every capacity the longest part of the text that ends between characters. */
static void tiny_buffers(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "umlaut.der");
    check(identity != NULL, "a certificate with a name outside ASCII");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    chmtls_login login = native_login("jürgen");
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_OK, "authorize");
    check(strcmp(items.user, "jürgen") == 0, "names outside ASCII cross unharmed");
    login = native_login("größe");
    login.interface = CHMTLS_INTERFACE_HTTP;
    login.flags |= CHMTLS_LOGIN_CERTIFICATE_ASKED;

    error_text whole;
    check_status(api()->authorize(plugin, identity, &login, &sink, error_buffer(&whole)), CHMTLS_REFUSED, "authorize");
    const size_t needed = whole.buffer.needed;
    check(needed == strlen(whole.data) + 1 && strstr(whole.data, "größe") != NULL, "the whole text");
    for (size_t capacity = 0; capacity <= needed + 1; ++capacity)
    {
        char data[4096];
        memset(data, 0x5a, sizeof data);
        chmtls_buffer buffer = {data, capacity, 0};
        check_status(api()->authorize(plugin, identity, &login, &sink, &buffer), CHMTLS_REFUSED, "authorize");
        check(buffer.needed == needed, "the needed size is always told");
        check(data[capacity] == 0x5a, "no byte outside is written");
        if (capacity == 0)
            continue;
        const size_t length = strlen(data);
        check(length < capacity && memcmp(data, whole.data, length) == 0, "the beginning of the text");
        check(((unsigned char)whole.data[length] & 0xc0) != 0x80, "cut between characters");
        check(capacity >= needed ? length + 1 == needed : length + 4 >= capacity, "and not shorter than need be");
    }
    chmtls_buffer no_data = {NULL, 100, 0};
    check_status(api()->authorize(plugin, identity, &login, &sink, &no_data), CHMTLS_REFUSED, "a buffer without data");
    check(no_data.needed == needed, "tells the needed size");
    api()->identity_release(identity);
    api()->destroy(plugin);
}

static chmtls_status verify_bytes(chmtls_plugin * plugin, chmtls_bytes certificate)
{
    const chmtls_peer peer = peer_of(&certificate);
    chmtls_verdict verdict = {.struct_size = sizeof verdict};
    chmtls_identity * identity = NULL;
    const chmtls_status status = api()->verify_peer(plugin, &peer, &verdict, &identity, NULL);
    check((status == CHMTLS_OK) == (identity != NULL), "an identity comes with OK and only then");
    check((status == CHMTLS_OK) == (verdict.tls_alert == 0), "an alert comes with every refusal");
    api()->identity_release(identity);
    return status;
}

static void garbage_chains(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    const chmtls_bytes good = load("alice.der");
    check_status(verify_bytes(plugin, good), CHMTLS_OK, "the certificate as it is");

    /* On the heap and of exact size, so that a sanitizer sees a read behind it. */
    for (size_t length = 0; length < good.len; ++length)
    {
        uint8_t * cut = malloc(length + 1);
        memcpy(cut, good.data, length);
        const chmtls_bytes bytes = {cut, length};
        check_status(verify_bytes(plugin, bytes), CHMTLS_REFUSED, "a certificate that is cut short");
        free(cut);
    }
    uint8_t * changed = malloc(good.len + 1);
    memcpy(changed, good.data, good.len);
    const chmtls_bytes bytes = {changed, good.len};
    for (size_t i = 0; i < good.len; ++i)
    {
        changed[i] ^= (uint8_t)(1u << (i % 8));
        check_status(verify_bytes(plugin, bytes), CHMTLS_REFUSED, "a certificate with a changed bit");
        changed[i] = good.data[i];
    }
    check_status(verify_bytes(plugin, bytes), CHMTLS_OK, "the certificate again");
    changed[good.len] = 0;
    const chmtls_bytes longer = {changed, good.len + 1};
    check_status(verify_bytes(plugin, longer), CHMTLS_REFUSED, "a certificate with a byte behind it");
    free(changed);
    uint8_t noise[256];
    for (unsigned seed = 0; seed < 256; ++seed)
    {
        for (size_t i = 0; i < sizeof noise; ++i)
            noise[i] = (uint8_t)(seed * 31u + i * i * 7u + i);
        noise[0] = seed % 2 == 0 ? 0x30 : (uint8_t)seed;
        const chmtls_bytes some = {noise, sizeof noise};
        check_status(verify_bytes(plugin, some), CHMTLS_REFUSED, "noise");
    }
    /* The host may share our OpenSSL: what we leave on its error queue it would take for its own failure. */
    check(ERR_peek_error() == 0, "nothing of ours is left on the error queue");

    /* A count far beyond what is there: refused for the count, and no more than one too many is looked at. */
    chmtls_bytes many[17];
    for (size_t i = 0; i < sizeof many / sizeof many[0]; ++i)
        many[i] = i == 0 ? good : load("root.der");
    chmtls_peer peer = peer_of(many);
    chmtls_verdict verdict = {.struct_size = sizeof verdict};
    chmtls_identity * identity = NULL;
    const size_t counts[] = {17, 1000000, SIZE_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i)
    {
        peer.chain_len = counts[i];
        check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_REFUSED, "too many certificates");
        check(strcmp(verdict.reason, "RESOURCE") == 0, "RESOURCE");
    }
    peer.chain_len = 16;
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_OK, "as many as are allowed");
    api()->identity_release(identity);
    api()->destroy(plugin);
}

const test argument_tests[] = {
    {"null_arguments", null_arguments},     {"values_of_no_meaning", values_of_no_meaning},
    {"short_structures", short_structures}, {"tiny_buffers", tiny_buffers},
    {"garbage_chains", garbage_chains},     {NULL, NULL},
};
