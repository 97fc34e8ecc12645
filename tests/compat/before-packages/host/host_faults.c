/* Hosts with one fault each: other versions, missing callbacks, handles that ended. Every fault gets a status; next to it stands
 * the same call without the fault, which works. */
#include <pthread.h>
#include <string.h>

#include "host_support.h"

static void wrong_major(void)
{
    chmtls_plugin_api table;
    memset(&table, 0x5a, sizeof table);
    const chmtls_plugin_api untouched = table;
    check_status(chmtls_get_plugin_api(CHMTLS_ABI_MAJOR + 1, &table), CHMTLS_ABI_MISMATCH, "a newer major");
    check_status(chmtls_get_plugin_api(0, &table), CHMTLS_ABI_MISMATCH, "an older major");
    check(memcmp(&table, &untouched, sizeof table) == 0, "the table is not touched");

    static recorder told;
    recorder_init(&told);
    chmtls_host host = host_table(&told);
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    host.abi_major = CHMTLS_ABI_MAJOR + 1;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_ABI_MISMATCH, "create by a newer major");
    host.abi_major = 0;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_ABI_MISMATCH, "create by an older major");
    check(plugin == NULL, "no plugin");
    check(recorder_logged(&told) == 0, "no callback was used");
    host.abi_major = CHMTLS_ABI_MAJOR;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create by the right major");
    api()->destroy(plugin);
}

/* Was compiled when the table ended before close_session; what lies behind it is not its table. */
static void host_without_close_session(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_host host = host_table(&told);
    host.struct_size = offsetof(chmtls_host, close_session);
    memset(&host.close_session, 0x01, sizeof host - offsetof(chmtls_host, close_session));
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create");
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_session session = session_of(42, "alice");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_OK, "session_opened");
    const chmtls_configuration without_alice = configuration("config-without-alice.xml");
    check_status(api()->configure(plugin, &without_alice, NULL), CHMTLS_OK, "configure");
    check(recorder_wait_for(&told, "audit event=session decision=closed"), "the session is logged");
    check(recorder_wait_for(&told, "cannot close sessions"), "and that it goes on");
    api()->identity_release(identity);
    api()->destroy(plugin);
    check(recorder_closed(&told) == 0, "close_session was not used");
}

/* A table that ends in the middle of a member has no such member. */
static void host_table_cut_inside_a_member(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_host host = host_table(&told);
    host.struct_size = offsetof(chmtls_host, log) + 4;
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create");
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    check(identity != NULL, "verify_peer");
    api()->identity_release(identity);
    api()->destroy(plugin);
    check(recorder_logged(&told) == 0, "half a callback is none");
}

static void newer_minor_host(void)
{
    struct
    {
        chmtls_host known;
        void (*from_the_future)(void);
        uint64_t more;
    } host;
    static recorder told;
    recorder_init(&told);
    memset(&host, 0x01, sizeof host);
    host.known = host_table(&told);
    host.known.struct_size = sizeof host;
    host.known.abi_minor = CHMTLS_ABI_MINOR + 9;
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    check_status(api()->create(&host.known, &asked, &plugin, NULL), CHMTLS_OK, "create");
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    check(identity != NULL, "verify_peer");
    check(recorder_logged(&told) > 0, "the members we know are used");
    api()->identity_release(identity);

    /* Its view of our table and of an answer is longer as well: what we do not know stays as it was. */
    struct
    {
        chmtls_plugin_api known;
        uint64_t from_the_future;
    } table;
    memset(&table, 0x5a, sizeof table);
    table.known.struct_size = sizeof table;
    check_status(chmtls_get_plugin_api(CHMTLS_ABI_MAJOR, &table.known), CHMTLS_OK, "a longer table");
    check(table.known.struct_size == sizeof table.known, "the table tells how far it reaches");
    check(table.known.abi_minor == CHMTLS_ABI_MINOR, "and of which minor it is");
    check(table.from_the_future == 0x5a5a5a5a5a5a5a5au, "and no further");
    struct
    {
        chmtls_listener_policy known;
        uint64_t from_the_future;
    } policy;
    memset(&policy, 0x5a, sizeof policy);
    policy.known.struct_size = sizeof policy;
    check_status(api()->listener_policy(plugin, text("https_port"), &policy.known), CHMTLS_OK, "a longer answer");
    check(policy.known.generation == 1 && policy.from_the_future == 0x5a5a5a5a5a5a5a5au, "written as far as we know it");
    api()->destroy(plugin);
}

