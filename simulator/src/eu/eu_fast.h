/* SPDX-License-Identifier: MIT */
/*
 * eu_fast.h - handlers for the common shapes: 32-bit lanes (smaller ones are widened when read and
 * narrowed when written), computed eight at a time. Included once for each host ISA.
 *
 * Two levels. A direct handler is one function for an operation, a width of 1, 8 or 16 lanes and
 * one way to read each source (packed row, one element for all, immediate). What no direct handler
 * fits goes through a staged one: sources are collected into rows, a kernel computes, the row is
 * spread over the destination. eu_fast_select picks at decoding; NULL leaves the general way.
 */
#include "eu/eu_simd.h"

/* ---- what an operation computes on a vector ---- */

INLINE vu k_mov(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return a;
}
INLINE vu k_fadd(vu a, vu b, vu c)
{
    (void)c;
    return (vu)((vf)a + (vf)b);
}
INLINE vu k_fmul(vu a, vu b, vu c)
{
    (void)c;
    return (vu)((vf)a * (vf)b);
}
INLINE vu k_fmad(vu a, vu b, vu c)
{
    return v_fma(b, c, a);
}
INLINE vu k_fmac(vu a, vu b, vu c)
{
    return v_fma(a, b, c);
}
/* minimum and maximum prefer a number to a NaN */
INLINE vu k_fmin(vu a, vu b, vu c)
{
    vf x = (vf)a, y = (vf)b;

    (void)c;
    return v_pick(((vu)(x < y) | (vu)(y != y)) & (vu)(x == x), a, b);
}
INLINE vu k_fmax(vu a, vu b, vu c)
{
    vf x = (vf)a, y = (vf)b;

    (void)c;
    return v_pick(((vu)(x >= y) | (vu)(y != y)) & (vu)(x == x), a, b);
}
INLINE vu k_frc(vu a, vu b, vu c)
{
    vf x = (vf)a, whole = (vf)v_round(a, TO_DOWN), r = x - whole;
    const vf below = {0x1.fffffep-1f, 0x1.fffffep-1f, 0x1.fffffep-1f, 0x1.fffffep-1f,
                      0x1.fffffep-1f, 0x1.fffffep-1f, 0x1.fffffep-1f, 0x1.fffffep-1f};

    (void)b, (void)c;
    return v_pick((vu)(r >= 1.0f), (vu)below, (vu)r);
}
INLINE vu k_rndd(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_round(a, TO_DOWN);
}
INLINE vu k_rndu(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_round(a, TO_UP);
}
INLINE vu k_rnde(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_round(a, TO_EVEN);
}
INLINE vu k_rndz(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_round(a, TO_ZERO);
}
INLINE vu k_inv(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_inverse(a);
}
INLINE vu k_sqt(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_square_root(a);
}
INLINE vu k_rsqt(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_inverse_root(a);
}
INLINE vu k_exp(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_exp2(a);
}
INLINE vu k_log(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_log2(a);
}
INLINE vu k_sin(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_sin(a);
}
INLINE vu k_cos(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_cos(a);
}
INLINE vu k_i2f(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_from_int(a);
}
INLINE vu k_u2f(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_from_uint(a);
}
INLINE vu k_f2i(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_to_int(a);
}
INLINE vu k_f2u(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return v_to_uint(a);
}
INLINE vu k_add(vu a, vu b, vu c)
{
    (void)c;
    return a + b;
}
INLINE vu k_sub(vu a, vu b, vu c)
{
    (void)c;
    return a - b;
}
INLINE vu k_rsub(vu a, vu b, vu c)
{
    (void)c;
    return b - a;
}
INLINE vu k_mul(vu a, vu b, vu c)
{
    (void)c;
    return a * b;
}
INLINE vu k_mad(vu a, vu b, vu c)
{
    return a + b * c;
}
INLINE vu k_and(vu a, vu b, vu c)
{
    (void)c;
    return a & b;
}
INLINE vu k_or(vu a, vu b, vu c)
{
    (void)c;
    return a | b;
}
INLINE vu k_xor(vu a, vu b, vu c)
{
    (void)c;
    return a ^ b;
}
INLINE vu k_not(vu a, vu b, vu c)
{
    (void)b, (void)c;
    return ~a;
}
INLINE vu k_shl(vu a, vu b, vu c)
{
    (void)c;
    return v_shl(a, b);
}
INLINE vu k_shr(vu a, vu b, vu c)
{
    (void)c;
    return v_shr(a, b);
}
INLINE vu k_asr(vu a, vu b, vu c)
{
    (void)c;
    return v_asr(a, b);
}
INLINE vu k_rol(vu a, vu b, vu c)
{
    (void)c;
    return v_shl(a, b) | v_shr(a, -b);
}
INLINE vu k_ror(vu a, vu b, vu c)
{
    (void)c;
    return v_shr(a, b) | v_shl(a, -b);
}
INLINE vu k_imin(vu a, vu b, vu c)
{
    (void)c;
    return v_pick((vu)((vi)a < (vi)b), a, b);
}
INLINE vu k_imax(vu a, vu b, vu c)
{
    (void)c;
    return v_pick((vu)((vi)a >= (vi)b), a, b);
}
INLINE vu k_umin(vu a, vu b, vu c)
{
    (void)c;
    return v_pick((vu)(a < b), a, b);
}
INLINE vu k_umax(vu a, vu b, vu c)
{
    (void)c;
    return v_pick((vu)(a >= b), a, b);
}
INLINE vu k_fbl(vu a, vu b, vu c)
{
    vu r;

    (void)b, (void)c;
    for (unsigned l = 0; l < 8; l++)
        r[l] = a[l] ? (uint32_t)__builtin_ctz(a[l]) : UINT32_MAX;
    return r;
}
INLINE vu k_lzd(vu a, vu b, vu c)
{
    vu r;

    (void)b, (void)c;
    for (unsigned l = 0; l < 8; l++)
        r[l] = a[l] ? (uint32_t)__builtin_clz(a[l]) : 32;
    return r;
}
INLINE vu k_cbit(vu a, vu b, vu c)
{
    vu r;

    (void)b, (void)c;
    for (unsigned l = 0; l < 8; l++)
        r[l] = (uint32_t)__builtin_popcount(a[l]);
    return r;
}
/* Quotients of 32-bit integers are exact in double. */
#define DIVIDE(name, type, limit)                                                      \
    INLINE vu name(vu a, vu b, vu c)                                                   \
    {                                                                                  \
        vu r;                                                                          \
        (void)c;                                                                       \
        for (unsigned l = 0; l < 8; l++) {                                             \
            type x = (type)a[l], y = (type)b[l];                                       \
            r[l] = y ? (uint32_t)(int64_t)((double)x / (double)y) : (uint32_t)(limit); \
        }                                                                              \
        return r;                                                                      \
    }
