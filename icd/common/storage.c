/* SPDX-License-Identifier: MIT */
#include "storage.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_PAGE ((size_t)2 << 20)

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t storage_length(size_t size)
{
    size_t mask = page_size() - 1;
    return size > SIZE_MAX - mask ? 0 : (size + mask) & ~mask;
}

void *storage_map(size_t length, size_t alignment)
{
    /* Whole large pages can be migrated and mapped as such. */
    if (length >= LARGE_PAGE && alignment < LARGE_PAGE)
        alignment = LARGE_PAGE;
    size_t slack = alignment > page_size() ? alignment - page_size() : 0;
    if (!length || length > SIZE_MAX - slack)
        return NULL;
    char *map =
        mmap(NULL, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (!slack)
        return map;
    char *aligned = (char *)(((uintptr_t)map + alignment - 1) & ~(alignment - 1));
    if (aligned > map)
        munmap(map, (size_t)(aligned - map));
    if (aligned < map + slack)
        munmap(aligned + length, (size_t)(map + slack - aligned));
    return aligned;
}

void storage_unmap(void *start, size_t length)
{
    munmap(start, length);
}
