/* SPDX-License-Identifier: MIT */
/*
 * surface.c - RENDER_SURFACE_STATE and SAMPLER_STATE of Gen12LP (DG1 PRM vol. 2d), checked
 * against the states that Intel's compute runtime writes.
 */
#include "image/internal.h"

#include <stddef.h>

/* Surface Tile Mode */
enum { TILE_MODE_LINEAR, TILE_MODE_W, TILE_MODE_X, TILE_MODE_Y };

static uint32_t field(uint32_t dw, unsigned high, unsigned low)
{
    return (dw >> low) & (uint32_t)((1ull << (high - low + 1)) - 1);
}

static bool refuse(const char **why, const char *text)
{
    *why = text;
    return false;
}

/* Buffers spread their length over the width, height and depth fields. */
static void buffer_size(const uint32_t dw[16], struct image_surface *s)
{
    uint64_t last =
        field(dw[2], 6, 0) | field(dw[2], 29, 16) << 7 | (uint64_t)field(dw[3], 31, 21) << 21;
    s->width = (uint32_t)(last + 1); /* at most 2^32: wraps to 0, which is no texel */
    s->height = s->depth = 1;
}

static bool check_modes(const uint32_t dw[16], const char **why)
{
    if (field(dw[0], 11, 11))
        return refuse(why, "interlaced surface");
    if (field(dw[4], 5, 3))
        return refuse(why, "multisampled surface");
    if (field(dw[5], 19, 18))
        return refuse(why, "Yf or Ys tiles");
    if (field(dw[6], 2, 0))
        return refuse(why, "auxiliary (compressed) surface");
    return true;
}

static bool set_tiling(const uint32_t dw[16], struct image_surface *s, const char **why)
{
    static const enum tiling tilings[] = {
        [TILE_MODE_LINEAR] = TILING_LINEAR, [TILE_MODE_X] = TILING_X, [TILE_MODE_Y] = TILING_Y};
    unsigned mode = field(dw[0], 13, 12);
    if (mode == TILE_MODE_W)
        return refuse(why, "W tiles");
    s->tiling = tilings[mode];
    if (s->tiling == TILING_LINEAR)
        return true;
    if (s->type != IMAGE_2D && s->type != IMAGE_3D)
        return refuse(why, "tiled surface that is neither 2D nor 3D");
    if (s->base % TILE_BYTES || s->pitch % tiling_width(s->tiling))
        return refuse(why, "tiled surface with misaligned address or pitch");
    return true;
}

/* Surface Horizontal and Vertical Alignment: 4, 8 or 16 texels. */
static uint32_t alignment(unsigned code)
{
    return code ? 2u << code : 4;
}

bool image_surface_parse(const uint32_t dw[16], struct image_surface *s, const char **why)
{
    *s = (struct image_surface){.type = (enum image_type)field(dw[0], 31, 29), .levels = 1};
    if (s->type == IMAGE_NULL)
        return true;
    if (s->type == IMAGE_CUBE || s->type > IMAGE_BUFFER)
        return refuse(why, "surface type that has no texels here");
    s->format = image_format_find(field(dw[0], 26, 18));
    if (!s->format)
        return refuse(why, "unsupported surface format");
    s->array = field(dw[0], 28, 28);
    s->base = dw[8] | (uint64_t)dw[9] << 32;
    s->pitch = field(dw[3], 17, 0) + 1;
    for (unsigned c = 0; c < 4; c++)
        s->select[c] = (uint8_t)field(dw[7], 27 - 3 * c, 25 - 3 * c);
    if (s->type == IMAGE_BUFFER) {
        buffer_size(dw, s);
        return true;
    }
    s->width = field(dw[2], 13, 0) + 1;
    s->height = s->type == IMAGE_1D ? 1 : field(dw[2], 29, 16) + 1;
    s->depth = s->array || s->type == IMAGE_3D ? field(dw[3], 31, 21) + 1 : 1;
    s->slice = (uint64_t)field(dw[1], 14, 0) * 4;
    s->first_slice = field(dw[4], 28, 18);
    s->levels = (uint8_t)(field(dw[5], 3, 0) + 1);
    s->min_lod = (uint8_t)field(dw[5], 7, 4);
    s->halign = alignment(field(dw[0], 15, 14));
    s->valign = alignment(field(dw[0], 17, 16));
    s->x_offset = field(dw[5], 31, 25) * 4;
    s->y_offset = field(dw[5], 23, 21) * 4;
    return check_modes(dw, why) && set_tiling(dw, s, why);
}

static uint32_t minify(uint32_t size, unsigned level)
{
    return size >> level ? size >> level : 1;
}

static uint32_t align(uint32_t size, uint32_t to)
{
    return (size + to - 1) / to * to;
}

