/* SPDX-License-Identifier: MIT */
/*
 * typed_message.c - typed surface reads and writes of data port 1: eight lanes, coordinates
 * u, v, r, lod as far as the payload has them, then the channels. (DG1 PRM vol. 9 "Typed
 * surface messages".)
 */
#include "image/internal.h"

#include <string.h>

enum { MSG_TYPED_READ = 0x05, MSG_TYPED_WRITE = 0x0d };
enum { SLOTS_LOW = 1, SLOTS_HIGH = 2 }; /* which eight lanes of the instruction */

#define LANES 8u

static uint32_t field(uint32_t dw, unsigned high, unsigned low)
{
    return (dw >> low) & ((2u << (high - low)) - 1);
}

static uint32_t payload(const struct image_message *m, unsigned reg, unsigned lane)
{
    uint32_t value;
    memcpy(&value, m->in[reg] + lane * 4, sizeof(value));
    return value;
}

static void coordinates(const struct image_message *m, unsigned regs, unsigned lane,
                        uint32_t coord[3])
{
    for (unsigned i = 0; i < 3; i++)
        coord[i] = i < regs ? payload(m, i, lane) : 0;
}

/* The level that a fourth coordinate names, or the first one; NULL: there is none. */
static const struct image_surface *lane_level(const struct image_surface *s,
                                              const struct image_message *m, unsigned regs,
                                              unsigned lane, struct image_surface *room)
{
    return image_level(s, regs > 3 ? payload(m, 3, lane) : 0, room);
}

static enum image_status read_lane(struct image_env *env, const struct image_surface *s,
                                   const struct image_message *m, unsigned channels, unsigned lane,
                                   unsigned shown_lane)
{
    uint32_t coord[3], rgba[4] = {0};
    uint64_t va;
    struct image_surface room;
    enum image_status status = IMAGE_OK;
    coordinates(m, m->in_count, lane, coord);
    s = lane_level(s, m, m->in_count, lane, &room);
    if (s && image_texel_address(s, coord, &va))
        status = image_texel_read(env, s, va, (int)shown_lane, rgba);
    unsigned at = 0;
    for (unsigned c = 0; c < 4 && status == IMAGE_OK && at < m->out_count; c++)
        if (channels & 1u << c)
            memcpy(m->out + at++ * IMAGE_GRF_BYTES + lane * 4, &rgba[c], 4);
    return status;
}

static enum image_status write_lane(struct image_env *env, const struct image_surface *s,
                                    const struct image_message *m, unsigned channels,
                                    unsigned first, unsigned lane, unsigned shown_lane)
{
    uint32_t coord[3], rgba[4] = {0};
    uint64_t va;
    struct image_surface room;
    coordinates(m, first, lane, coord);
    s = lane_level(s, m, first, lane, &room);
    if (!s || !image_texel_address(s, coord, &va))
        return IMAGE_OK;
    unsigned at = first;
    for (unsigned c = 0; c < 4; c++)
        if (channels & 1u << c)
            rgba[c] = payload(m, at++, lane);
    return image_texel_write(env, s, va, (int)shown_lane, rgba, channels);
}

enum image_status image_typed_message(struct image_env *env, const struct image_surface *s,
                                      const struct image_message *m)
{
    unsigned type = field(m->desc, 18, 14), slots = field(m->desc, 13, 12);
    unsigned channels = ~field(m->desc, 11, 8) & 0xf;
    unsigned data = type == MSG_TYPED_WRITE ? (unsigned)__builtin_popcount(channels) : 0;
    if (type != MSG_TYPED_READ && type != MSG_TYPED_WRITE)
        return image_error(env, "typed message type %u", type);
    if (slots != SLOTS_LOW && slots != SLOTS_HIGH)
        return image_error(env, "typed message in SIMD4x2 mode");
    if (m->in_count <= data)
        return image_error(env, "typed message without coordinates");
    if (s->type != IMAGE_NULL && type == MSG_TYPED_WRITE && s->format->kind == KIND_SRGB)
        return image_error(env, "typed write to an sRGB surface");
    unsigned shift = slots == SLOTS_HIGH ? LANES : 0;
    enum image_status status = IMAGE_OK;
    for (unsigned lane = 0; lane < LANES && status == IMAGE_OK; lane++) {
        if (!(m->exec_mask & 1u << (lane + shift)))
            continue;
        if (type == MSG_TYPED_READ)
            status = read_lane(env, s, m, channels, lane, lane + shift);
        else
            status = write_lane(env, s, m, channels, m->in_count - data, lane, lane + shift);
    }
    return status;
}
