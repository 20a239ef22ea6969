/* SPDX-License-Identifier: MIT */
/*
 * sampler.c - from texture coordinates to a filtered colour. Addressing follows the formulas of
 * the OpenCL C specification ("Image addressing and filtering"), which the hardware's modes
 * implement; filter weights are exact here, the hardware's have 8 bits.
 */
#include "image/internal.h"

#include <math.h>
#include <string.h>

#define OUTSIDE (-1) /* the border colour */

/* The one or two texels along an axis and the weight of the second. */
struct axis {
    int32_t texel[2];
    float weight; /* 0 when nearest */
};

/* floor() as an integer; far beyond any surface and not-a-number become a large negative number. */
static int32_t to_texel(float value)
{
    const float far = 1 << 30;
    value = floorf(value);
    if (value > far)
        return 1 << 30;
    return value >= -far ? (int32_t)value : -(1 << 30);
}

static int32_t clamp(int32_t i, int32_t size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static int32_t modulo(int32_t i, int32_t size)
{
    i %= size;
    return i < 0 ? i + size : i;
}

/* Where a texel index that may lie outside leads. */
static int32_t address_texel(enum image_address_mode mode, int32_t i, int32_t size)
{
    switch (mode) {
    case ADDRESS_WRAP:
        return modulo(i, size);
    case ADDRESS_CLAMP_BORDER:
        return i < 0 || i >= size ? OUTSIDE : i;
    default:
        return clamp(i, size);
    }
}

/* The coordinate in texels, folded into the surface for the modes that repeat. */
static float scale(const struct image_sampler *sampler, enum image_address_mode mode, float c,
                   int32_t size)
{
    if (sampler->unnormalized)
        return mode == ADDRESS_MIRROR_ONCE ? fabsf(c) : c;
    switch (mode) {
    case ADDRESS_WRAP:
        return (c - floorf(c)) * (float)size;
    case ADDRESS_MIRROR:
        return fabsf(c - 2.0f * rintf(0.5f * c)) * (float)size;
    case ADDRESS_MIRROR_ONCE:
        return fabsf(c) * (float)size;
    default:
        return c * (float)size;
    }
}

static struct axis resolve(const struct image_sampler *sampler, unsigned which, bool linear,
                           float c, int offset, uint32_t size_texels)
{
    enum image_address_mode mode = (enum image_address_mode)sampler->address[which];
    int32_t size = (int32_t)size_texels;
    float u = scale(sampler, mode, c, size) + (float)offset;
    if (!linear)
        return (struct axis){{address_texel(mode, to_texel(u), size), 0}, 0.0f};
    float corner = u - 0.5f, weight = corner - floorf(corner);
    int32_t first = to_texel(corner);
    return (struct axis){{address_texel(mode, first, size), address_texel(mode, first + 1, size)},
                         weight >= 0.0f && weight <= 1.0f ? weight : 0.0f};
}

static enum image_status fetch(struct image_env *env, const struct image_surface *s,
                               const uint32_t border[4], int32_t x, int32_t y, int32_t z, int lane,
                               uint32_t rgba[4])
{
    if (x != OUTSIDE && y != OUTSIDE && z != OUTSIDE)
        return image_texel_read(env, s, image_address(s, (uint32_t)x, (uint32_t)y, (uint32_t)z),
                                lane, rgba);
    /* Channels that the format lacks keep their defaults even in the border. */
    for (unsigned c = 0; c < 4; c++)
        rgba[c] = s->format->bits[c] ? border[c] : image_format_default(s->format, c);
    return IMAGE_OK;
}

static void accumulate(float sum[4], const uint32_t rgba[4], float weight)
{
    for (unsigned c = 0; c < 4; c++) {
        float value;
        memcpy(&value, &rgba[c], sizeof(value));
        sum[c] += weight * value;
    }
}

/* Up to eight texels, weighted; those of weight 0 are not looked at. */
static enum image_status filter(struct image_env *env, const struct image_surface *s,
                                const uint32_t border[4], const struct axis axis[3], int lane,
                                uint32_t rgba[4])
{
    float sum[4] = {0};
    for (unsigned corner = 0; corner < 8; corner++) {
        float weight = 1.0f;
        int32_t at[3];
        for (unsigned i = 0; i < 3; i++) {
            unsigned second = corner >> i & 1;
            weight *= second ? axis[i].weight : 1.0f - axis[i].weight;
            at[i] = axis[i].texel[second];
        }
        if (weight == 0.0f)
            continue;
        uint32_t texel[4];
        enum image_status status = fetch(env, s, border, at[0], at[1], at[2], lane, texel);
        if (status != IMAGE_OK)
            return status;
        accumulate(sum, texel, weight);
    }
    memcpy(rgba, sum, sizeof(sum));
    return IMAGE_OK;
}

enum image_status image_sample(struct image_env *env, const struct image_surface *s,
                               const struct image_sampler *sampler, const uint32_t border[4],
                               const float coord[3], float index, const int offset[3],
                               bool magnified, int lane, uint32_t rgba[4])
{
    bool linear = (magnified ? sampler->linear_mag : sampler->linear_min) &&
                  !image_format_is_integer(s->format);
    struct axis axis[3] = {{{0, 0}, 0.0f}, {{0, 0}, 0.0f}, {{0, 0}, 0.0f}};
    axis[0] = resolve(sampler, 0, linear, coord[0], offset[0], s->width);
    if (s->type != IMAGE_1D)
        axis[1] = resolve(sampler, 1, linear, coord[1], offset[1], s->height);
    if (s->type == IMAGE_3D)
        axis[2] = resolve(sampler, 2, linear, coord[2], offset[2], s->depth);
    else if (s->array)
        axis[2].texel[0] = clamp(to_texel(rintf(index)), (int32_t)s->depth);
    if (!linear)
        return fetch(env, s, border, axis[0].texel[0], axis[1].texel[0], axis[2].texel[0], lane,
                     rgba);
    return filter(env, s, border, axis, lane, rgba);
}
