/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic, the general way: sources are read into lanes of one wide type whatever their
 * regions and types, a short function computes, the result is written through the destination's
 * region, type and mask. Regions, modifiers, predicates, saturation and flags are handled here
 * once for all instructions. eu_fast.c has the quick way for the common shapes.
 */
#include "eu/eu_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

union lanes {
    int64_t i[EU_LANES];
    uint64_t u[EU_LANES];
    float f[EU_LANES];
};

/* ---- reading sources ---- */

static uint32_t a0_word(const struct eu_arch *a, unsigned n)
{
    uint16_t v;

    memcpy(&v, a->a0 + (n & 15) * 2, 2);
    return v;
}

/* A register-indirect address, kept inside the register file and aligned. */
static uint32_t grf_wrap(uint32_t address, unsigned size)
{
    return address & (GRF_BYTES - 1) & ~(size - 1);
}

const uint8_t *eu_lane_address(struct eu_thread *t, const struct eu_src *s, unsigned lane)
{
    unsigned row = lane / s->w, col = lane % s->w;
    uint32_t a;

    switch (s->kind) {
    case SRC_IND1:
        a = a0_word(t->arch, s->addr) + (uint32_t)s->addr_off;
        a += (row * s->vs + col * s->hs) * s->size;
        return eu_at(t, grf_wrap(a, s->size));
    case SRC_INDN:
        a = a0_word(t->arch, s->addr + row) + (uint32_t)s->addr_off + col * s->hs * s->size;
        return eu_at(t, grf_wrap(a, s->size));
    default:
        return eu_at(t, s->off + (row * s->vs + col * s->hs) * s->size);
    }
}

/* Copy the elements of a region one after the other. */
static void gather(struct eu_thread *t, const struct eu_src *s, unsigned n, uint8_t *out)
{
    if (s->kind == SRC_MEM && s->packed) {
        memcpy(out, eu_at(t, s->off), n * s->size);
        return;
    }
    for (unsigned lane = 0; lane < n; lane++) {
        const uint8_t *p = eu_lane_address(t, s, lane);

        switch (s->size) {
        case 1:
            out[lane] = *p;
            break;
        case 2:
            memcpy(out + lane * 2, p, 2);
            break;
        case 4:
            memcpy(out + lane * 4, p, 4);
            break;
        default:
            memcpy(out + lane * 8, p, 8);
            break;
        }
    }
}

/*
 * Elements of packed immediates: v and uv hold eight 4-bit integers, vf four 8-bit floats. An
 * integer belongs to a word of the destination: doublewords take every second one.
 */
static int64_t imm_int(const struct eu_src *s, unsigned lane)
{
    uint64_t v = s->imm;

    switch (s->type) {
    case T_UB:
        return (uint8_t)v;
    case T_B:
        return (int8_t)v;
    case T_UW:
        return (uint16_t)v;
    case T_W:
        return (int16_t)v;
    case T_UD:
        return (uint32_t)v;
    case T_D:
        return (int32_t)v;
    case T_UV:
        return v >> (lane * s->imm_step % 8 * 4) & 0xf;
    case T_V:
        return (int64_t)(v >> (lane * s->imm_step % 8 * 4) << 60) >> 60;
    default:
        return (int64_t)v;
    }
}

static float imm_vf(uint32_t v, unsigned lane)
{
    uint32_t byte = v >> (lane % 4 * 8) & 0xff, bits;
    float f;

    /* sign, three exponent bits (bias 3), four mantissa bits; all zero means zero */
    bits = (byte & 0x80) << 24;
    if (byte & 0x7f)
        bits |= ((byte >> 4 & 7) + 124) << 23 | (byte & 0xf) << 19;
    memcpy(&f, &bits, 4);
    return f;
}

static float imm_float(const struct eu_src *s, unsigned lane)
{
    uint32_t bits = (uint32_t)s->imm;
    float f;

    switch (s->type) {
    case T_F:
        memcpy(&f, &bits, 4);
        return f;
    case T_HF:
        return eu_half_to_float((uint16_t)bits);
    case T_VF:
        return imm_vf(bits, lane);
    default:
        return (float)imm_int(s, lane);
    }
}

#define WIDEN(T)                                    \
    for (unsigned l = 0; l < n; l++) {              \
        T v;                                        \
        memcpy(&v, raw + l * sizeof(T), sizeof(T)); \
        out->i[l] = v;                              \
    }                                               \
    break

