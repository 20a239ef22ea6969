/* SPDX-License-Identifier: MIT */
/*
 * format.c - the formats that OpenCL images have on Gen12LP, and their relatives. Codes: DG1
 * PRM vol. 2d "SURFACE_FORMAT". L (luminance) is one channel read as R, G and B; I (intensity)
 * one read as all four.
 */
#include "image/format.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define RGBA(b)                \
    {b, b, b, b},              \
    {                          \
        0, b, 2 * (b), 3 * (b) \
    }
#define RGB(b)           \
    {b, b, b, 0},        \
    {                    \
        0, b, 2 * (b), 0 \
    }
#define RG(b)      \
    {b, b, 0, 0},  \
    {              \
        0, b, 0, 0 \
    }
#define R(b)       \
    {b, 0, 0, 0},  \
    {              \
        0, 0, 0, 0 \
    }
#define A(b)       \
    {0, 0, 0, b},  \
    {              \
        0, 0, 0, 0 \
    }
#define L(b)       \
    {b, b, b, 0},  \
    {              \
        0, 0, 0, 0 \
    }
#define LA(b)      \
    {b, b, b, b},  \
    {              \
        0, 0, 0, b \
    }
#define I(b)       \
    {b, b, b, b},  \
    {              \
        0, 0, 0, 0 \
    }
#define BGRA8        \
    {8, 8, 8, 8},    \
    {                \
        16, 8, 0, 24 \
    }
#define BGRX8       \
    {8, 8, 8, 0},   \
    {               \
        16, 8, 0, 0 \
    }

static const struct image_format formats[] = {
    /* 128 and 96 bits */
    {0x000, 16, KIND_FLOAT, RGBA(32)},
    {0x001, 16, KIND_SINT, RGBA(32)},
    {0x002, 16, KIND_UINT, RGBA(32)},
    {0x006, 16, KIND_FLOAT, RGB(32)},
    {0x040, 12, KIND_FLOAT, RGB(32)},
    {0x041, 12, KIND_SINT, RGB(32)},
    {0x042, 12, KIND_UINT, RGB(32)},
    /* 64 bits */
    {0x080, 8, KIND_UNORM, RGBA(16)},
    {0x081, 8, KIND_SNORM, RGBA(16)},
    {0x082, 8, KIND_SINT, RGBA(16)},
    {0x083, 8, KIND_UINT, RGBA(16)},
    {0x084, 8, KIND_FLOAT, RGBA(16)},
    {0x085, 8, KIND_FLOAT, RG(32)},
    {0x086, 8, KIND_SINT, RG(32)},
    {0x087, 8, KIND_UINT, RG(32)},
    {0x08a, 8, KIND_FLOAT, LA(32)},
    {0x08e, 8, KIND_UNORM, RGB(16)},
    {0x08f, 8, KIND_FLOAT, RGB(16)},
    /* 32 bits */
    {0x0c0, 4, KIND_UNORM, BGRA8},
    {0x0c1, 4, KIND_SRGB, BGRA8},
    {0x0c2, 4, KIND_UNORM, {10, 10, 10, 2}, {0, 10, 20, 30}},
    {0x0c4, 4, KIND_UINT, {10, 10, 10, 2}, {0, 10, 20, 30}},
    {0x0c7, 4, KIND_UNORM, RGBA(8)},
    {0x0c8, 4, KIND_SRGB, RGBA(8)},
    {0x0c9, 4, KIND_SNORM, RGBA(8)},
    {0x0ca, 4, KIND_SINT, RGBA(8)},
    {0x0cb, 4, KIND_UINT, RGBA(8)},
    {0x0cc, 4, KIND_UNORM, RG(16)},
    {0x0cd, 4, KIND_SNORM, RG(16)},
    {0x0ce, 4, KIND_SINT, RG(16)},
    {0x0cf, 4, KIND_UINT, RG(16)},
    {0x0d0, 4, KIND_FLOAT, RG(16)},
    {0x0d1, 4, KIND_UNORM, {10, 10, 10, 2}, {20, 10, 0, 30}},
    {0x0d3, 4, KIND_FLOAT, {11, 11, 10, 0}, {0, 11, 22, 0}},
    {0x0d6, 4, KIND_SINT, R(32)},
    {0x0d7, 4, KIND_UINT, R(32)},
    {0x0d8, 4, KIND_FLOAT, R(32)},
    {0x0d9, 4, KIND_UNORM, R(24)},
    {0x0df, 4, KIND_UNORM, LA(16)},
    {0x0e3, 4, KIND_FLOAT, I(32)},
    {0x0e4, 4, KIND_FLOAT, L(32)},
    {0x0e5, 4, KIND_FLOAT, A(32)},
    {0x0e9, 4, KIND_UNORM, BGRX8},
    {0x0ea, 4, KIND_SRGB, BGRX8},
    {0x0eb, 4, KIND_UNORM, RGB(8)},
    {0x0ec, 4, KIND_SRGB, RGB(8)},
    {0x0f0, 4, KIND_FLOAT, LA(16)},
    /* 16 bits */
    {0x100, 2, KIND_UNORM, {5, 6, 5, 0}, {11, 5, 0, 0}},
    {0x102, 2, KIND_UNORM, {5, 5, 5, 1}, {10, 5, 0, 15}},
    {0x106, 2, KIND_UNORM, RG(8)},
    {0x107, 2, KIND_SNORM, RG(8)},
    {0x108, 2, KIND_SINT, RG(8)},
    {0x109, 2, KIND_UINT, RG(8)},
    {0x10a, 2, KIND_UNORM, R(16)},
    {0x10b, 2, KIND_SNORM, R(16)},
    {0x10c, 2, KIND_SINT, R(16)},
    {0x10d, 2, KIND_UINT, R(16)},
    {0x10e, 2, KIND_FLOAT, R(16)},
    {0x111, 2, KIND_UNORM, I(16)},
    {0x112, 2, KIND_UNORM, L(16)},
    {0x113, 2, KIND_UNORM, A(16)},
    {0x114, 2, KIND_UNORM, LA(8)},
    {0x115, 2, KIND_FLOAT, I(16)},
    {0x116, 2, KIND_FLOAT, L(16)},
    {0x117, 2, KIND_FLOAT, A(16)},
    {0x11a, 2, KIND_UNORM, {5, 5, 5, 0}, {10, 5, 0, 0}},
    /* 8 bits */
    {0x140, 1, KIND_UNORM, R(8)},
    {0x141, 1, KIND_SNORM, R(8)},
    {0x142, 1, KIND_SINT, R(8)},
    {0x143, 1, KIND_UINT, R(8)},
    {0x144, 1, KIND_UNORM, A(8)},
    {0x145, 1, KIND_UNORM, I(8)},
    {0x146, 1, KIND_UNORM, L(8)},
    {0x14c, 1, KIND_SRGB, L(8)},
};

