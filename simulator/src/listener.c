/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* accept4 */
#include "listener.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What the signal handler, on the same thread as all else here, shuts down; -1: nothing. */
static volatile sig_atomic_t listening = -1, serving = -1;
static volatile sig_atomic_t stopped;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

/* 0 when nothing is in the way any more. */
static int remove_stale(const char *path)
{
    struct sockaddr_un address = address_of(path);
    struct stat st;
    int fd, error;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    fd = new_socket();
    if (fd < 0)
        return fd;
    error = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
    close(fd);
    if (!error)
        return -EADDRINUSE;
    if (error != ECONNREFUSED) /* only this says that nobody listens */
        return -error;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int listen_at(int fd, const char *path)
{
    struct sockaddr_un address = address_of(path);
    mode_t mask = umask(0177); /* who may connect may drive the device: the owner only */
    int ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
    int error = errno;

    umask(mask);
    if (ret < 0)
        return -error;
    return listen(fd, 1) < 0 ? -errno : 0;
}

/* Between bind and listen a client would be refused: path appears when that is over. */
int listener_open(const char *path)
{
    char early[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int ret = remove_stale(path);
    int fd;

    if (ret < 0)
        return ret;
    fd = new_socket();
    if (fd < 0)
        return fd;
    snprintf(early, sizeof(early), "%s" LISTENER_EARLY_SUFFIX, path);
    unlink(early); /* of a server killed just there */
    ret = listen_at(fd, early);
    if (!ret && rename(early, path) < 0)
        ret = -errno;
    if (ret < 0) {
        unlink(early);
        close(fd);
        return ret;
    }
    return fd;
}

void listener_close(int listener, const char *path)
{
    listening = -1;
    close(listener);
    unlink(path);
}

static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    stopped = 1;
    if (listening >= 0)
        shutdown(listening, SHUT_RDWR);
    if (serving >= 0)
        shutdown(serving, SHUT_RDWR);
    errno = saved;
}

static sigset_t end_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void listener_block_signals(void)
{
    sigset_t set = end_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void listener_catch_signals(int listener)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set = end_signals();

    listening = listener;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool listener_stopped(void)
{
    return stopped;
}

int listener_accept(int listener)
{
    int fd;

    do {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED) && !stopped);
    if (fd < 0)
        return -1;
    serving = fd;
    if (stopped) { /* the signal may have come before the handler could know of fd */
        listener_end_client(fd);
        return -1;
    }
    return fd;
}

void listener_end_client(int client)
{
    serving = -1;
    close(client);
}
