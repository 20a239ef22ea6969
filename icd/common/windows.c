/* SPDX-License-Identifier: MIT */
#include "windows.h"

#define WINDOW_LENGTH ((uint64_t)4 << 30)
#define ADDRESS_LIMIT ((uint64_t)1 << 47)
/* Nothing is ever mapped below (vm.mmap_min_addr), and NEO takes no null pointer. */
#define LOWEST_ADDRESS ((uint64_t)64 << 10)

static uint64_t bit_of(uint64_t index)
{
    return (uint64_t)1 << index % 64;
}

bool windows_is_open(struct windows *windows, const void *pointer)
{
    uint64_t index = (uintptr_t)pointer >> WINDOW_SHIFT;
    return index < WINDOW_COUNT && (atomic_load(&windows->open[index / 64]) & bit_of(index));
}

static bool import_window(struct windows *windows, uint64_t index)
{
    uint64_t start = index << WINDOW_SHIFT;
    uint64_t end = start + WINDOW_LENGTH;
    if (start < LOWEST_ADDRESS)
        start = LOWEST_ADDRESS;
    if (end > ADDRESS_LIMIT - LOWEST_ADDRESS)
        end = ADDRESS_LIMIT - LOWEST_ADDRESS; /* the last page is never user space */
    return windows->import(windows->owner, (void *)start, end - start);
}

bool windows_open(struct windows *windows, const void *pointer)
{
    uint64_t index = (uintptr_t)pointer >> WINDOW_SHIFT;
    if (windows_is_open(windows, pointer))
        return true;
    if (index >= WINDOW_COUNT || (uintptr_t)pointer < LOWEST_ADDRESS)
        return false;
    pthread_mutex_lock(&windows->lock);
    bool done = windows_is_open(windows, pointer) || import_window(windows, index);
    if (done)
        atomic_fetch_or(&windows->open[index / 64], bit_of(index));
    pthread_mutex_unlock(&windows->lock);
    return done;
}
