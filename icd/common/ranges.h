/* SPDX-License-Identifier: MIT */
/* A set of disjoint address ranges with a payload each; every call locks the set itself. In a child
 * of fork() a set is empty, and stays so. */
#ifndef ICD_RANGES_H
#define ICD_RANGES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uintptr_t start;
    size_t length;
    void *owner;  /* the API's context */
    void *device; /* the API's device, or NULL */
    uint64_t id;  /* never reused */
    uint32_t kind, flags;
};

struct ranges {
    pthread_rwlock_t lock;
    struct range *array; /* ascending */
    size_t count, capacity;
    uint64_t last_id;
};

#define RANGES_INIT                        \
    {                                      \
        .lock = PTHREAD_RWLOCK_INITIALIZER \
    }

/* False if memory ran out or the range overlaps one of the set. Sets range->id. */
bool ranges_insert(struct ranges *ranges, struct range *range);
/* The range that holds the address. */
bool ranges_find(struct ranges *ranges, uintptr_t address, struct range *found);
/* The range that holds the address, or else the next one above. */
bool ranges_find_next(struct ranges *ranges, uintptr_t address, struct range *found);
/* Takes out the range that starts exactly there, if owner is NULL or is its owner. */
bool ranges_take(struct ranges *ranges, uintptr_t start, const void *owner, struct range *taken);
/* Takes out any range of the owner, or with NULL of any. */
bool ranges_take_owned(struct ranges *ranges, const void *owner, struct range *taken);

#endif