static void widen(unsigned type, const uint8_t *raw, unsigned n, union lanes *out)
{
    switch (type) {
    case T_UB:
        WIDEN(uint8_t);
    case T_B:
        WIDEN(int8_t);
    case T_UW:
    case T_HF:
        WIDEN(uint16_t);
    case T_W:
        WIDEN(int16_t);
    case T_UD:
    case T_F: /* bits of floats, when only copied */
        WIDEN(uint32_t);
    case T_D:
        WIDEN(int32_t);
    default:
        memcpy(out->i, raw, n * 8);
        break;
    }
}

static bool is_logic(unsigned opcode)
{
    return opcode == OP_AND || opcode == OP_OR || opcode == OP_XOR || opcode == OP_NOT;
}

static void read_int(struct eu_thread *t, const struct eu_op *op, const struct eu_src *s,
                     union lanes *out)
{
    _Alignas(64) uint8_t raw[EU_LANES * 8];
    unsigned n = op->n;

    if (s->kind == SRC_IMM) {
        for (unsigned l = 0; l < n; l++)
            out->i[l] = imm_int(s, l);
    } else {
        gather(t, s, n, raw);
        widen(s->type, raw, n, out);
    }
    if (s->abs)
        for (unsigned l = 0; l < n; l++)
            out->i[l] = out->i[l] < 0 ? (int64_t)-out->u[l] : out->i[l];
    if (s->neg && is_logic(op->opcode))
        for (unsigned l = 0; l < n; l++)
            out->u[l] = ~out->u[l];
    else if (s->neg)
        for (unsigned l = 0; l < n; l++)
            out->u[l] = -out->u[l];
}

static void read_float(struct eu_thread *t, const struct eu_op *op, const struct eu_src *s,
                       union lanes *out)
{
    _Alignas(64) uint8_t raw[EU_LANES * 8];
    unsigned n = op->n;

    if (s->kind == SRC_IMM) {
        for (unsigned l = 0; l < n; l++)
            out->f[l] = imm_float(s, l);
    } else {
        gather(t, s, n, raw);
        if (s->type == T_F) {
            memcpy(out->f, raw, n * 4);
        } else if (s->type == T_HF) {
            for (unsigned l = 0; l < n; l++) {
                uint16_t h;

                memcpy(&h, raw + l * 2, 2);
                out->f[l] = eu_half_to_float(h);
            }
        } else {
            union lanes ints;

            widen(s->type, raw, n, &ints);
            for (unsigned l = 0; l < n; l++)
                out->f[l] = (float)ints.i[l];
        }
    }
    if (s->abs)
        for (unsigned l = 0; l < n; l++)
            out->f[l] = fabsf(out->f[l]);
    if (s->neg)
        for (unsigned l = 0; l < n; l++)
            out->f[l] = -out->f[l];
}

/* ---- integer operations ---- */

static unsigned type_bits(const struct eu_op *op)
{
    return op->src[0].size * 8u;
}

#define MASK_COUNT(c) ((unsigned)(c) & (op->wide ? 63 : 31))

static int64_t shift_right(const struct eu_op *op, int64_t a, unsigned c)
{
    if (op->wide)
        return (int64_t)((uint64_t)a >> c);
    return (int64_t)((uint32_t)a >> c);
}

static int64_t rotate_left(const struct eu_op *op, uint64_t a, unsigned c)
{
    unsigned bits = type_bits(op);
    uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1;

    c %= bits;
    a &= mask;
    return (int64_t)(c ? (a << c | a >> (bits - c)) & mask : a);
}

static int64_t find_high(const struct eu_op *op, int64_t a)
{
    uint32_t v = (uint32_t)a;

    if (eu_type_is_signed(op->src[0].type) && a < 0)
        v = ~v;
    return v ? __builtin_clz(v) : (int64_t)UINT32_MAX;
}

static int64_t reverse_bits(uint32_t v)
{
    v = (v & 0x55555555) << 1 | (v >> 1 & 0x55555555);
    v = (v & 0x33333333) << 2 | (v >> 2 & 0x33333333);
    v = (v & 0x0f0f0f0f) << 4 | (v >> 4 & 0x0f0f0f0f);
    return __builtin_bswap32(v);
}

