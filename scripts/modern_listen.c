/* A listening ClickHouse of today out of the library that npm has (@chdb/lib-linux-x64-gnu): the library's entry is `clickhouse
 * local`, whose statement SYSTEM START LISTEN opens tcp_port and http_port of its configuration.
 *
 *   modern_listen LIBCHDB.SO CONFIG.XML
 *
 * Without a terminal the library ends the process at the first exception in a connection's thread, and a wrong password is one:
 * so it gets a pseudo-terminal, whose output nobody wants. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef void * (*run_function)(int, char **);

static void * drop_output(void * descriptor)
{
    char bytes[4096];
    while (read(*(int *)descriptor, bytes, sizeof(bytes)) > 0)
        ;
    return NULL;
}

static int take_terminal(void)
{
    static int master;
    pthread_t thread;
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    const int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (terminal < 0 || dup2(terminal, STDIN_FILENO) < 0)
        return -1;
    return pthread_create(&thread, NULL, drop_output, &master);
}

int main(int argc, char ** argv)
{
    if (argc != 3 || take_terminal() != 0)
    {
        fputs("usage: modern_listen LIBCHDB.SO CONFIG.XML, where there are pseudo-terminals\n", stderr);
        return 2;
    }
    void * const library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL)
    {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    const run_function run = (run_function)dlsym(library, "chdb_query_cmdline");
    char * arguments[]
        = {"clickhouse",
           "--config-file",
           argv[2],
           "--interactive",
           "--disable_suggestion",
           "--query",
           "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP",
           NULL};
    if (run != NULL)
        run(7, arguments);
    fputs("the library did not listen\n", stderr);
    return 1;
}
