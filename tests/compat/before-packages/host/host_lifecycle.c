/* Hosts that do everything right, and the twins of the faulty ones: the whole life of a connection, sessions, tickets, reloads.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <string.h>

#include "host_support.h"

static void whole_life(void)
{
    static recorder told;
    recorder_init(&told);
    errno = EXDEV;
    chmtls_plugin * plugin = open_plugin("config.xml", &told);

    chmtls_listener_policy policy = {.struct_size = sizeof policy};
    check_status(api()->listener_policy(plugin, text("tcp_port_secure"), &policy), CHMTLS_OK, "listener_policy");
    check(policy.client_certificate == CHMTLS_CLIENT_CERTIFICATE_OPTIONAL, "client certificates are optional");
    check(policy.generation == 1, "the first generation is 1");
    check(policy.min_tls_version == 0x0303 && policy.max_tls_version == 0x0304, "TLS 1.2 and 1.3");
    check(policy.struct_size == sizeof policy, "struct_size stays the caller's");
    chmtls_listener_policy other = {.struct_size = sizeof other};
    check_status(api()->listener_policy(plugin, text("https_port"), &other), CHMTLS_OK, "listener_policy of another");
    check(
        memcmp(policy.session_id_context, other.session_id_context, sizeof policy.session_id_context) != 0,
        "no session resumes on another listener");
    check_status(api()->listener_policy(plugin, text("mysql_port"), &policy), CHMTLS_NOT_FOUND, "unknown listener");

    chmtls_credential_query query = {.struct_size = sizeof query, .peer = CHMTLS_PEER_CLIENT};
    query.listener = text("tcp_port_secure");
    query.server_name = text("server.internal");
    chmtls_credential credential = {.struct_size = sizeof credential};
    check_status(api()->credential(plugin, &query, &credential), CHMTLS_OK, "credential");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    check_status(api()->export_credential(plugin, credential.id, &sink), CHMTLS_OK, "export_credential");
    check(items.items[CHMTLS_ITEM_PRIVATE_KEY] == 1, "one key");
    check(items.items[CHMTLS_ITEM_CERTIFICATE] >= 1, "a chain");
    check_status(api()->export_credential(plugin, credential.id + 1, &sink), CHMTLS_NOT_FOUND, "unknown credential");
    query.listener = text("mysql_port");
    check_status(api()->credential(plugin, &query, &credential), CHMTLS_NOT_FOUND, "credential of an unknown listener");
    query.peer = CHMTLS_PEER_SERVER;
    query.listener = text("");
    check_status(api()->credential(plugin, &query, &credential), CHMTLS_OK, "credential of an outgoing connection");

    sink_to(&items);
    check_status(api()->ca_names(plugin, text("tcp_port_secure"), &sink), CHMTLS_OK, "ca_names");
    check(items.items[CHMTLS_ITEM_CA_NAME] == 1, "one authority");
    check_status(api()->ca_names(plugin, text("mysql_port"), &sink), CHMTLS_NOT_FOUND, "ca_names of an unknown listener");

    const chmtls_bytes certificate = load("alice.der");
    const chmtls_peer peer = peer_of(&certificate);
    chmtls_verdict verdict = {.struct_size = sizeof verdict};
    chmtls_identity * identity = NULL;
    error_text error;
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, error_buffer(&error)), CHMTLS_OK, "verify_peer");
    check(strcmp(verdict.reason, "VALID") == 0 && verdict.tls_alert == 0, "the verdict is VALID");
    check(verdict.generation == 1 && verdict.valid_until > 0, "generation and end of the verdict");
    check(error.buffer.needed == 1 && error.data[0] == '\0', "no error text with OK");

    sink_to(&items);
    check_status(api()->identity_describe(identity, &sink), CHMTLS_OK, "identity_describe");
    check(items.items[CHMTLS_ITEM_JSON] == 1 && strstr(items.json, "CN=alice") != NULL, "the identity describes itself");

    const chmtls_login login = native_login("alice");
    sink_to(&items);
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_OK, "authorize");
    check(strcmp(items.user, "alice") == 0 && strcmp(items.rule, "alices") == 0, "user and rule");
    chmtls_login again = login;
    again.flags |= CHMTLS_LOGIN_AGAIN;
    again.remote_address = text("192.0.2.99:1");
    check_status(api()->authorize(plugin, identity, &again, &sink, NULL), CHMTLS_OK, "authorize again");
    const chmtls_login other_login = native_login("default");
    check_status(api()->authorize(plugin, identity, &other_login, &sink, NULL), CHMTLS_DECLINED, "another user");
    check_status(api()->authorize(plugin, NULL, &login, &sink, NULL), CHMTLS_DECLINED, "no certificate");

    const chmtls_session session = session_of(7, "alice");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_OK, "session_opened");
    sink_to(&items);
    check_status(api()->status(plugin, &sink), CHMTLS_OK, "status");
    check(strstr(items.json, "\"live\":1") != NULL, "one live session in the status");
    check(strstr(items.json, "PRIVATE") == NULL, "no key in the status");
    api()->session_closed(plugin, 7);
    api()->session_closed(plugin, 7);
    sink_to(&items);
    check_status(api()->status(plugin, &sink), CHMTLS_OK, "status again");
    check(strstr(items.json, "\"live\":0") != NULL, "no live session in the status");

    api()->identity_release(identity);
    check(recorder_wait_for(&told, "audit event=login decision=granted"), "a granted login is audited");
    api()->destroy(plugin);
    check(!recorder_has(&told, "192.0.2.99"), "what is granted as before is not audited once more");
    check(errno == EXDEV, "errno is the host's");
}

static void verdicts(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    const chmtls_bytes alice = load("alice.der");
    const chmtls_bytes stranger = load("stranger.der");
    chmtls_verdict verdict = {.struct_size = sizeof verdict};
    chmtls_identity * identity = NULL;
    error_text error;

    chmtls_peer peer = peer_of(&stranger);
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, error_buffer(&error)), CHMTLS_REFUSED, "a stranger");
    check(identity == NULL, "no identity for a stranger");
    check(strcmp(verdict.reason, "UNKNOWN-CA") == 0 && verdict.tls_alert == 48, "UNKNOWN-CA, unknown_ca(48)");
    check(verdict.valid_until == 0, "no end of what is not valid");
    check(error.data[0] != '\0', "a reason in words");
    check(recorder_wait_for(&told, "reason=UNKNOWN-CA"), "a refusal is audited");

    peer = peer_of(&alice);
    peer.chain_len = 0;
    peer.chain = NULL;
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_REFUSED, "an empty chain");
    check(strcmp(verdict.reason, "NO-CERTIFICATE") == 0, "NO-CERTIFICATE");
    peer = peer_of(&alice);
    peer.listener = text("mysql_port");
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_REFUSED, "an unknown listener");
    check(strcmp(verdict.reason, "LISTENER") == 0, "LISTENER");

    const chmtls_bytes server = load("server.der");
    peer = peer_of(&server);
    peer.peer = CHMTLS_PEER_SERVER;
    peer.listener = text("");
    peer.expected_name = text("other.internal");
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_REFUSED, "a server of another name");
    check(strcmp(verdict.reason, "NAME-MISMATCH") == 0, "NAME-MISMATCH");
    peer.expected_name = text("server.internal");
    check_status(api()->verify_peer(plugin, &peer, &verdict, &identity, NULL), CHMTLS_OK, "a server of the right name");

    const chmtls_login login = native_login("alice");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    check_status(api()->authorize(plugin, identity, &login, &sink, NULL), CHMTLS_REFUSED, "a server cannot log in");
    api()->identity_release(identity);

    chmtls_login http = native_login("alice");
    http.interface = CHMTLS_INTERFACE_HTTP;
    http.flags |= CHMTLS_LOGIN_CERTIFICATE_ASKED;
    identity = identity_of(plugin, "nobody.der");
    check_status(api()->authorize(plugin, identity, &http, &sink, error_buffer(&error)), CHMTLS_REFUSED, "no rule");
    check(strstr(error.data, "CN=nobody") != NULL && strstr(error.data, "alice") != NULL, "who, and who was asked for");
    check(items.items[CHMTLS_ITEM_USER] == 0, "no user with a refusal");
    check(recorder_wait_for(&told, "audit event=login decision=refused"), "a refused login is audited");
    http.flags |= CHMTLS_LOGIN_AGAIN;
    http.remote_address = text("192.0.2.99:1");
    check_status(api()->authorize(plugin, identity, &http, &sink, NULL), CHMTLS_REFUSED, "no rule any more");
    check(recorder_wait_for(&told, "192.0.2.99"), "a refusal is audited each time");
    api()->identity_release(identity);
    api()->destroy(plugin);
}

static void configure_keeps_the_last_good(void)
{
    static recorder told;
    recorder_init(&told);
    const chmtls_host host = host_table(&told);
    const chmtls_configuration broken = configuration("config-mismatched-key.xml");
    const chmtls_configuration good = configuration("config.xml");
    const chmtls_configuration without_alice = configuration("config-without-alice.xml");
    chmtls_plugin * plugin = (chmtls_plugin *)&told;
    error_text error;
    check_status(
        api()->create(&host, &broken, &plugin, error_buffer(&error)), CHMTLS_INVALID_CONFIGURATION, "create with a wrong key");
    check(plugin == NULL, "no plugin");
    check(strstr(error.data, "other.key") != NULL, "the error names the file");

    check_status(api()->create(&host, &good, &plugin, error_buffer(&error)), CHMTLS_OK, "create");
    chmtls_listener_policy policy = {.struct_size = sizeof policy};
    chmtls_ticket_key first_key = {.struct_size = sizeof first_key};
    check_status(api()->ticket_key(plugin, text(""), &first_key), CHMTLS_OK, "ticket_key");
    check_status(
        api()->configure(plugin, &broken, error_buffer(&error)), CHMTLS_INVALID_CONFIGURATION, "configure with a wrong key");
    check_status(api()->listener_policy(plugin, text("https_port"), &policy), CHMTLS_OK, "listener_policy");
    check(policy.generation == 1, "the last good generation stays");
    check_status(api()->configure(plugin, &good, NULL), CHMTLS_OK, "configure with the same");
    check_status(api()->listener_policy(plugin, text("https_port"), &policy), CHMTLS_OK, "listener_policy");
    check(policy.generation == 1, "unchanged content publishes nothing");

    const chmtls_listener_policy before = policy;
    check_status(api()->configure(plugin, &without_alice, error_buffer(&error)), CHMTLS_OK, "configure with other rules");
    check_status(api()->listener_policy(plugin, text("https_port"), &policy), CHMTLS_OK, "listener_policy");
    check(policy.generation == 2, "a change publishes");
    check(
        memcmp(before.session_id_context, policy.session_id_context, sizeof policy.session_id_context) != 0,
        "a change ends sessions by their context");
    chmtls_ticket_key key = {.struct_size = sizeof key};
    const chmtls_bytes old_name = {first_key.name, sizeof first_key.name};
    check_status(api()->ticket_key(plugin, old_name, &key), CHMTLS_NOT_FOUND, "a change ends tickets");
    api()->destroy(plugin);
}

static void tickets(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_ticket_key key = {.struct_size = sizeof key};
    chmtls_ticket_key again = {.struct_size = sizeof again};
    check_status(api()->ticket_key(plugin, text(""), &key), CHMTLS_OK, "the key of new tickets");
    const chmtls_bytes name = {key.name, sizeof key.name};
    check_status(api()->ticket_key(plugin, name, &again), CHMTLS_OK, "the key of a ticket");
    check(memcmp(&key, &again, sizeof key) == 0, "the same key");
    check(key.renew == 0, "a fresh key needs no renewal");
    check(memcmp(key.aes_key, key.hmac_key, sizeof key.aes_key) != 0, "two different keys");
    check_status(api()->ticket_key(plugin, text("0123456789abcdef"), &again), CHMTLS_NOT_FOUND, "an unknown ticket");
    check_status(api()->ticket_key(plugin, text("short"), &again), CHMTLS_NOT_FOUND, "a short name");
    api()->destroy(plugin);
}

static void sessions_that_no_longer_pass(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_session session = session_of(42, "alice");
    const chmtls_session closed = session_of(43, "alice");
    check_status(api()->session_opened(plugin, identity, &session, NULL), CHMTLS_OK, "session_opened");
    check_status(api()->session_opened(plugin, identity, &closed, NULL), CHMTLS_OK, "session_opened");
    api()->session_closed(plugin, 43);
    const uint64_t former = api()->generation(plugin);
    check(former != 0 && api()->generation(plugin) == former, "the generation keeps its number");
    const chmtls_configuration without_alice = configuration("config-without-alice.xml");
    check_status(api()->configure(plugin, &without_alice, NULL), CHMTLS_OK, "configure");
    check(api()->generation(plugin) > former, "the next one has a higher number");
    check(recorder_wait_for_close(&told), "the session is closed");
    check(told.closed_token == 42, "and it is the right one");
    check(recorder_wait_for(&told, "audit event=session decision=closed interface="), "the log says so");
    check(recorder_wait_for(&told, " reason=NO-RULE message="), "and why");
    error_text error;
    check_status(
        api()->session_opened(plugin, identity, &session, error_buffer(&error)), CHMTLS_REFUSED,
        "a session that the newer generation does not let in");
    api()->identity_release(identity);
    api()->destroy(plugin);
    check(recorder_closed(&told) == 1, "one close, none after session_closed");
}

static void sessions_that_end_with_their_query(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config-patient.xml", &told);
    chmtls_identity * identity = identity_of(plugin, "alice.der");
    const chmtls_session busy = session_of(42, "alice");
    const chmtls_session idle = session_of(43, "alice");
    check_status(api()->session_opened(plugin, identity, &busy, NULL), CHMTLS_OK, "session_opened");
    check_status(api()->session_opened(plugin, identity, &idle, NULL), CHMTLS_OK, "session_opened");
    api()->session_busy(plugin, 42, 1);
    api()->session_busy(plugin, 42, 7);
    api()->session_busy(plugin, 44, 1);
    api()->session_busy(NULL, 42, 0);
    const chmtls_configuration without_alice = configuration("config-patient-without-alice.xml");
    check_status(api()->configure(plugin, &without_alice, NULL), CHMTLS_OK, "configure");
    check(recorder_wait_for_close(&told), "the idle session is closed");
    check(told.closed_token == 43, "and not the one that is busy");
    api()->session_busy(plugin, 42, 0);
    check(recorder_wait_for(&told, "session=42"), "the busy one follows when its query has ended");
    api()->identity_release(identity);
    api()->destroy(plugin);
    check(recorder_closed(&told) == 2, "two closes");
}

static void flushes(void)
{
    static recorder told;
    recorder_init(&told);
    chmtls_plugin * plugin = open_plugin("config-dns.xml", &told);
    api()->report_connect(plugin, text("db1"), 0);
    api()->report_connect(plugin, text("db1"), 1);
    api()->report_connect(plugin, text("db1"), 0);
    api()->report_connect(plugin, text("db1"), 7);
    api()->report_connect(plugin, text(""), 0);
    api()->report_connect(plugin, text("db2"), 0);
    check(recorder_flushed(&told) == 0, "not as many failed in a row as the configuration says");
    api()->report_connect(plugin, text("db1"), 0);
    check(recorder_wait_for_flushes(&told, 1), "two in a row");
    check(strcmp(told.flushed_host, "db1") == 0, "that host");

    const chmtls_configuration renewed = configuration("config-dns-renewed.xml");
    check_status(api()->configure(plugin, &renewed, NULL), CHMTLS_OK, "configure with another certificate");
    check(recorder_wait_for_flushes(&told, 2), "a rotation flushes when it is asked to");
    check(strcmp(told.flushed_host, "") == 0, "everything");
    collected items;
    const chmtls_sink sink = sink_to(&items);
    check_status(api()->status(plugin, &sink), CHMTLS_OK, "status");
    check(strstr(items.json, "\"flushes\":2") != NULL, "flushes in the status");
    api()->destroy(plugin);
}

const test lifecycle_tests[] = {
    {"whole_life", whole_life},
    {"verdicts", verdicts},
    {"configure_keeps_the_last_good", configure_keeps_the_last_good},
    {"tickets", tickets},
    {"sessions_that_no_longer_pass", sessions_that_no_longer_pass},
    {"sessions_that_end_with_their_query", sessions_that_end_with_their_query},
    {"flushes", flushes},
    {NULL, NULL},
};
