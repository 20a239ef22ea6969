/* SPDX-License-Identifier: MIT */
/*
 * mmu.c - page walks and the TLB behind tlb_ptr().
 *
 * A TLB keeps guest-physical addresses until the engine is told to invalidate; the host
 * pointers beside them are looked up again whenever the host's mappings change. Page tables
 * belong to the guest, which may write them at any time: each entry is loaded once.
 */
#define _GNU_SOURCE
#include "mem/mmu.h"
#include "dg1.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Entry bits: i915's gt/intel_gtt.h (GEN8_PAGE_*, GEN12_*), TGL PRM vol. 6 "4-Level Paging". */
#define ENTRY_PRESENT    (1ull << 0)
#define ENTRY_GGTT_LOCAL (1ull << 1) /* GEN12_GGTT_PTE_LM */
#define ENTRY_PAGE_SIZE                                                       \
    (1ull << 7) /* GEN8_PDE_PS_2M, in a PDE only: bit 7 of a PTE is a PAT bit \
                 */
#define ENTRY_LOCAL \
    (1ull << 11) /* GEN12_PPGTT_PTE_LM, leaves only: page tables always lie in LMEM */
#define ENTRY_IPS_64K \
    (1ull << 11) /* GEN8_PDE_IPS_64K, in a PDE: its page table maps 64 KiB pages */
#define ENTRY_ADDRESS 0x00003ffffffff000ull /* 45:12 */

#define PAGE_BYTES   4096ull
#define PAGE_64K     (64ull << 10)
#define PAGE_2M      (2ull << 20)
#define VA_BITS      48
#define TABLE_BITS   9
#define GGTT_ENTRIES (DG1_GGTT_SIZE / 8)

/* Larger leaves: one per entry, found by the number of their 64 KiB page. */
#define LARGE_SLOTS 64
/* Page-table roots remembered at a time; more and the eldest is forgotten with its entries. */
#define ROOTS 16

struct mmu {
    struct mem *mem;
    uint64_t *ggtt;
    int ggtt_fd;
    struct {
        _Alignas(64) uint32_t invalidations; /* accessed atomically */
    } engines[ENGINE_COUNT];
};

struct large_slot {
    uint64_t base; /* virtual address, canonicalised to 48 bits */
    uint64_t size;
    uint64_t phys; /* | enum mem_kind */
    uint32_t space;
};

struct tlb {
    struct tlb_front front; /* first: tlb_ptr() relies on it */
    struct mmu *mmu;
    uint64_t root;
    uint32_t last_space; /* highest number handed out */
    unsigned next_root;
    struct {
        uint64_t root;
        uint32_t space;
    } roots[ROOTS];
    struct large_slot large[LARGE_SLOTS];
};

struct mmu *mmu_create(struct mem *mem)
{
    struct mmu *mmu = aligned_alloc(64, sizeof(*mmu));
    if (!mmu)
        return NULL;
    memset(mmu, 0, sizeof(*mmu));
    mmu->mem = mem;
    mmu->ggtt_fd = memfd_create("dg1-ggtt", MFD_CLOEXEC);
    if (mmu->ggtt_fd < 0)
        goto fail_free;
    if (ftruncate(mmu->ggtt_fd, DG1_GGTT_SIZE))
        goto fail_close;
    mmu->ggtt = mmap(NULL, DG1_GGTT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mmu->ggtt_fd, 0);
    if (mmu->ggtt == MAP_FAILED)
        goto fail_close;
    return mmu;

fail_close:
    close(mmu->ggtt_fd);
fail_free:
    free(mmu);
    return NULL;
}

void mmu_destroy(struct mmu *mmu)
{
    if (!mmu)
        return;
    munmap(mmu->ggtt, DG1_GGTT_SIZE);
    close(mmu->ggtt_fd);
    free(mmu);
}

int mmu_ggtt_fd(const struct mmu *mmu)
{
    return mmu->ggtt_fd;
}

uint64_t *mmu_ggtt(const struct mmu *mmu)
{
    return mmu->ggtt;
}

void mmu_invalidate(struct mmu *mmu, enum gpu_engine engine)
{
    __atomic_fetch_add(&mmu->engines[engine].invalidations, 1, __ATOMIC_RELEASE);
}

/* --- TLB bookkeeping --- */

