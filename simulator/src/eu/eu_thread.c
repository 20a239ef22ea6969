/* SPDX-License-Identifier: MIT */
/* Thread state: creation, start values, architecture registers, masks and flags, the main loop. */
#include "eu/eu_internal.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

struct eu_full {
    struct eu_thread t;
    struct eu_arch a;
};

/* cr0.0 (TGL PRM vol 9, "Control Register") */
#define CR0_ALT_MODE       (1u << 0)
#define CR0_ROUNDING_SHIFT 4
#define CR0_DENORM_F32     (1u << 7)
#define CR0_DENORM_F16     (1u << 10)

/* MXCSR: exceptions masked, rounding control in 14:13, flush to zero, denormals are zero. */
#define MXCSR_MASKED   0x1f80u
#define MXCSR_RC_SHIFT 13
#define MXCSR_FTZ_DAZ  0x8040u
#define MXCSR_STICKY   0x3fu /* exceptions that occurred */

struct eu_thread *eu_thread_create(void)
{
    struct eu_full *f = aligned_alloc(64, (sizeof(*f) + 63) / 64 * 64);

    if (!f)
        return NULL;
    memset(f, 0, sizeof(*f));
    f->t.arch = &f->a;
    return &f->t;
}

void eu_thread_destroy(struct eu_thread *t)
{
    free(t);
}

#define ARF_AT(field) ((uint32_t)offsetof(struct eu_full, a.field))

bool eu_arf_offset(unsigned reg, unsigned sub, uint32_t *off, uint32_t *bytes)
{
    unsigned nr = reg & 0xf;
    uint32_t size = 0, start = 0;

    switch (reg >> 4) {
    case ARF_NULL: /* as a source: nothing reads it; zeroes stand in */
        start = ARF_AT(dbg), size = 16;
        nr = 0;
        break;
    case ARF_A:
        start = ARF_AT(a0), size = 32;
        break;
    case ARF_ACC:
        if (nr >= EU_ACC_COUNT)
            return false;
        start = ARF_AT(acc) + nr * EU_GRF_BYTES, size = (EU_ACC_COUNT - nr) * EU_GRF_BYTES;
        nr = 0;
        break;
    case ARF_F:
        if (nr > 1)
            return false;
        start = ARF_AT(f) + nr * 4, size = 8 - nr * 4;
        nr = 0;
        break;
    case ARF_CE:
        start = ARF_AT(ce), size = 4;
        break;
    case ARF_SP:
        start = ARF_AT(sp), size = 16;
        break;
    case ARF_SR:
        start = ARF_AT(sr), size = 16;
        break;
    case ARF_CR:
        start = ARF_AT(cr), size = 16;
        break;
    case ARF_N:
        start = ARF_AT(n0), size = 16;
        break;
    case ARF_IP:
        start = ARF_AT(ip), size = 4;
        break;
    case ARF_TDR:
        start = ARF_AT(tdr), size = 16;
        break;
    case ARF_TM:
        start = ARF_AT(tm), size = 20;
        break;
    case ARF_FC:
        start = ARF_AT(fc), size = 32;
        nr = 0;
        break;
    case ARF_DBG:
        start = ARF_AT(dbg), size = 16;
        break;
    default:
        return false;
    }
    if (nr || sub >= size)
        return false;
    *off = start + sub;
    *bytes = size - sub;
    return true;
}

