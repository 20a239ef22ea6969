/* SPDX-License-Identifier: MIT */
/*
 * Windows: how NEO is told of memory that is not its own.
 *
 * NEO takes pointers it does not know in few calls only, but it can be told of any existing
 * memory as a "host allocation" at its own address: a userptr object. In a mirrored VM i915
 * services such an object by SVM, so it holds no pages and may be mostly holes. The address
 * space is therefore cut in windows of 4 GiB (what one surface can span) that start every 2 GiB,
 * so that 2 GiB at least follow any pointer in the window NEO finds for it; each is told to NEO
 * when the first pointer into it shows up, and never withdrawn while NEO may still refer to it.
 */
#ifndef ICD_WINDOWS_H
#define ICD_WINDOWS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_SHIFT 31
#define WINDOW_COUNT (1u << (47 - WINDOW_SHIFT)) /* user space has 47 bits */

struct windows {
    pthread_mutex_t lock;
    void *owner; /* given to import */
    bool (*import)(void *owner, void *start, size_t length);
    _Atomic uint64_t open[WINDOW_COUNT / 64];
};

/* False if the pointer is no user address or NEO refused. */
bool windows_open(struct windows *windows, const void *pointer);
/* Whether NEO knows the pointer (perhaps only) by a window. */
bool windows_is_open(struct windows *windows, const void *pointer);

#endif
