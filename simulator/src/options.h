/* SPDX-License-Identifier: MIT */
/* options.h - the command line of dg1-sim. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *socket; /* path */
    const char *log;    /* path, NULL: stderr */
    uint64_t lmem_size; /* bytes */
    uint64_t lmem_bar;  /* bytes; 0: all of it */
    unsigned trace;     /* bits of enum dg1_trace */
    unsigned workers;   /* 0: one per CPU */
    bool once;
};

/* Serves --help and --version, and exits with status 2 and a message on a bad option. */
void options_parse(struct options *options, int argc, char **argv);
#endif
