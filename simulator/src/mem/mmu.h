/* SPDX-License-Identifier: MIT */
/*
 * mmu.h - GGTT and PPGTT (4 levels, 4K/64K/2M leaves, LM bit) behind a software TLB that stays
 * stale until it is invalidated, as the hardware's does.
 *
 * struct mmu: one per device: the GGTT's entries and one invalidation generation per engine.
 * struct tlb: one per thread (each engine thread and each EU worker); no locking inside.
 */
#ifndef SIM_MMU_H
#define SIM_MMU_H

#include "mem/mem.h"
#include <stddef.h>

enum gpu_engine { ENGINE_RCS0, ENGINE_BCS0, ENGINE_COUNT };
enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

enum mmu_fault_why {
    MMU_FAULT_NONE,
    MMU_FAULT_NOT_PRESENT, /* an entry on the way has P = 0 */
    MMU_FAULT_NO_MEMORY,   /* the entry points at nothing (outside LMEM, unmapped bus address) */
    MMU_FAULT_RANGE,       /* virtual address beyond 47/48 bits (after canonicalising) or beyond the GGTT */
    MMU_FAULT_NO_SPACE,    /* PPGTT access without a page-table root */
};

struct mmu_fault {
    enum mmu_fault_why why;
    enum mmu_access access;
    bool ggtt;
    int level; /* 3 = PML4 ... 0 = PT, where the walk ended */
    uint64_t va;
    uint64_t entry; /* the offending entry */
};

struct mmu;
struct tlb;

struct mmu *mmu_create(struct mem *mem);
void mmu_destroy(struct mmu *mmu);
int mmu_ggtt_fd(const struct mmu *mmu);
uint64_t *mmu_ggtt(const struct mmu *mmu); /* 2^20 entries */
/* Any thread: every tlb of that engine forgets everything before its next look-up. */
void mmu_invalidate(struct mmu *mmu, enum gpu_engine engine);

struct tlb *tlb_create(struct mmu *mmu, enum gpu_engine engine);
void tlb_destroy(struct tlb *tlb);
/* The PPGTT root (address of the PML4 in LMEM) of the context now running. Entries are tagged by it. */
void tlb_set_root(struct tlb *tlb, uint64_t pml4);
uint64_t tlb_root(const struct tlb *tlb);

/*
 * Host pointer for a GPU virtual address, good up to the end of its 4 KiB page and until the
 * lease is closed; NULL with *fault filled. Call under an open lease.
 */
uint8_t *tlb_ptr(struct tlb *tlb, uint64_t va, enum mmu_access access, struct mmu_fault *fault);
uint8_t *tlb_ggtt_ptr(struct tlb *tlb, uint64_t addr, enum mmu_access access, struct mmu_fault *fault);

/* Copies that may cross pages; false with *fault filled at the first byte that failed. */
bool tlb_read(struct tlb *tlb, uint64_t va, void *to, size_t n, struct mmu_fault *fault);
bool tlb_write(struct tlb *tlb, uint64_t va, const void *from, size_t n, struct mmu_fault *fault);
bool tlb_ggtt_read(struct tlb *tlb, uint64_t addr, void *to, size_t n, struct mmu_fault *fault);
bool tlb_ggtt_write(struct tlb *tlb, uint64_t addr, const void *from, size_t n, struct mmu_fault *fault);

const char *mmu_fault_text(const struct mmu_fault *fault, char *buf, size_t n);
#endif
