/* SPDX-License-Identifier: MIT */
/* Where the process's memory is, as the kernel sees it through the runtime's own VM. */
#ifndef SAMPLES_PLACES_H
#define SAMPLES_PLACES_H

#include <i915svm/i915svm.h>

struct place_sums {
    uint64_t bytes_system, bytes_device;
    uint64_t pages_4k, pages_64k, pages_2m;
};

/* Around a runtime's start: what it opened in between is its device. NULL, or an error. */
void places_before(void);
const char *places_after(void);
void places_close(void);

/*
 * Remembers the mappings that hold these pointers: the data. NULL, or an error. The two below
 * are about this memory.
 */
const char *places_remember(const void *const *pointers, int count);
struct place_sums places_sum(void);
/* Moves all of it; how many bytes did, and how many could not. */
i915svm_prefetch_result places_prefetch(i915svm_location to);

/* Prints where a range is: "LABEL: N KiB in system, N KiB in device memory". */
void places_print(const char *label, const void *start, size_t length);

#endif