DIVIDE(k_idiv, int32_t, x < 0 ? INT32_MIN : INT32_MAX)
DIVIDE(k_udiv, uint32_t, UINT32_MAX)
INLINE vu k_irem(vu a, vu b, vu c)
{
    return v_pick((vu)(b == 0), a, a - k_idiv(a, b, c) * b);
}
INLINE vu k_urem(vu a, vu b, vu c)
{
    return v_pick((vu)(b == 0), a, a - k_udiv(a, b, c) * b);
}
INLINE vu k_bfi2(vu a, vu b, vu c)
{
    return v_pick(a, b, c);
}

/* comparisons: all ones where true */
#define COMPARE(name, type, op)          \
    INLINE vu name(vu a, vu b, vu c)     \
    {                                    \
        (void)c;                         \
        return (vu)((type)a op(type) b); \
    }
COMPARE(k_feq, vf, ==)
COMPARE(k_fne, vf, !=)
COMPARE(k_fgt, vf, >)
COMPARE(k_fge, vf, >=)
COMPARE(k_flt, vf, <)
COMPARE(k_fle, vf, <=)
COMPARE(k_ieq, vi, ==)
COMPARE(k_ine, vi, !=)
COMPARE(k_igt, vi, >)
COMPARE(k_ige, vi, >=)
COMPARE(k_ilt, vi, <)
COMPARE(k_ile, vi, <=)
COMPARE(k_ugt, vu, >)
COMPARE(k_uge, vu, >=)
COMPARE(k_ult, vu, <)
COMPARE(k_ule, vu, <=)

#define SIMPLE_KERNELS(X) \
    X(mov)                \
    X(fadd) X(fmul) X(fmad) X(add) X(sub) X(rsub) X(mul) X(and) X(or) X(xor) X(shl) X(shr) X(asr)
#define OTHER_KERNELS(X)                                                                        \
    X(fmac)                                                                                     \
    X(fmin)                                                                                     \
    X(fmax)                                                                                     \
    X(frc)                                                                                      \
    X(rndd) X(rndu) X(rnde) X(rndz) X(inv) X(exp) X(log) X(sin) X(cos) X(sqt) X(rsqt) X(i2f)    \
        X(u2f) X(f2i) X(f2u) X(mad) X(not ) X(rol) X(ror) X(fbl) X(lzd) X(cbit) X(idiv) X(udiv) \
            X(irem) X(urem) X(imin) X(imax) X(umin) X(umax) X(bfi2)
#define COMPARE_KERNELS(X) \
    X(feq)                 \
    X(fne)                 \
    X(fgt)                 \
    X(fge) X(flt) X(fle) X(ieq) X(ine) X(igt) X(ige) X(ilt) X(ile) X(ugt) X(uge) X(ult) X(ule)

enum kernel {
    K_NONE,
#define X(name) K_##name,
    SIMPLE_KERNELS(X) OTHER_KERNELS(X) COMPARE_KERNELS(X)
#undef X
        K_COUNT,
};

typedef vu (*vector_function)(vu, vu, vu);

/* ---- masks and flags ---- */

INLINE uint32_t predicate(const struct eu_arch *a, const struct eu_op *op)
{
    uint64_t flags;

    if (op->pred != PRED_SEQ)
        return eu_predicate(a, op);
    memcpy(&flags, a->f, 8);
    return (uint32_t)(flags >> op->flag_at) ^ op->pred_xor;
}

INLINE uint32_t exec_mask(const struct eu_arch *a, const struct eu_op *op)
{
    return (a->emask | op->force) >> op->chan_off & op->lanes;
}

INLINE uint32_t lane_mask(const struct eu_arch *a, const struct eu_op *op)
{
    uint32_t m = exec_mask(a, op);

    return op->pred ? m & predicate(a, op) : m;
}

INLINE void set_flags(struct eu_arch *a, const struct eu_op *op, uint32_t mask, uint32_t value)
{
    uint64_t flags, m = (uint64_t)mask << op->flag_at, v = (uint64_t)(value & mask) << op->flag_at;

    memcpy(&flags, a->f, 8);
    flags = (flags & ~m) | v;
    memcpy(a->f, &flags, 8);
}

/* ---- direct handlers ---- */

enum mode { PACKED, SPLAT, IMM, UNUSED };

INLINE vu read_lanes(struct eu_thread *t, const struct eu_op *op, unsigned src, unsigned chunk,
                     enum mode mode, bool mods)
{
    vu v;

    if (mode == UNUSED)
        return v_splat(0);
    if (mode == IMM)
        return v_splat(op->imm32); /* its modifiers were applied at decoding */
    if (mode == PACKED) {
        v = v_load(eu_at(t, op->at[src] + chunk * 32));
    } else {
        uint32_t x;

        memcpy(&x, eu_at(t, op->at[src]), 4);
        v = v_splat(x);
    }
    if (mods)
        v = (v & v_splat(op->keep[src])) ^ v_splat(op->flip[src]);
    return v;
}

INLINE void write_lanes(uint8_t *d, const vu *r, unsigned n, uint32_t m, uint32_t all)
{
    if (n == 1) {
        uint32_t x = r[0][0];

        if (m)
            memcpy(d, &x, 4);
        return;
    }
    if (__builtin_expect(m == all, 1)) {
        for (unsigned k = 0; k < n / 8; k++)
            v_store(d + k * 32, r[k]);
        return;
    }
    for (unsigned k = 0; k < n / 8; k++)
        v_store(d + k * 32, v_pick(v_bits(m >> (k * 8)), r[k], v_load(d + k * 32)));
}

INLINE const struct eu_op *direct(struct eu_thread *t, const struct eu_op *op, unsigned n,
                                  enum mode ma, enum mode mb, enum mode mc, bool mods,
                                  vector_function f)
{
    uint32_t m = lane_mask(t->arch, op);
    unsigned chunks = n == 16 ? 2 : 1;
    vu r[2];

    for (unsigned k = 0; k < chunks; k++)
        r[k] = f(read_lanes(t, op, 0, k, ma, mods), read_lanes(t, op, 1, k, mb, mods),
                 read_lanes(t, op, 2, k, mc, mods));
    write_lanes(eu_at(t, op->dst_at), r, n, m, op->lanes);
    return op + 1;
}

INLINE const struct eu_op *direct_compare(struct eu_thread *t, const struct eu_op *op, unsigned n,
                                          enum mode ma, enum mode mb, vector_function f)
{
    uint32_t m = lane_mask(t->arch, op), value = 0;
    unsigned chunks = n == 16 ? 2 : 1;
    const vu none = {0};

