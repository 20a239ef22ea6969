/* SPDX-License-Identifier: MIT */
/*
 * Lanes to memory. Reads out of bounds give zero, writes out of bounds are dropped: that is the
 * surface's protection. A page without memory is a fault.
 */
#include "gpgpu/message.h"
#include <string.h>

#define PAGE_BYTES 4096u
#define PAGE_MASK  (PAGE_BYTES - 1)
#define SLM_MASK   (GP_SLM_BYTES - 1) /* higher offset bits are software tags */
#define NO_PAGE    UINT64_MAX

/* The page touched last, so that neighbouring lanes cost one look-up. */
struct cursor {
    struct gp_msg *m;
    const struct gp_target *target;
    uint64_t page;
    uint8_t *host;
    enum mmu_access access;
};

static inline bool in_bounds(const struct gp_target *t, uint64_t offset, size_t n)
{
    return offset < t->bytes && n <= t->bytes - offset;
}

static inline bool cursor_page(struct cursor *c, uint64_t va, int lane)
{
    struct mmu_fault fault;

    if ((va & ~(uint64_t)PAGE_MASK) == c->page)
        return true;
    c->host = tlb_ptr(c->m->w->tlb, va & ~(uint64_t)PAGE_MASK, c->access, &fault);
    if (!c->host) {
        fault.va = va;
        gp_msg_fault(c->m, &fault, lane);
        return false;
    }
    c->page = va & ~(uint64_t)PAGE_MASK;
    return true;
}

/* An element that straddles two pages, bytewise. */
static bool straddle(struct cursor *c, uint64_t va, uint8_t *reg, unsigned n, int lane)
{
    for (unsigned i = 0; i < n; i++) {
        if (!cursor_page(c, va + i, lane))
            return false;
        if (c->access == MMU_WRITE)
            c->host[(va + i) & PAGE_MASK] = reg[i];
        else
            reg[i] = c->host[(va + i) & PAGE_MASK];
    }
    return true;
}

/* n is a constant where this is inlined, so that the copy is one move. */
static inline __attribute__((always_inline)) bool move_element(struct cursor *c, uint64_t offset,
                                                               uint8_t *reg, unsigned n, int lane)
{
    const struct gp_target *t = c->target;
    uint8_t *host;

    if (t->kind == TARGET_SLM) {
        offset &= SLM_MASK;
        if (!in_bounds(t, offset, n)) {
            if (c->access == MMU_READ)
                memset(reg, 0, n);
            return true;
        }
        host = c->m->slot->group->slm + offset;
    } else {
        uint64_t va = t->base + offset;

        if (t->kind == TARGET_BUFFER && !in_bounds(t, offset, n)) {
            if (c->access == MMU_READ)
                memset(reg, 0, n);
            return true;
        }
        if (__builtin_expect((va & PAGE_MASK) + n > PAGE_BYTES, 0))
            return straddle(c, va, reg, n, lane);
        if (!cursor_page(c, va, lane))
            return false;
        host = c->host + (va & PAGE_MASK);
    }
    if (c->access == MMU_WRITE)
        memcpy(host, reg, n);
    else
        memcpy(reg, host, n);
    return true;
}

/* Is [offset, offset + bytes) inside the target, and in one page? */
static inline bool one_piece(const struct gp_target *t, uint64_t offset, size_t bytes)
{
    if (t->kind == TARGET_SLM)
        return in_bounds(t, offset & SLM_MASK, bytes);
    if (t->kind == TARGET_BUFFER && !in_bounds(t, offset, bytes))
        return false;
    return ((t->base + offset) & PAGE_MASK) + bytes <= PAGE_BYTES;
}

/* All lanes on and their elements one after another in one page: a single copy. */
static bool contiguous(struct gp_msg *m, const struct gp_target *t, const uint64_t *offset,
                       const struct gp_elements *e)
{
    unsigned n = e->mem_bytes;
    uint32_t full = (1u << e->simd) - 1;
    uint64_t gap = 0;

    if (e->channels != 1 || n != e->slot_bytes || (m->send->exec_mask & full) != full)
        return false;
    for (unsigned i = 1; i < e->simd; i++)
        gap |= offset[i] ^ (offset[0] + (uint64_t)i * n);
    return !gap && one_piece(t, offset[0], e->simd * n);
}

/* Host address of what is in one piece; NULL after a fault. */
static uint8_t *piece(struct gp_msg *m, const struct gp_target *t, uint64_t offset,
                      enum mmu_access access, int lane)
{
    struct mmu_fault fault;
    uint8_t *host;

    if (t->kind == TARGET_SLM)
        return m->slot->group->slm + (offset & SLM_MASK);
    host = tlb_ptr(m->w->tlb, t->base + offset, access, &fault);
    if (!host)
        gp_msg_fault(m, &fault, lane);
    return host;
}

static enum eu_send_status copy_contiguous(struct gp_msg *m, const struct gp_target *t,
                                           uint64_t offset, const struct gp_elements *e)
{
    unsigned regs = e->simd * e->slot_bytes / GP_GRF_BYTES;
    uint8_t *host = piece(m, t, offset, e->write ? MMU_WRITE : MMU_READ, 0);

    if (!host)
        return EU_SEND_ERROR;
    if (!e->write) {
        memcpy(m->out, host, regs * GP_GRF_BYTES);
        return EU_SEND_OK;
    }
    for (unsigned r = 0; r < regs; r++)
        memcpy(host + r * GP_GRF_BYTES, m->in[e->first_in + r], GP_GRF_BYTES);
    return EU_SEND_OK;
}