static void older_minor_host(void)
{
    chmtls_plugin_api table;
    memset(&table, 0x5a, sizeof table);
    table.struct_size = offsetof(chmtls_plugin_api, ticket_key);
    check_status(chmtls_get_plugin_api(CHMTLS_ABI_MAJOR, &table), CHMTLS_OK, "a shorter table");
    check(table.struct_size == offsetof(chmtls_plugin_api, ticket_key), "filled as far as it goes");
    check(table.session_closed == api()->session_closed, "to its last member");
    const uint8_t * behind = (const uint8_t *)&table.ticket_key;
    for (size_t i = 0; i < sizeof table - offsetof(chmtls_plugin_api, ticket_key); ++i)
        check(behind[i] == 0x5a, "and no byte further");
    table.struct_size = 4;
    check_status(chmtls_get_plugin_api(CHMTLS_ABI_MAJOR, &table), CHMTLS_INVALID_ARGUMENT, "no table at all");
}

/* Without flush_dns: of minor 0, where the table ends before it, or with a null one. */
static void host_that_cannot_flush(void)
{
    for (int minor = 0; minor < 2; ++minor)
    {
        static recorder told[2];
        recorder_init(&told[minor]);
        chmtls_host host = host_table(&told[minor]);
        if (minor == 0)
            host.struct_size = offsetof(chmtls_host, flush_dns);
        else
            host.flush_dns = NULL;
        const chmtls_configuration asked = configuration("config-dns.xml");
        chmtls_plugin * plugin = NULL;
        check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create");
        api()->report_connect(plugin, text("db1"), 0);
        api()->report_connect(plugin, text("db1"), 0);
        check(recorder_wait_for(&told[minor], "cannot flush"), "it is told that nothing was flushed");
        api()->destroy(plugin);
        check(recorder_flushed(&told[minor]) == 0, "and nothing was called");
    }
}

static void null_callbacks(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_host host = host_table(&told);
    host.context = NULL;
    host.log = NULL;
    host.close_session = NULL;
    host.configuration_changed = NULL;
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_plugin * plugin = NULL;
    check_status(api()->create(&host, &asked, &plugin, NULL), CHMTLS_OK, "create");
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    check(identity != NULL, "a peer is accepted");
    check(identity_of(plugin, "stranger.der") == NULL, "a peer is refused");
    const chmtls_session session = session_of(42, "alice");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_OK, "session_opened");
    const chmtls_configuration without_alice = configuration("config-without-alice.xml");
    check_status(api()->configure(plugin, &without_alice, NULL), CHMTLS_OK, "configure");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_REFUSED, "session_opened, no longer let in");
    api()->identity_release(identity);
    api()->destroy(plugin);
    check(recorder_logged(&told) == 0, "nothing was called");
}

static void two_instances(void)
{
    static recorder told_one;
    static recorder told_two;
    recorder_init(&told_one);
    recorder_init(&told_two);
    chmtls_plugin * one = open_plugin("config.xml", &told_one);
    chmtls_plugin * two = open_plugin("config-other-root.xml", &told_two);
    check(one != two, "two handles");
    chmtls_identity * alice = identity_of(one, "alice.der");
    chmtls_identity * stranger = identity_of(two, "stranger.der");
    check(alice != NULL && stranger != NULL, "each believes its own authority");
    check(identity_of(one, "stranger.der") == NULL && identity_of(two, "alice.der") == NULL, "and not the other's");

    collected items;
    const chmtls_sink sink = sink_to(&items);
    const chmtls_login login = native_login("alice");
    check_status(api()->authorize(one, alice, &login, &sink, NULL), CHMTLS_OK, "one's identity with one");
    check_status(api()->authorize(two, alice, &login, &sink, NULL), CHMTLS_INVALID_HANDLE, "one's identity with two");
    const chmtls_session session = session_of(1, "alice");
    check_status(api()->session_opened(two, alice, &session, NULL), CHMTLS_INVALID_HANDLE, "one's session with two");

    chmtls_ticket_key key = {.struct_size = sizeof key};
    check_status(api()->ticket_key(one, text(""), &key), CHMTLS_OK, "one's ticket key");
    const chmtls_bytes name = {key.name, sizeof key.name};
    check_status(api()->ticket_key(two, name, &key), CHMTLS_NOT_FOUND, "is none of two's");

    const int logged = recorder_logged(&told_one);
    api()->destroy(one);
    sink_to(&items);
    check_status(api()->authorize(two, stranger, &login, &sink, NULL), CHMTLS_OK, "two goes on");
    check_status(api()->authorize(one, alice, &login, &sink, NULL), CHMTLS_INVALID_HANDLE, "one is gone");
    check(recorder_logged(&told_one) >= logged, "one's recorder is still there");
    api()->identity_release(alice);
    api()->identity_release(stranger);
    api()->destroy(two);
}

