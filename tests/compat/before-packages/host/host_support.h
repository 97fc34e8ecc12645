/* What the C hosts of this folder share: material from disk, a recording host table, and the usual calls with everything right,
 * so that a test changes the one thing it is about. Plain C11, no library of the module. */
#ifndef CHMTLS_TESTS_ABI_HOST_SUPPORT_H
#define CHMTLS_TESTS_ABI_HOST_SUPPORT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <clickhouse_mtls/plugin.h>

/* Counts a failure and names it; the test goes on. */
void check(int ok, const char * what);
void check_status(chmtls_status got, chmtls_status expected, const char * what);
int failures(void);

void use_material(const char * directory);
/* A file of the material; kept until the end of the process. */
chmtls_bytes load(const char * name);
chmtls_bytes text(const char * c_string);
int contains(chmtls_bytes where, const char * what);

/* What a host was told. */
typedef struct recorder
{
    pthread_mutex_t mutex;
    int logged;
    int closed;
    uint64_t closed_token;
    int flushed;
    char flushed_host[64]; /* the last one; empty: everything */
    size_t used;
    char lines[1 << 16];
} recorder;

void recorder_init(recorder * to);
int recorder_closed(recorder * of);
int recorder_logged(recorder * of);
int recorder_flushed(recorder * of);
int recorder_has(recorder * of, const char * what);
/* Waits until a line holds `what`, at most ten seconds. */
int recorder_wait_for(recorder * of, const char * what);
int recorder_wait_for_close(recorder * of);
int recorder_wait_for_flushes(recorder * of, int count);

/* The module's table, whole. */
const chmtls_plugin_api * api(void);

chmtls_host host_table(recorder * to);
/* Configuration by the name of its file. */
chmtls_configuration configuration(const char * name);
chmtls_plugin * open_plugin(const char * configuration_name, recorder * to);

/* An error buffer of some size. */
typedef struct error_text
{
    char data[4096];
    chmtls_buffer buffer;
} error_text;
chmtls_buffer * error_buffer(error_text * to);

/* A client of tcp_port_secure that sends this one certificate; `certificate` must outlive it. */
chmtls_peer peer_of(const chmtls_bytes * certificate);
/* Null when refused. */
chmtls_identity * identity_of(chmtls_plugin * plugin, const char * der_name);

/* What came out of a sink. */
typedef struct collected
{
    int items[8]; /* by kind */
    size_t bytes;
    char user[64];
    char rule[64];
    char json[1 << 14];
} collected;
chmtls_sink sink_to(collected * to);

chmtls_login native_login(const char * user);
chmtls_session session_of(uint64_t token, const char * user);

/* The tests. */
typedef struct test
{
    const char * name;
    void (*run)(void);
} test;
extern const test lifecycle_tests[];
extern const test fault_tests[];
extern const test argument_tests[];

#endif
