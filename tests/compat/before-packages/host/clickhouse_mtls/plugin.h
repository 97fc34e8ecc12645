/* The boundary between a host (a patched ClickHouse server) and the clickhouse-mtls module.
 *
 * Only bytes cross: certificates and keys as DER, text as UTF-8 with a length. No OpenSSL, Poco or C++ type does, so host
 * and module may carry different copies of every library.
 *
 * Life of a connection:
 *   listener_policy -> credential (+ export_credential once per id) -> verify_peer -> authorize -> session_opened
 *   ... -> session_closed -> identity_release
 *
 * Rules that hold for every entry:
 *   - Inputs are borrowed for the time of the call. Outputs go to a sink or to a buffer of the caller. No allocation
 *     crosses the boundary; what the module allocates, the module frees.
 *   - Every table and every in/out structure starts with its size as the caller compiled it. A member is read or written only
 *     if it lies inside that size. Structures grow at the end only; offsets never change within a major version.
 *   - A status that the caller does not know means "refuse". A value or flag that the module does not know is INVALID_ARGUMENT.
 *   - A structure too short to mean anything is INVALID_ARGUMENT; what it lacks at its end is zero or empty (in) or not told
 * (out).
 *   - No entry throws, sets errno, installs a signal handler or writes to stdio.
 *   - No callback and no sink may throw: what fails in the host, such as a log that cannot be written, ends there (plugin.hpp
 *     sees to it).
 *   - Error text belongs to the call that produced it; nothing per call is stored on a shared object.
 *
 * C11; needs <stddef.h> and <stdint.h> only.
 */
#ifndef CLICKHOUSE_MTLS_PLUGIN_H
#define CLICKHOUSE_MTLS_PLUGIN_H

/* NOLINTBEGIN(modernize-deprecated-headers,modernize-use-using): this is C as well. */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

#define CHMTLS_ABI_MAJOR 1
#define CHMTLS_ABI_MINOR 2

    /* ---- Status -------------------------------------------------------------------------------------------------------- */

    typedef int32_t chmtls_status;

#define CHMTLS_OK 0                    /* done; for a judgement: yes */
#define CHMTLS_REFUSED 1               /* judged, and the answer is no; the error text says why */
#define CHMTLS_DECLINED 2              /* authorize only: no certificate login was attempted, the host's own login decides */
#define CHMTLS_NOT_FOUND 3             /* no such credential, key or listener */
#define CHMTLS_INVALID_ARGUMENT 4      /* a required pointer is null, a value is out of range, a structure is too short */
#define CHMTLS_INVALID_HANDLE 5        /* not a live handle of this module */
#define CHMTLS_INVALID_CONFIGURATION 6 /* the configuration was not taken; the one in force, if any, stays */
#define CHMTLS_ABI_MISMATCH 7          /* other major version; nothing was done */
#define CHMTLS_OUT_OF_MEMORY 8
#define CHMTLS_INTERNAL_ERROR 9 /* a defect of the module; the call had no effect */
#define CHMTLS_OBSERVED 10      /* verify_peer: refused, but only observed; goes on without an identity. Since minor 1 */

    /* ---- Values ---------------------------------------------------------------------------------------------------------*/

    /* Borrowed bytes; data may be null only when len is 0. Never NUL-terminated. */
    typedef struct chmtls_bytes
    {
        const uint8_t * data;
        size_t len;
    } chmtls_bytes;

    /* A text buffer of the caller. The module writes at most `capacity` bytes including the terminating NUL, cuts at a UTF-8
     * boundary, and sets `needed` to the full length plus one. With capacity 0 only `needed` is set. */
    typedef struct chmtls_buffer
    {
        char * data;
        size_t capacity;
        size_t needed;
    } chmtls_buffer;

    /* Where the module puts outputs of unknown number and size. `put` is called zero or more times during the entry that was
     * given the sink, on the calling thread, never after it returned; `bytes` is borrowed for that call. */
    typedef struct chmtls_sink
    {
        void * context;
        void (*put)(void * context, uint32_t kind, chmtls_bytes bytes);
    } chmtls_sink;

