/* SPDX-License-Identifier: MIT */
/*
 * The guest's init: a static program that is the whole initramfs' user space. It mounts the root
 * image, loads i915, and runs one command on behalf of ./svm, which it talks to over a virtio port.
 */
#ifndef SVM_INIT_H
#define SVM_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the real root is assembled before init enters it. */
#define NEW_ROOT "/root"
/* Names of the virtio ports, given by ./svm on QEMU's command line (guest/svmtool/vm.py). */
#define AGENT_PORT "svm.agent"
#define KLOG_PORT  "svm.klog"
/* Serial number of the virtio disk that carries the root image (guest/svmtool/vm.py). */
#define ROOT_SERIAL "svm-root"

/*
 * Frames on the agent port: one byte of type, four bytes of little-endian length, then the
 * payload. The same numbers stand in guest/svmtool/agent.py.
 */
enum frame_type {
    FRAME_HELLO = 1,  /* guest: init is up, send the configuration */
    FRAME_CONFIG = 2, /* host: NUL-terminated "key=value" strings, see struct config */
    FRAME_STDIN = 3,  /* host: input of the command; empty means end of file */
    FRAME_STDOUT = 4, /* guest: output of the command */
    FRAME_STDERR = 5,
    FRAME_WINSIZE = 6, /* host: u16 rows, u16 columns */
    FRAME_EXIT = 7,    /* guest: u32, the status a shell would report */
    FRAME_STATUS = 8,  /* guest: text, a problem of the boot that the user must see */
};

#define MAX_ITEMS 256

struct config {
    char *argv[MAX_ITEMS];   /* arg= : the command */
    char *env[MAX_ITEMS];    /* env= : its environment */
    char *mounts[MAX_ITEMS]; /* mount=TAG:ro|rw:PATH : 9p shares, in this order */
    char *modopts;           /* i915= : added to i915's module parameters */
    char *cwd;               /* cwd= */
    bool gpu;                /* gpu=1 : load i915 before the command */
    bool tty;                /* tty=1 : give the command a terminal */
    uint16_t rows, cols;     /* its first size */
};

/* log.c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void klog_start(void);
void klog_finish(void);
int port_open(const char *name, unsigned timeout_ms);

/* mounts.c */
void mount_early(void);
void mount_root(void);
void mount_shares(const struct config *cfg);
void enter_root(void);

/* modules.c */
void modules_load_list(const char *list, const char *last_params);
void gpu_load(const struct config *cfg);

/* agent.c */
void agent_open(void);
void agent_config(struct config *cfg);
void agent_send(enum frame_type type, const void *data, size_t len);
bool agent_is_open(void);
int agent_run(const struct config *cfg);

#endif
