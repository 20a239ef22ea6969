/* SPDX-License-Identifier: MIT */
/*
 * mem.h - what the GPU reaches physically: local memory (LMEM, a memfd) and guest RAM
 * (bus addresses that the bus mapped by fd).
 *
 * Guest RAM mappings come and go at run time. A thread that holds pointers into guest
 * memory does so under a lease; mem_dma_unmap waits until every lease that was open has been
 * closed (or reopened) once. Holders poll mem_lease_wanted() at least every few
 * milliseconds and close and reopen their lease when it is set; host pointers do not
 * survive that (TLBs re-resolve by mem_generation()).
 */
#ifndef SIM_MEM_H
#define SIM_MEM_H

#ifdef __cplusplus
#include <atomic>
using std::atomic_uint; /* as C's: the tests are C++ */
#else
#include <stdatomic.h>
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mem_kind { MEM_SYSTEM, MEM_LOCAL };

struct mem;
struct mem_lease; /* one per thread */

struct mem *mem_create(uint64_t lmem_size);
void mem_destroy(struct mem *mem);
/* Where late unmaps are reported; NULL: stderr. */
void mem_set_log(struct mem *mem, FILE *log);
int mem_lmem_fd(const struct mem *mem);
uint8_t *mem_lmem(const struct mem *mem);
uint64_t mem_lmem_size(const struct mem *mem);
/* As dg1_dma_map/unmap (dg1.h). Unmapping must not cut a mapping in two: -EINVAL, nothing is done.
 */
int mem_dma_map(struct mem *mem, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                bool writable);
int mem_dma_unmap(struct mem *mem, uint64_t iova, uint64_t size);
void mem_dma_unmap_all(struct mem *mem);

struct mem_lease *mem_lease_create(struct mem *mem);
void mem_lease_destroy(struct mem_lease *lease);
void mem_lease_open(struct mem_lease *lease);
void mem_lease_close(struct mem_lease *lease);
/* True when a writer waits: close and reopen the lease soon. */
bool mem_lease_wanted(const struct mem_lease *lease);

/* Changes whenever a pointer returned earlier may have become invalid. */
uint32_t mem_generation(const struct mem *mem);
/* The counter itself, for a TLB that compares it (atomically) on every hit. */
const uint32_t *mem_generation_ptr(const struct mem *mem);

/*
 * Host address of a physical address, NULL if nothing is there (or it is read-only and
 * write is set). *avail: bytes that follow contiguously in the same mapping, >= 1.
 */
uint8_t *mem_host(struct mem *mem, enum mem_kind kind, uint64_t addr, bool write, uint64_t *avail);

#ifdef __cplusplus
}
#endif
#endif