#define CHMTLS_ITEM_CERTIFICATE 1 /* one DER certificate; leaf first */
#define CHMTLS_ITEM_PRIVATE_KEY 2 /* PKCS#8 DER, unencrypted: wipe every copy */
#define CHMTLS_ITEM_JSON 3        /* a UTF-8 JSON document */
#define CHMTLS_ITEM_USER 4        /* a ClickHouse user name, UTF-8 */
#define CHMTLS_ITEM_RULE 5        /* the name of the rule that decided, UTF-8 */
#define CHMTLS_ITEM_CA_NAME 6     /* one DER-encoded X.501 Name for the CertificateRequest */

    /* Opaque handles: numbers in a pointer's clothes, never an address. Each is made by one entry and ended by one entry; one
     * that was ended, or never was one, is INVALID_HANDLE and is not dereferenced. An identity is of use with its own plugin
     * only. */
    typedef struct chmtls_plugin chmtls_plugin;
    typedef struct chmtls_identity chmtls_identity;

    /* ---- Host table ---------------------------------------------------------------------------------------------------- */

#define CHMTLS_LOG_ERROR 3
#define CHMTLS_LOG_WARNING 4
#define CHMTLS_LOG_INFORMATION 6
#define CHMTLS_LOG_DEBUG 7

    typedef struct chmtls_host
    {
        uint32_t struct_size; /* sizeof(chmtls_host) as the host was compiled */
        uint16_t abi_major;
        uint16_t abi_minor;

        /* Passed back as the first argument of every callback. Must stay valid until destroy has returned. */
        void * context;

        /* One log line, no trailing newline.
         * OWNERSHIP: message is borrowed for the call. THREADING: any thread, also a thread of the module; must not call back
         * into the module. Null: lines are dropped. */
        void (*log)(void * context, uint32_t level, chmtls_bytes message);

        /* The session no longer passes: end it. Must return quickly and must not wait for the session's own thread.
         * OWNERSHIP: reason is borrowed. `session_token` is what the host gave to session_opened. THREADING: a thread of the
         * module; never after session_closed for that session has returned, never after destroy has returned. Null: sessions that
         * no longer pass are logged and counted but not closed. */
        void (*close_session)(void * context, uint64_t session_token, chmtls_bytes reason);

        /* One of the configuration's watched files changed: read the configuration again and call `configure` from a thread of
         * the host. Must return quickly. THREADING: a thread of the module; never after destroy has returned. Null: the host
         * finds out by itself. */
        void (*configuration_changed)(void * context);

        /* Addresses that were looked up before may be wrong: forget those of `host`, or all when it is empty, and end the
         * connections to addresses that are no longer the host's, as one action. Must return quickly: what takes time is done on
         * a thread of the host. Host names are compared without regard to ASCII case.
         * OWNERSHIP: host is borrowed. THREADING: a thread of the module, one call at a time; never after destroy has returned.
         * Null: changes of addresses are logged only. Since minor 1. */
        void (*flush_dns)(void * context, chmtls_bytes host);
    } chmtls_host;

    /* ---- Inputs and outputs -------------------------------------------------------------------------------------------- */

    /* The configuration as the host has merged it. */
    typedef struct chmtls_configuration
    {
        uint32_t struct_size;
        uint32_t reserved;            /* 0 */
        chmtls_bytes server;          /* XML: the merged server configuration (root <clickhouse> or <yandex>); required */
        chmtls_bytes users;           /* XML: the merged users configuration; empty: no user has <ssl_certificates> */
        const chmtls_bytes * watched; /* paths of the files both were read from; watched for `configuration_changed` */
        size_t watched_count;
        chmtls_bytes server_source; /* how messages name `server`, e.g. /etc/clickhouse-server/config.xml; may be empty */
        chmtls_bytes users_source;  /* likewise */
    } chmtls_configuration;

/* Who the peer of a connection is to us. */
#define CHMTLS_PEER_CLIENT 1 /* it connected to one of our listeners: purpose TLS client authentication (RFC 5280 4.2.1.12) */
#define CHMTLS_PEER_SERVER 2 /* we connected to it: purpose TLS server authentication */

