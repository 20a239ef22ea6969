/* SPDX-License-Identifier: MIT */
/* Fast handlers for x86-64 hosts with AVX2 and FMA, chosen at run time. */
#if defined(__x86_64__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors stay inside this file */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define __AVX2__ 1
#define __FMA__  1
#else
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
#endif
#include "eu/eu_fast.h"

eu_handler eu_fast_select_avx2(struct eu_op *op)
{
    return select_handler(op);
}
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