const struct image_format *image_format_find(unsigned code)
{
    size_t low = 0, high = sizeof(formats) / sizeof(formats[0]);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (formats[mid].code == code)
            return &formats[mid];
        if (formats[mid].code < code)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

uint32_t image_format_default(const struct image_format *f, unsigned channel)
{
    if (channel != 3)
        return 0;
    return image_format_is_integer(f) ? 1 : float_bits(1.0f);
}

/* --- small floats: sign (or none), 5 bits of exponent, some of mantissa --- */

static float small_to_float(uint32_t exponent, uint32_t mantissa, unsigned mantissa_bits)
{
    uint32_t widened = mantissa << (23 - mantissa_bits);
    if (exponent == 31)
        return bits_float(0x7f800000 | widened);
    if (exponent == 0)
        return ldexpf((float)mantissa, -14 - (int)mantissa_bits);
    return bits_float((exponent + 112) << 23 | widened);
}

float image_half_to_float(uint16_t half)
{
    float magnitude = small_to_float(half >> 10 & 31, half & 0x3ff, 10);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* value >> shift, rounded to nearest even. */
static uint32_t shift_rounded(uint32_t value, unsigned shift)
{
    if (shift > 31)
        return 0;
    uint32_t kept = value >> shift, rest = value & ((1u << shift) - 1), half = 1u << (shift - 1);
    return kept + (rest > half || (rest == half && (kept & 1)));
}

/* Magnitude bits of a float as exponent and mantissa of a small one; overflow gives infinity. */
static uint32_t float_to_small(uint32_t bits, unsigned mantissa_bits)
{
    const uint32_t infinity = 31u << mantissa_bits;
    uint32_t exponent = bits >> 23, mantissa = bits & 0x7fffff;
    if (exponent == 255)
        return infinity | (mantissa ? 1u << (mantissa_bits - 1) : 0);
    if (exponent >= 143)
        return infinity;
    unsigned drop = 23 - mantissa_bits;
    if (exponent >= 113) /* a carry out of the mantissa moves into the exponent, as it should */
        return shift_rounded(bits - (112u << 23), drop);
    if (exponent == 0)
        return 0;
    return shift_rounded(mantissa | 0x800000, drop + 113 - exponent);
}

uint16_t image_float_to_half(float value)
{
    uint32_t bits = float_bits(value);
    return (uint16_t)((bits >> 16 & 0x8000) | float_to_small(bits & 0x7fffffff, 10));
}

/* --- channels --- */

static float srgb_to_linear(float c)
{
    return c <= 0.04045f ? c / 12.92f : powf((c + 0.055f) / 1.055f, 2.4f);
}

static uint32_t decode_channel(const struct image_format *f, unsigned channel, uint32_t raw)
{
    unsigned bits = f->bits[channel];
    uint32_t max = (uint32_t)((1ull << bits) - 1);
    int32_t value = (int32_t)(raw << (32 - bits)) >> (32 - bits);
    switch ((enum image_kind)f->kind) {
    case KIND_UINT:
        return raw;
    case KIND_SINT:
        return (uint32_t)value;
    case KIND_UNORM:
        return float_bits((float)raw / (float)max);
    case KIND_SNORM:
        return float_bits(fmaxf((float)value / (float)(max >> 1), -1.0f));
    case KIND_SRGB:
        return float_bits(channel == 3 ? (float)raw / (float)max
                                       : srgb_to_linear((float)raw / (float)max));
    case KIND_FLOAT:
        break;
    }
    if (bits == 32)
        return raw;
    if (bits == 16)
        return float_bits(image_half_to_float((uint16_t)raw));
    unsigned mantissa_bits = bits - 5; /* 11 and 10 bits: without sign */
    return float_bits(
        small_to_float(raw >> mantissa_bits, raw & ((1u << mantissa_bits) - 1), mantissa_bits));
}

static void load(const struct image_format *f, const uint8_t *texel, uint64_t words[2])
{
    words[0] = words[1] = 0;
    memcpy(words, texel, f->bytes);
}

void image_format_decode(const struct image_format *f, const uint8_t *texel, uint32_t rgba[4])
{
    uint64_t words[2];
    load(f, texel, words);
    for (unsigned c = 0; c < 4; c++) {
        unsigned bits = f->bits[c], shift = f->shift[c];
        if (!bits) {
            rgba[c] = image_format_default(f, c);
            continue;
        }
        uint32_t raw = (uint32_t)(words[shift / 64] >> shift % 64 & ((1ull << bits) - 1));
        rgba[c] = decode_channel(f, c, raw);
    }
}

/* Clamped to [low, 1] and scaled; not-a-number becomes 0. */
static int64_t scale(uint32_t value, float low, uint32_t max)
{
    float f = bits_float(value);
    if (isnan(f))
        return 0;
    f = fminf(fmaxf(f, low), 1.0f);
    return llrint((double)f * max); /* the default rounding: to nearest even */
}

static uint32_t encode_float(uint32_t value, unsigned bits)
{
    if (bits == 32)
        return value;
    if (bits == 16)
        return image_float_to_half(bits_float(value));
    if (value >> 31 && !isnan(bits_float(value)))
        return 0; /* no sign: negative values become 0 */
    return float_to_small(value & 0x7fffffff, bits - 5);
}

static uint32_t encode_channel(const struct image_format *f, unsigned channel, uint32_t value)
{
    unsigned bits = f->bits[channel];
    uint32_t max = (uint32_t)((1ull << bits) - 1);
    int32_t high = (int32_t)(max >> 1), integer = (int32_t)value;
    switch ((enum image_kind)f->kind) {
    case KIND_UINT:
        return value > max ? max : value;
    case KIND_SINT:
        integer = integer > high ? high : integer < -high - 1 ? -high - 1 : integer;
        return (uint32_t)integer & max;
    case KIND_UNORM:
    case KIND_SRGB:
        return (uint32_t)scale(value, 0.0f, max);
    case KIND_SNORM:
        return (uint32_t)scale(value, -1.0f, max >> 1) & max;
    case KIND_FLOAT:
        break;
    }
    return encode_float(value, bits);
}

void image_format_encode(const struct image_format *f, const uint32_t rgba[4], unsigned mask,
                         uint8_t *texel)
{
    uint64_t words[2];
    load(f, texel, words);
    for (int c = 3; c >= 0; c--) { /* downwards: where channels share bits, the first one wins */
        unsigned bits = f->bits[c], shift = f->shift[c] % 64;
        if (!bits || !(mask & 1u << c))
            continue;
        uint64_t *word = &words[f->shift[c] / 64], field = (1ull << bits) - 1;
        *word = (*word & ~(field << shift)) | (uint64_t)encode_channel(f, (unsigned)c, rgba[c])
                                                  << shift;
    }
    memcpy(texel, words, f->bytes);
}
