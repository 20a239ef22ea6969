/* SPDX-License-Identifier: MIT */
/* format.h - surface formats: texels in memory to and from four 32-bit channels. */
#ifndef SIM_IMAGE_FORMAT_H
#define SIM_IMAGE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEXEL_BYTES_MAX 16

enum image_kind {
    KIND_UNORM,
    KIND_SNORM,
    KIND_UINT,
    KIND_SINT,
    KIND_FLOAT,
    KIND_SRGB, /* as UNORM, colours through the sRGB curve; cannot be written */
};

struct image_format {
    uint16_t code; /* RENDER_SURFACE_STATE "Surface Format" */
    uint8_t bytes; /* per texel */
    uint8_t kind;
    uint8_t bits[4];  /* of R, G, B, A; 0: the format has no such channel */
    uint8_t shift[4]; /* lowest bit */
};

/* NULL: not supported. */
const struct image_format *image_format_find(unsigned code);

static inline bool image_format_is_integer(const struct image_format *f)
{
    return f->kind == KIND_UINT || f->kind == KIND_SINT;
}

/* What a channel reads as that the format does not have: 0, and 1 for alpha. */
uint32_t image_format_default(const struct image_format *f, unsigned channel);
/* rgba: bits of a float, or an integer for integer formats. */
void image_format_decode(const struct image_format *f, const uint8_t *texel, uint32_t rgba[4]);
/* Changes only the bits of the channels in mask (bit 0: R). Values are clamped, rounded to nearest
 * even. */
void image_format_encode(const struct image_format *f, const uint32_t rgba[4], unsigned mask,
                         uint8_t *texel);

float image_half_to_float(uint16_t half);
uint16_t image_float_to_half(float value);

#ifdef __cplusplus
}
#endif
#endif
