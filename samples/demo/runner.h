/* SPDX-License-Identifier: MIT */
/* One API that can run the demo's kernels on raw pointers. */
#ifndef DEMO_RUNNER_H
#define DEMO_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

enum demo_kernel { KERNEL_COUNT, KERNEL_SEARCH, KERNEL_UPDATE, KERNEL_KINDS };

struct argument {
    bool is_pointer;
    union {
        const void *pointer;
        uint32_t number;
    };
};

#define POINTER(p)    ((struct argument){.is_pointer = true, .pointer = (p)})
#define NUMBER(n)     ((struct argument){.number = (n)})
#define ARGUMENTS_MAX 4

struct runner {
    const char *name;
    /* NULL, or why this API cannot be used. */
    const char *(*open)(void);
    /* Runs a kernel over count work items and waits. NULL, or what went wrong. */
    const char *(*run)(enum demo_kernel kernel, const struct argument *arguments, int number,
                       uint32_t count);
    void (*close)(void);
};

extern const struct runner runner_opencl;
extern const struct runner runner_level_zero;
extern const char *const kernel_names[KERNEL_KINDS];

#endif
