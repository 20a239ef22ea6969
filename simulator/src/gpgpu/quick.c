/* SPDX-License-Identifier: MIT */
/*
 * The most frequent messages in their simplest form, without taking them apart as the general way
 * does: one dword for each of up to 16 lanes, all in one page; fences; the end of a thread.
 * Whatever is not exactly that is left to the general way.
 */
#include "gpgpu/message.h"
#include <string.h>

/* Bits 13:8 of untyped messages: SIMD mode, and all channels but x masked off. */
#define UNTYPED_SHAPE(d) ((d) >> 8 & 0x3f)
#define UNTYPED_X_SIMD16 0x1eu
#define UNTYPED_X_SIMD8  0x2eu
/* Bits 12:8 of A64 scattered ones: SIMD mode, one element, of a dword. */
#define SCATTERED_SHAPE(d)   ((d) >> 8 & 0x1f)
#define SCATTERED_ONE_SIMD16 0x11u
#define SCATTERED_ONE_SIMD8  0x01u

#define PAGE_BYTES 4096u
#define SLM_MASK   (GP_SLM_BYTES - 1)

typedef uint32_t u32x4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint64_t u64x2 __attribute__((vector_size(16), aligned(8), may_alias));

struct dwords {
    bool write, a64;
    unsigned lanes, type;
};

static unsigned untyped_lanes(uint32_t desc)
{
    switch (UNTYPED_SHAPE(desc)) {
    case UNTYPED_X_SIMD16:
        return 16;
    case UNTYPED_X_SIMD8:
        return 8;
    default:
        return 0;
    }
}

static unsigned scattered_lanes(uint32_t desc)
{
    switch (SCATTERED_SHAPE(desc)) {
    case SCATTERED_ONE_SIMD16:
        return 16;
    case SCATTERED_ONE_SIMD8:
        return 8;
    default:
        return 0;
    }
}

static bool read_desc(uint32_t desc, struct dwords *d)
{
    unsigned type = DESC_TYPE(desc);

    switch (type) {
    case DC1_UNTYPED_READ:
    case DC1_UNTYPED_WRITE:
        *d = (struct dwords){type == DC1_UNTYPED_WRITE, false, untyped_lanes(desc), type};
        break;
    case DC1_A64_UNTYPED_READ:
    case DC1_A64_UNTYPED_WRITE:
        *d = (struct dwords){type == DC1_A64_UNTYPED_WRITE, true, untyped_lanes(desc), type};
        break;
    case DC1_A64_SCATTERED_READ:
    case DC1_A64_SCATTERED_WRITE:
        *d = (struct dwords){type == DC1_A64_SCATTERED_WRITE, true, scattered_lanes(desc), type};
        break;
    default:
        return false;
    }
    return d->lanes && !(desc & DESC_HEADER);
}

/* Registers are where and as many as the message needs: addresses in src0, data in src1. */
static bool registers_fit(const struct eu_send *s, const struct dwords *d)
{
    unsigned data = d->lanes / 8, addresses = d->a64 ? 2 * data : data;

    if (DESC_MESSAGE_LENGTH(s->desc) != addresses || s->src0 + addresses > EU_GRF_COUNT)
        return false;
    if (d->write)
        return EXDESC_LENGTH(s->exdesc) == data && s->src1 + data <= EU_GRF_COUNT;
    return DESC_RESPONSE_LENGTH(s->desc) == data && s->dst + data <= EU_GRF_COUNT;
}

static bool consecutive32(const uint8_t *reg, unsigned lanes)
{
    const u32x4 step = {0, 4, 8, 12};
    const u32x4 *v = (const u32x4 *)reg;
    uint32_t first = v[0][0];
    u32x4 off = {0};
    u64x2 all;

    for (unsigned i = 0; i < lanes / 4; i++)
        off |= (v[i] - (first + 16 * i)) ^ step;
    all = (u64x2)off;
    /* An offset that wraps round leads out of bounds for some lanes only. */
    return !(all[0] | all[1]) && first <= UINT32_MAX - 4 * MSG_MAX_LANES;
}

static bool consecutive64(const uint8_t *reg, unsigned lanes)
{
    const u64x2 step = {0, 4};
    const u64x2 *v = (const u64x2 *)reg;
    uint64_t first = v[0][0];
    u64x2 off = {0};

    for (unsigned i = 0; i < lanes / 2; i++)
        off |= (v[i] - (first + 8 * i)) ^ step;
    return !(off[0] | off[1]);
}

/* Host address of n bytes that lie in one page; NULL: not as simple as that. */
static uint8_t *flat(struct gp_worker *w, uint64_t va, unsigned n, bool write)
{
    struct mmu_fault fault;

    if ((va & (PAGE_BYTES - 1)) + n > PAGE_BYTES)
        return NULL;
    return tlb_ptr(w->tlb, va, write ? MMU_WRITE : MMU_READ, &fault);
}

static uint8_t *surface(const struct gp_slot *slot, unsigned bti, uint32_t offset, unsigned n,
                        bool write)
{
    struct gp_group *group = slot->group;
    struct gp_worker *w = group->worker;
    const struct gp_surface *s;

    if (bti == BTI_SLM) {
        offset &= SLM_MASK; /* higher bits are software tags */
        return offset + n <= w->job->slm_bytes ? group->slm + offset : NULL;
    }
    if (bti >= BTI_BINDLESS)
        return NULL;
    s = &w->surfaces[bti];
    /* A state not read yet, an image, or out of bounds in part */
    if (s->serial != w->job->serial || offset >= s->bytes || n > s->bytes - offset)
        return NULL;
    return flat(w, s->base + offset, n, write);
}

