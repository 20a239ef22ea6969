/* SPDX-License-Identifier: MIT */
/*
 * The math unit. Results are computed in double and rounded once, so they are at least as good as
 * the hardware's (which allows itself a few ULP).
 */
#include "eu/eu_internal.h"

#include <math.h>
#include <string.h>

static float function(unsigned fc, float x)
{
    switch (fc) {
    case MATH_INV:
        return (float)(1.0 / (double)x);
    case MATH_LOG:
        return (float)log2((double)x);
    case MATH_EXP:
        return (float)exp2((double)x);
    case MATH_SQT:
        return (float)sqrt((double)x);
    case MATH_RSQT:
        return (float)(1.0 / sqrt((double)x));
    case MATH_SIN:
        return (float)sin((double)x);
    default:
        return (float)cos((double)x);
    }
}

/* Division by zero gives the number of largest magnitude; so does the one overflow. */
static int64_t quotient(bool sign, int64_t a, int64_t b)
{
    if (b)
        return a / b;
    if (!sign)
        return UINT32_MAX;
    return a < 0 ? INT32_MIN : INT32_MAX;
}

static int64_t remainder_of(int64_t a, int64_t b)
{
    return b ? a % b : a;
}

static float as_float(struct eu_thread *t, const struct eu_src *s, unsigned l)
{
    float f = 0;
    uint16_t h;
    const uint8_t *p;

    if (s->kind == SRC_IMM) {
        uint32_t bits = (uint32_t)s->imm;

        memcpy(&f, &bits, 4);
        f = s->type == T_HF ? eu_half_to_float((uint16_t)bits) : f;
    } else {
        p = eu_at(t, s->off + (l / s->w * s->vs + l % s->w * s->hs) * s->size);
        memcpy(&h, p, 2);
        if (s->type == T_F)
            memcpy(&f, p, 4);
        else
            f = eu_half_to_float(h);
    }
    if (s->abs)
        f = fabsf(f);
    return s->neg ? -f : f;
}

static int64_t as_int(struct eu_thread *t, const struct eu_src *s, unsigned l)
{
    uint32_t bits = (uint32_t)s->imm;
    int64_t v;

    if (s->kind != SRC_IMM)
        memcpy(&bits, eu_at(t, s->off + (l / s->w * s->vs + l % s->w * s->hs) * 4), 4);
    v = s->type == T_D ? (int64_t)(int32_t)bits : (int64_t)bits;
    if (s->abs && v < 0)
        v = -v;
    return s->neg ? -v : v;
}

static void put_float(struct eu_thread *t, const struct eu_op *op, unsigned l, float f)
{
    uint8_t *p = eu_at(t, op->dst.off + l * op->dst.hs * op->dst.size);
    uint16_t h;

    if (op->sat)
        f = f > 0 ? (f < 1 ? f : 1.0f) : 0.0f;
    if (op->dst.type == T_F) {
        memcpy(p, &f, 4);
    } else {
        h = eu_float_to_half(f, t->arch->rounding);
        memcpy(p, &h, 2);
    }
}

static void put_int(struct eu_thread *t, const struct eu_op *op, unsigned l, unsigned more,
                    int64_t v)
{
    uint32_t bits = (uint32_t)v;

    memcpy(eu_at(t, op->dst.off + more + l * op->dst.hs * 4), &bits, 4);
}

static void divide(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    bool sign = op->src[0].type == T_D;
    int64_t a[EU_LANES], b[EU_LANES];
    unsigned rem = op->n <= 8 ? EU_GRF_BYTES : 2 * EU_GRF_BYTES; /* where idiv's remainder goes */

    for (unsigned l = 0; l < op->n; l++) {
        a[l] = as_int(t, &op->src[0], l);
        b[l] = as_int(t, &op->src[1], l);
    }
    for (; mask; mask &= mask - 1) {
        unsigned l = (unsigned)__builtin_ctz(mask);

        if (op->fc != MATH_IREM)
            put_int(t, op, l, 0, quotient(sign, a[l], b[l]));
        else
            put_int(t, op, l, 0, remainder_of(a[l], b[l]));
        if (op->fc == MATH_IDIV)
            put_int(t, op, l, rem, remainder_of(a[l], b[l]));
    }
}

/*
 * invm and rsqtm start correctly rounded division and square root: they set the flag of each lane
 * whose result needs no refinement. Here every result is final.
 */
static void macro(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    float r[EU_LANES];

    for (unsigned l = 0; l < op->n; l++) {
        float a = as_float(t, &op->src[0], l);

        r[l] = op->fc == MATH_INVM ? (float)((double)a / as_float(t, &op->src[1], l))
                                   : (float)sqrt((double)a);
    }
    eu_set_flags(t->arch, op, mask, ~0u);
    for (; mask; mask &= mask - 1)
        put_float(t, op, (unsigned)__builtin_ctz(mask), r[__builtin_ctz(mask)]);
}

const struct eu_op *eu_op_math(struct eu_thread *t, const struct eu_op *op)
{
    uint32_t mask = eu_mask(t, op);
    float r[EU_LANES];

    if (op->dst.null)
        return op + 1;
    if (op->fc == MATH_IDIV || op->fc == MATH_IQOT || op->fc == MATH_IREM) {
        divide(t, op, mask);
        return op + 1;
    }
    if (op->fc == MATH_INVM || op->fc == MATH_RSQTM) {
        macro(t, op, mask);
        return op + 1;
    }
    for (unsigned l = 0; l < op->n; l++)
        r[l] = function(op->fc, as_float(t, &op->src[0], l));
    for (; mask; mask &= mask - 1)
        put_float(t, op, (unsigned)__builtin_ctz(mask), r[__builtin_ctz(mask)]);
    return op + 1;
}
