/* SPDX-License-Identifier: MIT */
#include "windows.h"

#include "mapping.h"

static pthread_mutex_t cover_lock = PTHREAD_MUTEX_INITIALIZER;

static bool covered(struct windows *windows, void *owner, uintptr_t start, size_t length)
{
    struct range window;
    return ranges_find(&windows->ranges, start, &window) && window.owner == owner &&
           window.start + window.length - start >= length;
}

/* The mapped stretch around the range: one mapping, or several that touch. */
static bool find_stretch(uintptr_t start, size_t length, struct mapping *stretch)
{
    if (!mapping_find(start, stretch) || !stretch->readable)
        return false;
    while (stretch->end - start < length) {
        struct mapping next;
        if (!mapping_find(stretch->end, &next) || !next.readable)
            return false;
        stretch->end = next.end;
    }
    return true;
}

static bool open_window(struct windows *windows, void *owner, const struct mapping *stretch)
{
    struct range window = {
        .start = stretch->start, .length = stretch->end - stretch->start, .owner = owner};
    windows_drop(windows, (void *)window.start, window.length);
    if (!windows->import(owner, (void *)window.start, window.length))
        return false;
    if (ranges_insert(&windows->ranges, &window))
        return true;
    windows->forget(owner, (void *)window.start);
    return false;
}

bool windows_cover(struct windows *windows, void *owner, const void *start, size_t length)
{
    uintptr_t at = (uintptr_t)start;
    if (length > UINTPTR_MAX - at)
        return false;
    pthread_mutex_lock(&cover_lock);
    struct mapping stretch;
    bool done = covered(windows, owner, at, length) ||
                (find_stretch(at, length, &stretch) && open_window(windows, owner, &stretch));
    pthread_mutex_unlock(&cover_lock);
    return done;
}

bool windows_find(struct windows *windows, const void *address, struct range *window)
{
    return ranges_find(&windows->ranges, (uintptr_t)address, window);
}

void windows_drop(struct windows *windows, void *start, size_t length)
{
    struct range window;
    while (ranges_take_overlap(&windows->ranges, (uintptr_t)start, length, &window))
        windows->forget(window.owner, (void *)window.start);
}

void windows_drop_owner(struct windows *windows, void *owner)
{
    struct range window;
    while (ranges_take_owned(&windows->ranges, owner, &window))
        windows->forget(window.owner, (void *)window.start);
}