    for (unsigned k = 0; k < chunks; k++)
        value |=
            v_signs(f(read_lanes(t, op, 0, k, ma, false), read_lanes(t, op, 1, k, mb, false), none))
            << (k * 8);
    set_flags(t->arch, op, m, value);
    return op + 1;
}

/* sel by predicate */
INLINE const struct eu_op *direct_select(struct eu_thread *t, const struct eu_op *op, unsigned n,
                                         enum mode ma, enum mode mb)
{
    uint32_t m = exec_mask(t->arch, op), pick = predicate(t->arch, op);
    unsigned chunks = n == 16 ? 2 : 1;
    vu r[2];

    for (unsigned k = 0; k < chunks; k++)
        r[k] = v_pick(v_bits(pick >> (k * 8)), read_lanes(t, op, 0, k, ma, false),
                      read_lanes(t, op, 1, k, mb, false));
    write_lanes(eu_at(t, op->dst_at), r, n, m, op->lanes);
    return op + 1;
}

/* Ways to read two sources, and three. */
#define PAIRS(X, name, n)      \
    X(name, n, PACKED, PACKED) \
    X(name, n, PACKED, SPLAT)  \
    X(name, n, PACKED, IMM)    \
    X(name, n, SPLAT, PACKED) X(name, n, SPLAT, SPLAT) X(name, n, SPLAT, IMM)
#define WIDTHS(X, name) PAIRS(X, name, 1) PAIRS(X, name, 8) PAIRS(X, name, 16)

#define DIRECT2(name, n, a, b)                                                    \
    static const struct eu_op *h_##name##_##n##_##a##_##b(struct eu_thread *t,    \
                                                          const struct eu_op *op) \
    {                                                                             \
        return direct(t, op, n, a, b, UNUSED, false, k_##name);                   \
    }
#define DIRECT2M(name, n, a, b)                                                   \
    static const struct eu_op *m_##name##_##n##_##a##_##b(struct eu_thread *t,    \
                                                          const struct eu_op *op) \
    {                                                                             \
        return direct(t, op, n, a, b, UNUSED, true, k_##name);                    \
    }
#define COMPARE2(name, n, a, b)                                                   \
    static const struct eu_op *h_##name##_##n##_##a##_##b(struct eu_thread *t,    \
                                                          const struct eu_op *op) \
    {                                                                             \
        return direct_compare(t, op, n, a, b, k_##name);                          \
    }
#define SELECT2(name, n, a, b)                                                    \
    static const struct eu_op *h_##name##_##n##_##a##_##b(struct eu_thread *t,    \
                                                          const struct eu_op *op) \
    {                                                                             \
        return direct_select(t, op, n, a, b);                                     \
    }

#define BINARY_KERNELS(X) \
    X(fadd) X(fmul) X(add) X(sub) X(rsub) X(mul) X(and) X(or) X(xor) X(shl) X(shr) X(asr)
#define MOD_KERNELS(X) X(fadd) X(fmul)

#define X(name) WIDTHS(DIRECT2, name)
BINARY_KERNELS(X)
#undef X
#define X(name) WIDTHS(DIRECT2M, name)
MOD_KERNELS(X)
#undef X
#define X(name) WIDTHS(COMPARE2, name)
COMPARE_KERNELS(X)
#undef X
WIDTHS(SELECT2, select)

#define MOVES(X) \
    X(1, SPLAT) X(1, IMM) X(8, PACKED) X(8, SPLAT) X(8, IMM) X(16, PACKED) X(16, SPLAT) X(16, IMM)
#define MOVE(n, a)                                                                          \
    static const struct eu_op *h_mov_##n##_##a(struct eu_thread *t, const struct eu_op *op) \
    {                                                                                       \
        return direct(t, op, n, a, UNUSED, UNUSED, false, k_mov);                           \
    }
MOVES(MOVE)

#define TRIPLES(X, n)                                                                 \
    X(n, PACKED, PACKED, PACKED)                                                      \
    X(n, PACKED, PACKED, SPLAT)                                                       \
    X(n, PACKED, SPLAT, PACKED)                                                       \
    X(n, PACKED, SPLAT, SPLAT)                                                        \
    X(n, SPLAT, PACKED, PACKED) X(n, SPLAT, PACKED, SPLAT) X(n, SPLAT, SPLAT, PACKED) \
        X(n, SPLAT, SPLAT, SPLAT)
#define MAD3(n, a, b, c)                                                            \
    static const struct eu_op *h_fmad_##n##_##a##_##b##_##c(struct eu_thread *t,    \
                                                            const struct eu_op *op) \
    {                                                                               \
        return direct(t, op, n, a, b, c, false, k_fmad);                            \
    }                                                                               \
    static const struct eu_op *m_fmad_##n##_##a##_##b##_##c(struct eu_thread *t,    \
                                                            const struct eu_op *op) \
    {                                                                               \
        return direct(t, op, n, a, b, c, true, k_fmad);                             \
    }
TRIPLES(MAD3, 1)
TRIPLES(MAD3, 8)
TRIPLES(MAD3, 16)

/* Tables, by kernel, width and modes. */
enum { W1, W8, W16, WIDTH_COUNT };

static const eu_handler binary_table[K_COUNT][WIDTH_COUNT][2][3] = {
#define CELL_AT(name, n, a, b) [K_##name][W##n][a][b] = h_##name##_##n##_##a##_##b,
#define X(name)                WIDTHS(CELL_AT, name)
    BINARY_KERNELS(X) COMPARE_KERNELS(X)
#undef X
};
static const eu_handler modifier_table[K_COUNT][WIDTH_COUNT][2][3] = {
#define MODIFIER_AT(name, n, a, b) [K_##name][W##n][a][b] = m_##name##_##n##_##a##_##b,
#define X(name)                    WIDTHS(MODIFIER_AT, name)
    MOD_KERNELS(X)
#undef X
};
static const eu_handler select_table[WIDTH_COUNT][2][3] = {
#define SELECT_AT(name, n, a, b) [W##n][a][b] = h_##name##_##n##_##a##_##b,
    WIDTHS(SELECT_AT, select)};
static const eu_handler move_table[WIDTH_COUNT][3] = {
#define MOVE_AT(n, a) [W##n][a] = h_mov_##n##_##a,
    MOVES(MOVE_AT)};
