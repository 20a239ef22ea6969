/* SPDX-License-Identifier: MIT */
/*
 * mmu.h - GGTT and PPGTT (4 levels, 4K/64K/2M leaves, LM bit) behind a software TLB that stays
 * stale until it is invalidated, as the hardware's does.
 *
 * struct mmu: one per device: the GGTT's entries and one invalidation generation per engine.
 * struct tlb: one per thread (each engine thread and each EU worker); no locking inside.
 *
 * GGTT look-ups are not cached: i915 writes DG1's GGTT uncached and sends no invalidation after it
 * (needs_wc_ggtt_mapping() is false, so gen8_ggtt_invalidate() does nothing), so the hardware
 * itself must notice the write.
 */
#ifndef SIM_MMU_H
#define SIM_MMU_H

#include "mem/mem.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gpu_engine { ENGINE_RCS0, ENGINE_BCS0, ENGINE_COUNT };
enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

enum mmu_fault_why {
    MMU_FAULT_NONE,
    MMU_FAULT_NOT_PRESENT, /* an entry on the way has P = 0 */
    MMU_FAULT_NO_MEMORY,   /* the entry points at nothing (outside LMEM, unmapped bus address) */
    MMU_FAULT_RANGE, /* virtual address beyond 47/48 bits (after canonicalising) or beyond the GGTT
                      */
    MMU_FAULT_NO_SPACE, /* PPGTT access without a page-table root */
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
/* The PPGTT root (address of the PML4 in LMEM; 0: none) of the context now running. Entries are
 * tagged by it. */
void tlb_set_root(struct tlb *tlb, uint64_t pml4);
uint64_t tlb_root(const struct tlb *tlb);

/* The rest of struct tlb is private to mmu.c; the part here is what a hit needs. */
#define TLB_PAGE_SHIFT 12
#define TLB_SLOTS_LOG2 10
#define TLB_SLOTS      (1u << TLB_SLOTS_LOG2)
#define TLB_READABLE   1u
#define TLB_WRITABLE   2u

struct tlb_slot {
    uint64_t page;  /* virtual address >> 12, as given (all 52 bits) */
    uint8_t *host;  /* of the page; meaningless without TLB_READABLE */
    uint64_t phys;  /* guest-physical address of the page | enum mem_kind */
    uint32_t space; /* which root, since which flush; 0: empty slot */
    uint32_t flags;
};

struct tlb_front {
    const uint32_t *invalidations; /* of the engine */
    const uint32_t *generation;    /* of the host pointers */
    uint32_t seen_invalidations, seen_generation;
    uint32_t space; /* of the current root; never 0 */
    struct tlb_slot slots[TLB_SLOTS];
};

uint8_t *tlb_miss(struct tlb *tlb, uint64_t va, enum mmu_access access, struct mmu_fault *fault);

static inline uint32_t tlb_slot_index(uint64_t page)
{
    /* Buffers often start at equal low bits: fold higher ones in. */
    return (uint32_t)(page ^ (page >> TLB_SLOTS_LOG2)) & (TLB_SLOTS - 1);
}

/*
 * Host pointer for a GPU virtual address, good up to the end of its 4 KiB page and until the
 * lease is closed; NULL with *fault filled. Call under an open lease.
 */
static inline uint8_t *tlb_ptr(struct tlb *tlb, uint64_t va, enum mmu_access access,
                               struct mmu_fault *fault)
{
    struct tlb_front *front = (struct tlb_front *)tlb; /* its first member */
    uint64_t page = va >> TLB_PAGE_SHIFT;
    const struct tlb_slot *slot = &front->slots[tlb_slot_index(page)];
    uint32_t need = access == MMU_WRITE ? TLB_WRITABLE : TLB_READABLE;

    if (__builtin_expect(
            slot->page == page && slot->space == front->space && (slot->flags & need) &&
                __atomic_load_n(front->invalidations, __ATOMIC_ACQUIRE) ==
                    front->seen_invalidations &&
                __atomic_load_n(front->generation, __ATOMIC_ACQUIRE) == front->seen_generation,
            1))
        return slot->host + (va & ((1u << TLB_PAGE_SHIFT) - 1));
    return tlb_miss(tlb, va, access, fault);
}

uint8_t *tlb_ggtt_ptr(struct tlb *tlb, uint64_t addr, enum mmu_access access,
                      struct mmu_fault *fault);

/* Copies that may cross pages; false with *fault filled at the first byte that failed. */
bool tlb_read(struct tlb *tlb, uint64_t va, void *to, size_t n, struct mmu_fault *fault);
bool tlb_write(struct tlb *tlb, uint64_t va, const void *from, size_t n, struct mmu_fault *fault);
bool tlb_ggtt_read(struct tlb *tlb, uint64_t addr, void *to, size_t n, struct mmu_fault *fault);
bool tlb_ggtt_write(struct tlb *tlb, uint64_t addr, const void *from, size_t n,
                    struct mmu_fault *fault);

const char *mmu_fault_text(const struct mmu_fault *fault, char *buf, size_t n);

#ifdef __cplusplus
}
#endif
#endif