bool eu_is_acc0(uint32_t off)
{
    return off == ARF_AT(acc);
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static void store32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

/* The host's float mode that cr0 asks for. */
static void translate_cr0(struct eu_arch *a)
{
    /* cr0 numbers the modes nearest, up, down, zero; MXCSR nearest, down, up, zero. */
    static const uint8_t mode[4] = {0, 2, 1, 3};
    uint32_t cr0 = load32(a->cr);

    a->rounding = cr0 >> CR0_ROUNDING_SHIFT & 3;
    a->mxcsr = MXCSR_MASKED | (uint32_t)mode[a->rounding] << MXCSR_RC_SHIFT;
    if (!(cr0 & CR0_DENORM_F32))
        a->mxcsr |= MXCSR_FTZ_DAZ;
    a->same_mxcsr = !((a->mxcsr ^ a->host_mxcsr) & ~MXCSR_STICKY);
}

void eu_cr0_changed(struct eu_arch *a)
{
    translate_cr0(a);
#if defined(__SSE2__)
    _mm_setcsr(a->mxcsr);
#endif
}

const struct eu_op *eu_op_or_cr0(struct eu_thread *t, const struct eu_op *op)
{
    uint8_t *cr = eu_at(t, op->dst.off);

    if (eu_mask(t, op)) {
        uint32_t imm = (uint32_t)op->src[1].imm;

        store32(cr, load32(cr) | (op->src[1].type == T_UW ? imm & 0xffff : imm));
        eu_cr0_changed(t->arch);
    }
    return op + 1;
}

void eu_host_float_enter(const struct eu_arch *a, uint32_t *saved)
{
#if defined(__SSE2__)
    *saved = _mm_getcsr();
    _mm_setcsr(a->mxcsr);
#else
    (void)a;
    *saved = 0;
#endif
}

void eu_host_float_leave(uint32_t saved)
{
#if defined(__SSE2__)
    _mm_setcsr(saved);
#else
    (void)saved;
#endif
}

void eu_thread_start(struct eu_thread *t, const struct eu_start *s)
{
    struct eu_arch *a = t->arch;
    uint32_t cr0 = (uint32_t)(s->rounding & 3) << CR0_ROUNDING_SHIFT;

    memset(a, 0, offsetof(struct eu_arch, wait));
    t->program = s->program;
    t->env = s->env;
    t->opaque = s->opaque;
    t->instructions = 0;
    t->error[0] = '\0';
    if (s->denorm_retain)
        cr0 |= CR0_DENORM_F32 | CR0_DENORM_F16;
    if (s->alt_float)
        cr0 |= CR0_ALT_MODE;
    store32(a->cr, cr0);
    store32(a->sr, s->sr0_0);
    store32(a->sr + 8, s->dispatch_mask);  /* sr0.2: dispatch mask */
    store32(a->sr + 12, s->dispatch_mask); /* sr0.3: vector mask */
    a->dmask = a->emask = a->call_mask = s->dispatch_mask;
    a->pc = s->program->ops;
    a->stop = EU_BUDGET;
    translate_cr0(a);
}

static uint64_t flag_bits(const struct eu_arch *a)
{
    uint64_t v;

    memcpy(&v, a->f, 8);
    return v;
}

/* Each group of size channels becomes all ones when any (all) of its bits are set. */
static uint32_t group(uint32_t bits, unsigned size, bool all)
{
    uint32_t ones = size == 32 ? ~0u : (1u << size) - 1, out = 0;

    for (unsigned at = 0; at < 32; at += size) {
        uint32_t part = bits >> at & ones;

        if (all ? part == ones : part != 0)
            out |= ones << at;
    }
    return out;
}

/* Predicate bits of op's lanes, bit 0 = its first lane. */
uint32_t eu_predicate(const struct eu_arch *a, const struct eu_op *op)
{
    uint64_t flags = flag_bits(a);
    uint32_t bits, half = op->flag & 16;

    if (op->flag >= 32)
        bits = (uint32_t)(flags >> 32) >> half;
    else
        bits = (uint32_t)flags >> half;
    switch (op->pred) {
    case PRED_SEQ:
        break;
    case PRED_ANYV: /* the same channel of f0 and f1 */
        bits = ((uint32_t)flags | (uint32_t)(flags >> 32)) >> half;
        break;
    case PRED_ALLV:
        bits = ((uint32_t)flags & (uint32_t)(flags >> 32)) >> half;
        break;
    default:
        bits = group(bits, 2u << ((op->pred - PRED_ANY2H) / 2), (op->pred - PRED_ANY2H) & 1);
        break;
    }
    bits >>= op->chan_off;
    return bits ^ op->pred_xor;
}

void eu_set_flags(struct eu_arch *a, const struct eu_op *op, uint32_t mask, uint32_t value)
{
    uint8_t *f = a->f + (op->flag >= 32 ? 4 : 0);
    unsigned shift = (op->flag & 16) + op->chan_off;
    uint64_t m = (uint64_t)mask << shift, v = (uint64_t)(value & mask) << shift;

    store32(f, (load32(f) & ~(uint32_t)m) | (uint32_t)v);
}

enum eu_stop eu_run(struct eu_thread *t, uint64_t max_instructions)
{
    struct eu_arch *a = t->arch;
    const struct eu_op *op = a->pc;
    uint64_t left = max_instructions;

    a->stop = EU_BUDGET;
    eu_host_float_enter(a, &a->host_mxcsr);
    a->same_mxcsr = !((a->mxcsr ^ a->host_mxcsr) & ~MXCSR_STICKY);
    while (left) {
        const struct eu_op *next = (a->park_anywhere ? eu_op_rejoin : op->fn)(t, op);

        left--;
        if (!next)
            break;
        op = next;
    }
    eu_host_float_leave(a->host_mxcsr);
    a->pc = op;
    t->instructions += max_instructions - left;
    return a->stop;
}