static void forget_everything(struct tlb *tlb)
{
    memset(tlb->front.slots, 0, sizeof(tlb->front.slots));
    memset(tlb->large, 0, sizeof(tlb->large));
    memset(tlb->roots, 0, sizeof(tlb->roots));
    tlb->last_space = 0;
}

/* The number that tags entries of tlb->root. Entries of forgotten roots can never match again. */
static uint32_t current_space(struct tlb *tlb)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (tlb->roots[i].space && tlb->roots[i].root == tlb->root)
            return tlb->roots[i].space;
    if (tlb->last_space == UINT32_MAX)
        forget_everything(tlb);
    unsigned at = tlb->next_root++ % ROOTS;
    tlb->roots[at].root = tlb->root;
    tlb->roots[at].space = ++tlb->last_space;
    return tlb->last_space;
}

static void invalidate(struct tlb *tlb)
{
    memset(tlb->roots, 0, sizeof(tlb->roots));
    tlb->front.space = current_space(tlb);
}

static void resolve(struct mem *mem, struct tlb_slot *slot)
{
    enum mem_kind kind = (enum mem_kind)(slot->phys & 1);
    uint64_t addr = slot->phys & ~1ull, avail;
    slot->flags = TLB_READABLE | TLB_WRITABLE;
    slot->host = mem_host(mem, kind, addr, true, &avail);
    if (!slot->host) {
        slot->flags = TLB_READABLE;
        slot->host = mem_host(mem, kind, addr, false, &avail);
    }
    if (!slot->host)
        slot->flags = 0;
}

/* Host pointers changed: look every translation up again, the translations themselves stay. */
static void resolve_all(struct tlb *tlb)
{
    for (unsigned i = 0; i < TLB_SLOTS; i++)
        if (tlb->front.slots[i].space)
            resolve(tlb->mmu->mem, &tlb->front.slots[i]);
}

static void catch_up(struct tlb *tlb)
{
    struct tlb_front *front = &tlb->front;
    uint32_t invalidations = __atomic_load_n(front->invalidations, __ATOMIC_ACQUIRE);
    if (invalidations != front->seen_invalidations) {
        front->seen_invalidations = invalidations;
        invalidate(tlb);
    }
    uint32_t generation = __atomic_load_n(front->generation, __ATOMIC_ACQUIRE);
    if (generation != front->seen_generation) {
        front->seen_generation = generation;
        resolve_all(tlb);
    }
}

struct tlb *tlb_create(struct mmu *mmu, enum gpu_engine engine)
{
    struct tlb *tlb = calloc(1, sizeof(*tlb));
    if (!tlb)
        return NULL;
    tlb->mmu = mmu;
    tlb->front.invalidations = &mmu->engines[engine].invalidations;
    tlb->front.generation = mem_generation_ptr(mmu->mem);
    tlb->front.space = current_space(tlb);
    catch_up(tlb);
    return tlb;
}

void tlb_destroy(struct tlb *tlb)
{
    free(tlb);
}

void tlb_set_root(struct tlb *tlb, uint64_t pml4)
{
    tlb->root = pml4;
    tlb->front.space = current_space(tlb);
}

uint64_t tlb_root(const struct tlb *tlb)
{
    return tlb->root;
}

/* --- walks --- */

struct leaf {
    uint64_t base; /* 48-bit virtual address */
    uint64_t size;
    uint64_t phys; /* | enum mem_kind */
};

static uint64_t fail(struct mmu_fault *fault, enum mmu_fault_why why, int level, uint64_t entry)
{
    fault->why = why;
    fault->level = level;
    fault->entry = entry;
    return 0;
}

/* The entry for va of the table at the LMEM address, present; else 0 with *fault filled. */
static uint64_t load_entry(struct mem *mem, uint64_t table, unsigned index, int level,
                           uint64_t parent, struct mmu_fault *fault)
{
    uint64_t avail;
    uint8_t *host = mem_host(mem, MEM_LOCAL, table, false, &avail);
    if (!host || avail < PAGE_BYTES)
        return fail(fault, MMU_FAULT_NO_MEMORY, level + 1, parent);
    uint64_t entry = __atomic_load_n((uint64_t *)host + index, __ATOMIC_ACQUIRE);
    if (!(entry & ENTRY_PRESENT))
        return fail(fault, MMU_FAULT_NOT_PRESENT, level, entry);
    return entry;
}