/* Every entry with a handle that is not one. `identity` may be live or not. */
static void expect_invalid(chmtls_plugin * plugin, chmtls_identity * identity, const char * what)
{
    collected items;
    const chmtls_sink sink = sink_to(&items);
    const chmtls_configuration asked = configuration("config.xml");
    chmtls_listener_policy policy = {.struct_size = sizeof policy};
    chmtls_credential_query query = {.struct_size = sizeof query, .peer = CHMTLS_PEER_SERVER};
    chmtls_credential credential = {.struct_size = sizeof credential};
    const chmtls_bytes certificate = load("alice.der");
    const chmtls_peer peer = peer_of(&certificate);
    chmtls_verdict verdict = {.struct_size = sizeof verdict};
    chmtls_identity * fresh = (chmtls_identity *)&items;
    const chmtls_login login = native_login("alice");
    const chmtls_session session = session_of(1, "alice");
    chmtls_ticket_key key = {.struct_size = sizeof key};
    error_text error;
    check_status(api()->configure(plugin, &asked, error_buffer(&error)), CHMTLS_INVALID_HANDLE, what);
    check(error.data[0] != '\0', "an error text");
    check_status(api()->listener_policy(plugin, text("https_port"), &policy), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->credential(plugin, &query, &credential), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->export_credential(plugin, 1, &sink), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->ca_names(plugin, text("https_port"), &sink), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->verify_peer(plugin, &peer, &verdict, &fresh, NULL), CHMTLS_INVALID_HANDLE, what);
    check(fresh == NULL && verdict.tls_alert != 0, "no identity, and a verdict that refuses");
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_INVALID_HANDLE, what);
    api()->session_closed(plugin, 1);
    check_status(api()->ticket_key(plugin, text(""), &key), CHMTLS_INVALID_HANDLE, what);
    check_status(api()->status(plugin, &sink), CHMTLS_INVALID_HANDLE, what);
    check(api()->generation(plugin) == 0, what);
    check(items.bytes == 0, "nothing came out");
}

static void use_after_destroy(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_session session = session_of(42, "alice");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_OK, "session_opened");
    api()->destroy(plugin);
    const int logged = recorder_logged(&told);
    expect_invalid(plugin, identity, "a destroyed plugin");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    check_status(api()->identity_describe(identity, &sink), CHMTLS_INVALID_HANDLE, "an identity without its plugin");
    api()->identity_release(identity);
    api()->destroy(plugin);

    /* The place may be used again; the old handle stays dead. */
    chmtls_plugin * next = open_plugin("config.xml", &told);
    check(next != plugin, "a new plugin has a new handle");
    expect_invalid(plugin, NULL, "a destroyed plugin next to a live one");
    api()->destroy(plugin);
    chmtls_listener_policy policy = {.struct_size = sizeof policy};
    check_status(api()->listener_policy(next, text("https_port"), &policy), CHMTLS_OK, "the live one is not hurt");
    api()->destroy(next);
    check(logged <= recorder_logged(&told), "the recorder outlived them");
}

static void double_release(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * first = identity_of(plugin, "alice.der");
    chmtls_identity * second = identity_of(plugin, "alice.der");
    check(first != second, "each verification has its own handle");
    api()->identity_release(first);
    api()->identity_release(first);
    collected items;
    const chmtls_sink sink = sink_to(&items);
    const chmtls_login login = native_login("alice");
    const chmtls_session session = session_of(1, "alice");
    check_status(api()->identity_describe(first, &sink), CHMTLS_INVALID_HANDLE, "describe a released identity");
    check_status(api()->authorize(plugin, first, &login, &sink, NULL), CHMTLS_INVALID_HANDLE, "authorize a released identity");
    check_status(api()->session_opened(plugin, first, &session, NULL), CHMTLS_INVALID_HANDLE, "a session of a released identity");
    check_status(api()->authorize(plugin, second, &login, &sink, NULL), CHMTLS_OK, "the other one is not hurt");
    for (int i = 0; i < 100; ++i)
    {
        chmtls_identity * fresh = identity_of(plugin, "alice.der");
        check(fresh != first, "a released handle does not come back");
        api()->identity_release(fresh);
    }
    check_status(api()->session_opened(plugin, second, &session, NULL), CHMTLS_OK, "session_opened");
    api()->identity_release(second);
    api()->session_closed(plugin, 1);
    api()->destroy(plugin);
}