/* The registers' bytes of element number rank of a lane. */
static inline uint8_t *lane_slot(struct gp_msg *m, const struct gp_elements *e, unsigned rank,
                                 unsigned lane)
{
    unsigned at = (rank * e->simd + lane) * e->slot_bytes;

    if (e->write)
        return (uint8_t *)m->in[e->first_in + at / GP_GRF_BYTES] + at % GP_GRF_BYTES;
    return m->out + at;
}

/* Inlined once per element size n, so that every copy is one move. */
static inline __attribute__((always_inline)) bool
move_lanes(struct cursor *c, const uint64_t *offset, const struct gp_elements *e, unsigned n)
{
    uint32_t mask = c->m->send->exec_mask & ((1u << e->simd) - 1);

    for (; mask; mask &= mask - 1) {
        unsigned lane = __builtin_ctz(mask), rank = 0;

        for (unsigned ch = e->channels; ch; ch &= ch - 1, rank++) {
            uint64_t at = offset[lane] + (uint64_t)__builtin_ctz(ch) * n;
            uint8_t *reg = lane_slot(c->m, e, rank, lane);

            if (!e->write && n < e->slot_bytes)
                memset(reg, 0, e->slot_bytes);
            if (!move_element(c, at, reg, n, lane))
                return false;
        }
    }
    return true;
}

enum eu_send_status gp_elements(struct gp_msg *m, const struct gp_target *target,
                                const uint64_t offset[MSG_MAX_LANES], const struct gp_elements *e)
{
    unsigned count = __builtin_popcount(e->channels);
    unsigned regs = (count * e->simd * e->slot_bytes + GP_GRF_BYTES - 1) / GP_GRF_BYTES;
    struct cursor c = {m, target, NO_PAGE, NULL, e->write ? MMU_WRITE : MMU_READ};
    bool good;

    if (gp_msg_needs(m, e->first_in + (e->write ? regs : 0), e->write ? 0 : regs) != EU_SEND_OK)
        return EU_SEND_ERROR;
    if (contiguous(m, target, offset, e))
        return copy_contiguous(m, target, offset[0], e);
    switch (e->mem_bytes) {
    case 1:
        good = move_lanes(&c, offset, e, 1);
        break;
    case 2:
        good = move_lanes(&c, offset, e, 2);
        break;
    case 4:
        good = move_lanes(&c, offset, e, 4);
        break;
    default:
        good = move_lanes(&c, offset, e, 8);
        break;
    }
    return good ? EU_SEND_OK : EU_SEND_ERROR;
}

/* Block accesses are bounds-checked by dword, so a block may lie partly in the surface. */
static enum eu_send_status block(struct gp_msg *m, const struct gp_target *target, uint64_t offset,
                                 uint8_t *reg, size_t n, enum mmu_access access)
{
    struct cursor c = {m, target, NO_PAGE, NULL, access};

    if (one_piece(target, offset, n)) {
        uint8_t *host = piece(m, target, offset, access, -1);

        if (!host)
            return EU_SEND_ERROR;
        if (access == MMU_WRITE)
            memcpy(host, reg, n);
        else
            memcpy(reg, host, n);
        return EU_SEND_OK;
    }
    for (size_t i = 0; i < n; i += 4)
        if (!move_element(&c, offset + i, reg + i, 4, -1))
            return EU_SEND_ERROR;
    return EU_SEND_OK;
}

enum eu_send_status gp_block_read(struct gp_msg *m, const struct gp_target *target, uint64_t offset,
                                  uint8_t *to, size_t n)
{
    return block(m, target, offset, to, n, MMU_READ);
}

enum eu_send_status gp_block_write(struct gp_msg *m, const struct gp_target *target,
                                   uint64_t offset, const uint8_t *from, size_t n)
{
    return block(m, target, offset, (uint8_t *)from, n, MMU_WRITE);
}

uint8_t *gp_atomic_ptr(struct gp_msg *m, const struct gp_target *target, uint64_t offset,
                       unsigned n, int lane, enum eu_send_status *status)
{
    struct mmu_fault fault;
    uint64_t va = target->base + offset;
    uint8_t *host;

    *status = EU_SEND_OK;
    if (offset == GP_OUTSIDE)
        return NULL;
    if (target->kind == TARGET_SLM)
        va = offset & SLM_MASK;
    if (va & (n - 1)) {
        *status = gp_msg_error(m, "lane %d: atomic on misaligned address %#llx", lane,
                               (unsigned long long)va);
        return NULL;
    }
    if (target->kind == TARGET_SLM)
        return in_bounds(target, va, n) ? m->slot->group->slm + va : NULL;
    if (target->kind == TARGET_BUFFER && !in_bounds(target, offset, n))
        return NULL;
    host = tlb_ptr(m->w->tlb, va, MMU_WRITE, &fault);
    if (!host)
        *status = gp_msg_fault(m, &fault, lane);
    return host;
}
