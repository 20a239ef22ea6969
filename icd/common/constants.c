/* SPDX-License-Identifier: MIT */
#include "constants.h"

#include "mapping.h"
#include "ranges.h"

/* Every page that a kernel may reach costs a page of memory: all of the mapping. */
#define MAPPING_MAX ((size_t)256 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ranges shared = RANGES_INIT;

static bool find_constant(uintptr_t address, struct mapping *mapping)
{
    return mapping_find(address, mapping) && mapping->readable && !mapping->writable &&
           mapping->private;
}

bool constants_are_shared(const void *pointer)
{
    struct mapping mapping;
    return ranges_find(&shared, (uintptr_t)pointer, NULL) &&
           find_constant((uintptr_t)pointer, &mapping);
}

static bool bind(struct spaces *spaces, uintptr_t start, uintptr_t end)
{
    struct range range = {.start = start, .length = end - start};
    for (size_t i = 0; i < spaces->count; i++)
        if (spaces->array[i].vm && i915svm_bind(spaces->array[i].vm, (void *)start, end - start,
                                                I915SVM_BIND_UNSHARE) != I915SVM_OK)
            return false;
    return ranges_insert(&shared, &range);
}

/* What has been bound before stays so, whatever is mapped there now. */
static bool bind_holes(struct spaces *spaces, uintptr_t start, uintptr_t end)
{
    struct range known;
    while (start < end) {
        bool any = ranges_find_next(&shared, start, &known) && known.start < end;
        uintptr_t stop = any ? known.start : end;
        if (start < stop && !bind(spaces, start, stop))
            return false;
        start = any ? known.start + known.length : end;
    }
    return true;
}

bool constants_share(struct spaces *spaces, const void *pointer)
{
    struct mapping mapping;
    if (!find_constant((uintptr_t)pointer, &mapping) || mapping.end - mapping.start > MAPPING_MAX ||
        !spaces_enable(spaces))
        return false;
    pthread_mutex_lock(&lock);
    bool done = bind_holes(spaces, mapping.start, mapping.end);
    pthread_mutex_unlock(&lock);
    return done;
}