static void garbage_handles(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const uintptr_t garbage[]
        = {1,
           8,
           (uintptr_t)&told,
           UINTPTR_MAX,
           (uintptr_t)plugin ^ 1,
           (uintptr_t)plugin ^ ((uintptr_t)1 << 24),
           (uintptr_t)plugin | 0xffffff,
           (uintptr_t)identity};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; ++i)
    {
        chmtls_plugin * none = (chmtls_plugin *)garbage[i];
        expect_invalid(none, identity, "garbage for a plugin");
        api()->destroy(none);
    }
    const uintptr_t no_identities[] = {1, (uintptr_t)&told, UINTPTR_MAX, (uintptr_t)identity ^ 1, (uintptr_t)plugin};
    collected items;
    const chmtls_sink sink = sink_to(&items);
    const chmtls_login login = native_login("alice");
    for (size_t i = 0; i < sizeof no_identities / sizeof no_identities[0]; ++i)
    {
        chmtls_identity * none = (chmtls_identity *)no_identities[i];
        check_status(api()->authorize(plugin, none, &login, &sink, NULL), CHMTLS_INVALID_HANDLE, "garbage for an identity");
        check_status(api()->identity_describe(none, &sink), CHMTLS_INVALID_HANDLE, "garbage for an identity");
        api()->identity_release(none);
    }
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_OK, "the real ones work");
    api()->identity_release(identity);
    api()->destroy(plugin);
}

struct worker
{
    chmtls_plugin * plugin;
    int wrong;
};

static void * work(void * argument)
{
    struct worker * self = argument;
    const chmtls_bytes alice = load("alice.der");
    const chmtls_peer peer = peer_of(&alice);
    const chmtls_login login = native_login("alice");
    for (uint64_t i = 0; i < 200; ++i)
    {
        chmtls_identity * identity = NULL;
        if (api()->verify_peer(self->plugin, &peer, NULL, &identity, NULL) != CHMTLS_OK)
        {
            ++self->wrong;
            continue;
        }
        collected items;
        const chmtls_sink sink = sink_to(&items);
        const chmtls_status status = api()->authorize(self->plugin, identity, &login, &sink, NULL);
        if (status != CHMTLS_OK && status != CHMTLS_DECLINED) /* declined while the rules are without alice */
            ++self->wrong;
        const chmtls_session session = session_of((uint64_t)(uintptr_t)self + i, "");
        if (api()->session_opened(self->plugin, identity, &session, NULL) != CHMTLS_OK)
            ++self->wrong;
        api()->session_closed(self->plugin, session.session_token);
        api()->identity_release(identity);
    }
    return NULL;
}

static void many_threads_and_reloads(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    (void)load("alice.der");
    const chmtls_configuration asked[2] = {configuration("config-without-alice.xml"), configuration("config.xml")};
    struct worker workers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; ++i)
    {
        workers[i].plugin = plugin;
        workers[i].wrong = 0;
        check(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < 20; ++i)
        check_status(api()->configure(plugin, &asked[i % 2], NULL), CHMTLS_OK, "configure");
    for (int i = 0; i < 4; ++i)
    {
        pthread_join(threads[i], NULL);
        check(workers[i].wrong == 0, "every answer was right");
    }
    api()->destroy(plugin);
}

const test fault_tests[] = {
    {"wrong_major", wrong_major},
    {"host_without_close_session", host_without_close_session},
    {"host_table_cut_inside_a_member", host_table_cut_inside_a_member},
    {"newer_minor_host", newer_minor_host},
    {"older_minor_host", older_minor_host},
    {"null_callbacks", null_callbacks},
    {"host_that_cannot_flush", host_that_cannot_flush},
    {"two_instances", two_instances},
    {"use_after_destroy", use_after_destroy},
    {"double_release", double_release},
    {"garbage_handles", garbage_handles},
    {"many_threads_and_reloads", many_threads_and_reloads},
    {NULL, NULL},
};
