/* SPDX-License-Identifier: MIT */
/*
 * dg1.h - a simulated Intel DG1 GPU (PCI 8086:4905) without its transport.
 *
 * A host program (the vfio-user server, a test, a fuzzer) creates a device, gives it
 * memory to reach by DMA, and plays the PCI bus: BAR0 accesses, resets, interrupts.
 * The engines run on threads of the library's own.
 *
 * Threading: dg1_mmio_read/write, dg1_dma_map/unmap, dg1_reset are called by one
 * thread at a time (the bus). The interrupt callback may come from any thread.
 */
#ifndef DG1_H
#define DG1_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DG1_BAR0_SIZE   (16u << 20) /* registers in the lower half, GGTT in the upper */
#define DG1_GGTT_OFFSET (8u << 20)  /* of the GGTT's page table in BAR0 */
#define DG1_GGTT_SIZE   (8u << 20)  /* bytes of page table: 2^20 entries of 8 bytes */

enum dg1_trace {
    DG1_TRACE_MMIO = 1 << 0,
    DG1_TRACE_CMD = 1 << 1,
    DG1_TRACE_CTX = 1 << 2,
    DG1_TRACE_IRQ = 1 << 3,
    DG1_TRACE_MEM = 1 << 4,
    DG1_TRACE_EU = 1 << 5,
};

struct dg1_config {
    uint64_t lmem_size;  /* bytes of local memory; power of two, 256 MiB to 16 GiB; 0: 2 GiB */
    unsigned eu_workers; /* host threads that run EU code; 0: one per CPU */
    unsigned trace;      /* bits of enum dg1_trace */
    FILE *log;           /* where messages and traces go; NULL: stderr. Not owned. */
    /* Raise the device's one MSI. Any thread; must not call back into the device. */
    void (*raise_msi)(void *opaque);
    void *opaque;
};

struct dg1;

/* NULL on failure, with errno set. The caller owns the device. */
struct dg1 *dg1_create(const struct dg1_config *config);
void dg1_destroy(struct dg1 *dev);

/*
 * BAR0. size is 1, 2, 4 or 8; offset is naturally aligned and offset + size lies in the
 * BAR: anything else reads as all ones and is dropped on write (and counted).
 */
uint64_t dg1_mmio_read(struct dg1 *dev, uint64_t offset, unsigned size);
void dg1_mmio_write(struct dg1 *dev, uint64_t offset, uint64_t value, unsigned size);

/* Memory files the bus may map: GGTT page table (DG1_GGTT_SIZE bytes) and local memory. Owned by dev. */
int dg1_ggtt_fd(const struct dg1 *dev);
int dg1_lmem_fd(const struct dg1 *dev);
uint64_t dg1_lmem_size(const struct dg1 *dev);

/*
 * Guest memory at bus address iova. fd is duplicated, -1 for memory that cannot be mapped
 * (accesses to it are faults). Returns 0 or a negative errno: -EEXIST on overlap, -EINVAL
 * on misaligned or overflowing ranges or an fd shorter than offset + size, -ENOENT when
 * unmapping what is not mapped. dg1_dma_unmap returns after the last access to the range.
 */
int dg1_dma_map(struct dg1 *dev, uint64_t iova, uint64_t size, int fd, uint64_t offset, bool writable);
int dg1_dma_unmap(struct dg1 *dev, uint64_t iova, uint64_t size);
void dg1_dma_unmap_all(struct dg1 *dev);

/* Function-level reset: registers, engines, interrupts as after power-on. Memory keeps its contents. */
void dg1_reset(struct dg1 *dev);

/* Counters, unknown registers, faults, as readable text. */
void dg1_report(struct dg1 *dev, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
