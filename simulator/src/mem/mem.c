/* SPDX-License-Identifier: MIT */
/*
 * mem.c - local memory and the table of guest RAM that the bus mapped.
 *
 * Readers (engine threads, EU workers) look addresses up without a lock, under a lease. A
 * writer publishes a new table, bumps the generation and waits until no lease is left that was
 * opened before that; only then it unmaps host memory and frees old tables.
 *
 * Why that is safe: a reader stores its lease's generation before it loads the table, a
 * writer stores the table and the generation before it loads the leases, and full fences lie
 * between. So either the reader sees the new table, or the writer sees the lease.
 */
#define _GNU_SOURCE
#include "mem/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_MASK 4095ull

/* One range the bus mapped. host is NULL when it cannot be reached (mapped without fd). */
struct dma_map {
    uint64_t iova, size;
    uint8_t *host;
    bool writable;
};

/* Sorted by iova, without overlaps; never changed once published. */
struct dma_table {
    struct dma_table *next_retired;
    size_t count;
    struct dma_map maps[];
};

/* In a cache line of its own: its thread writes it all the time. */
struct mem_lease {
    _Alignas(64) struct mem *mem;
    struct mem_lease *next;
    _Atomic uint32_t opened; /* generation at opening; 0: closed */
};

struct mem {
    _Atomic(struct dma_table *) table;
    uint32_t generation; /* never 0; accessed atomically */
    uint8_t *lmem;
    uint64_t lmem_size;
    int lmem_fd;
    FILE *log;
    struct dma_table *retired; /* writer only: readers may still hold them */
    size_t retired_bytes;
    pthread_mutex_t leases_lock;
    struct mem_lease *leases;
};

/* What old tables may hold before a writer waits for readers just to free them. */
#define RETIRED_BYTES_MAX (1u << 20)
/* The kernel's vfio driver allows 65535 (its dma_entry_limit); QEMU uses some dozens. */
#define DMA_MAPS_MAX 65535u

struct mem *mem_create(uint64_t lmem_size)
{
    struct mem *mem = calloc(1, sizeof(*mem));
    if (!mem)
        return NULL;
    mem->lmem_size = lmem_size;
    mem->lmem_fd = memfd_create("dg1-lmem", MFD_CLOEXEC);
    if (mem->lmem_fd < 0)
        goto fail_free;
    if (ftruncate(mem->lmem_fd, (off_t)lmem_size))
        goto fail_close;
    mem->lmem =
        mmap(NULL, lmem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, mem->lmem_fd, 0);
    if (mem->lmem == MAP_FAILED)
        goto fail_close;
    madvise(mem->lmem, lmem_size, MADV_HUGEPAGE); /* only speed: its failure does not matter */
    struct dma_table *table = calloc(1, sizeof(*table));
    if (!table)
        goto fail_unmap;
    atomic_init(&mem->table, table);
    mem->generation = 1;
    pthread_mutex_init(&mem->leases_lock, NULL);
    return mem;

fail_unmap:
    munmap(mem->lmem, lmem_size);
fail_close:
    close(mem->lmem_fd);
fail_free:
    free(mem);
    return NULL;
}

static void free_retired(struct mem *mem)
{
    while (mem->retired) {
        struct dma_table *table = mem->retired;
        mem->retired = table->next_retired;
        free(table);
    }
    mem->retired_bytes = 0;
}

void mem_destroy(struct mem *mem)
{
    if (!mem)
        return;
    struct dma_table *table = atomic_load(&mem->table);
    for (size_t i = 0; i < table->count; i++)
        if (table->maps[i].host)
            munmap(table->maps[i].host, table->maps[i].size);
    free(table);
    free_retired(mem);
    munmap(mem->lmem, mem->lmem_size);
    close(mem->lmem_fd);
    pthread_mutex_destroy(&mem->leases_lock);
    free(mem);
}

void mem_set_log(struct mem *mem, FILE *log)
{
    mem->log = log;
}

int mem_lmem_fd(const struct mem *mem)
{
    return mem->lmem_fd;
}

uint8_t *mem_lmem(const struct mem *mem)
{
    return mem->lmem;
}

uint64_t mem_lmem_size(const struct mem *mem)
{
    return mem->lmem_size;
}

