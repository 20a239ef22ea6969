/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations: host atomics on the memory itself, so that threads on other workers and the
 * guest's CPUs take part in them. Operation codes: DG1 PRM vol 9, "Atomic operations".
 */
#include "gpgpu/message.h"
#include <math.h>
#include <string.h>

enum {
    AOP_AND = 1,
    AOP_OR = 2,
    AOP_XOR = 3,
    AOP_MOV = 4,
    AOP_INC = 5,
    AOP_DEC = 6,
    AOP_ADD = 7,
    AOP_SUB = 8,
    AOP_REVSUB = 9,
    AOP_IMAX = 10,
    AOP_IMIN = 11,
    AOP_UMAX = 12,
    AOP_UMIN = 13,
    AOP_CMPWR = 14,
    AOP_PREDEC = 15,
    AOP_CMPWR_2W = 0, /* of 32-bit messages: compare and write 64 bits */
};

enum { AOP_FMAX = 1, AOP_FMIN = 2, AOP_FCMPWR = 3 };

unsigned gp_atomic_sources(const struct gp_atomic *a)
{
    if (a->is_float)
        return a->op == AOP_FCMPWR ? 2 : 1;
    switch (a->op) {
    case AOP_INC:
    case AOP_DEC:
    case AOP_PREDEC:
        return 0;
    case AOP_CMPWR:
    case AOP_CMPWR_2W:
        return 2;
    default:
        return 1;
    }
}

static int64_t sign_extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* The new value of an integer operation that is not a compare and write. */
static uint64_t combine(const struct gp_atomic *a, uint64_t old, uint64_t src)
{
    bool less = sign_extend(old, a->bits) < sign_extend(src, a->bits);

    switch (a->op) {
    case AOP_AND:
        return old & src;
    case AOP_OR:
        return old | src;
    case AOP_XOR:
        return old ^ src;
    case AOP_MOV:
        return src;
    case AOP_INC:
        return old + 1;
    case AOP_DEC:
    case AOP_PREDEC:
        return old - 1;
    case AOP_ADD:
        return old + src;
    case AOP_SUB:
        return old - src;
    case AOP_REVSUB:
        return src - old;
    case AOP_IMAX:
        return less ? src : old;
    case AOP_IMIN:
        return less ? old : src;
    case AOP_UMAX:
        return old < src ? src : old;
    default: /* AOP_UMIN */
        return old < src ? old : src;
    }
}

static float to_float(uint64_t v, unsigned bits)
{
    float f;

    if (bits == 32) {
        uint32_t u = (uint32_t)v;

        memcpy(&f, &u, sizeof(f));
        return f;
    }
    /* Half: exact as a float. */
    f = ldexpf((float)(v & 0x3ff) + ((v >> 10 & 0x1f) ? 1024.0f : 0.0f),
               (int)((v >> 10 & 0x1f) ? (v >> 10 & 0x1f) : 1) - 25);
    if ((v >> 10 & 0x1f) == 0x1f)
        f = (v & 0x3ff) ? NAN : INFINITY;
    return v & 0x8000 ? -f : f;
}

static uint64_t combine_float(const struct gp_atomic *a, uint64_t old, const uint64_t src[2])
{
    float was = to_float(old, a->bits), with = to_float(src[0], a->bits);

    switch (a->op) {
    case AOP_FMAX:
        return isnan(was) || with > was ? src[0] : old;
    case AOP_FMIN:
        return isnan(was) || with < was ? src[0] : old;
    default: /* AOP_FCMPWR: as numbers, so -0 equals +0 and NaN nothing */
        return was == with ? src[1] : old;
    }
}

static uint64_t wanted(const struct gp_atomic *a, uint64_t old, const uint64_t src[2])
{
    if (a->is_float)
        return combine_float(a, old, src);
    if (a->op == AOP_CMPWR || a->op == AOP_CMPWR_2W)
        return old == src[0] ? src[1] : old;
    return combine(a, old, src[0]);
}