static const eu_handler mad_table[2][WIDTH_COUNT][2][2][2] = {
#define MAD_AT(n, a, b, c)                             \
    [0][W##n][a][b][c] = h_fmad_##n##_##a##_##b##_##c, \
    [1][W##n][a][b][c] = m_fmad_##n##_##a##_##b##_##c,
    TRIPLES(MAD_AT, 1) TRIPLES(MAD_AT, 8) TRIPLES(MAD_AT, 16)};

/* ---- staged handlers ---- */

#define ROW (EU_LANES * 4)

#define KERNEL_LOOP(name)                                                                     \
    static void loop_##name(uint8_t *r, const uint8_t *a, const uint8_t *b, const uint8_t *c, \
                            unsigned chunks)                                                  \
    {                                                                                         \
        for (unsigned k = 0; k < chunks; k++)                                                 \
            v_store(r + k * 32,                                                               \
                    k_##name(v_load(a + k * 32), v_load(b + k * 32), v_load(c + k * 32)));    \
    }
#define X(name) KERNEL_LOOP(name)
SIMPLE_KERNELS(X)
OTHER_KERNELS(X)
COMPARE_KERNELS(X)
#undef X
static const eu_kernel loops[K_COUNT] = {
#define X(name) [K_##name] = loop_##name,
    SIMPLE_KERNELS(X) OTHER_KERNELS(X) COMPARE_KERNELS(X)
#undef X
};

static uint32_t element(const uint8_t *p, unsigned type)
{
    uint16_t half;
    uint32_t word;

    switch (type) {
    case T_UB:
        return *p;
    case T_B:
        return (uint32_t)(int32_t)(int8_t)*p;
    case T_UW:
    case T_HF:
        memcpy(&half, p, 2);
        return half;
    case T_W:
        memcpy(&half, p, 2);
        return (uint32_t)(int32_t)(int16_t)half;
    default:
        memcpy(&word, p, 4);
        return word;
    }
}

#define STRIDE_LOOP(T, S)                      \
    for (unsigned l = 0; l < n; l++) {         \
        T x;                                   \
        memcpy(&x, p + l * stride, sizeof(x)); \
        row[l] = (uint32_t)(S)x;               \
    }                                          \
    break

/* Words one after the other. */
static void fetch_words(const uint8_t *p, bool sign, unsigned chunks, uint8_t *row)
{
    for (unsigned k = 0; k < chunks; k++)
        v_store(row + k * 32, sign ? v_from_words(p + k * 16) : v_from_uwords(p + k * 16));
}

static void fetch_stride(const uint8_t *p, unsigned stride, unsigned type, unsigned n,
                         uint32_t *row)
{
    switch (type) {
    case T_UB:
        STRIDE_LOOP(uint8_t, uint32_t);
    case T_B:
        STRIDE_LOOP(int8_t, int32_t);
    case T_UW:
    case T_HF:
        STRIDE_LOOP(uint16_t, uint32_t);
    case T_W:
        STRIDE_LOOP(int16_t, int32_t);
    default:
        STRIDE_LOOP(uint32_t, uint32_t);
    }
}

static void fill(uint8_t *row, unsigned chunks, uint32_t x)
{
    for (unsigned k = 0; k < chunks; k++)
        v_store(row + k * 32, v_splat(x));
}

/* Modifiers on a row: bits for floats, arithmetic for integers. */
static void modify(const struct eu_op *op, unsigned src, uint8_t *row)
{
    const struct eu_src *s = &op->src[src];
    bool flt = s->type == T_F || s->type == T_HF;
    bool logic =
        op->opcode == OP_AND || op->opcode == OP_OR || op->opcode == OP_XOR || op->opcode == OP_NOT;

    for (unsigned k = 0; k < op->chunks; k++) {
        vu v = v_load(row + k * 32);

        if (flt) {
            v = (v & v_splat(op->keep[src])) ^ v_splat(op->flip[src]);
        } else {
            if (s->abs && s->type != T_UD)
                v = v_pick((vu)((vi)v < 0), -v, v);
            if (s->neg)
                v = logic ? ~v : -v;
        }
        v_store(row + k * 32, v);
    }
}

static const uint8_t *fetch(struct eu_thread *t, const struct eu_op *op, unsigned src, uint8_t *row)
{
    const struct eu_src *s = &op->src[src];
    uint32_t x;

    switch (op->fetch[src]) {
    case FETCH_PTR:
        if (!s->neg && !s->abs)
            return eu_at(t, s->off);
        memcpy(row, eu_at(t, s->off), op->n * 4u);
        break;
    case FETCH_SPLAT:
        x = element(eu_at(t, s->off), s->type);
        fill(row, op->chunks, x);
        break;
    case FETCH_IMM:
        fill(row, op->chunks, op->imm32);
        return row; /* modified at decoding */
    case FETCH_WORDS:
        fetch_words(eu_at(t, s->off), s->type == T_W, op->chunks, row);
        break;
    case FETCH_STRIDE:
        if (op->n < 8)
            fill(row, 1, 0);
        fetch_stride(eu_at(t, s->off), s->stride, s->type, op->n, (uint32_t *)row);
        break;
    case FETCH_REGION:
        if (op->n < 8)
            fill(row, 1, 0);
        for (unsigned l = 0; l < op->n; l++) {
            x = element(eu_lane_address(t, s, l), s->type);
            memcpy(row + l * 4, &x, 4);
        }
        break;
    default:
        return row;
    }
    if (s->neg || s->abs)
        modify(op, src, row);
    return row;
}

static void put_narrow(struct eu_thread *t, const struct eu_op *op, const uint8_t *row, uint32_t m)
{
    for (; m; m &= m - 1) {
        unsigned l = (unsigned)__builtin_ctz(m);

        memcpy(eu_dst_address(t, &op->dst, l), row + l * 4, op->dst.size);
    }
}

#define PUT_LOOP(T)                            \
    for (unsigned l = 0; l < n; l++) {         \
        T x = (T)row[l];                       \
        memcpy(d + l * stride, &x, sizeof(x)); \
    }                                          \
    break

/* Every second dword of eight: halves of 64-bit addresses. */
static void put_alternate(uint8_t *d, const uint32_t *row)
{
    for (unsigned l = 0; l < 8; l++)
        memcpy(d + l * 8, row + l, 4);
}

static void put_all(uint8_t *d, unsigned stride, unsigned size, unsigned n, const uint32_t *row)
{
    if (size == 4 && stride == 8 && n == 8) {
        put_alternate(d, row);
        return;
    }
    switch (size) {
    case 1:
        PUT_LOOP(uint8_t);
    case 2:
        PUT_LOOP(uint16_t);
    default:
        PUT_LOOP(uint32_t);
    }
}

static void put(struct eu_thread *t, const struct eu_op *op, const uint8_t *row, uint32_t m)
{
    if (op->put == PUT_NONE)
        return;
    if (op->put == PUT_PTR) {
        uint8_t *d = eu_at(t, op->dst.off);

        for (unsigned k = 0; k < op->chunks; k++) {
            uint32_t part = m >> (k * 8) & 0xff;

            if (part == 0xff)
                v_store(d + k * 32, v_load(row + k * 32));
            else if (part)
                v_store(d + k * 32, v_pick(v_bits(part), v_load(row + k * 32), v_load(d + k * 32)));
        }
        return;
    }
    if (op->put == PUT_STRIDE && m == op->lanes)
        put_all(eu_at(t, op->dst.off), op->dst.hs * op->dst.size, op->dst.size, op->n,
                (const uint32_t *)row);
    else
        put_narrow(t, op, row, m);
}

static void saturate(uint8_t *row, unsigned chunks)
{
    const vf zero = {0}, one = {1, 1, 1, 1, 1, 1, 1, 1};

    for (unsigned k = 0; k < chunks; k++) {
        vf v = (vf)v_load(row + k * 32);

        v = (vf)v_pick((vu)(v > zero), (vu)v, (vu)zero); /* NaN becomes 0 */
        v_store(row + k * 32, v_pick((vu)(v < one), (vu)v, (vu)one));
    }
}

/* Flags of results compared with zero. */
static uint32_t result_flags(const struct eu_op *op, const uint8_t *row)
{
    uint32_t value = 0;

    for (unsigned k = 0; k < op->chunks; k++) {
        vu v = v_load(row + k * 32), hit;
        vf f = (vf)v;
        vi i = (vi)v;

        switch (op->cmod) {
        case CMOD_EQ:
            hit = op->cmod_float ? (vu)(f == 0) : (vu)(i == 0);
            break;
        case CMOD_NE:
            hit = op->cmod_float ? (vu)(f != 0) : (vu)(i != 0);
            break;
        case CMOD_GT:
            hit = op->cmod_float ? (vu)(f > 0) : (vu)(i > 0);
            break;
        case CMOD_GE:
            hit = op->cmod_float ? (vu)(f >= 0) : (vu)(i >= 0);
            break;
        case CMOD_LT:
            hit = op->cmod_float ? (vu)(f < 0) : (vu)(i < 0);
            break;
        default:
            hit = op->cmod_float ? (vu)(f <= 0) : (vu)(i <= 0);
            break;
        }
        value |= v_signs(hit) << (k * 8);
    }
    return value;
}

static const struct eu_op *staged(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[4][ROW];
    uint32_t m = lane_mask(t->arch, op);
    const uint8_t *a = fetch(t, op, 0, rows[0]);
    const uint8_t *b = op->sources > 1 ? fetch(t, op, 1, rows[1]) : a;
    const uint8_t *c = op->sources > 2 ? fetch(t, op, 2, rows[2]) : a;

    op->kernel(rows[3], a, b, c, op->chunks);
    if (op->sat)
        saturate(rows[3], op->chunks);
    if (op->cmod)
        set_flags(t->arch, op, m, result_flags(op, rows[3]));
    put(t, op, rows[3], m);
    return op + 1;
}

static const struct eu_op *staged_compare(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[3][ROW];
    uint32_t m = lane_mask(t->arch, op), value = 0;
    const uint8_t *a = fetch(t, op, 0, rows[0]), *b = fetch(t, op, 1, rows[1]);

    op->kernel(rows[2], a, b, a, op->chunks);
    for (unsigned k = 0; k < op->chunks; k++)
        value |= v_signs(v_load(rows[2] + k * 32)) << (k * 8);
    set_flags(t->arch, op, m, value);
    put(t, op, rows[2], m);
    return op + 1;
}

static const struct eu_op *staged_select(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[3][ROW];
    uint32_t m = exec_mask(t->arch, op), pick = predicate(t->arch, op);
    const uint8_t *a = fetch(t, op, 0, rows[0]), *b = fetch(t, op, 1, rows[1]);

    for (unsigned k = 0; k < op->chunks; k++)
        v_store(rows[2] + k * 32,
                v_pick(v_bits(pick >> (k * 8)), v_load(a + k * 32), v_load(b + k * 32)));
    put(t, op, rows[2], m);
    return op + 1;
}

/* ---- integer accumulators ---- */

/* Write low and high halves of accumulator lanes. */
static void put_acc(struct eu_arch *x, const uint32_t *low, const uint32_t *high, unsigned chunks,
                    uint32_t m)
{
    for (unsigned k = 0; k < chunks; k++) {
        vu keep = v_bits(m >> (k * 8));
        uint8_t *l = x->acc[k], *h = (uint8_t *)(x->acc_hi + k * 8);

        v_store(l, v_pick(keep, v_load(low + k * 8), v_load(l)));
        v_store(h, v_pick(keep, v_load(high + k * 8), v_load(h)));
    }
}

/* addc, subb */
static const struct eu_op *staged_carry(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[5][ROW];
    uint32_t m = lane_mask(t->arch, op);
    const uint8_t *a = fetch(t, op, 0, rows[0]), *b = fetch(t, op, 1, rows[1]);

    for (unsigned k = 0; k < op->chunks; k++) {
        vu x = v_load(a + k * 32), y = v_load(b + k * 32);
        vu r = op->opcode == OP_ADDC ? x + y : x - y;
        vu carry = op->opcode == OP_ADDC ? (vu)(r < x) : (vu)(x < y);

        v_store(rows[2] + k * 32, r);
        v_store(rows[3] + k * 32, carry & 1);
        v_store(rows[4] + k * 32, v_splat(0));
    }
    put_acc(t->arch, (const uint32_t *)rows[3], (const uint32_t *)rows[4], op->chunks, m);
    put(t, op, rows[2], m);
    return op + 1;
}

/* mul into the accumulator: all 64 bits of the products */
static const struct eu_op *staged_mul_acc(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[2][ROW];
    _Alignas(32) uint32_t low[EU_LANES], high[EU_LANES];
    uint32_t m = lane_mask(t->arch, op);
    const uint8_t *a = fetch(t, op, 0, rows[0]), *b = fetch(t, op, 1, rows[1]);

    for (unsigned k = 0; k < op->chunks; k++) {
        vu lo = {0}, hi = {0};

        v_multiply_add(v_load(a + k * 32), v_load(b + k * 32), op->mul_signed, 0, &lo, &hi);
        v_store(low + k * 8, lo);
        v_store(high + k * 8, hi);
    }
    put_acc(t->arch, low, high, op->chunks, m);
    return op + 1;
}

static const struct eu_op *staged_mach(struct eu_thread *t, const struct eu_op *op)
{
    _Alignas(32) uint8_t rows[2][ROW];
    _Alignas(32) uint32_t low[EU_LANES], high[EU_LANES];
    struct eu_arch *x = t->arch;
    uint32_t m = lane_mask(x, op);
    const uint8_t *a = fetch(t, op, 0, rows[0]), *b = fetch(t, op, 1, rows[1]);

    for (unsigned k = 0; k < op->chunks; k++) {
        vu p = v_load(a + k * 32), q = v_load(b + k * 32), lo = v_load(x->acc[k]), hi;

        if (op->acc_wr) {
            hi = v_load(x->acc_hi + k * 8);
            q = op->mul_signed ? v_asr(q, v_splat(16)) : q >> 16;
            v_multiply_add(p, q, op->mul_signed, 16, &lo, &hi);
            v_store(high + k * 8, hi);
        } else {
            lo += p * (q >> 16) << 16; /* nothing above bit 31 counts */
        }
        v_store(low + k * 8, lo);
    }
    if (op->acc_wr) {
        put_acc(x, low, high, op->chunks, m);
        put(t, op, (const uint8_t *)high, m);
    } else {
        put(t, op, (const uint8_t *)low, m);
    }
    return op + 1;
}

/* ---- idioms ---- */

/* One 16-bit element: flags saved and restored, address registers. */
static const struct eu_op *move_word(struct eu_thread *t, const struct eu_op *op)
{
    if (lane_mask(t->arch, op))
        memcpy(eu_at(t, op->dst_at), eu_at(t, op->at[0]), 2);
    return op + 1;
}

static const struct eu_op *move_word_imm(struct eu_thread *t, const struct eu_op *op)
{
    if (lane_mask(t->arch, op))
        memcpy(eu_at(t, op->dst_at), &op->imm32, 2);
    return op + 1;
}

/* cmp.eq of a register with itself: IGC's way to ask which lanes run */
static const struct eu_op *compare_same(struct eu_thread *t, const struct eu_op *op)
{
    set_flags(t->arch, op, lane_mask(t->arch, op), ~0u);
    return op + 1;
}

static const struct eu_op *nothing(struct eu_thread *t, const struct eu_op *op)
{
    (void)t;
    return op + 1;
}

/* ---- choosing ---- */

static bool int32_type(unsigned type)
{
    return type <= T_D && type != T_UQ;
}

/* A type's range fits the other reading of 32 bits too: unsigned and narrower. */
static bool narrow_unsigned(const struct eu_src *s)
{
    return s->type == T_UB || s->type == T_UW ||
           (s->kind == SRC_IMM && (s->type == T_D || s->type == T_W || s->type == T_UD) &&
            (int32_t)(s->type == T_W ? (int16_t)s->imm : (int32_t)s->imm) >= 0);
}

/* Immediates are extended, modified and converted here. */
static bool prepare_imm(struct eu_op *op, unsigned n, bool to_float)
{
    const struct eu_src *s = &op->src[n];
    uint32_t v = (uint32_t)s->imm;
    float f;

    switch (s->type) {
    case T_UB:
        v &= 0xff;
        break;
    case T_B:
        v = (uint32_t)(int32_t)(int8_t)v;
        break;
    case T_UW:
        v &= 0xffff;
        break;
    case T_W:
        v = (uint32_t)(int32_t)(int16_t)v;
        break;
    case T_HF:
        f = eu_half_to_float((uint16_t)v);
        memcpy(&v, &f, 4);
        break;
    case T_UD:
    case T_D:
    case T_F:
        break;
    default:
        return false;
    }
    if (to_float != (s->type == T_F || s->type == T_HF))
        return false;
    if (s->neg || s->abs)
        return false; /* assemblers fold these */
    op->imm32 = v;
    op->fetch[n] = FETCH_IMM;
    return true;
}

static bool prepare_source(struct eu_op *op, unsigned n, bool flt)
{
    const struct eu_src *s = &op->src[n];

    op->keep[n] = s->abs ? 0x7fffffff : ~0u;
    op->flip[n] = s->neg ? 0x80000000 : 0;
    if (s->kind == SRC_IMM)
        return prepare_imm(op, n, flt);
    if (flt ? s->type != T_F : !int32_type(s->type))
        return false;
    if (s->kind != SRC_MEM)
        op->fetch[n] = FETCH_REGION;
    else if (s->scalar)
        op->fetch[n] = FETCH_SPLAT;
    else if (s->size == 4 && s->packed && op->n >= 8)
        op->fetch[n] = FETCH_PTR;
    else if (s->size == 2 && s->packed && op->n >= 8)
        op->fetch[n] = FETCH_WORDS;
    else
        op->fetch[n] = s->uniform ? FETCH_STRIDE : FETCH_REGION;
    return true;
}

static bool prepare_operands(struct eu_op *op, bool flt)
{
    for (unsigned n = 0; n < op->sources; n++)
        if (!prepare_source(op, n, flt))
            return false;
    op->chunks = op->n < 8 ? 1 : op->n / 8;
    if (op->dst.null)
        op->put = PUT_NONE;
    else if (op->dst.indirect)
        op->put = PUT_REGION;
    else if (op->dst.size == 4 && op->dst.packed && op->n >= 8)
        op->put = PUT_PTR;
    else
        op->put = PUT_STRIDE;
    return true;
}

static int width_of(const struct eu_op *op)
{
    return op->n == 1 ? W1 : op->n == 8 ? W8 : op->n == 16 ? W16 : -1;
}

/* The mode in which a direct handler can read a source, or -1. */
static int mode_of(const struct eu_op *op, unsigned n)
{
    if (op->fetch[n] == FETCH_IMM)
        return IMM;
    if (op->fetch[n] == FETCH_SPLAT && op->src[n].size == 4)
        return SPLAT;
    return op->fetch[n] == FETCH_PTR ? PACKED : -1;
}

static bool modified(const struct eu_op *op)
{
    for (unsigned n = 0; n < op->sources; n++)
        if (op->src[n].neg || op->src[n].abs)
            return true;
    return false;
}

/* A row, or one 32-bit element. */
static bool plain_dst(const struct eu_op *op)
{
    return op->put == PUT_PTR || (op->put == PUT_STRIDE && op->n == 1 && op->dst.size == 4);
}

static eu_handler pick_direct(const struct eu_op *op, enum kernel k)
{
    int w = width_of(op), a = mode_of(op, 0), b = op->sources > 1 ? mode_of(op, 1) : 0;
    bool mods = modified(op);

    if (w < 0 || a < 0 || b < 0 || op->cmod || op->sat || !plain_dst(op))
        return NULL;
    if (k == K_mov)
        return mods ? NULL : move_table[w][a];
    if (k == K_fmad) {
        int c = mode_of(op, 2);

        if (a > SPLAT || b > SPLAT || c < 0 || c > SPLAT)
            return NULL;
        return mad_table[mods][w][a][b][c];
    }
    if (op->sources != 2 || a == IMM)
        return NULL;
    return mods ? modifier_table[k][w][a][b] : binary_table[k][w][a][b];
}

static eu_handler use(struct eu_op *op, enum kernel k)
{
    eu_handler direct_handler = pick_direct(op, k);

    op->kernel = loops[k];
    return direct_handler ? direct_handler : staged;
}

/* ---- integer instructions ---- */

static enum kernel compare_kernel(const struct eu_op *op, bool is_unsigned, bool flt)
{
    static const uint8_t floats[] = {K_feq, K_fne, K_fgt, K_fge, K_flt, K_fle};
    static const uint8_t ints[] = {K_ieq, K_ine, K_igt, K_ige, K_ilt, K_ile};
    static const uint8_t unsigneds[] = {K_ieq, K_ine, K_ugt, K_uge, K_ult, K_ule};

    if (op->cmod < CMOD_EQ || op->cmod > CMOD_LE)
        return K_NONE;
    return flt ? floats[op->cmod - 1] : is_unsigned ? unsigneds[op->cmod - 1] : ints[op->cmod - 1];
}

/* Can both be compared as signed (0) or unsigned (1) 32-bit numbers? -1: neither */
static int common_sign(const struct eu_op *op)
{
    const struct eu_src *a = &op->src[0], *b = &op->src[1];
    bool ua = a->type == T_UD, ub = b->type == T_UD;

    if (a->neg || a->abs || b->neg || b->abs)
        return -1;
    if (!(ua && !narrow_unsigned(a)) && !(ub && !narrow_unsigned(b)))
        return 0;
    if ((ua || narrow_unsigned(a)) && (ub || narrow_unsigned(b)))
        return 1;
    return -1;
}

static bool same_source(const struct eu_src *a, const struct eu_src *b)
{
    return a->kind == SRC_MEM && b->kind == SRC_MEM && a->type == b->type && a->off == b->off &&
           a->vs == b->vs && a->w == b->w && a->hs == b->hs && a->neg == b->neg && a->abs == b->abs;
}

/* csel of an operand or itself, onto itself: IGC inserts it before branches */
static bool csel_of_itself(const struct eu_op *op)
{
    const struct eu_src *a = &op->src[0];

    return same_source(a, &op->src[1]) && a->off == op->dst.off && a->type == op->dst.type &&
           a->packed && op->dst.packed && !op->dst.indirect && !op->dst.null && !a->neg &&
           !a->abs && !op->sat && !op->acc_wr;
}

static eu_handler select_compare(struct eu_op *op, bool flt)
{
    int sign = flt ? 0 : common_sign(op), w = width_of(op), a, b;
    enum kernel k = compare_kernel(op, sign == 1, flt);

    if (sign < 0 || k == K_NONE || op->opcode == OP_CMPN || op->dst.size > 4)
        return NULL;
    if (!flt && op->cmod == CMOD_EQ && op->dst.null && same_source(&op->src[0], &op->src[1]))
        return compare_same;
    op->kernel = loops[k];
    a = mode_of(op, 0);
    b = mode_of(op, 1);
    if (w >= 0 && a >= 0 && a != IMM && b >= 0 && op->dst.null && !modified(op))
        return binary_table[k][w][a][b];
    return staged_compare;
}

static eu_handler select_sel(struct eu_op *op, bool flt)
{
    int w = width_of(op), a = mode_of(op, 0), b = mode_of(op, 1), sign;

    if (op->dst.size > 4 || (flt && op->dst.type != T_F))
        return NULL;
    if (!op->cmod) {
        if (op->sat || !op->pred)
            return NULL;
        if (w >= 0 && a >= 0 && a != IMM && b >= 0 && plain_dst(op) && !modified(op))
            return select_table[w][a][b];
        return staged_select;
    }
    if (op->pred || (op->sat && !flt) || (op->cmod != CMOD_GE && op->cmod != CMOD_LT))
        return NULL;
    if (flt) {
        op->kernel = loops[op->cmod == CMOD_GE ? K_fmax : K_fmin];
    } else {
        sign = common_sign(op);
        if (sign < 0)
            return NULL;
        if (sign)
            op->kernel = loops[op->cmod == CMOD_GE ? K_umax : K_umin];
        else
            op->kernel = loops[op->cmod == CMOD_GE ? K_imax : K_imin];
    }
    op->cmod = CMOD_NONE; /* it was the choice; no flags change */
    return staged;
}

/* Are low 32 bits of the result right, and are flags of it those of the exact result? */
static bool flags_exact(const struct eu_op *op)
{
    return op->opcode == OP_AND || op->opcode == OP_OR || op->opcode == OP_XOR ||
           op->opcode == OP_NOT || op->opcode == OP_MOV;
}

static bool cmod_int_ok(const struct eu_op *op)
{
    if (!op->cmod)
        return true;
    if (op->cmod > CMOD_LE || !flags_exact(op) || modified(op))
        return false;
    if (op->cmod == CMOD_EQ || op->cmod == CMOD_NE)
        return true;
    for (unsigned n = 0; n < op->sources; n++)
        if (op->src[n].type == T_UD)
            return false;
    return true;
}

static enum kernel divide_kernel(const struct eu_op *op)
{
    bool sign = op->src[0].type == T_D;

    if (op->src[0].type != op->src[1].type || modified(op))
        return K_NONE;
    if (op->fc == MATH_IQOT)
        return sign ? K_idiv : K_udiv;
    return op->fc == MATH_IREM ? (sign ? K_irem : K_urem) : K_NONE;
}

static enum kernel int_kernel(const struct eu_op *op)
{
    bool na = op->src[0].neg, nb = op->src[1].neg;

    switch (op->opcode) {
    case OP_MOV:
        return K_mov;
    case OP_ADD:
        if (op->src[0].abs || op->src[1].abs || (na && nb))
            return K_add;
        return na ? K_rsub : nb ? K_sub : K_add;
    case OP_MUL:
        return K_mul;
    case OP_MAD:
        return K_mad;
    case OP_AND:
        return K_and;
    case OP_OR:
        return K_or;
    case OP_XOR:
        return K_xor;
    case OP_NOT:
        return K_not;
    case OP_SHL:
        return K_shl;
    case OP_SHR:
        return K_shr;
    case OP_ASR:
        if (na && op->src[0].type == T_UD)
            return K_NONE;
        return op->src[0].type == T_UD ? K_shr : K_asr;
    case OP_ROL:
        return op->src[0].size == 4 ? K_rol : K_NONE;
    case OP_ROR:
        return op->src[0].size == 4 ? K_ror : K_NONE;
    case OP_BFI2:
        return K_bfi2;
    case OP_FBL:
        return K_fbl;
    case OP_LZD:
        return op->src[0].size == 4 ? K_lzd : K_NONE;
    case OP_CBIT:
        return eu_type_is_signed(op->src[0].type) ? K_NONE : K_cbit;
    case OP_MATH:
        return divide_kernel(op);
    default:
        return K_NONE;
    }
}

static eu_handler select_accumulator(struct eu_op *op)
{
    bool base = !op->dst.null && op->dst.acc && op->dst.size == 4 && op->dst.packed;

    if (op->cmod || op->sat || op->n > 16 || modified(op))
        return NULL;
    if (op->opcode == OP_MUL || op->opcode == OP_MACH) {
        int sign = common_sign(op);

        if (sign < 0)
            return NULL;
        op->mul_signed = !sign;
    }
    if (op->opcode == OP_MUL && base && !op->acc_wr && eu_is_acc0(op->dst.off))
        return staged_mul_acc;
    if (op->dst.acc || op->dst.size > 4)
        return NULL;
    if (op->opcode == OP_MACH)
        return staged_mach;
    if ((op->opcode == OP_ADDC || op->opcode == OP_SUBB) && op->src[0].size == 4 &&
        op->src[1].size == 4)
        return staged_carry;
    return NULL;
}

static eu_handler select_int(struct eu_op *op)
{
    enum kernel k;

    if (op->opcode == OP_MACH || op->opcode == OP_ADDC || op->opcode == OP_SUBB ||
        (op->dst.acc && op->opcode == OP_MUL))
        return select_accumulator(op);
    if (op->dst.acc || op->acc_wr || !int32_type(op->dst.type))
        return NULL;
    if (op->opcode == OP_CMP)
        return select_compare(op, false);
    if (op->opcode == OP_SEL)
        return select_sel(op, false);
    k = int_kernel(op);
    if (k == K_NONE || op->sat || !cmod_int_ok(op))
        return NULL;
    if (k == K_sub || k == K_rsub) /* the kernel negates */
        op->src[0].neg = op->src[1].neg = false;
    return use(op, k);
}

/* ---- float instructions ---- */

static enum kernel math_kernel(const struct eu_op *op)
{
    switch (op->fc) {
    case MATH_INV:
        return K_inv;
    case MATH_SQT:
        return K_sqt;
    case MATH_RSQT:
        return K_rsqt;
    case MATH_COS:
        return K_cos;
    case MATH_SIN:
        return K_sin;
    case MATH_LOG:
        return K_log;
    case MATH_EXP:
        return K_exp;
    default:
        return K_NONE;
    }
}

static enum kernel float_kernel(const struct eu_op *op)
{
    switch (op->opcode) {
    case OP_MOV:
        return K_mov;
    case OP_ADD:
        return K_fadd;
    case OP_MUL:
        return K_fmul;
    case OP_MAD:
        return K_fmad;
    case OP_FRC:
        return K_frc;
    case OP_RNDD:
        return K_rndd;
    case OP_RNDU:
        return K_rndu;
    case OP_RNDE:
        return K_rnde;
    case OP_RNDZ:
        return K_rndz;
    case OP_MATH:
        return math_kernel(op);
    default:
        return K_NONE;
    }
}

static eu_handler select_float(struct eu_op *op)
{
    enum kernel k;

    if (op->acc_wr)
        return NULL;
    if (op->opcode == OP_CMP)
        return select_compare(op, true);
    if (op->opcode == OP_SEL)
        return select_sel(op, true);
    op->cmod_float = true;
    if (op->opcode == OP_MOV && (op->dst.type == T_D || op->dst.type == T_UD)) {
        if (op->cmod || op->sat || op->dst.acc)
            return NULL;
        op->kernel = loops[op->dst.type == T_D ? K_f2i : K_f2u];
        return staged;
    }
    k = float_kernel(op);
    if (k == K_NONE || op->dst.type != T_F || op->cmod > CMOD_LE)
        return NULL;
    return use(op, k);
}

/* mov from integers to float */
static eu_handler select_conversion(struct eu_op *op)
{
    if (op->cmod || op->acc_wr || op->src[0].neg || op->src[0].abs)
        return NULL;
    op->kernel = loops[op->src[0].type == T_UD ? K_u2f : K_i2f];
    return staged;
}

/* Copies of bits: whatever the type, as unsigned integers of its size. */
static eu_handler select_copy(struct eu_op *op)
{
    unsigned type = op->dst.type;
    eu_handler h;

    if (op->acc_wr || op->dst.size > 4)
        return NULL;
    if (op->dst.acc && !eu_type_is_float(type))
        return NULL; /* integers in accumulators have more bits */
    op->dst.type = type == T_F ? T_UD : type == T_HF ? T_UW : type;
    for (unsigned n = 0; n < op->sources; n++)
        op->src[n].type = op->dst.type;
    if (!prepare_operands(op, false))
        h = NULL;
    else if (op->opcode == OP_SEL)
        h = select_sel(op, false);
    else if (op->n == 1 && op->dst.size == 2 && op->put == PUT_STRIDE && !op->cmod && !op->sat &&
             op->fetch[0] != FETCH_REGION)
        h = op->fetch[0] == FETCH_IMM ? move_word_imm : move_word;
    else
        h = use(op, K_mov);
    op->dst.type = (uint8_t)type;
    for (unsigned n = 0; n < op->sources; n++)
        op->src[n].type = h ? op->src[n].type : (uint8_t)type;
    return h;
}

static eu_handler select_handler(struct eu_op *op)
{
    for (unsigned n = 0; n < 3; n++)
        op->at[n] = op->src[n].off;
    op->dst_at = op->dst.off;
    if (op->opcode == OP_CSEL && csel_of_itself(op))
        return nothing;
    /* a flag beyond the register's 32 bits */
    if ((op->flag & 16) + op->chan_off + op->n > 32 && (op->pred || op->cmod))
        return NULL;
    if (op->exec == X_COPY)
        return select_copy(op);
    if (op->exec == X_INT && op->opcode == OP_MOV && op->dst.type == T_F)
        return prepare_operands(op, false) ? select_conversion(op) : NULL;
    if (op->exec == X_INT)
        return prepare_operands(op, false) ? select_int(op) : NULL;
    if (op->exec == X_F)
        return prepare_operands(op, true) ? select_float(op) : NULL;
    return NULL;
}
