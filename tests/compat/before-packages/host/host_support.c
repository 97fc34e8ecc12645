#define _POSIX_C_SOURCE 200809L

#include "host_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int failed;
static const char * material_directory;

void check(int ok, const char * what)
{
    if (ok)
        return;
    ++failed;
    fprintf(stderr, "FAILED: %s\n", what);
}

void check_status(chmtls_status got, chmtls_status expected, const char * what)
{
    if (got == expected)
        return;
    ++failed;
    fprintf(stderr, "FAILED: %s: status %d, not %d\n", what, (int)got, (int)expected);
}

int failures(void)
{
    return failed;
}

void use_material(const char * directory)
{
    material_directory = directory;
}

static void die(const char * what)
{
    fprintf(stderr, "FAILED: %s\n", what);
    exit(3);
}

/* Reachable to the end, so that no leak checker minds. */
static struct loaded
{
    char name[64];
    chmtls_bytes bytes;
} loaded_files[32];
static size_t loaded_count;

chmtls_bytes load(const char * name)
{
    for (size_t i = 0; i < loaded_count; ++i)
        if (strcmp(loaded_files[i].name, name) == 0)
            return loaded_files[i].bytes;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", material_directory, name);
    FILE * file = fopen(path, "rb");
    if (file == NULL || loaded_count == sizeof loaded_files / sizeof loaded_files[0])
        die(path);
    enum
    {
        room = 1 << 16
    };
    uint8_t * data = malloc(room);
    if (data == NULL)
        die("no memory");
    struct loaded * entry = &loaded_files[loaded_count++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->bytes.len = fread(data, 1, room, file);
    entry->bytes.data = data;
    fclose(file);
    return entry->bytes;
}

chmtls_bytes text(const char * c_string)
{
    chmtls_bytes bytes = {(const uint8_t *)c_string, strlen(c_string)};
    return bytes;
}

int contains(chmtls_bytes where, const char * what)
{
    const size_t length = strlen(what);
    for (size_t i = 0; i + length <= where.len; ++i)
        if (memcmp(where.data + i, what, length) == 0)
            return 1;
    return 0;
}

static void on_log(void * context, uint32_t level, chmtls_bytes message)
{
    recorder * to = context;
    (void)level;
    pthread_mutex_lock(&to->mutex);
    ++to->logged;
    if (to->used + message.len + 1 < sizeof to->lines)
    {
        memcpy(to->lines + to->used, message.data, message.len);
        to->used += message.len;
        to->lines[to->used++] = '\n';
    }
    pthread_mutex_unlock(&to->mutex);
}

static void on_close(void * context, uint64_t token, chmtls_bytes reason)
{
    recorder * to = context;
    (void)reason;
    pthread_mutex_lock(&to->mutex);
    ++to->closed;
    to->closed_token = token;
    pthread_mutex_unlock(&to->mutex);
}

static void on_flush(void * context, chmtls_bytes host)
{
    recorder * to = context;
    pthread_mutex_lock(&to->mutex);
    ++to->flushed;
    snprintf(to->flushed_host, sizeof to->flushed_host, "%.*s", (int)host.len, (const char *)host.data);
    pthread_mutex_unlock(&to->mutex);
}

static void on_changed(void * context)
{
    (void)context;
}

void recorder_init(recorder * to)
{
    memset(to, 0, sizeof *to);
    pthread_mutex_init(&to->mutex, NULL);
}

static int recorded(recorder * of, const int * value)
{
    pthread_mutex_lock(&of->mutex);
    const int now = *value;
    pthread_mutex_unlock(&of->mutex);
    return now;
}

int recorder_closed(recorder * of)
{
    return recorded(of, &of->closed);
}

int recorder_logged(recorder * of)
{
    return recorded(of, &of->logged);
}

int recorder_flushed(recorder * of)
{
    return recorded(of, &of->flushed);
}

int recorder_has(recorder * of, const char * what)
{
    pthread_mutex_lock(&of->mutex);
    const chmtls_bytes lines = {(const uint8_t *)of->lines, of->used};
    const int found = contains(lines, what);
    pthread_mutex_unlock(&of->mutex);
    return found;
}

/* Looks at an observed value until it is there. */
static int wait_for(recorder * of, const char * line, int closes, int flushes)
{
    const struct timespec step = {0, 2000000};
    for (int i = 0; i < 30000; ++i)
    {
        if ((line == NULL || recorder_has(of, line)) && recorder_closed(of) >= closes && recorder_flushed(of) >= flushes)
            return 1;
        nanosleep(&step, NULL);
    }
    return 0;
}

int recorder_wait_for(recorder * of, const char * what)
{
    return wait_for(of, what, 0, 0);
}

int recorder_wait_for_close(recorder * of)
{
    return wait_for(of, NULL, 1, 0);
}

int recorder_wait_for_flushes(recorder * of, int count)
{
    return wait_for(of, NULL, 0, count);
}

const chmtls_plugin_api * api(void)
{
    static chmtls_plugin_api table;
    if (table.struct_size == 0)
    {
        table.struct_size = sizeof table;
        if (chmtls_get_plugin_api(CHMTLS_ABI_MAJOR, &table) != CHMTLS_OK || table.struct_size != sizeof table)
            die("chmtls_get_plugin_api");
    }
    return &table;
}

chmtls_host host_table(recorder * to)
{
    chmtls_host host;
    memset(&host, 0, sizeof host);
    host.struct_size = sizeof host;
    host.abi_major = CHMTLS_ABI_MAJOR;
    host.abi_minor = CHMTLS_ABI_MINOR;
    host.context = to;
    host.log = on_log;
    host.close_session = on_close;
    host.configuration_changed = on_changed;
    host.flush_dns = on_flush;
    return host;
}

chmtls_configuration configuration(const char * name)
{
    chmtls_configuration made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    made.server = load(name);
    made.users = load("users.xml");
    made.server_source = text("config.xml");
    made.users_source = text("users.xml");
    return made;
}

chmtls_buffer * error_buffer(error_text * to)
{
    to->data[0] = '\0';
    to->buffer.data = to->data;
    to->buffer.capacity = sizeof to->data;
    to->buffer.needed = 0;
    return &to->buffer;
}

chmtls_plugin * open_plugin(const char * configuration_name, recorder * to)
{
    const chmtls_host host = host_table(to);
    const chmtls_configuration asked = configuration(configuration_name);
    chmtls_plugin * plugin = NULL;
    error_text error;
    const chmtls_status status = api()->create(&host, &asked, &plugin, error_buffer(&error));
    if (status != CHMTLS_OK || plugin == NULL)
    {
        fprintf(stderr, "create: status %d: %s\n", (int)status, error.data);
        die("create");
    }
    return plugin;
}

chmtls_peer peer_of(const chmtls_bytes * certificate)
{
    chmtls_peer peer;
    memset(&peer, 0, sizeof peer);
    peer.struct_size = sizeof peer;
    peer.peer = CHMTLS_PEER_CLIENT;
    peer.listener = text("tcp_port_secure");
    peer.chain = certificate;
    peer.chain_len = 1;
    peer.remote_address = text("192.0.2.1:50000");
    return peer;
}

chmtls_identity * identity_of(chmtls_plugin * plugin, const char * der_name)
{
    const chmtls_bytes certificate = load(der_name);
    const chmtls_peer peer = peer_of(&certificate);
    chmtls_identity * identity = NULL;
    const chmtls_status status = api()->verify_peer(plugin, &peer, NULL, &identity, NULL);
    check((status == CHMTLS_OK) == (identity != NULL), "an identity comes with OK and only then");
    return identity;
}

static void put(void * context, uint32_t kind, chmtls_bytes bytes)
{
    collected * to = context;
    if (kind < sizeof to->items / sizeof to->items[0])
        ++to->items[kind];
    to->bytes += bytes.len;
    char * target = kind == CHMTLS_ITEM_USER ? to->user : kind == CHMTLS_ITEM_RULE ? to->rule : NULL;
    if (target != NULL)
        snprintf(target, sizeof to->user, "%.*s", (int)bytes.len, (const char *)bytes.data);
    if (kind == CHMTLS_ITEM_JSON)
        snprintf(to->json, sizeof to->json, "%.*s", (int)bytes.len, (const char *)bytes.data);
}

chmtls_sink sink_to(collected * to)
{
    memset(to, 0, sizeof *to);
    const chmtls_sink sink = {to, put};
    return sink;
}

chmtls_login native_login(const char * user)
{
    chmtls_login login;
    memset(&login, 0, sizeof login);
    login.struct_size = sizeof login;
    login.interface = CHMTLS_INTERFACE_NATIVE;
    login.flags = CHMTLS_LOGIN_USER_NAMED;
    login.user = text(user);
    login.remote_address = text("192.0.2.1:50000");
    return login;
}

chmtls_session session_of(uint64_t token, const char * user)
{
    chmtls_session session;
    memset(&session, 0, sizeof session);
    session.struct_size = sizeof session;
    session.interface = CHMTLS_INTERFACE_NATIVE;
    session.session_token = token;
    session.user = text(user);
    session.rule = text(*user == '\0' ? "" : "alices"); /* a rule without a user: by certificate and password */
    return session;
}