static void make_leaf(struct leaf *leaf, uint64_t va, uint64_t entry, uint64_t size)
{
    leaf->base = va & ~(size - 1);
    leaf->size = size;
    leaf->phys =
        (entry & ENTRY_ADDRESS & ~(size - 1)) | (entry & ENTRY_LOCAL ? MEM_LOCAL : MEM_SYSTEM);
}

/* RW (bit 1) is not looked at: Gen12 has no read-only PPGTT pages (i915: has_read_only = false). */
static bool walk(struct tlb *tlb, uint64_t va, struct leaf *leaf, struct mmu_fault *fault)
{
    struct mem *mem = tlb->mmu->mem;
    if (!tlb->root) {
        fail(fault, MMU_FAULT_NO_SPACE, 3, 0);
        return false;
    }
    uint64_t entry = tlb->root;
    for (int level = 3;; level--) {
        unsigned index = (va >> (TLB_PAGE_SHIFT + TABLE_BITS * level)) & ((1u << TABLE_BITS) - 1);
        bool pages_64k = level == 0 && (entry & ENTRY_IPS_64K);
        if (pages_64k)
            index &= ~15u;
        uint64_t parent = entry;
        entry = load_entry(mem, parent & ENTRY_ADDRESS, index, level, parent, fault);
        if (!entry)
            return false;
        if (level == 1 && (entry & ENTRY_PAGE_SIZE)) {
            make_leaf(leaf, va, entry, PAGE_2M);
            return true;
        }
        if (level == 0) {
            make_leaf(leaf, va, entry, pages_64k ? PAGE_64K : PAGE_BYTES);
            return true;
        }
    }
}

static struct large_slot *large_slot(struct tlb *tlb, uint64_t va, uint64_t size)
{
    return &tlb->large[(va / size) % LARGE_SLOTS];
}

static bool find_large(struct tlb *tlb, uint64_t va, struct leaf *leaf)
{
    static const uint64_t sizes[] = {PAGE_2M, PAGE_64K};
    for (unsigned i = 0; i < 2; i++) {
        const struct large_slot *slot = large_slot(tlb, va, sizes[i]);
        if (slot->space == tlb->front.space && slot->size == sizes[i] &&
            slot->base == (va & ~(sizes[i] - 1))) {
            *leaf = (struct leaf){slot->base, slot->size, slot->phys};
            return true;
        }
    }
    return false;
}

static bool translate(struct tlb *tlb, uint64_t va, struct leaf *leaf, struct mmu_fault *fault)
{
    if (find_large(tlb, va, leaf))
        return true;
    if (!walk(tlb, va, leaf, fault))
        return false;
    if (leaf->size > PAGE_BYTES)
        *large_slot(tlb, va, leaf->size) =
            (struct large_slot){leaf->base, leaf->size, leaf->phys, tlb->front.space};
    return true;
}

static uint8_t *checked_host(const struct tlb_slot *slot, uint64_t va, enum mmu_access access,
                             struct mmu_fault *fault)
{
    if (slot->flags & (access == MMU_WRITE ? TLB_WRITABLE : TLB_READABLE))
        return slot->host + (va & (PAGE_BYTES - 1));
    fail(fault, MMU_FAULT_NO_MEMORY, 0, slot->phys & ~1ull);
    return NULL;
}

uint8_t *tlb_miss(struct tlb *tlb, uint64_t va, enum mmu_access access, struct mmu_fault *fault)
{
    catch_up(tlb);
    *fault = (struct mmu_fault){.access = access, .va = va};
    uint64_t page = va >> TLB_PAGE_SHIFT;
    struct tlb_slot *slot = &tlb->front.slots[tlb_slot_index(page)];
    if (slot->page == page && slot->space == tlb->front.space) {
        resolve(tlb->mmu->mem,
                slot); /* memory may have come since; new mappings change no generation */
        return checked_host(slot, va, access, fault);
    }

    /* Canonical, or the 48 bits without the sign: commands carry both forms. */
    uint64_t high = va >> VA_BITS, sign = va >> (VA_BITS - 1);
    if (high != 0 && sign != (1u << (64 - VA_BITS + 1)) - 1) {
        fail(fault, MMU_FAULT_RANGE, 3, 0);
        return NULL;
    }
    uint64_t low = va & ((1ull << VA_BITS) - 1);
    struct leaf leaf;
    if (!translate(tlb, low, &leaf, fault))
        return NULL;
    slot->page = page;
    slot->space = tlb->front.space;
    slot->phys = leaf.phys + ((low - leaf.base) & ~(PAGE_BYTES - 1));
    resolve(tlb->mmu->mem, slot);
    return checked_host(slot, va, access, fault);
}

