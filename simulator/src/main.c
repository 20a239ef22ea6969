/* SPDX-License-Identifier: MIT */
/* dg1-sim: one simulated DG1 behind one vfio-user socket. */
#include "dg1.h"
#include "listener.h"
#include "options.h"
#include "vfio_user.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_why(const char *what, int error)
{
    fprintf(stderr, "dg1-sim: %s: %s\n", what, strerror(error));
}

static FILE *open_log(const char *path)
{
    FILE *log = path ? fopen(path, "we") : stderr;

    if (log)
        setvbuf(log, NULL, _IOLBF, 0); /* readable while the program runs */
    return log;
}

static int serve_clients(struct vfio_user *server, int listener, const struct options *options,
                         FILE *log)
{
    do {
        int client = listener_accept(listener);
        int ret;

        if (client < 0 && listener_stopped())
            return EXIT_SUCCESS;
        if (client < 0) {
            say_why("cannot accept a client", errno);
            return EXIT_FAILURE;
        }
        fprintf(log, "client connected\n");
        ret = vfio_user_serve(server, client);
        listener_end_client(client);
        if (ret < 0 && !listener_stopped())
            fprintf(log, "client lost: %s\n", strerror(-ret));
        else
            fprintf(log, "client disconnected\n");
    } while (!options->once && !listener_stopped());
    return EXIT_SUCCESS;
}

static struct dg1 *create_device(const struct options *options, struct vfio_user *server, FILE *log)
{
    const struct dg1_config config = {
        .lmem_size = options->lmem_size,
        .eu_workers = options->workers,
        .trace = options->trace,
        .log = log,
        .raise_msi = vfio_user_raise_msi,
        .opaque = server,
    };
    struct dg1 *dg1 = dg1_create(&config);

    if (!dg1) {
        say_why("cannot create the device", errno);
        return NULL;
    }
    vfio_user_attach(server, dg1);
    if (options->lmem_bar)
        vfio_user_set_lmem_bar(server, options->lmem_bar);
    return dg1;
}

static int run(const struct options *options, struct vfio_user *server, struct dg1 *dg1, FILE *log)
{
    int listener = listener_open(options->socket);
    int status;

    if (listener < 0) {
        say_why(options->socket, -listener);
        return EXIT_FAILURE;
    }
    listener_catch_signals(listener);
    fprintf(log, "listening on %s, %llu MiB of local memory\n", options->socket,
            (unsigned long long)(dg1_lmem_size(dg1) >> 20));
    status = serve_clients(server, listener, options, log);
    listener_close(listener, options->socket);
    dg1_report(dg1, log);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct vfio_user *server;
    struct dg1 *dg1;
    int status = EXIT_FAILURE;
    FILE *log;

    options_parse(&options, argc, argv);
    log = open_log(options.log);
    if (!log) {
        say_why(options.log, errno);
        return EXIT_FAILURE;
    }
    listener_block_signals(); /* the device's threads inherit this */
    signal(SIGPIPE, SIG_IGN); /* a client may send a pipe where an eventfd belongs */
    server = vfio_user_create(log);
    if (!server) {
        say_why("cannot create the server", errno);
        return EXIT_FAILURE;
    }
    dg1 = create_device(&options, server, log);
    if (dg1)
        status = run(&options, server, dg1, log);
    dg1_destroy(dg1);
    vfio_user_destroy(server);
    if (log != stderr)
        fclose(log);
    return status;
}
