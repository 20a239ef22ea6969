/* SPDX-License-Identifier: MIT */
#include "windows.h"

#include "mapping.h"

/* A surface spans 4 GiB; NEO adds to the length what it takes from an unaligned address. */
#define LENGTH_MAX (((uintptr_t)4 << 30) - ((uintptr_t)64 << 10))
/* How far a window reaches down into a hole, for stacks to grow. */
#define HEADROOM      ((uintptr_t)64 << 20)
#define LOWEST        ((uintptr_t)64 << 10)         /* vm.mmap_min_addr */
#define ADDRESS_LIMIT (((uintptr_t)1 << 47) - 4096) /* the last page is never user space */

bool windows_is_open(struct windows *windows, const void *pointer)
{
    return ranges_find(&windows->ranges, (uintptr_t)pointer, NULL);
}

/* The lowest address from which on there is nothing but a hole below the mapping. */
static uintptr_t find_start(struct windows *windows, const struct mapping *mapping)
{
    uintptr_t start = mapping->start > HEADROOM + LOWEST ? mapping->start - HEADROOM : LOWEST;
    struct mapping other;
    struct range window;
    while (mapping_find_next(start, &other) && other.start < mapping->start)
        start = other.end;
    while (ranges_find_next(&windows->ranges, start, &window) && window.start < mapping->start)
        start = window.start + window.length;
    return start;
}

/* The first address from start on that must not be in a window. */
static uintptr_t find_end(struct windows *windows, uintptr_t start)
{
    uintptr_t limit = start < ADDRESS_LIMIT - LENGTH_MAX ? start + LENGTH_MAX : ADDRESS_LIMIT;
    struct range window;
    struct mapping mapping;
    if (ranges_find_next(&windows->ranges, start, &window) && window.start < limit)
        limit = window.start; /* NEO takes no overlap */
    for (uintptr_t at = start; at < limit && mapping_find_next(at, &mapping); at = mapping.end)
        if (mapping.start < limit && mapping.readable && !mapping.writable)
            return mapping.start;
    return limit;
}

static bool open_locked(struct windows *windows, uintptr_t pointer)
{
    struct mapping mapping;
    if (!mapping_find(pointer, &mapping) || !mapping.readable || !mapping.writable)
        return false;
    struct range range = {.start = find_start(windows, &mapping), .owner = windows};
    uintptr_t end = find_end(windows, range.start);
    /* Mappings longer than a window take several. */
    while (end <= pointer) {
        range.start = end;
        end = find_end(windows, range.start);
        if (end <= range.start)
            return false;
    }
    range.length = end - range.start;
    return windows->import(windows->owner, (void *)range.start, range.length) &&
           ranges_insert(&windows->ranges, &range);
}

bool windows_open(struct windows *windows, const void *pointer)
{
    if (windows_is_open(windows, pointer))
        return true;
    pthread_mutex_lock(&windows->lock);
    bool done = windows_is_open(windows, pointer) || open_locked(windows, (uintptr_t)pointer);
    pthread_mutex_unlock(&windows->lock);
    return done;
}