/*
 * Where mip levels are (PRM vol. 5 "Surface layout", Gen9 and later): of 1D surfaces one behind the
 * other; else level 1 below level 0, level 2 to the right of level 1, and the others below it. The
 * slices of 3D surfaces are laid out like array elements.
 */
static void place_level(struct image_surface *s, unsigned level)
{
    const uint32_t align_1d = 64;
    uint32_t width = s->width, height = s->height;

    for (unsigned l = 0; l < level && s->type == IMAGE_1D; l++)
        s->x_offset += align(minify(width, l), align_1d);
    if (s->type == IMAGE_1D)
        return;
    s->y_offset += align(height, s->valign);
    if (level > 1)
        s->x_offset += align(minify(width, 1), s->halign);
    for (unsigned l = 2; l < level; l++)
        s->y_offset += align(minify(height, l), s->valign);
}

const struct image_surface *image_level(const struct image_surface *s, uint32_t lod,
                                        struct image_surface *room)
{
    unsigned level;

    if (lod >= s->levels)
        return NULL;
    level = s->min_lod + lod;
    if (level == 0 || s->type == IMAGE_BUFFER || s->type == IMAGE_NULL)
        return s;
    *room = *s;
    place_level(room, level);
    room->width = minify(s->width, level);
    room->height = minify(s->height, level);
    if (s->type == IMAGE_3D)
        room->depth = minify(s->depth, level);
    return room;
}

/* 4.8 bits, with a sign in the 13-bit form. */
static float lod_value(uint32_t bits, unsigned width)
{
    int32_t value = (int32_t)bits;

    if (width == 13 && (bits & 0x1000))
        value -= 0x2000;
    return (float)value / 256.0f;
}

bool image_sampler_parse(const uint32_t dw[4], struct image_sampler *s, const char **why)
{
    enum { FILTER_NEAREST = 0, FILTER_LINEAR = 1, FILTER_ANISOTROPIC = 2 };
    unsigned mag = field(dw[0], 19, 17), min = field(dw[0], 16, 14);
    *s = (struct image_sampler){
        .disabled = field(dw[0], 31, 31),
        .linear_min = min != FILTER_NEAREST,
        .linear_mag = mag != FILTER_NEAREST,
        .unnormalized = field(dw[3], 10, 10),
        .address = {(uint8_t)field(dw[3], 8, 6), (uint8_t)field(dw[3], 5, 3),
                    (uint8_t)field(dw[3], 2, 0)},
        .mip = (enum image_mip_filter)field(dw[0], 21, 20),
        .bias = lod_value(field(dw[0], 13, 1), 13),
        .min_lod = lod_value(field(dw[1], 31, 20), 12),
        .max_lod = lod_value(field(dw[1], 19, 8), 12),
        .border = field(dw[2], 23, 6) << 6,
    };
    if (mag > FILTER_ANISOTROPIC || min > FILTER_ANISOTROPIC)
        return refuse(why, "texture filter that is neither nearest, linear nor anisotropic");
    if (field(dw[1], 7, 7))
        return refuse(why, "chroma key");
    if (field(dw[3], 9, 9) && field(dw[3], 23, 22))
        return refuse(why, "minimum, maximum or comparison reduction");
    return true;
}

unsigned image_texel_bytes(const struct image_surface *surface)
{
    return surface->format ? surface->format->bytes : 0;
}

uint64_t image_address(const struct image_surface *s, uint32_t x, uint32_t y, uint32_t z)
{
    uint64_t bytes = s->format->bytes;
    if (s->type == IMAGE_BUFFER)
        return s->base + (uint64_t)x * s->pitch;
    uint64_t slices = (uint64_t)(s->first_slice + z) * s->slice;
    x += s->x_offset;
    if (s->type == IMAGE_1D) /* QPitch counts texels there */
        return s->base + (slices + x) * bytes;
    return s->base + (uint64_t)tiling_offset(s->tiling, s->pitch, (int64_t)(x * bytes),
                                             (int64_t)(slices + y + s->y_offset));
}

bool image_texel_address(const struct image_surface *s, const uint32_t coord[3], uint64_t *va)
{
    uint32_t y = 0, z = 0;
    if (s->type == IMAGE_NULL || s->type == IMAGE_STRUCTURED)
        return false;
    if (s->type == IMAGE_1D) {
        z = s->array ? coord[1] : 0;
    } else if (s->type != IMAGE_BUFFER) {
        y = coord[1];
        z = s->array || s->type == IMAGE_3D ? coord[2] : 0;
    }
    if (coord[0] >= s->width || y >= s->height || z >= s->depth)
        return false;
    *va = image_address(s, coord[0], y, z);
    return true;
}
