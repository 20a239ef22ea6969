/* SPDX-License-Identifier: MIT */
/*
 * Windows: stretches of this process's memory that NEO has been told of.
 *
 * Some of NEO's calls take only pointers it knows. NEO can be told of any existing memory as a
 * "host allocation" at its own address (a userptr object). In a mirrored VM the kernel services
 * such an object by SVM, so a window costs no second mapping, pins nothing, and may have holes;
 * one per mapping (VMA) is enough, and it is renewed when the mapping has changed.
 */
#ifndef ICD_WINDOWS_H
#define ICD_WINDOWS_H

#include "ranges.h"

struct windows {
    struct ranges ranges;
    /* Tell NEO of memory, or that it should forget it. */
    bool (*import)(void *owner, void *start, size_t length);
    void (*forget)(void *owner, void *start);
};

/* Makes sure that NEO knows [start, start + length) in the owner; false if it is not mapped. */
bool windows_cover(struct windows *windows, void *owner, const void *start, size_t length);
/* The window that holds the address. */
bool windows_find(struct windows *windows, const void *address, struct range *window);
/* Memory that goes away, or an owner that does. */
void windows_drop(struct windows *windows, void *start, size_t length);
void windows_drop_owner(struct windows *windows, void *owner);

#endif