/* What an outgoing connection (CHMTLS_PEER_SERVER) is for; the host decides before the handshake. Since minor 1. */
#define CHMTLS_PURPOSE_GENERAL 0 /* url(), dictionaries, whatever is neither of the others: openSSL.client decides */
#define CHMTLS_PURPOSE_NODE 1    /* another ClickHouse node: distributed queries, replica fetches, ON CLUSTER, remote() */
#define CHMTLS_PURPOSE_KEEPER 2  /* ZooKeeper or Keeper */

#define CHMTLS_CLIENT_CERTIFICATE_NONE 0     /* not asked for */
#define CHMTLS_CLIENT_CERTIFICATE_OPTIONAL 1 /* asked for; verified when sent; a bad one ends the handshake */
#define CHMTLS_CLIENT_CERTIFICATE_REQUIRED 2 /* no certificate ends the handshake */

    /* What a listener asks of a connection. Valid for one generation. */
    typedef struct chmtls_listener_policy
    {
        uint32_t struct_size;           /* in */
        uint32_t client_certificate;    /* CHMTLS_CLIENT_CERTIFICATE_*; a value the host does not know means REQUIRED */
        uint64_t generation;            /* number of the generation this was read from; 1 is the first */
        uint8_t session_id_context[32]; /* derived from the generation's digest and the listener's name */
        uint16_t min_tls_version;       /* as on the wire: 0x0301 TLS 1.0 ... 0x0304 TLS 1.3 */
        uint16_t max_tls_version;
        uint16_t prefer_server_ciphers; /* 0 or 1 */
        uint16_t session_tickets;       /* 0: never resume on this listener */
    } chmtls_listener_policy;

/* Who named the server that we connect to. */
#define CHMTLS_NAMED_BY_CONFIGURATION 0 /* the configuration, or Keeper for a table's own path */
/* An SQL statement (remote() and its like). For NODE the answer is that for GENERAL then, unless <nodes><table_functions> names
 * the asker: whoever may write a statement must not choose whom our own certificate is shown to. */
#define CHMTLS_NAMED_BY_STATEMENT 1

    /* Which key and chain to present. */
    typedef struct chmtls_credential_query
    {
        uint32_t struct_size;
        uint32_t peer;            /* CHMTLS_PEER_CLIENT: we are the server; CHMTLS_PEER_SERVER: we are the client */
        chmtls_bytes listener;    /* name of the listener; empty for outgoing connections */
        chmtls_bytes server_name; /* SNI as received (RFC 6066 3), empty when none */
        uint32_t purpose;         /* CHMTLS_PURPOSE_*; GENERAL when we are the server. Since minor 1 */
        uint32_t reserved;        /* 0 */
        uint32_t named_by;        /* CHMTLS_NAMED_BY_*: whose choice the server is. Since minor 2 */
        uint32_t reserved2;       /* 0 */
        chmtls_bytes asker;       /* BY_STATEMENT: the user whose statement it is; empty when nobody is known. Since minor 2 */
    } chmtls_credential_query;

    typedef struct chmtls_credential
    {
        uint32_t struct_size; /* in */
        uint32_t reserved;
        uint64_t id; /* the same id always means the same key and chain, in every generation of this plugin */
        uint64_t generation;
    } chmtls_credential;

    /* A peer to be judged. */
    typedef struct chmtls_peer
    {
        uint32_t struct_size;
        uint32_t peer;              /* CHMTLS_PEER_* */
        chmtls_bytes listener;      /* name of the listener, empty for outgoing connections */
        const chmtls_bytes * chain; /* DER certificates as sent by the peer, leaf first */
        size_t chain_len;
        chmtls_bytes remote_address; /* text, "192.0.2.1:9440"; for logs and audit only, may be empty */
        chmtls_bytes expected_name;  /* CHMTLS_PEER_SERVER: the configured host name or address, which the certificate must prove
                                      * by a DNS or IP SAN (RFC 9525), or by the SPIFFE ID that <expect> gives it. Empty: not
                                      * compared, and refused when openSSL.client.extendedVerification is on, for KEEPER, and for
                                      * NODE where <nodes> is configured. NODE without <nodes>: compared only with
                                      * extendedVerification */
        uint32_t purpose;            /* CHMTLS_PURPOSE_*; GENERAL when the peer is a client. Since minor 1 */
        uint32_t reserved2;          /* 0 */
    } chmtls_peer;

    typedef struct chmtls_verdict
    {
        uint32_t struct_size; /* in */
        uint32_t tls_alert;   /* AlertDescription to send when refused (RFC 8446 6), 0 when accepted */
        uint64_t generation;  /* the generation that judged */
        int64_t valid_until;  /* seconds since the epoch: the earliest notAfter of the verified path */
        char reason[32];      /* short stable code, NUL-terminated: "VALID", "TIME", "UNKNOWN-CA", ... */
    } chmtls_verdict;

