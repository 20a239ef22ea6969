/* SPDX-License-Identifier: MIT */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

#include "forks.h"

/* First range whose end is above the address. */
static size_t lower_bound(const struct ranges *ranges, uintptr_t address)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct range *range = &ranges->array[middle];
        if (range->start + range->length <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow(struct ranges *ranges)
{
    if (ranges->count < ranges->capacity)
        return true;
    size_t capacity = ranges->capacity ? 2 * ranges->capacity : 16;
    struct range *array = realloc(ranges->array, capacity * sizeof(*array));
    if (!array)
        return false;
    ranges->array = array;
    ranges->capacity = capacity;
    return true;
}

static bool insert_locked(struct ranges *ranges, struct range *range)
{
    size_t at = lower_bound(ranges, range->start);
    if (at < ranges->count && ranges->array[at].start < range->start + range->length)
        return false;
    if (!grow(ranges))
        return false;
    memmove(&ranges->array[at + 1], &ranges->array[at],
            (ranges->count - at) * sizeof(*ranges->array));
    range->id = ++ranges->last_id;
    ranges->array[at] = *range;
    ranges->count++;
    return true;
}

bool ranges_insert(struct ranges *ranges, struct range *range)
{
    if (forks_is_child())
        return false;
    pthread_rwlock_wrlock(&ranges->lock);
    bool done = insert_locked(ranges, range);
    pthread_rwlock_unlock(&ranges->lock);
    return done;
}

bool ranges_find(struct ranges *ranges, uintptr_t address, struct range *found)
{
    if (forks_is_child())
        return false;
    pthread_rwlock_rdlock(&ranges->lock);
    size_t at = lower_bound(ranges, address);
    bool known = at < ranges->count && ranges->array[at].start <= address;
    if (known && found)
        *found = ranges->array[at];
    pthread_rwlock_unlock(&ranges->lock);
    return known;
}

bool ranges_find_next(struct ranges *ranges, uintptr_t address, struct range *found)
{
    if (forks_is_child())
        return false;
    pthread_rwlock_rdlock(&ranges->lock);
    size_t at = lower_bound(ranges, address);
    bool known = at < ranges->count;
    if (known)
        *found = ranges->array[at];
    pthread_rwlock_unlock(&ranges->lock);
    return known;
}

static void remove_locked(struct ranges *ranges, size_t at, struct range *taken)
{
    *taken = ranges->array[at];
    ranges->count--;
    memmove(&ranges->array[at], &ranges->array[at + 1],
            (ranges->count - at) * sizeof(*ranges->array));
}

bool ranges_take(struct ranges *ranges, uintptr_t start, const void *owner, struct range *taken)
{
    if (forks_is_child())
        return false;
    pthread_rwlock_wrlock(&ranges->lock);
    size_t at = lower_bound(ranges, start);
    bool known = at < ranges->count && ranges->array[at].start == start &&
                 (!owner || ranges->array[at].owner == owner);
    if (known)
        remove_locked(ranges, at, taken);
    pthread_rwlock_unlock(&ranges->lock);
    return known;
}

bool ranges_take_owned(struct ranges *ranges, const void *owner, struct range *taken)
{
    bool known = false;
    if (forks_is_child())
        return false;
    pthread_rwlock_wrlock(&ranges->lock);
    for (size_t i = 0; i < ranges->count && !known; i++) {
        if (owner && ranges->array[i].owner != owner)
            continue;
        remove_locked(ranges, i, taken);
        known = true;
    }
    pthread_rwlock_unlock(&ranges->lock);
    return known;
}
