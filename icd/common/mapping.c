/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* PROCMAP_QUERY of include/uapi/linux/fs.h (Linux 6.11), which Debian 12's headers lack. */
struct procmap_query {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY        _IOWR('f', 17, struct procmap_query)
#define PROCMAP_VMA_READABLE 0x01
#define PROCMAP_VMA_WRITABLE 0x02
#define PROCMAP_VMA_SHARED   0x08
#define PROCMAP_OR_NEXT      0x10

/* Sets *known when the kernel has the query: its answer is then definite. */
static bool find_by_query(int fd, uintptr_t address, struct mapping *mapping, bool *known)
{
    struct procmap_query query = {
        .size = sizeof(query), .query_flags = PROCMAP_OR_NEXT, .query_addr = address};
    bool found = ioctl(fd, PROCMAP_QUERY, &query) == 0;
    *known = found || errno == ENOENT;
    if (found)
        *mapping = (struct mapping){.start = query.vma_start,
                                    .end = query.vma_end,
                                    .readable = query.vma_flags & PROCMAP_VMA_READABLE,
                                    .writable = query.vma_flags & PROCMAP_VMA_WRITABLE,
                                    .private = !(query.vma_flags & PROCMAP_VMA_SHARED)};
    return found;
}

static bool find_by_text(uintptr_t address, struct mapping *mapping)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    while (maps && !found && getline(&line, &capacity, maps) > 0) {
        unsigned long start, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3)
            continue;
        found = address < end;
        *mapping = (struct mapping){.start = start,
                                    .end = end,
                                    .readable = mode[0] == 'r',
                                    .writable = mode[1] == 'w',
                                    .private = mode[3] == 'p'};
    }
    free(line);
    if (maps)
        fclose(maps);
    return found;
}

bool mapping_find_next(uintptr_t address, struct mapping *mapping)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    bool known = false, found = false;
    if (fd >= 0) {
        found = find_by_query(fd, address, mapping, &known);
        close(fd);
    }
    return known ? found : find_by_text(address, mapping);
}

bool mapping_find(uintptr_t address, struct mapping *mapping)
{
    return mapping_find_next(address, mapping) && mapping->start <= address;
}

#define COVER_PAGES 1024 /* pages asked for at once */

bool mapping_covers(const void *start, size_t length)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t at = (uintptr_t)start & ~(page - 1);
    uintptr_t end = (uintptr_t)start + (length ? length : 1);
    unsigned char in_core[COVER_PAGES];
    if (end <= at)
        return false;
    while (at < end) {
        size_t step = (end - at + page - 1) & ~(page - 1);
        if (step > COVER_PAGES * page)
            step = COVER_PAGES * page;
        if (mincore((void *)at, step, in_core))
            return false;
        at += step;
    }
    return true;
}

void mapping_explain_refusal(const void *pointer)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    struct mapping mapping;
    if (!mapping_find((uintptr_t)pointer, &mapping) || !mapping.readable || mapping.writable)
        return;
    if (!atomic_flag_test_and_set(&said))
        fprintf(stderr,
                "i915svm: %p is in read-only memory that cannot be made this process's own (mapped "
                "shared, or too much of it), and this GPU has no read-only pages: copy it to "
                "writable memory (said once)\n",
                pointer);
}