#define CHMTLS_INTERFACE_NATIVE 1
#define CHMTLS_INTERFACE_HTTP 2

/* What a peer offers when it logs in. `user` empty and `user_named` 0: it named nobody. */
#define CHMTLS_LOGIN_USER_NAMED 1u        /* the peer itself named the user; without it `user` is a default of the interface */
#define CHMTLS_LOGIN_PASSWORD_GIVEN 2u    /* a password that is not empty came with it */
#define CHMTLS_LOGIN_CERTIFICATE_ASKED 4u /* X-ClickHouse-SSL-Certificate-Auth: on */
#define CHMTLS_LOGIN_OTHER_CREDENTIALS 8u /* Authorization header, user or password in the URL: other means than the headers */
/* The former login on this connection was the same and was granted: this one needs an audit line only when it is not. */
#define CHMTLS_LOGIN_AGAIN 16u
#define CHMTLS_LOGIN_NO_TLS 32u /* the connection has no TLS */

    typedef struct chmtls_login
    {
        uint32_t struct_size;
        uint32_t interface; /* CHMTLS_INTERFACE_* */
        uint32_t flags;     /* CHMTLS_LOGIN_* */
        uint32_t reserved;
        chmtls_bytes user;
        chmtls_bytes remote_address;
    } chmtls_login;

    /* A session to be watched. */
    typedef struct chmtls_session
    {
        uint32_t struct_size;
        uint32_t interface;     /* CHMTLS_INTERFACE_* */
        uint64_t session_token; /* chosen by the host, given back in close_session */
        chmtls_bytes user;      /* the user that authorize granted; empty while nobody has logged in, or by password */
        chmtls_bytes rule;      /* the rule it named */
    } chmtls_session;

    /* Key material of session tickets (RFC 5077 4, RFC 8446 4.6.1): AES-256 and HMAC-SHA-256. Wipe after use. */
    typedef struct chmtls_ticket_key
    {
        uint32_t struct_size; /* in */
        uint32_t renew;       /* 1: decrypts, but a fresh ticket should be issued */
        uint8_t name[16];
        uint8_t aes_key[32];
        uint8_t hmac_key[32];
    } chmtls_ticket_key;

    /* ---- Plugin table -------------------------------------------------------------------------------------------------- */

    typedef struct chmtls_plugin_api
    {
        uint32_t struct_size;
        uint16_t abi_major;
        uint16_t abi_minor;

        /* Load everything the configuration names, check it, and publish the first generation; start watching.
         * All findings are reported in `error`, one per line.
         * OWNERSHIP: `host` and `configuration` are borrowed for the call (the host's context for longer, see there); `*plugin`
         * is the caller's, ended by destroy. THREADING: any thread. `error` may be null. OK, INVALID_ARGUMENT, ABI_MISMATCH,
         * INVALID_CONFIGURATION (then *plugin is null). */
        chmtls_status (*create)(
            const chmtls_host * host, const chmtls_configuration * configuration, chmtls_plugin ** plugin, chmtls_buffer * error);

        /* Stop all threads of the plugin and free it. Identities that are still out stay valid for identity_release only. After
         * the return no callback comes. THREADING: once, not concurrently with any other entry on this plugin. Null is ignored.
         */
        void (*destroy)(chmtls_plugin * plugin);

        /* Take a new configuration: as create does, then publish; on any finding nothing changes, and the module goes on with
         * the former configuration. Unchanged content publishes nothing.
         * OWNERSHIP: borrowed. THREADING: any thread; calls are serialised. OK, INVALID_CONFIGURATION. */
        chmtls_status (*configure)(chmtls_plugin * plugin, const chmtls_configuration * configuration, chmtls_buffer * error);

        /* The policy of a listener, by name (ClickHouse's port setting: "tcp_port_secure", "https_port",
         * "interserver_https_port"). THREADING: any thread, lock-free. OK, NOT_FOUND (the host must then refuse the connection).
         */
        chmtls_status (*listener_policy)(chmtls_plugin * plugin, chmtls_bytes listener, chmtls_listener_policy * policy);

        /* Which key and chain to present. A GENERAL connection is given no certificate that a rule of our own <nodes>, <keeper>
         * or <users>, or a user's <ssl_certificates>, matches. THREADING: any thread, lock-free. OK, NOT_FOUND (a client then
         * presents none). */
        chmtls_status (*credential)(
            chmtls_plugin * plugin, const chmtls_credential_query * query, chmtls_credential * credential);

        /* Key and chain of a credential id: one PRIVATE_KEY, then one CERTIFICATE per link, leaf first.
         * OWNERSHIP: what the sink gets is borrowed; the host keeps its own copy and wipes the key's.
         * THREADING: any thread. OK, NOT_FOUND (the id belongs to no living generation: ask `credential` again). */
        chmtls_status (*export_credential)(chmtls_plugin * plugin, uint64_t id, const chmtls_sink * sink);

        /* Names of the authorities a listener's clients may come from, for the CertificateRequest (RFC 8446 4.2.4):
         * CA_NAME items. THREADING: any thread. OK, NOT_FOUND. */
        chmtls_status (*ca_names)(chmtls_plugin * plugin, chmtls_bytes listener, const chmtls_sink * sink);

        /* Judge a peer's chain. On OK `*identity` is a new handle; in every other case it is null and nothing is accepted, and a
         * verdict that was given refuses. On REFUSED the host ends the handshake with the verdict's alert. There is no identity
         * without verification: a listener that asks for no certificate and openSSL.client.verificationMode none answer REFUSED
         * with reason "VERIFICATION-OFF" (such a host does not verify, so its handshake may go on, without an identity).
         * AcceptCertificateHandler changes no verdict. OBSERVED (mtls.mode observe): openSSL's own verification accepts the
         * chain, something of <mtls> does not; the verdict says what. The handshake goes on, without an identity, as with no
         * certificate; a host that does not know the status refuses. OWNERSHIP: the caller ends the identity by identity_release.
         * THREADING: any thread, no I/O, no lock that a reload holds. `verdict` and `error` may be null. OK, REFUSED, OBSERVED,
         * INVALID_ARGUMENT. Each verdict is audited by a log line. */
        chmtls_status (*verify_peer)(
            chmtls_plugin * plugin, const chmtls_peer * peer, chmtls_verdict * verdict, chmtls_identity ** identity,
            chmtls_buffer * error);

        /* End an identity. THREADING: any thread, once, also after destroy. Null is ignored. */
        void (*identity_release)(chmtls_identity * identity);

        /* What the module knows of an identity: one JSON item. Its "node" is the name of the <nodes> rule that the certificate
         * matches in the generation in force, null when it matches none, and empty when that cannot be told. THREADING: any
         * thread. */
        chmtls_status (*identity_describe)(chmtls_identity * identity, const chmtls_sink * sink);

        /* May this peer log in, and as whom. `identity` null: the peer showed no certificate.
         * OK: the sink got one USER and one RULE item. REFUSED: the login must fail. DECLINED: the server's own login decides;
         * the error text says why. The sink then gets one RULE item when that is a rule's condition for a login by certificate
         * and password: the session is registered with that rule and no user. An identity of an older generation is judged again
         * first. OK and REFUSED are audited by a log line. THREADING: any thread, no I/O, no lock that a reload holds. `error`
         * may be null. */
        chmtls_status (*authorize)(
            chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_login * login, const chmtls_sink * sink,
            chmtls_buffer * error);

        /* Register a live session, or renew what is known of it (same session_token: after another login on a kept connection).
         * It is judged again at each new generation, at its certificate's notAfter and at the end that its rule sets.
         * A session without a certificate is not ours to watch: a null identity is INVALID_HANDLE.
         * OWNERSHIP: the module keeps its own reference to the identity; the caller's handle stays the caller's.
         * THREADING: any thread. OK, REFUSED (a newer generation does not let it in: end it). */
        chmtls_status (*session_opened)(
            chmtls_plugin * plugin, chmtls_identity * identity, const chmtls_session * session, chmtls_buffer * error);

        /* The session has ended. After the return close_session is not called for its token. THREADING: any thread. */
        void (*session_closed)(chmtls_plugin * plugin, uint64_t session_token);

        /* Session ticket keys. `name` empty: the key for new tickets. Otherwise the key of that name, or NOT_FOUND: the ticket is
         * of another generation or too old, so a full handshake follows. A key makes tickets for 12 hours and opens them, with
         * `renew`, for 12 more. THREADING: any thread, lock-free. */
        chmtls_status (*ticket_key)(chmtls_plugin * plugin, chmtls_bytes name, chmtls_ticket_key * key);

        /* State for operators: one JSON item (generation, digest, last reload, counters). Holds no secret.
         * THREADING: any thread. */
        chmtls_status (*status)(chmtls_plugin * plugin, const chmtls_sink * sink);

        /* A connect of the host's has ended: `host` as the configuration names it, `succeeded` 0 or 1 (anything else is not
         * counted). After <mtls><dns><failures> in a row that failed the module asks the host to flush that name.
         * OWNERSHIP: host is borrowed. THREADING: any thread; waits for no lookup and no I/O. Since minor 1. */
        void (*report_connect)(chmtls_plugin * plugin, chmtls_bytes host, uint32_t succeeded);

        /* A query begins (`busy` 1) or has ended (0) on a session that was given to session_opened. Where <mtls><sessions>
         * <on_revoked> is after_query, a session that no longer passes is closed when its query has ended, or after max_wait; a
         * host that does not call this has all of them closed at once. A connection that the host makes and pools may be called
         * busy for as long as it is there: when it no longer passes, flush_dns is called, by which the host must replace its
         * pools, so that only what runs already goes on. Ended means that nothing of the answer is still to be
         * written by the host. An unknown token, or another value: nothing is noted. THREADING: any thread; waits for no I/O.
         * Since minor 1. */
        void (*session_busy)(chmtls_plugin * plugin, uint64_t session_token, uint32_t busy);

        /* Number of the generation in force. An answer of authorize depends on nothing but its arguments, the generation and the
         * second of the clock in which it is given. A host that reads this number first and then asks may use an OK for the same
         * login of the same identity again for the rest of that second, as long as the number is the same. 0: not a live handle.
         * THREADING: any thread, lock-free. Since minor 1. */
        uint64_t (*generation)(chmtls_plugin * plugin);
    } chmtls_plugin_api;

#if defined(_WIN32)
#define CHMTLS_EXPORT
#else
#define CHMTLS_EXPORT __attribute__((visibility("default")))
#endif

    /* The one exported symbol. Fills *api up to api->struct_size, which the caller sets before the call, and sets it to what was
     * filled: it is less when this module is older than the host, and an entry that lies outside does not exist. OWNERSHIP: the
     * entries stay valid for the life of the process (the module is never unloaded). THREADING: any thread. OK, INVALID_ARGUMENT,
     * ABI_MISMATCH (host_abi_major is not ours; *api is not touched). */
    CHMTLS_EXPORT chmtls_status chmtls_get_plugin_api(uint16_t host_abi_major, chmtls_plugin_api * api);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(modernize-deprecated-headers,modernize-use-using) */

#endif