#define DEFINE_UPDATE(bits)                                                                  \
    static uint64_t update##bits(void *at, const struct gp_atomic *a, const uint64_t src[2]) \
    {                                                                                        \
        uint##bits##_t *p = at;                                                              \
        uint##bits##_t old = __atomic_load_n(p, __ATOMIC_SEQ_CST);                           \
        uint##bits##_t new;                                                                  \
                                                                                             \
        do                                                                                   \
            new = (uint##bits##_t)wanted(a, old, src);                                       \
        while (!__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST,           \
                                            __ATOMIC_SEQ_CST));                              \
        return old;                                                                          \
    }
DEFINE_UPDATE(16)
DEFINE_UPDATE(32)
DEFINE_UPDATE(64)

/* What an operation adds, if it is one that adds. */
static bool is_sum(const struct gp_atomic *a, uint64_t src, uint64_t *term)
{
    switch (a->is_float ? AOP_AND : a->op) {
    case AOP_ADD:
        *term = src;
        return true;
    case AOP_SUB:
        *term = -src;
        return true;
    case AOP_INC:
        *term = 1;
        return true;
    case AOP_DEC:
    case AOP_PREDEC:
        *term = UINT64_MAX;
        return true;
    default:
        return false;
    }
}

static uint64_t update(void *at, const struct gp_atomic *a, const uint64_t src[2])
{
    uint64_t term;

    if (a->bits == 32 && is_sum(a, src[0], &term))
        return __atomic_fetch_add((uint32_t *)at, (uint32_t)term, __ATOMIC_SEQ_CST);
    if (a->bits == 64 && is_sum(a, src[0], &term))
        return __atomic_fetch_add((uint64_t *)at, term, __ATOMIC_SEQ_CST);
    switch (a->bits) {
    case 16:
        return update16(at, a, src);
    case 32:
        return update32(at, a, src);
    default:
        return update64(at, a, src);
    }
}

static uint64_t get(const struct gp_msg *m, const struct gp_atomic *a, unsigned source,
                    unsigned lane)
{
    unsigned slot = a->bits == 64 ? 8 : 4;
    unsigned at = (source * a->simd + lane) * slot;
    uint64_t v = 0;

    memcpy(&v, m->in[a->first_in + at / GP_GRF_BYTES] + at % GP_GRF_BYTES, a->bits / 8);
    return v;
}

static void put(struct gp_msg *m, const struct gp_atomic *a, unsigned lane, uint64_t v)
{
    if (a->bits == 64)
        memcpy(m->out + lane * 8, &v, 8);
    else
        memcpy(m->out + lane * 4, &v, 4);
}

static bool known(const struct gp_atomic *a)
{
    if (a->is_float)
        return a->op >= AOP_FMAX && a->op <= AOP_FCMPWR;
    return a->op != AOP_CMPWR_2W || a->bits == 64;
}

enum eu_send_status gp_atomic(struct gp_msg *m, const struct gp_target *target,
                              const uint64_t offset[MSG_MAX_LANES], const struct gp_atomic *a)
{
    unsigned slot = a->bits == 64 ? 8 : 4, count = gp_atomic_sources(a);
    unsigned regs = a->simd * slot / GP_GRF_BYTES;
    uint32_t mask = m->send->exec_mask & ((1u << a->simd) - 1);

    if (!known(a))
        return gp_msg_error(m, "atomic operation %u on %u bits", a->op, a->bits);
    if (gp_msg_needs(m, a->first_in + count * regs, a->returns ? regs : 0) != EU_SEND_OK)
        return EU_SEND_ERROR;
    for (; mask; mask &= mask - 1) {
        unsigned lane = __builtin_ctz(mask);
        uint64_t src[2] = {0, 0}, old = 0;
        enum eu_send_status status;
        uint8_t *at = gp_atomic_ptr(m, target, offset[lane], a->bits / 8, lane, &status);

        if (status != EU_SEND_OK)
            return status;
        for (unsigned i = 0; i < count; i++)
            src[i] = get(m, a, i, lane);
        if (at) {
            old = update(at, a, src);
            if (!a->is_float && a->op == AOP_PREDEC)
                old--;
        }
        if (a->returns)
            put(m, a, lane, old);
    }
    return EU_SEND_OK;
}
