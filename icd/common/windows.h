/* SPDX-License-Identifier: MIT */
/*
 * Windows: how NEO is told of memory that is not its own.
 *
 * NEO takes pointers it does not know in few calls only, but it can be told of any existing
 * memory as a "host allocation" at its own address: a userptr object. In a mirrored VM i915
 * services such an object by SVM, so it holds no pages and may have holes. A window starts where
 * the mapping of the first pointer into it does, and reaches over holes and neighbours, so that
 * heaps may grow, up to what a surface can span or to the next mapping that cannot be written:
 * that is not mirrored (Gen12 has no read-only pages), and NEO must go on treating it as foreign,
 * unless it is shared as a constant (constants.h), which makes a window of its own.
 * A window is never withdrawn, as NEO may still refer to it.
 */
#ifndef ICD_WINDOWS_H
#define ICD_WINDOWS_H

#include "ranges.h"

struct windows {
    pthread_mutex_t lock;
    void *owner; /* given to import */
    bool (*import)(void *owner, void *start, size_t length);
    struct ranges ranges;
};

/* Makes NEO know the pointer. False if there is no writable memory, or NEO refused. */
bool windows_open(struct windows *windows, const void *pointer);
/* The same for memory that is bound otherwise, though it cannot be written. */
bool windows_open_constant(struct windows *windows, const void *pointer);
/* Whether NEO knows the pointer (perhaps only) by a window. */
bool windows_is_open(struct windows *windows, const void *pointer);

#endif