static int64_t extract_bits(const struct eu_op *op, unsigned width, unsigned offset, int64_t v)
{
    uint32_t bits = (uint32_t)v;
    bool sign = eu_type_is_signed(op->dst.type);

    width &= 31;
    offset &= 31;
    if (!width)
        return 0;
    if (offset + width > 32)
        return sign ? (int32_t)bits >> offset : (int64_t)(bits >> offset);
    bits <<= 32 - offset - width;
    return sign ? (int32_t)bits >> (32 - width) : (int64_t)(bits >> (32 - width));
}

static int64_t dot4(const struct eu_op *op, int64_t acc, uint32_t x, uint32_t y)
{
    for (unsigned k = 0; k < 32; k += 8) {
        int a = op->src[1].type == T_D ? (int8_t)(x >> k) : (uint8_t)(x >> k);
        int b = op->src[2].type == T_D ? (int8_t)(y >> k) : (uint8_t)(y >> k);

        acc += a * b;
    }
    return acc;
}

static int64_t int_lane(const struct eu_op *op, int64_t a, int64_t b, int64_t c)
{
    switch (op->opcode) {
    case OP_MOV:
    case OP_MOVI:
    case OP_RNDD:
    case OP_RNDU:
    case OP_RNDE:
    case OP_RNDZ:
        return a;
    case OP_NOT:
        return ~a;
    case OP_AND:
        return a & b;
    case OP_OR:
        return a | b;
    case OP_XOR:
        return a ^ b;
    case OP_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_MAD:
        return (int64_t)((uint64_t)a + (uint64_t)b * (uint64_t)c);
    case OP_AVG:
        return (a + b + 1) >> 1;
    case OP_SHL:
        a = (int64_t)((uint64_t)a << MASK_COUNT(b));
        if (op->wide || op->sat || op->dst.size == 8)
            return a;
        return eu_type_is_signed(op->dst.type) ? (int32_t)a : (int64_t)(uint32_t)a;
    case OP_SHR:
        return shift_right(op, a, MASK_COUNT(b));
    case OP_ASR:
        return a >> MASK_COUNT(b);
    case OP_ROL:
        return rotate_left(op, (uint64_t)a, (unsigned)b);
    case OP_ROR:
        return rotate_left(op, (uint64_t)a, (unsigned)-b);
    case OP_LZD:
        return (uint32_t)a ? __builtin_clz((uint32_t)a) : 32;
    case OP_FBH:
        return find_high(op, a);
    case OP_FBL:
        return (uint32_t)a ? __builtin_ctz((uint32_t)a) : (int64_t)UINT32_MAX;
    case OP_CBIT:
        return __builtin_popcountll((uint64_t)a & (~0ull >> (64 - type_bits(op))));
    case OP_BFREV:
        return reverse_bits((uint32_t)a);
    case OP_BFE:
        return extract_bits(op, (unsigned)a, (unsigned)b, c);
    case OP_BFI1:
        return (int64_t)(uint32_t)(((1u << (a & 31)) - 1) << (b & 31));
    case OP_BFI2:
        return (a & b) | (~a & c);
    case OP_DP4A:
        return dot4(op, a, (uint32_t)b, (uint32_t)c);
    default:
        return 0;
    }
}

/* ---- float operations ---- */

float eu_round_even(float a)
{
    float whole = truncf(a), rest = fabsf(a - whole);

    if (rest > 0.5f || (rest == 0.5f && fmodf(whole, 2.0f) != 0))
        whole += copysignf(1.0f, a);
    return copysignf(whole, a);
}

static float fraction(float a)
{
    float rest = a - floorf(a);

    return rest < 1 ? rest : rest == rest ? 0x1.fffffep-1f : rest; /* stays below 1 */
}

/* A float with its last bit set if it is not exact: rounded once more, to half, it comes out right.
 */