uint32_t mem_generation(const struct mem *mem)
{
    return __atomic_load_n(&mem->generation, __ATOMIC_ACQUIRE);
}

const uint32_t *mem_generation_ptr(const struct mem *mem)
{
    return &mem->generation;
}

/* --- leases --- */

struct mem_lease *mem_lease_create(struct mem *mem)
{
    struct mem_lease *lease = aligned_alloc(_Alignof(struct mem_lease), sizeof(*lease));
    if (!lease)
        return NULL;
    lease->mem = mem;
    atomic_init(&lease->opened, 0);
    pthread_mutex_lock(&mem->leases_lock);
    lease->next = mem->leases;
    mem->leases = lease;
    pthread_mutex_unlock(&mem->leases_lock);
    return lease;
}

void mem_lease_destroy(struct mem_lease *lease)
{
    if (!lease)
        return;
    struct mem *mem = lease->mem;
    pthread_mutex_lock(&mem->leases_lock);
    struct mem_lease **at = &mem->leases;
    while (*at != lease)
        at = &(*at)->next;
    *at = lease->next;
    pthread_mutex_unlock(&mem->leases_lock);
    free(lease);
}

void mem_lease_open(struct mem_lease *lease)
{
    uint32_t now = __atomic_load_n(&lease->mem->generation, __ATOMIC_RELAXED);
    atomic_store_explicit(&lease->opened, now, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void mem_lease_close(struct mem_lease *lease)
{
    atomic_store_explicit(&lease->opened, 0, memory_order_release);
}

bool mem_lease_wanted(const struct mem_lease *lease)
{
    uint32_t opened = atomic_load_explicit(&lease->opened, memory_order_relaxed);
    return opened && opened != __atomic_load_n(&lease->mem->generation, __ATOMIC_RELAXED);
}

static bool old_lease_open(struct mem *mem, uint32_t generation)
{
    bool found = false;
    pthread_mutex_lock(&mem->leases_lock);
    for (struct mem_lease *l = mem->leases; l && !found; l = l->next) {
        uint32_t opened = atomic_load_explicit(&l->opened, memory_order_acquire);
        found = opened && opened != generation;
    }
    pthread_mutex_unlock(&mem->leases_lock);
    return found;
}

/* Returns when nobody holds a pointer found through a table older than the current one. */
static void wait_for_readers(struct mem *mem)
{
    uint32_t generation = mem->generation + 1;
    if (!generation)
        generation = 1;
    __atomic_store_n(&mem->generation, generation, __ATOMIC_SEQ_CST);
    atomic_thread_fence(memory_order_seq_cst);

    struct timespec nap = {.tv_nsec = 20000};
    uint64_t waited_ns = 0, next_complaint_ns = 1000000000;
    while (old_lease_open(mem, generation)) {
        nanosleep(&nap, NULL);
        waited_ns += (uint64_t)nap.tv_nsec;
        if (nap.tv_nsec < 1000000)
            nap.tv_nsec *= 2;
        if (waited_ns >= next_complaint_ns) {
            fprintf(mem->log ? mem->log : stderr,
                    "mem: unmapping guest memory waits for an engine since %llu s\n",
                    (unsigned long long)(waited_ns / 1000000000));
            next_complaint_ns *= 2;
        }
    }
    free_retired(mem);
}

/* --- guest RAM --- */

static void publish(struct mem *mem, struct dma_table *table)
{
    struct dma_table *old = atomic_exchange(&mem->table, table);
    old->next_retired = mem->retired;
    mem->retired = old;
    mem->retired_bytes += sizeof(*old) + old->count * sizeof(old->maps[0]);
}

/* Index of the first mapping that ends after addr. */
static size_t first_ending_after(const struct dma_table *table, uint64_t addr)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (table->maps[mid].iova + (table->maps[mid].size - 1) < addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool good_range(uint64_t start, uint64_t size)
{
    return size && !((start | size) & PAGE_MASK) && start + (size - 1) >= start;
}

/* Host mapping of the file range, or NULL with *err set. */
static uint8_t *map_file(int fd, uint64_t offset, uint64_t size, bool writable, int *err)
{
    struct stat st;
    if (fstat(fd, &st)) {
        *err = -errno;
        return NULL;
    }
    /* Beyond the end of the file an access would be a SIGBUS. */
    if (!S_ISREG(st.st_mode) || !good_range(offset, size) || st.st_size < 0 ||
        offset + size > (uint64_t)st.st_size || offset + size < offset) {
        *err = -EINVAL;
        return NULL;
    }
    int prot = PROT_READ | (writable ? PROT_WRITE : 0);
    void *host = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
    if (host == MAP_FAILED) {
        *err = -errno;
        return NULL;
    }
    return host;
}

int mem_dma_map(struct mem *mem, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                bool writable)
{
    if (!good_range(iova, size))
        return -EINVAL;
    const struct dma_table *old = atomic_load(&mem->table);
    size_t at = first_ending_after(old, iova);
    if (at < old->count && old->maps[at].iova <= iova + (size - 1))
        return -EEXIST;
    if (old->count >= DMA_MAPS_MAX)
        return -ENOSPC;

    struct dma_map map = {.iova = iova, .size = size, .writable = writable};
    int err = 0;
    if (fd >= 0 && !(map.host = map_file(fd, offset, size, writable, &err)))
        return err;
    struct dma_table *table = malloc(sizeof(*table) + (old->count + 1) * sizeof(table->maps[0]));
    if (!table) {
        if (map.host)
            munmap(map.host, size);
        return -ENOMEM;
    }
    table->count = old->count + 1;
    memcpy(table->maps, old->maps, at * sizeof(table->maps[0]));
    table->maps[at] = map;
    memcpy(table->maps + at + 1, old->maps + at, (old->count - at) * sizeof(table->maps[0]));
    publish(mem, table);
    if (mem->retired_bytes > RETIRED_BYTES_MAX)
        wait_for_readers(mem);
    return 0;
}

/* Drops the mappings [first, end) of the current table. */
static int drop_maps(struct mem *mem, size_t first, size_t end)
{
    struct dma_table *old = atomic_load(&mem->table);
    size_t left = old->count - (end - first);
    struct dma_table *table = malloc(sizeof(*table) + left * sizeof(table->maps[0]));
    struct dma_map *gone = malloc((end - first) * sizeof(*gone));
    if (!table || !gone) {
        free(table);
        free(gone);
        return -ENOMEM;
    }
    table->count = left;
    memcpy(gone, old->maps + first, (end - first) * sizeof(*gone));
    memcpy(table->maps, old->maps, first * sizeof(table->maps[0]));
    memcpy(table->maps + first, old->maps + end, (old->count - end) * sizeof(table->maps[0]));
    publish(mem, table);
    wait_for_readers(mem);
    for (size_t i = 0; i < end - first; i++)
        if (gone[i].host)
            munmap(gone[i].host, gone[i].size);
    free(gone);
    return 0;
}

int mem_dma_unmap(struct mem *mem, uint64_t iova, uint64_t size)
{
    if (!good_range(iova, size))
        return -EINVAL;
    const struct dma_table *table = atomic_load(&mem->table);
    uint64_t last = iova + (size - 1);
    size_t first = first_ending_after(table, iova), end = first;
    while (end < table->count && table->maps[end].iova <= last)
        end++;
    if (first == end)
        return -ENOENT;
    const struct dma_map *low = &table->maps[first], *high = &table->maps[end - 1];
    if (low->iova < iova || high->iova + (high->size - 1) > last)
        return -EINVAL;
    return drop_maps(mem, first, end);
}

void mem_dma_unmap_all(struct mem *mem)
{
    size_t count = ((struct dma_table *)atomic_load(&mem->table))->count;
    if (!count)
        return;
    while (drop_maps(mem, 0, count))
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* no memory: try again */
}

uint8_t *mem_host(struct mem *mem, enum mem_kind kind, uint64_t addr, bool write, uint64_t *avail)
{
    if (kind == MEM_LOCAL) {
        if (addr >= mem->lmem_size)
            return NULL;
        *avail = mem->lmem_size - addr;
        return mem->lmem + addr;
    }
    const struct dma_table *table = atomic_load_explicit(&mem->table, memory_order_acquire);
    size_t at = first_ending_after(table, addr);
    if (at == table->count)
        return NULL;
    const struct dma_map *map = &table->maps[at];
    if (addr < map->iova || !map->host || (write && !map->writable))
        return NULL;
    *avail = map->size - (addr - map->iova);
    return map->host + (addr - map->iova);
}
