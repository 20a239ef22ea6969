/* SPDX-License-Identifier: MIT */
/*
 * eu_simd.h - eight 32-bit lanes as a host vector. Plain vector arithmetic compiles for any host;
 * the few operations the language lacks are here, for the ISA the including file is compiled for.
 */
#ifndef EU_SIMD_H
#define EU_SIMD_H

#include "eu/eu_internal.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef uint32_t vu __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(32), aligned(4), may_alias));
typedef float vf __attribute__((vector_size(32), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

typedef uint16_t vuw __attribute__((vector_size(16), aligned(2), may_alias));
typedef int16_t vw __attribute__((vector_size(16), aligned(2), may_alias));

/* Eight 16-bit elements as 32-bit lanes. */
INLINE vu v_from_uwords(const void *p)
{
    return __builtin_convertvector(*(const vuw *)p, vu);
}

INLINE vu v_from_words(const void *p)
{
    return (vu) __builtin_convertvector(*(const vw *)p, vi);
}

INLINE vu v_load(const void *p)
{
    return *(const vu *)p;
}

INLINE void v_store(void *p, vu v)
{
    *(vu *)p = v;
}

INLINE vu v_splat(uint32_t x)
{
    return (vu){x, x, x, x, x, x, x, x};
}

INLINE vu v_bits(uint32_t lanes) /* all ones in each lane whose bit is set */
{
    const vu bit = {1, 2, 4, 8, 16, 32, 64, 128};

    return (vu)((v_splat(lanes) & bit) == bit);
}

INLINE vu v_pick(vu mask, vu yes, vu no)
{
    return (yes & mask) | (no & ~mask);
}

/* Bit l of the result: the sign bit of lane l. */
INLINE uint32_t v_signs(vu v)
{
#if defined(__AVX2__)
    return (uint32_t)_mm256_movemask_ps((__m256)v);
#elif defined(__SSE2__)
    union {
        vu v;
        __m128 half[2];
    } u = {v};

    return (uint32_t)_mm_movemask_ps(u.half[0]) | (uint32_t)_mm_movemask_ps(u.half[1]) << 4;
#else
    uint32_t r = 0;

    for (unsigned l = 0; l < 8; l++)
        r |= (v[l] >> 31) << l;
    return r;
#endif
}

INLINE vu v_fma(vu a, vu b, vu c) /* a * b + c */
{
#if defined(__FMA__)
    return (vu)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    vf x = (vf)a, y = (vf)b, z = (vf)c;

    for (unsigned l = 0; l < 8; l++)
        z[l] = fmaf(x[l], y[l], z[l]);
    return (vu)z;
#endif
}

/* 64-bit products of 32-bit lanes, shifted left and added to accumulators low and high. */
INLINE void v_multiply_add(vu a, vu b, bool is_signed, unsigned shift, vu *low, vu *high)
{
#if defined(__AVX2__)
    __m256i x = (__m256i)a, y = (__m256i)b, lo = (__m256i)*low, hi = (__m256i)*high, even, odd;
    __m256i x1 = _mm256_srli_epi64(x, 32), y1 = _mm256_srli_epi64(y, 32);
    __m256i acc_even = _mm256_blend_epi32(lo, _mm256_slli_epi64(hi, 32), 0xaa);
    __m256i acc_odd = _mm256_blend_epi32(_mm256_srli_epi64(lo, 32), hi, 0xaa);

    even = is_signed ? _mm256_mul_epi32(x, y) : _mm256_mul_epu32(x, y);
    odd = is_signed ? _mm256_mul_epi32(x1, y1) : _mm256_mul_epu32(x1, y1);
    even = _mm256_add_epi64(_mm256_slli_epi64(even, (int)shift), acc_even);
    odd = _mm256_add_epi64(_mm256_slli_epi64(odd, (int)shift), acc_odd);
    *low = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    *high = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
#else
    for (unsigned l = 0; l < 8; l++) {
        uint64_t x = is_signed ? (uint64_t)(int64_t)(int32_t)a[l] : a[l];
        uint64_t y = is_signed ? (uint64_t)(int64_t)(int32_t)b[l] : b[l];
        uint64_t sum = (x * y << shift) + ((uint64_t)(*high)[l] << 32 | (*low)[l]);

        (*low)[l] = (uint32_t)sum;
        (*high)[l] = (uint32_t)(sum >> 32);
    }
#endif
}

INLINE vu v_shl(vu a, vu n)
{
    return a << (n & 31);
}

INLINE vu v_shr(vu a, vu n)
{
    return a >> (n & 31);
}

INLINE vu v_asr(vu a, vu n)
{
    return (vu)((vi)a >> (vi)(n & 31));
}

INLINE vu v_from_int(vu a)
{
    return (vu) __builtin_convertvector((vi)a, vf);
}

INLINE vu v_from_uint(vu a)
{
    vu r;

    for (unsigned l = 0; l < 8; l++) {
        float f = (float)a[l];

        memcpy((char *)&r + l * 4, &f, 4);
    }
    return r;
}

/* Towards zero, stopping at the limits, NaN to 0. */
INLINE vu v_to_int(vu a)
{
    vf f = (vf)a;
    vu nan = (vu)(f != f), high = (vu)(f >= 0x1p31f);
    vu r;

#if defined(__AVX2__)
    r = (vu)_mm256_cvttps_epi32((__m256)a); /* out of range: 0x80000000 */
#else
    for (unsigned l = 0; l < 8; l++)
        r[l] = f[l] > -0x1p31f && f[l] < 0x1p31f ? (uint32_t)(int32_t)f[l] : 0x80000000u;
#endif
    r = v_pick(high, v_splat(0x7fffffff), r);
    return r & ~nan;
}

INLINE vu v_to_uint(vu a)
{
    vu r;

    for (unsigned l = 0; l < 8; l++) {
        float f = ((vf)a)[l];

        r[l] = !(f > 0) ? 0 : f >= 0x1p32f ? UINT32_MAX : (uint32_t)(int64_t)f;
    }
    return r;
}

enum { TO_EVEN, TO_DOWN, TO_UP, TO_ZERO };

INLINE vu v_round(vu a, int how)
{
#if defined(__AVX2__)
    switch (how) {
    case TO_EVEN:
        return (vu)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    case TO_DOWN:
        return (vu)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    case TO_UP:
        return (vu)_mm256_round_ps((__m256)a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
    default:
        return (vu)_mm256_round_ps((__m256)a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    }
#else
    vf f = (vf)a;

    for (unsigned l = 0; l < 8; l++)
        f[l] = how == TO_DOWN   ? floorf(f[l])
               : how == TO_UP   ? ceilf(f[l])
               : how == TO_ZERO ? truncf(f[l])
                                : eu_round_even(f[l]);
    return (vu)f;
#endif
}

typedef double vd __attribute__((vector_size(32)));

INLINE void v_sqrtd(vd *x)
{
#if defined(__AVX2__)
    *x = (vd)_mm256_sqrt_pd((__m256d)*x);
#else
    for (unsigned l = 0; l < 4; l++)
        (*x)[l] = sqrt((*x)[l]);
#endif
}

typedef float vf4 __attribute__((vector_size(16)));

/* A function computed in double for all lanes, rounded to float once. */
#define V_DOUBLE(name, statement)                          \
    INLINE vu name(vu a)                                   \
    {                                                      \
        union {                                            \
            vu all;                                        \
            vf4 half[2];                                   \
        } v = {a};                                         \
                                                           \
        for (unsigned h = 0; h < 2; h++) {                 \
            vd x = __builtin_convertvector(v.half[h], vd); \
            statement;                                     \
            v.half[h] = __builtin_convertvector(x, vf4);   \
        }                                                  \
        return v.all;                                      \
    }

#define V_ALL(x)   \
    {              \
        x, x, x, x \
    } /* a double in every lane */

V_DOUBLE(v_inverse, x = 1.0 / x)
V_DOUBLE(v_square_root, v_sqrtd(&x))
V_DOUBLE(v_inverse_root, v_sqrtd(&x); x = 1.0 / x)

#define V_EACH(name, f) /* a function of the C library on each lane */ \
    INLINE vu name(vu a)                                               \
    {                                                                  \
        vf r = (vf)a;                                                  \
                                                                       \
        for (unsigned l = 0; l < 8; l++)                               \
            r[l] = (float)f((double)r[l]);                             \
        return (vu)r;                                                  \
    }
V_EACH(v_sin_any, sin)
V_EACH(v_cos_any, cos)

#if defined(__AVX2__)
typedef int64_t vl __attribute__((vector_size(32)));

INLINE void v_pickd(vl mask, vd *yes_or_no, const vd *no) /* keeps lanes of the mask */
{
    *yes_or_no = (vd)(((vl)*yes_or_no & mask) | ((vl)*no & ~mask));
}

/* Nearest integer of |x| < 2^51: what adding and taking off 1.5 * 2^52 leaves. */
INLINE void v_nearest(const vd *x, vd *rounded, vl *integer)
{
    const vd magic = V_ALL(0x1.8p52);
    vd sum = *x + magic;

    *integer = (vl)sum - (vl)magic;
    *rounded = sum - magic;
}

/* 2^x: whole part into the exponent, Taylor series of e^(y ln 2) for the rest, |y| <= 1/2 */
INLINE void v_exp2d(vd *x)
{
    static const double c[] = {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                               1.0 / 120,     1.0 / 24,     1.0 / 6,     0.5,        1.0};
    const vd high = V_ALL(1000.0), low = V_ALL(-1000.0), one = V_ALL(1.0), in = *x;
    vd whole, y, r;
    vl n;

    v_pickd((vl)(in < high), x, &high); /* float has long overflowed there */
    v_pickd((vl)(in > low), x, &low);
    v_nearest(x, &whole, &n);
    y = (*x - whole) * 0x1.62e42fefa39efp-1;
    r = (vd)V_ALL(1.0 / 39916800);
    for (unsigned k = 0; k < sizeof(c) / sizeof(c[0]); k++)
        r = r * y + c[k];
    r = r * y + one;
    *x = (vd)((vl)r + (n << 52));
    v_pickd((vl)(in == in), x, &in); /* NaN stays */
}

/* log2: exponent plus the series of atanh((m - 1) / (m + 1)), m within sqrt(1/2) and sqrt(2) */
INLINE void v_log2d(vd *x)
{
    static const double c[] = {1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                               1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
    const vd in = *x, zero = V_ALL(0.0), inf = V_ALL(INFINITY), nan = V_ALL(NAN),
             root = V_ALL(0x1.6a09e667f3bcdp0), minus_inf = V_ALL(-INFINITY);
    const vd magic = V_ALL(0x1.8p52);
    vl bits = (vl)in, e = ((bits >> 52) & 0x7ff) - 1023, above;
    vd m = (vd)((bits & 0xfffffffffffffll) | 0x3ff0000000000000ll), t, t2, r, exponent;

    above = (vl)(m > root);
    m = (vd)((vl)m - (above & (1ll << 52)));
    e -= above; /* above is -1 */
    exponent = (vd)(e + (vl)magic) - magic;
    t = (m - 1.0) / (m + 1.0);
    t2 = t * t;
    r = (vd)V_ALL(1.0 / 19);
    for (unsigned k = 0; k < sizeof(c) / sizeof(c[0]); k++)
        r = r * t2 + c[k];
    r = (r * t2 + 1.0) * t * 0x1.71547652b82fep1; /* 2 / ln 2 */
    *x = exponent + r;
    v_pickd((vl)(in != zero), x, &minus_inf);
    v_pickd((vl)(in != inf), x, &inf);
    v_pickd((vl)(in >= zero), x, &nan);
}

/* sin(x + shift * pi / 2), |x| up to 2^20: Cody-Waite reduction, then Taylor on |y| <= pi / 4 */
INLINE void v_sind(vd *x, int64_t shift)
{
    const vd in = *x;
    vd q = in * 0x1.45f306dc9c883p-1, whole, y, y2, s, c; /* 2 / pi */
    vl n, odd;

    v_nearest(&q, &whole, &n);
    y = in - whole * 0x1.921fb544p0;    /* pi / 2, upper part: products stay exact */
    y -= whole * 0x1.0b4611a626331p-34; /* and the rest */
    y2 = y * y;
    s = (vd)V_ALL(-1.0 / 1307674368000);
    s = s * y2 + 1.0 / 6227020800;
    s = s * y2 - 1.0 / 39916800;
    s = s * y2 + 1.0 / 362880;
    s = s * y2 - 1.0 / 5040;
    s = s * y2 + 1.0 / 120;
    s = s * y2 - 1.0 / 6;
    s = s * y2 * y + y;
    c = (vd)V_ALL(1.0 / 20922789888000);
    c = c * y2 - 1.0 / 87178291200;
    c = c * y2 + 1.0 / 479001600;
    c = c * y2 - 1.0 / 3628800;
    c = c * y2 + 1.0 / 40320;
    c = c * y2 - 1.0 / 720;
    c = c * y2 + 1.0 / 24;
    c = c * y2 - 0.5;
    c = c * y2 + 1.0;
    n += shift;
    odd = -(n & 1);
    v_pickd(odd, &c, &s);
    *x = (vd)((vl)c ^ ((n & 2) << 62));
    if (!shift)
        v_pickd((vl)(in != 0.0), x, &in); /* the sine of -0 is -0 */
}

INLINE bool v_small(vu a) /* all lanes within what v_sind reduces */
{
    vf f = (vf)(a & 0x7fffffff);

    return v_signs((vu)(f < 0x1p20f)) == 0xff;
}

V_DOUBLE(v_exp2, v_exp2d(&x))
V_DOUBLE(v_log2, v_log2d(&x))
V_DOUBLE(v_sin_small, v_sind(&x, 0))
V_DOUBLE(v_cos_small, v_sind(&x, 1))

INLINE vu v_sin(vu a)
{
    return v_small(a) ? v_sin_small(a) : v_sin_any(a);
}

INLINE vu v_cos(vu a)
{
    return v_small(a) ? v_cos_small(a) : v_cos_any(a);
}
#else
V_EACH(v_exp2, exp2)
V_EACH(v_log2, log2)

INLINE vu v_sin(vu a)
{
    return v_sin_any(a);
}

INLINE vu v_cos(vu a)
{
    return v_cos_any(a);
}
#endif
#endif