uint8_t *tlb_ggtt_ptr(struct tlb *tlb, uint64_t addr, enum mmu_access access,
                      struct mmu_fault *fault)
{
    *fault = (struct mmu_fault){.access = access, .va = addr, .ggtt = true};
    if (addr >= GGTT_ENTRIES * PAGE_BYTES) {
        fail(fault, MMU_FAULT_RANGE, 0, 0);
        return NULL;
    }
    uint64_t entry = __atomic_load_n(tlb->mmu->ggtt + addr / PAGE_BYTES, __ATOMIC_ACQUIRE);
    if (!(entry & ENTRY_PRESENT)) {
        fail(fault, MMU_FAULT_NOT_PRESENT, 0, entry);
        return NULL;
    }
    struct tlb_slot slot = {.phys = (entry & ENTRY_ADDRESS) |
                                    (entry & ENTRY_GGTT_LOCAL ? MEM_LOCAL : MEM_SYSTEM)};
    resolve(tlb->mmu->mem, &slot);
    uint8_t *host = checked_host(&slot, addr, access, fault);
    if (!host)
        fault->entry = entry;
    return host;
}

/* --- copies --- */

typedef uint8_t *(*translate_fn)(struct tlb *, uint64_t, enum mmu_access, struct mmu_fault *);

static uint8_t *ppgtt_ptr(struct tlb *tlb, uint64_t va, enum mmu_access access,
                          struct mmu_fault *fault)
{
    return tlb_ptr(tlb, va, access, fault);
}

static bool copy(struct tlb *tlb, translate_fn translate_one, uint64_t va, void *data, size_t n,
                 bool write, struct mmu_fault *fault)
{
    uint8_t *bytes = data;
    while (n) {
        size_t run = PAGE_BYTES - (va & (PAGE_BYTES - 1));
        if (run > n)
            run = n;
        uint8_t *host = translate_one(tlb, va, write ? MMU_WRITE : MMU_READ, fault);
        if (!host)
            return false;
        if (write)
            memcpy(host, bytes, run);
        else
            memcpy(bytes, host, run);
        va += run;
        bytes += run;
        n -= run;
    }
    return true;
}

bool tlb_read(struct tlb *tlb, uint64_t va, void *to, size_t n, struct mmu_fault *fault)
{
    return copy(tlb, ppgtt_ptr, va, to, n, false, fault);
}

bool tlb_write(struct tlb *tlb, uint64_t va, const void *from, size_t n, struct mmu_fault *fault)
{
    return copy(tlb, ppgtt_ptr, va, (void *)from, n, true, fault);
}

bool tlb_ggtt_read(struct tlb *tlb, uint64_t addr, void *to, size_t n, struct mmu_fault *fault)
{
    return copy(tlb, tlb_ggtt_ptr, addr, to, n, false, fault);
}

bool tlb_ggtt_write(struct tlb *tlb, uint64_t addr, const void *from, size_t n,
                    struct mmu_fault *fault)
{
    return copy(tlb, tlb_ggtt_ptr, addr, (void *)from, n, true, fault);
}

const char *mmu_fault_text(const struct mmu_fault *fault, char *buf, size_t n)
{
    static const char *const whys[] = {
        [MMU_FAULT_NONE] = "no fault",
        [MMU_FAULT_NOT_PRESENT] = "entry not present",
        [MMU_FAULT_NO_MEMORY] = "no memory there",
        [MMU_FAULT_RANGE] = "address out of range",
        [MMU_FAULT_NO_SPACE] = "no page-table root",
    };
    static const char *const accesses[] = {
        [MMU_READ] = "read", [MMU_WRITE] = "write", [MMU_FETCH] = "fetch"};
    snprintf(buf, n, "%s %s at 0x%" PRIx64 ": %s (level %d, entry 0x%" PRIx64 ")",
             fault->ggtt ? "GGTT" : "PPGTT", accesses[fault->access], fault->va, whys[fault->why],
             fault->level, fault->entry);
    return buf;
}
