/* SPDX-License-Identifier: MIT */
/* Half precision to and from float, in the four rounding modes of cr0. */
#include "eu/eu_internal.h"

#include <string.h>

float eu_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 0x1f, man = h & 0x3ff, bits;
    float f;

    if (exp == 0x1f) {
        bits = sign | 0x7f800000 | man << 13;
    } else if (exp) {
        bits = sign | (exp + 112) << 23 | man << 13;
    } else if (man) {
        unsigned shift = (unsigned)__builtin_clz(man) - 21;

        bits = sign | (113 - shift) << 23 | (man << shift & 0x3ff) << 13;
    } else {
        bits = sign;
    }
    memcpy(&f, &bits, 4);
    return f;
}

enum { ROUND_NEAREST, ROUND_UP, ROUND_DOWN, ROUND_ZERO }; /* cr0.0[5:4] */

static bool round_away(uint32_t kept, uint32_t rest, uint32_t half, bool negative, unsigned mode)
{
    switch (mode) {
    case ROUND_NEAREST:
        return rest > half || (rest == half && kept & 1);
    case ROUND_UP:
        return rest && !negative;
    case ROUND_DOWN:
        return rest && negative;
    default:
        return false;
    }
}

uint16_t eu_float_to_half(float f, unsigned mode)
{
    uint32_t bits, sign, exp, man, kept, rest;
    unsigned shift = 13;

    memcpy(&bits, &f, 4);
    sign = bits >> 16 & 0x8000;
    exp = bits >> 23 & 0xff;
    man = bits & 0x7fffff;
    if (exp == 0xff)
        return (uint16_t)(sign | 0x7c00 | (man ? 0x200 | man >> 13 : 0));
    if (exp > 112) { /* normal in half, or too large */
        kept = (exp - 112) << 10 | man >> 13;
    } else {
        shift = exp > 101 ? 126 - exp : 25;
        man |= exp ? 0x800000 : 0;
        kept = man >> shift;
    }
    rest = man & ((1u << shift) - 1);
    kept += round_away(kept, rest, 1u << (shift - 1), sign, mode);
    if (kept >= 0x7c00) { /* overflow: infinity, or the largest number when rounding stops short */
        bool inf =
            mode == ROUND_NEAREST || (mode == ROUND_UP && !sign) || (mode == ROUND_DOWN && sign);

        kept = exp > 142 && !inf ? 0x7bff : 0x7c00;
        if (exp <= 142 && !inf)
            kept = 0x7bff;
    }
    return (uint16_t)(sign | kept);
}
