/* SPDX-License-Identifier: MIT */
#include "windows.h"

#include "forks.h"
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

/* Read-only memory, or what NEO has reserved for objects: larger than any window. */
static bool is_foreign(const struct mapping *mapping)
{
    return mapping->readable ? !mapping->writable : mapping->end - mapping->start > LENGTH_MAX;
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
        if (mapping.start < limit && is_foreign(&mapping))
            return mapping.start;
    return limit;
}

static bool import(struct windows *windows, uintptr_t start, uintptr_t end)
{
    struct range range = {.start = start, .length = end - start, .owner = windows};
    return windows->import(windows->owner, (void *)start, range.length) &&
           ranges_insert(&windows->ranges, &range);
}

static bool open_writable(struct windows *windows, uintptr_t pointer)
{
    struct mapping mapping;
    if (!mapping_find(pointer, &mapping) || !mapping.readable || !mapping.writable)
        return false;
    uintptr_t start = find_start(windows, &mapping), end = find_end(windows, start);
    /* Mappings longer than a window take several. */
    while (end <= pointer) {
        start = end;
        end = find_end(windows, start);
        if (end <= start)
            return false;
    }
    return import(windows, start, end);
}

/* The mapping alone, or what other windows leave of it around the pointer. */
static bool open_constant(struct windows *windows, uintptr_t pointer)
{
    struct mapping mapping;
    struct range window;
    if (!mapping_find(pointer, &mapping))
        return false;
    uintptr_t start = mapping.start, end = mapping.end;
    while (ranges_find_next(&windows->ranges, start, &window) && window.start < pointer)
        start = window.start + window.length;
    if (ranges_find_next(&windows->ranges, pointer, &window) && window.start < end)
        end = window.start;
    return import(windows, start, end);
}

typedef bool (*opener)(struct windows *windows, uintptr_t pointer);

static bool open_once(struct windows *windows, const void *pointer, opener open)
{
    if (windows_is_open(windows, pointer))
        return true;
    if (!forks_lock(&windows->lock))
        return false;
    bool done = windows_is_open(windows, pointer) || open(windows, (uintptr_t)pointer);
    pthread_mutex_unlock(&windows->lock);
    return done;
}

bool windows_open(struct windows *windows, const void *pointer)
{
    return open_once(windows, pointer, open_writable);
}

bool windows_open_constant(struct windows *windows, const void *pointer)
{
    return open_once(windows, pointer, open_constant);
}
