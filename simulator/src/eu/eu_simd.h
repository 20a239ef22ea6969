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

/* A function computed in double for all lanes, rounded to float once. */
#define V_DOUBLE(name, statement)                                                \
    INLINE vu name(vu a)                                                         \
    {                                                                            \
        vf r;                                                                    \
        for (unsigned h = 0; h < 8; h += 4) {                                    \
            vd x = {((vf)a)[h], ((vf)a)[h + 1], ((vf)a)[h + 2], ((vf)a)[h + 3]}; \
            statement;                                                           \
            for (unsigned l = 0; l < 4; l++)                                     \
                r[h + l] = (float)x[l];                                          \
        }                                                                        \
        return (vu)r;                                                            \
    }

V_DOUBLE(v_inverse, x = 1.0 / x)
V_DOUBLE(v_square_root, v_sqrtd(&x))
V_DOUBLE(v_inverse_root, v_sqrtd(&x); x = 1.0 / x)
#endif
