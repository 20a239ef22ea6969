/* SPDX-License-Identifier: MIT */
/* listener.h - the UNIX socket clients connect to, and the end of everything by a signal. */
#ifndef SIM_LISTENER_H
#define SIM_LISTENER_H

#include <stdbool.h>
#include <sys/un.h>

/* The socket has this behind its name until it listens. */
#define LISTENER_EARLY_SUFFIX ".new"
/* Characters in a path that listener_open can use. */
#define LISTENER_MAX_PATH \
    (sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof(LISTENER_EARLY_SUFFIX))

/*
 * Listen on path. A socket left behind there by a dead server is removed; anything else in the
 * way is an error. Returns a descriptor or a negative errno (-EADDRINUSE: a server lives).
 */
int listener_open(const char *path);
/* Closes it and removes path. */
void listener_close(int listener, const char *path);

/*
 * From here on SIGTERM and SIGINT stop the program: they shut down the listener and the client
 * being served, so that whatever waits on either returns. Only the calling thread takes the
 * signals; threads created before this must block them (listener_block_signals).
 */
void listener_catch_signals(int listener);
void listener_block_signals(void);
bool listener_stopped(void);

/* The next client. -1 when stopped or on failure (errno). */
int listener_accept(int listener);
/* Ends the client that listener_accept returned. */
void listener_end_client(int client);
#endif
