/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of image/ share. */
#ifndef SIM_IMAGE_INTERNAL_H
#define SIM_IMAGE_INTERNAL_H

#include "image/format.h"
#include "image/image.h"

#define IMAGE_GRF_BYTES 32u
#define IMAGE_LANES_MAX 16u

/* Texture coordinate modes of SAMPLER_STATE. */
enum image_address_mode {
    ADDRESS_WRAP = 0,
    ADDRESS_MIRROR = 1,
    ADDRESS_CLAMP = 2,
    ADDRESS_CUBE = 3,
    ADDRESS_CLAMP_BORDER = 4,
    ADDRESS_MIRROR_ONCE = 5,
};

/*
 * The level that messages call lod, as a surface of its own: s itself or *room. NULL: there is no
 * such level.
 */
const struct image_surface *image_level(const struct image_surface *s, uint32_t lod,
                                        struct image_surface *room);
/* Address of a texel that lies inside the surface. */
uint64_t image_address(const struct image_surface *s, uint32_t x, uint32_t y, uint32_t z);

/* texel.c: one texel of the lane, anywhere in memory. */
enum image_status image_texel_read(struct image_env *env, const struct image_surface *s,
                                   uint64_t va, int lane, uint32_t rgba[4]);
enum image_status image_texel_write(struct image_env *env, const struct image_surface *s,
                                    uint64_t va, int lane, const uint32_t rgba[4], unsigned mask);
enum image_status image_error(struct image_env *env, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* sampler.c: one lane of a sample message. coord: u, v, r; index: array element, unrounded. */
enum image_status image_sample(struct image_env *env, const struct image_surface *s,
                               const struct image_sampler *sampler, const uint32_t border[4],
                               const float coord[3], float index, const int offset[3],
                               bool magnified, int lane, uint32_t rgba[4]);
#endif
