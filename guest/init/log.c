// SPDX-License-Identifier: MIT
/* Messages of init, the kernel log's way to the host, and finding virtio ports. */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t klog_pid = -1;

static void vsay(const char *fmt, va_list ap)
{
    char text[512];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    int fd;

    if (n >= (int)sizeof(text))
        n = sizeof(text) - 1;
    fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        dprintf(fd, "<5>svm-init: %s\n", text);
        close(fd);
    }
    if (agent_is_open())
        agent_send(FRAME_STATUS, text, n);
}

void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsay(fmt, ap);
    va_end(ap);
}

void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsay(fmt, ap);
    va_end(ap);
    klog_finish();
    reboot(RB_POWER_OFF);
    _exit(1);
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};

    nanosleep(&t, NULL);
}

static bool port_path(const char *name, char *path, size_t size)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    struct dirent *e;
    bool found = false;

    if (!dir)
        return false;
    while (!found && (e = readdir(dir))) {
        char attr[512], text[64] = "";
        int fd;

        snprintf(attr, sizeof(attr), "/sys/class/virtio-ports/%s/name", e->d_name);
        fd = open(attr, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (read(fd, text, sizeof(text) - 1) > 0) {
            text[strcspn(text, "\n")] = '\0';
            found = !strcmp(text, name);
        }
        close(fd);
        if (found)
            snprintf(path, size, "/dev/%s", e->d_name);
    }
    closedir(dir);
    return found;
}

/* The port's name arrives with a message of the device some time after its driver is up. */
int port_open(const char *name, unsigned timeout_ms)
{
    for (unsigned waited = 0;; waited += 5) {
        char path[300];

        if (port_path(name, path, sizeof(path))) {
            int fd = open(path, O_RDWR | O_CLOEXEC);

            if (fd >= 0 || errno != ENOENT)
                return fd;
        }
        if (waited >= timeout_ms)
            return -1;
        sleep_ms(5);
    }
}

static volatile sig_atomic_t klog_stop;

static void on_term(int sig)
{
    (void)sig;
    klog_stop = 1;
}

/* One record of /dev/kmsg is "prio,seq,usec,flags;text\n key=value\n..."; print as dmesg does. */
static void klog_copy(char *rec, FILE *out)
{
    unsigned prio;
    unsigned long long seq, usec;
    char *text = strchr(rec, ';');

    if (!text || sscanf(rec, "%u,%llu,%llu", &prio, &seq, &usec) != 3)
        return;
    text++;
    text[strcspn(text, "\n")] = '\0';
    fprintf(out, "<%u>[%5llu.%06llu] %s\n", prio & 7, usec / 1000000, usec % 1000000, text);
}

static _Noreturn void klog_child(int port)
{
    struct sigaction sa = {.sa_handler = on_term}; /* no SA_RESTART: read() must return */
    int kmsg = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
    FILE *out = fdopen(port, "w");
    char rec[8192];

    if (kmsg < 0 || !out)
        _exit(1);
    sigaction(SIGTERM, &sa, NULL);
    for (;;) {
        ssize_t n = read(kmsg, rec, sizeof(rec) - 1);

        if (n > 0) {
            rec[n] = '\0';
            klog_copy(rec, out);
        } else if (n < 0 && errno == EAGAIN && klog_stop) {
            break; /* drained */
        } else if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EPIPE) {
            break;
        }
        fflush(out);
        if (klog_stop)
            fcntl(kmsg, F_SETFL, O_NONBLOCK);
    }
    fflush(out);
    _exit(0);
}

void klog_start(void)
{
    int port = port_open(KLOG_PORT, 1000);

    if (port < 0)
        return;
    klog_pid = fork();
    if (klog_pid == 0)
        klog_child(port);
    close(port);
}

void klog_finish(void)
{
    if (klog_pid <= 0)
        return;
    /* The signal may fall between the reader's test and its read(): send it again until it ends. */
    for (int i = 0; i < 100; i++) {
        kill(klog_pid, SIGTERM);
        if (waitpid(klog_pid, NULL, WNOHANG) == klog_pid)
            break;
        sleep_ms(10);
    }
    klog_pid = -1;
}