/* What the lanes of a message access: up to 16 dwords. */
struct access {
    struct eu_thread *t;
    const struct gp_slot *slot;
    const struct eu_send *send;
    struct dwords d;
    uint32_t mask;
};

/* All lanes on, one dword after another. */
static bool block(const struct access *a)
{
    const struct eu_send *s = a->send;
    uint8_t(*grf)[EU_GRF_BYTES] = a->t->grf;
    const uint8_t *address = grf[s->src0];
    unsigned n = a->d.lanes * 4;
    uint64_t first = 0;
    uint8_t *host;

    if (a->d.a64) {
        if (!consecutive64(address, a->d.lanes))
            return false;
        memcpy(&first, address, 8);
        host = flat(a->slot->group->worker, first, n, a->d.write);
    } else {
        if (!consecutive32(address, a->d.lanes))
            return false;
        memcpy(&first, address, 4);
        host = surface(a->slot, DESC_BTI(s->desc), (uint32_t)first, n, a->d.write);
    }
    if (!host)
        return false;
    /* Sizes the compiler knows become a few moves. */
    if (a->d.write && n == 64)
        memcpy(host, grf[s->src1], 64);
    else if (a->d.write)
        memcpy(host, grf[s->src1], 32);
    else if (n == 64)
        memcpy(grf[s->dst], host, 64);
    else
        memcpy(grf[s->dst], host, 32);
    return true;
}

static uint64_t lane_offset(const struct access *a, unsigned lane)
{
    const uint8_t *address = a->t->grf[a->send->src0];
    uint64_t wide;
    uint32_t narrow;

    if (a->d.a64) {
        memcpy(&wide, address + lane * 8, 8);
        return wide;
    }
    memcpy(&narrow, address + lane * 4, 4);
    return narrow;
}

/* Lowest and highest offset of the lanes that are on. */
static void extent(const struct access *a, uint64_t *low, uint64_t *high)
{
    *low = UINT64_MAX;
    *high = 0;
    for (uint32_t m = a->mask; m; m &= m - 1) {
        uint64_t at = lane_offset(a, (unsigned)__builtin_ctz(m));

        *low = at < *low ? at : *low;
        *high = at > *high ? at : *high;
    }
}

/* Any lanes, anywhere in one page. */
static bool scattered(const struct access *a)
{
    const struct eu_send *s = a->send;
    unsigned data = a->d.write ? s->src1 : s->dst;
    uint8_t *reg = &a->t->grf[0][0] + data * EU_GRF_BYTES, *host;
    uint32_t offsets[MSG_MAX_LANES];
    uint64_t low, high;

    extent(a, &low, &high);
    if (high - low > PAGE_BYTES - 4)
        return false;
    if (a->d.a64)
        host = flat(a->slot->group->worker, low, (unsigned)(high - low) + 4, a->d.write);
    else
        host = surface(a->slot, DESC_BTI(s->desc), (uint32_t)low, (unsigned)(high - low) + 4,
                       a->d.write);
    if (!host)
        return false;
    /* An answer may go where the addresses are: take them all before the first lane is written. */
    for (uint32_t m = a->mask; m; m &= m - 1) {
        unsigned lane = (unsigned)__builtin_ctz(m);

        offsets[lane] = (uint32_t)(lane_offset(a, lane) - low);
    }
    for (uint32_t m = a->mask; m; m &= m - 1) {
        unsigned lane = (unsigned)__builtin_ctz(m);

        if (a->d.write)
            memcpy(host + offsets[lane], reg + lane * 4, 4);
        else
            memcpy(reg + lane * 4, host + offsets[lane], 4);
    }
    return true;
}

static bool dwords(struct eu_thread *t, const struct gp_slot *slot, const struct eu_send *s)
{
    struct access a = {.t = t, .slot = slot, .send = s};
    uint32_t all;

    if (!read_desc(s->desc, &a.d) || !registers_fit(s, &a.d))
        return false;
    all = (1u << a.d.lanes) - 1;
    a.mask = s->exec_mask & all;
    if (a.mask == 0)
        return true;
    return (a.mask == all && block(&a)) || scattered(&a);
}

/* Without a response, or with one register that only says that it came. */
static bool fence(struct eu_thread *t, const struct eu_send *s)
{
    unsigned response = DESC_RESPONSE_LENGTH(s->desc);

    if (DESC_TYPE(s->desc) != DC0_MEMORY_FENCE || response > 1)
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    if (response && s->dst < EU_GRF_COUNT)
        memset(t->grf[s->dst], 0, GP_GRF_BYTES);
    return true;
}

bool gp_send_quick(struct eu_thread *t, const struct gp_slot *slot, const struct eu_send *s,
                   enum eu_send_status *status)
{
    *status = EU_SEND_OK;
    switch (s->sfid) {
    case EU_SFID_DC1:
        return !s->eot && dwords(t, slot, s);
    case EU_SFID_DC0:
        return !s->eot && fence(t, s);
    case EU_SFID_TS:
        *status = EU_SEND_EOT;
        return s->eot;
    default:
        return false;
    }
}