static float round_to_odd(double d)
{
    float f = (float)d;
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    if ((double)f == d || isnan(d) || (bits & 1))
        return f;
    bits += (d > f) == (f > 0) ? 1u : -1u;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

/* b * c + a, rounded once. Of halves, a double holds it, but for bits too small to matter. */
static float fused(const struct eu_op *op, float a, float b, float c)
{
    return op->exec == X_HF ? round_to_odd((double)b * c + a) : fmaf(b, c, a);
}

static float float_lane(const struct eu_op *op, float a, float b, float c)
{
    switch (op->opcode) {
    case OP_MOV:
    case OP_MOVI:
        return a;
    case OP_ADD:
        return a + b;
    case OP_MUL:
        return a * b;
    case OP_MAD:
        return fused(op, a, b, c);
    case OP_MAC:
        return fmaf(a, b, c);
    case OP_FRC:
        return fraction(a);
    case OP_RNDU:
        return ceilf(a);
    case OP_RNDD:
        return floorf(a);
    case OP_RNDE:
        return eu_round_even(a);
    case OP_RNDZ:
        return truncf(a);
    default:
        return 0;
    }
}

/* ---- comparing ---- */

static bool compare_int(unsigned cmod, int64_t a, int64_t b)
{
    switch (cmod) {
    case CMOD_EQ:
        return a == b;
    case CMOD_NE:
        return a != b;
    case CMOD_GT:
        return a > b;
    case CMOD_GE:
        return a >= b;
    case CMOD_LT:
        return a < b;
    case CMOD_LE:
        return a <= b;
    default:
        return false;
    }
}

static bool compare_uint(unsigned cmod, uint64_t a, uint64_t b)
{
    switch (cmod) {
    case CMOD_EQ:
        return a == b;
    case CMOD_NE:
        return a != b;
    case CMOD_GT:
        return a > b;
    case CMOD_GE:
        return a >= b;
    case CMOD_LT:
        return a < b;
    case CMOD_LE:
        return a <= b;
    default:
        return false;
    }
}

static bool compare_float(unsigned cmod, float a, float b)
{
    switch (cmod) {
    case CMOD_EQ:
        return a == b;
    case CMOD_NE:
        return a != b;
    case CMOD_GT:
        return a > b;
    case CMOD_GE:
        return a >= b;
    case CMOD_LT:
        return a < b;
    case CMOD_LE:
        return a <= b;
    case CMOD_UN:
        return a != a || b != b;
    default:
        return false;
    }
}

static bool compare_lane(const struct eu_op *op, const union lanes *a, const union lanes *b,
                         unsigned l)
{
    if (op->exec == X_INT) {
        bool big = op->src[0].type == T_UQ && op->src[1].type == T_UQ;

        return big ? compare_uint(op->cmod, a->u[l], b->u[l])
                   : compare_int(op->cmod, a->i[l], b->i[l]);
    }
    /* cmpn serves minimum and maximum: a NaN in the second operand lets the first one win */
    if (op->opcode == OP_CMPN && b->f[l] != b->f[l])
        return op->cmod != CMOD_EQ;
    return compare_float(op->cmod, a->f[l], b->f[l]);
}

/* sel with a conditional modifier is minimum or maximum; of a number and a NaN it takes the number
 */
static bool select_lane(const struct eu_op *op, const union lanes *a, const union lanes *b,
                        unsigned l)
{
    if (op->exec != X_INT) {
        if (a->f[l] != a->f[l])
            return false;
        if (b->f[l] != b->f[l])
            return true;
    }
    return compare_lane(op, a, b, l);
}

/* ---- writing results ---- */

static void limits(unsigned type, int64_t *lo, int64_t *hi)
{
    unsigned bits = eu_type_size(type) * 8;

    if (eu_type_is_signed(type)) {
        *hi = (int64_t)(~0ull >> (65 - bits));
        *lo = -*hi - 1;
    } else {
        *lo = 0;
        *hi = bits == 64 ? INT64_MAX : (int64_t)((1ull << bits) - 1);
    }
}

static void saturate_int(unsigned type, union lanes *r, unsigned n)
{
    int64_t lo, hi;

    limits(type, &lo, &hi);
    for (unsigned l = 0; l < n; l++)
        r->i[l] = r->i[l] < lo ? lo : r->i[l] > hi ? hi : r->i[l];
}

static void saturate_float(union lanes *r, unsigned n)
{
    for (unsigned l = 0; l < n; l++)
        r->f[l] = r->f[l] > 0 ? (r->f[l] < 1 ? r->f[l] : 1.0f) : 0.0f; /* NaN becomes 0 */
}

/* Float to integer stops at the type's limits and takes NaN to 0. */
static int64_t float_to_int(float f, unsigned type)
{
    int64_t lo, hi;

    if (f != f)
        return 0;
    if (type == T_UQ)
        return f <= 0 ? 0 : f >= 0x1p64f ? -1 : (int64_t)(uint64_t)f;
    limits(type, &lo, &hi);
    /* as double: the limits of 32 bits are exact there, whatever rounding mode is set */
    if ((double)f <= (double)lo)
        return lo;
    if ((double)f >= (double)hi)
        return hi;
    return (int64_t)f;
}

uint8_t *eu_dst_address(struct eu_thread *t, const struct eu_dst *d, unsigned lane)
{
    if (d->indirect) {
        uint32_t a = a0_word(t->arch, d->addr) + (uint32_t)d->addr_off + lane * d->hs * d->size;

        return eu_at(t, grf_wrap(a, d->size));
    }
    return eu_at(t, d->off + lane * d->hs * d->size);
}

static void write_lane(uint8_t *p, unsigned size, uint64_t v)
{
    memcpy(p, &v, size);
}

/* Turn results into the bits of the destination's type. */
static void to_bits(const struct eu_op *op, unsigned rounding, union lanes *r, uint64_t bits[])
{
    unsigned n = op->n, type = op->dst.type;

    if (op->exec == X_INT && eu_type_is_float(type)) {
        for (unsigned l = n; l-- > 0;) {
            uint32_t b;
            float f = (float)r->i[l];

            if (op->sat)
                f = f > 0 ? (f < 1 ? f : 1.0f) : 0.0f;
            memcpy(&b, &f, 4);
            bits[l] = type == T_HF ? eu_float_to_half(f, rounding) : b;
        }
    } else if (op->exec == X_INT || op->exec == X_COPY) {
        memcpy(bits, r->u, n * 8);
    } else {
        for (unsigned l = n; l-- > 0;) {
            float f = r->f[l];
            uint32_t b;

            memcpy(&b, &f, 4);
            if (type == T_F)
                bits[l] = b;
            else if (type == T_HF)
                bits[l] = eu_float_to_half(f, rounding);
            else
                bits[l] = (uint64_t)float_to_int(f, type);
        }
    }
}

/* Accumulators hold 64 bits of every 32-bit integer lane. */
static void write_acc_high(struct eu_arch *a, const struct eu_op *op, const union lanes *r,
                           uint32_t mask, unsigned first)
{
    if ((op->exec != X_INT && op->exec != X_COPY) || eu_type_is_float(op->dst.type))
        return;
    for (; mask; mask &= mask - 1) {
        unsigned l = (unsigned)__builtin_ctz(mask);

        a->acc_hi[(first + l) % EU_LANES] = (int32_t)(r->i[l] >> 32);
    }
}

static void write_dst(struct eu_thread *t, const struct eu_op *op, union lanes *r, uint32_t mask)
{
    const struct eu_dst *d = &op->dst;
    uint64_t bits[EU_LANES];

    to_bits(op, t->arch->rounding, r, bits);
    if (d->acc && d->size == 4)
        write_acc_high(t->arch, op, r, mask, (unsigned)(eu_at(t, d->off) - t->arch->acc[0]) / 4);
    if (!d->null)
        for (uint32_t m = mask; m; m &= m - 1) {
            unsigned l = (unsigned)__builtin_ctz(m);

            write_lane(eu_dst_address(t, d, l), d->size, bits[l]);
        }
    if (op->acc_wr && op->opcode != OP_ADDC && op->opcode != OP_SUBB && !d->acc) {
        for (uint32_t m = mask; m; m &= m - 1) {
            unsigned l = (unsigned)__builtin_ctz(m);

            if ((l + 1) * d->size <= 2 * EU_GRF_BYTES)
                write_lane((uint8_t *)t->arch->acc + l * d->size, d->size, bits[l]);
        }
        write_acc_high(t->arch, op, r, mask, 0);
    }
}

/* Conditional modifiers compare the result with zero. */
static void flags_of_result(struct eu_thread *t, const struct eu_op *op, const union lanes *r,
                            uint32_t mask)
{
    uint32_t value = 0;
    int64_t lo, hi;

    limits(op->dst.type, &lo, &hi);
    for (unsigned l = 0; l < op->n; l++) {
        bool v;

        if (op->exec == X_INT && op->cmod == CMOD_OV)
            v = r->i[l] < lo || r->i[l] > hi;
        else if (op->exec == X_INT)
            v = compare_int(op->cmod, r->i[l], 0);
        else if (op->cmod == CMOD_OV)
            v = isinf(r->f[l]);
        else
            v = compare_float(op->cmod, r->f[l], 0);
        value |= (uint32_t)v << l;
    }
    eu_set_flags(t->arch, op, mask, value);
}

static void finish(struct eu_thread *t, const struct eu_op *op, union lanes *r, uint32_t mask)
{
    if (op->sat && op->exec == X_INT && !eu_type_is_float(op->dst.type))
        saturate_int(op->dst.type, r, op->n);
    else if (op->sat && op->exec != X_INT && eu_type_is_float(op->dst.type))
        saturate_float(r, op->n);
    if (op->cmod)
        flags_of_result(t, op, r, mask);
    write_dst(t, op, r, mask);
}

/* ---- instructions ---- */

static void read_source(struct eu_thread *t, const struct eu_op *op, unsigned n, union lanes *out)
{
    if (op->exec == X_INT || op->exec == X_COPY)
        read_int(t, op, &op->src[n], out);
    else
        read_float(t, op, &op->src[n], out);
}

static void op_cmp(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, r;
    uint32_t value = 0;

    read_source(t, op, 0, &a);
    read_source(t, op, 1, &b);
    for (unsigned l = 0; l < op->n; l++) {
        bool v = compare_lane(op, &a, &b, l);

        value |= (uint32_t)v << l;
        r.i[l] = -(int64_t)v;
    }
    if (op->cmod)
        eu_set_flags(t->arch, op, mask, value);
    for (uint32_t m = op->dst.null ? 0 : mask; m; m &= m - 1) {
        unsigned l = (unsigned)__builtin_ctz(m);

        write_lane(eu_dst_address(t, &op->dst, l), op->dst.size, r.u[l]);
    }
}

/* sel: the predicate chooses instead of masking; without one, the conditional modifier does. */
static void op_sel(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b;
    uint32_t pick = 0;

    read_source(t, op, 0, &a);
    read_source(t, op, 1, &b);
    if (op->cmod) {
        for (unsigned l = 0; l < op->n; l++)
            pick |= (uint32_t)select_lane(op, &a, &b, l) << l;
    } else {
        pick = op->pred ? eu_predicate(t->arch, op) : ~0u;
    }
    for (unsigned l = 0; l < op->n; l++) {
        if (pick >> l & 1)
            continue;
        if (op->exec == X_INT || op->exec == X_COPY)
            a.i[l] = b.i[l];
        else
            a.f[l] = b.f[l];
    }
    if (op->sat && op->exec == X_INT)
        saturate_int(op->dst.type, &a, op->n);
    else if (op->sat && op->exec != X_COPY)
        saturate_float(&a, op->n);
    write_dst(t, op, &a, mask);
}

static void op_csel(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, c, r;

    read_source(t, op, 0, &a);
    read_source(t, op, 1, &b);
    read_source(t, op, 2, &c);
    for (unsigned l = 0; l < op->n; l++) {
        if (op->exec == X_INT)
            r.i[l] = compare_int(op->cmod, c.i[l], 0) ? a.i[l] : b.i[l];
        else
            r.f[l] = compare_float(op->cmod, c.f[l], 0) ? a.f[l] : b.f[l];
    }
    if (op->sat && op->exec == X_INT)
        saturate_int(op->dst.type, &r, op->n);
    else if (op->sat)
        saturate_float(&r, op->n);
    write_dst(t, op, &r, mask);
}

static int64_t acc_lane(const struct eu_arch *a, unsigned l)
{
    uint32_t low;

    memcpy(&low, (const uint8_t *)a->acc + l * 4, 4);
    return (int64_t)((uint64_t)(uint32_t)a->acc_hi[l] << 32 | low);
}

static void write_acc(struct eu_arch *a, unsigned l, int64_t v)
{
    uint32_t low = (uint32_t)v;

    memcpy((uint8_t *)a->acc + l * 4, &low, 4);
    a->acc_hi[l] = (int32_t)(v >> 32);
}

/*
 * mach completes a 32x32 product that mul began with the low half of the second source: it adds
 * the part of the high half. With {AccWrEn} the destination gets bits 63:32, else 31:0.
 */
static void op_mach(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, r;

    read_int(t, op, &op->src[0], &a);
    read_int(t, op, &op->src[1], &b);
    for (unsigned l = 0; l < op->n; l++) {
        uint64_t part = (uint64_t)a.i[l] * (uint64_t)(b.i[l] >> 16);
        int64_t acc = (int64_t)((uint64_t)acc_lane(t->arch, l) + (part << 16));

        if (op->acc_wr && mask >> l & 1)
            write_acc(t->arch, l, acc);
        if (op->acc_wr)
            r.i[l] = eu_type_is_signed(op->dst.type) ? acc >> 32 : (int64_t)((uint64_t)acc >> 32);
        else
            r.i[l] = eu_type_is_signed(op->dst.type) ? (int32_t)acc : (int64_t)(uint32_t)acc;
    }
    if (op->cmod)
        flags_of_result(t, op, &r, mask);
    for (uint32_t m = op->dst.null ? 0 : mask; m; m &= m - 1) {
        unsigned l = (unsigned)__builtin_ctz(m);

        write_lane(eu_dst_address(t, &op->dst, l), op->dst.size, r.u[l]);
    }
}

/* addc, subb: the accumulator gets the carry or borrow of each lane */
static void op_carry(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, r;

    read_int(t, op, &op->src[0], &a);
    read_int(t, op, &op->src[1], &b);
    for (unsigned l = 0; l < op->n; l++) {
        uint32_t x = (uint32_t)a.u[l], y = (uint32_t)b.u[l];
        bool carry = op->opcode == OP_ADDC ? (uint64_t)x + y > UINT32_MAX : x < y;

        r.i[l] = op->opcode == OP_ADDC ? x + y : x - y;
        if (mask >> l & 1)
            write_acc(t->arch, l, carry);
    }
    finish(t, op, &r, mask);
}

static void op_mac(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, r;

    read_source(t, op, 0, &a);
    read_source(t, op, 1, &b);
    for (unsigned l = 0; l < op->n; l++) {
        unsigned k = l % (2 * EU_GRF_BYTES / 4);
        float acc;

        memcpy(&acc, (const uint8_t *)t->arch->acc + k * 4, 4);
        if (op->exec == X_INT)
            r.i[l] =
                (int64_t)((uint64_t)a.i[l] * (uint64_t)b.i[l] + (uint64_t)acc_lane(t->arch, k));
        else
            r.f[l] = fmaf(a.f[l], b.f[l], acc);
    }
    finish(t, op, &r, mask);
}

/* movi: all lanes share the register of the first address, each has its own byte in it */
static void op_movi(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    const struct eu_src *s = &op->src[0];
    union lanes r;
    uint32_t reg = (a0_word(t->arch, s->addr) + (uint32_t)s->addr_off) & ~(EU_GRF_BYTES - 1);

    for (unsigned l = 0; l < op->n; l++) {
        uint32_t byte =
            (a0_word(t->arch, s->addr + l) + (uint32_t)s->addr_off) & (EU_GRF_BYTES - 1);

        r.u[l] = 0;
        memcpy(&r.u[l], eu_at(t, grf_wrap(reg + byte, s->size)), s->size);
    }
    write_dst(t, op, &r, mask);
}

static void op_lanes(struct eu_thread *t, const struct eu_op *op, uint32_t mask)
{
    union lanes a, b, c, r;

    memset(&b, 0, sizeof(b));
    memset(&c, 0, sizeof(c));
    read_source(t, op, 0, &a);
    if (op->sources > 1)
        read_source(t, op, 1, &b);
    if (op->sources > 2)
        read_source(t, op, 2, &c);
    if (op->exec == X_INT || op->exec == X_COPY)
        for (unsigned l = 0; l < op->n; l++)
            r.i[l] = int_lane(op, a.i[l], b.i[l], c.i[l]);
    else
        for (unsigned l = 0; l < op->n; l++)
            r.f[l] = float_lane(op, a.f[l], b.f[l], c.f[l]);
    finish(t, op, &r, mask);
}

/* ce0, ip and tm0 are made when read. */
static void refresh_special(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;
    uint32_t ip = (uint32_t)(t->program->base + op->ip);

    memcpy(a->ce, &a->emask, 4);
    memcpy(a->ip, &ip, 4);
    if (op->reads_tm && t->env->timestamp) {
        uint32_t time = t->env->timestamp(t->env->opaque);

        memcpy(a->tm, &time, 4);
    }
}

const struct eu_op *eu_op_alu(struct eu_thread *t, const struct eu_op *op)
{
    uint32_t mask = op->opcode == OP_SEL ? (t->arch->emask | op->force) >> op->chan_off & op->lanes
                                         : eu_mask(t, op);

    if (op->special)
        refresh_special(t, op);
    switch (op->opcode) {
    case OP_CMP:
    case OP_CMPN:
        op_cmp(t, op, mask);
        break;
    case OP_SEL:
        op_sel(t, op, mask);
        break;
    case OP_CSEL:
        op_csel(t, op, mask);
        break;
    case OP_MACH:
        op_mach(t, op, mask);
        break;
    case OP_ADDC:
    case OP_SUBB:
        op_carry(t, op, mask);
        break;
    case OP_MAC:
        op_mac(t, op, mask);
        break;
    case OP_MOVI:
        op_movi(t, op, mask);
        break;
    default:
        op_lanes(t, op, mask);
        break;
    }
    if (op->writes_cr0)
        eu_cr0_changed(t->arch);
    return op + 1;
}

static bool is_dword(const struct eu_operand *o)
{
    return o->type == T_D || o->type == T_UD;
}

static bool is_real(const struct eu_operand *o)
{
    return o->type == T_F || o->type == T_HF;
}

static const char *math_check(const struct eu_inst *i)
{
    bool integer = i->fc == MATH_IDIV || i->fc == MATH_IQOT || i->fc == MATH_IREM;

    if (i->dst.indirect)
        return "math with register-indirect destination";
    for (unsigned n = 0; n < i->sources; n++) {
        if (i->src[n].indirect)
            return "math with register-indirect source";
        if (integer ? !is_dword(&i->src[n]) : !is_real(&i->src[n]))
            return "math on a type it does not have";
    }
    if (integer ? !is_dword(&i->dst) : !is_real(&i->dst))
        return "math on a type it does not have";
    if (i->fc == MATH_IDIV && (i->dst.file != FILE_GRF || i->dst.reg + 4 > EU_GRF_COUNT))
        return "destination beyond its register file";
    return NULL;
}

const char *eu_alu_check(const struct eu_inst *i)
{
    if (i->dst.type == T_DF)
        return "double precision, which this hardware does not have";
    for (unsigned n = 0; n < i->sources; n++)
        if (i->src[n].type == T_DF)
            return "double precision, which this hardware does not have";
    if ((i->opcode == OP_MACH || i->opcode == OP_ADDC || i->opcode == OP_SUBB) && i->exec_size > 16)
        return "more channels than the accumulators have";
    if (i->format == FMT_MATH)
        return math_check(i);
    if (i->opcode == OP_MOVI && (!i->src[0].indirect || i->src[0].type != i->dst.type))
        return "movi that is not a copy through address registers";
    return NULL;
}

static bool copies(const struct eu_op *op)
{
    if ((op->opcode != OP_MOV && op->opcode != OP_SEL) || op->sat || op->cmod)
        return false;
    for (unsigned n = 0; n < op->sources; n++) {
        const struct eu_src *s = &op->src[n];

        if (s->type != op->dst.type || s->neg || s->abs)
            return false;
    }
    return true;
}

static unsigned exec_type(const struct eu_op *op)
{
    unsigned exec = X_INT;

    if (op->opcode == OP_MOVI || copies(op))
        return X_COPY;
    for (unsigned n = 0; n < op->sources; n++) {
        unsigned type = op->src[n].type;

        if (type == T_F || type == T_VF)
            return X_F;
        if (type == T_HF)
            exec = X_HF;
    }
    /* half arithmetic into a float destination is float arithmetic */
    return exec == X_HF && op->dst.type == T_F ? X_F : exec;
}

/* DG1_EU=general or DG1_EU=base keeps from the faster ways, to compare them. */
static eu_handler fast_handler(struct eu_op *op)
{
    const char *limit = getenv("DG1_EU");

    if (op->special || op->wide || (limit && !strcmp(limit, "general")))
        return NULL;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !limit)
        return eu_fast_select_avx2(op);
#endif
    return eu_fast_select_base(op);
}

/* or cr0.0 with a constant: how every kernel of IGC begins */
static bool ors_cr0(const struct eu_op *op)
{
    const struct eu_src *s = op->src;

    return op->opcode == OP_OR && op->writes_cr0 && op->n == 1 && op->dst.type == T_UD &&
           s[0].kind == SRC_MEM && s[0].type == T_UD && s[0].off == op->dst.off && !s[0].neg &&
           s[1].kind == SRC_IMM && (s[1].type == T_UD || s[1].type == T_UW) && !s[1].neg &&
           !op->cmod && !op->sat && !op->acc_wr;
}

void eu_alu_prepare(struct eu_op *op, const struct eu_inst *i)
{
    op->exec = exec_type(op);
    op->wide = op->dst.size == 8; /* shl q, d, 32: the count is masked by the widest type */
    for (unsigned n = 0; n < op->sources; n++)
        op->wide |= op->src[n].size == 8;
    op->real = ors_cr0(op) ? eu_op_or_cr0 : fast_handler(op);
    if (!op->real)
        op->real = i->format == FMT_MATH ? eu_op_math : eu_op_alu;
}
