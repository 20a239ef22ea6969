/* SPDX-License-Identifier: MIT */
/*
 * sampler_message.c - messages to the sampler: which parameter is where, what comes back.
 * Layouts: DG1 PRM vol. 9 "Sampling engine" (messages, SIMD modes, writeback); parameter
 * orders as in the visa documentation of Intel's graphics compiler ("3D_SAMPLE", "3D_LOAD").
 */
#include "image/internal.h"

#include <math.h>
#include <string.h>

enum {
    MSG_SAMPLE = 0,
    MSG_SAMPLE_B = 1,
    MSG_SAMPLE_L = 2,
    MSG_SAMPLE_D = 4,
    MSG_LD = 7,
    MSG_RESINFO = 10,
    MSG_SAMPLE_LZ = 24,
    MSG_LD_LZ = 26,
    MSG_CACHE_FLUSH = 31,
};

#define NO_PARAMETER 0xffu

/* Which payload parameter holds what. */
static const struct layout {
    uint8_t type;
    bool samples;
    uint8_t lod;      /* or bias */
    uint8_t coord[4]; /* u, v, r, ai */
} layouts[] = {
    {MSG_SAMPLE, true, NO_PARAMETER, {0, 1, 2, 3}},
    {MSG_SAMPLE_B, true, 0, {1, 2, 3, 4}},
    {MSG_SAMPLE_L, true, 0, {1, 2, 3, 4}},
    {MSG_SAMPLE_D, true, NO_PARAMETER, {0, 3, 6, 9}},
    {MSG_LD, false, 2, {0, 1, 3, NO_PARAMETER}},
    {MSG_RESINFO, false, 0, {NO_PARAMETER, NO_PARAMETER, NO_PARAMETER, NO_PARAMETER}},
    {MSG_SAMPLE_LZ, true, NO_PARAMETER, {0, 1, 2, 3}},
    {MSG_LD_LZ, false, NO_PARAMETER, {0, 1, 2, NO_PARAMETER}},
};

struct request {
    struct image_env *env;
    const struct image_surface *surface;
    const struct image_sampler *sampler;
    const struct image_message *message;
    const struct layout *layout;
    unsigned lanes;
    bool half; /* 16-bit results */
    unsigned channels_off;
    int offset[3];
    uint32_t border[4];
};

static uint32_t field(uint32_t dw, unsigned high, unsigned low)
{
    return (dw >> low) & ((2u << (high - low)) - 1);
}

static const struct layout *find_layout(uint32_t desc)
{
    for (unsigned i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (layouts[i].type == field(desc, 16, 12))
            return &layouts[i];
    return NULL;
}

bool image_message_is_flush(uint32_t desc)
{
    return field(desc, 16, 12) == MSG_CACHE_FLUSH;
}

bool image_message_samples(uint32_t desc)
{
    const struct layout *layout = find_layout(desc);
    return layout && layout->samples;
}

/* A parameter of a lane; parameters that were not sent are 0. */
static uint32_t parameter(const struct request *r, unsigned number, unsigned lane)
{
    unsigned at = number * (r->lanes / 8) + lane / 8;
    uint32_t value = 0;
    if (number != NO_PARAMETER && at < r->message->in_count)
        memcpy(&value, r->message->in[at] + lane % 8 * 4, sizeof(value));
    return value;
}

static float parameter_float(const struct request *r, unsigned number, unsigned lane)
{
    uint32_t bits = parameter(r, number, lane);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Shader channel selects of the surface state. */
static void select_channels(const struct image_surface *s, uint32_t rgba[4])
{
    enum { SELECT_ONE = 1, SELECT_RED = 4 };
    uint32_t in[4];
    memcpy(in, rgba, sizeof(in));
    for (unsigned c = 0; c < 4; c++) {
        unsigned select = s->select[c];
        if (select >= SELECT_RED)
            rgba[c] = in[select - SELECT_RED];
        else
            rgba[c] = select == SELECT_ONE ? image_format_default(s->format, 3) : 0;
    }
}

static unsigned axes_of(const struct image_surface *s)
{
    return s->type == IMAGE_1D ? 1 : s->type == IMAGE_2D ? 2 : 3;
}

/* From the gradients along x and y that follow each coordinate: log2 of the longer, in texels. */
static float gradient_lod(const struct request *r, unsigned lane)
{
    const struct image_surface *s = r->surface;
    const uint32_t size[3] = {s->width, s->height, s->depth};
    float length[2] = {0, 0};
    for (unsigned i = 0; i < axes_of(s); i++)
        for (unsigned k = 0; k < 2; k++) {
            float d = parameter_float(r, r->layout->coord[i] + 1 + k, lane);
            if (!r->sampler->unnormalized)
                d *= (float)size[i];
            length[k] += d * d;
        }
    float longer = length[0] > length[1] ? length[0] : length[1];
    return 0.5f * log2f(longer);
}

/* The level of detail that the message asks for, within what sampler and surface allow. */
static float lod_of(const struct request *r, unsigned lane)
{
    const struct image_sampler *sampler = r->sampler;
    float lod = 0, last = (float)(r->surface->levels - 1);
    if (r->layout->type == MSG_SAMPLE_LZ)
        return 0;
    if (r->layout->type == MSG_SAMPLE_L || r->layout->type == MSG_SAMPLE_B)
        lod = parameter_float(r, r->layout->lod, lane);
    if (r->layout->type == MSG_SAMPLE_D)
        lod = gradient_lod(r, lane);
    lod += sampler->bias;
    if (!(lod > sampler->min_lod)) /* not-a-number, too */
        lod = sampler->min_lod;
    if (lod > sampler->max_lod)
        lod = sampler->max_lod;
    return lod < last ? lod : last > 0 ? last : lod;
}

static enum image_status sample_level(struct request *r, unsigned lane, unsigned level,
                                      bool magnified, uint32_t rgba[4])
{
    const struct image_surface *s = r->surface;
    const uint8_t *at = r->layout->coord;
    unsigned axes = axes_of(s);
    float coord[3] = {0}, index = 0;
    struct image_surface room;
    for (unsigned i = 0; i < axes; i++)
        coord[i] = parameter_float(r, at[i], lane);
    if (s->array)
        index = parameter_float(r, at[axes], lane);
    return image_sample(r->env, image_level(s, level, &room), r->sampler, r->border, coord, index,
                        r->offset, magnified, (int)lane, rgba);
}

/* Two levels, weighted. Integer formats have no such thing: the nearer level then. */
static enum image_status blend_levels(struct request *r, unsigned lane, float lod, uint32_t rgba[4])
{
    unsigned level = (unsigned)lod;
    float weight = lod - (float)level;
    uint32_t next[4] = {0};
    enum image_status status;
    if (weight == 0.0f || level + 1 >= r->surface->levels ||
        image_format_is_integer(r->surface->format))
        return sample_level(r, lane, (unsigned)(lod + 0.5f), lod <= 0, rgba);
    status = sample_level(r, lane, level, lod <= 0, rgba);
    if (status == IMAGE_OK)
        status = sample_level(r, lane, level + 1, false, next);
    for (unsigned c = 0; c < 4 && status == IMAGE_OK; c++) {
        float a, b;
        memcpy(&a, &rgba[c], sizeof(a));
        memcpy(&b, &next[c], sizeof(b));
        a += weight * (b - a);
        memcpy(&rgba[c], &a, sizeof(a));
    }
    return status;
}

static enum image_status sample_lane(struct request *r, unsigned lane, uint32_t rgba[4])
{
    float lod = lod_of(r, lane);
    if (r->surface->levels == 1 || r->sampler->mip == IMAGE_MIP_NONE)
        return sample_level(r, lane, 0, !(lod > 0), rgba);
    if (r->sampler->mip == IMAGE_MIP_NEAREST)
        return sample_level(r, lane, (unsigned)(lod + 0.5f), !(lod > 0), rgba);
    return blend_levels(r, lane, lod, rgba);
}

static enum image_status load_lane(struct request *r, unsigned lane, uint32_t rgba[4])
{
    const struct image_surface *s = r->surface;
    struct image_surface room;
    uint32_t coord[3];
    uint64_t va;
    memset(rgba, 0, 4 * sizeof(rgba[0]));
    for (unsigned i = 0; i < 3; i++)
        coord[i] = parameter(r, r->layout->coord[i], lane) + (uint32_t)r->offset[i];
    s = image_level(s, parameter(r, r->layout->lod, lane), &room);
    if (!s || !image_texel_address(s, coord, &va))
        return IMAGE_OK; /* out of bounds: all zeroes */
    return image_texel_read(r->env, s, va, (int)lane, rgba);
}

static void resinfo_lane(const struct request *r, unsigned lane, uint32_t rgba[4])
{
    struct image_surface room;
    const struct image_surface *s =
        image_level(r->surface, parameter(r, r->layout->lod, lane), &room);
    memset(rgba, 0, 4 * sizeof(rgba[0]));
    if (!s || s->type == IMAGE_NULL)
        return;
    rgba[0] = s->width;
    if (s->type == IMAGE_BUFFER)
        return;
    rgba[3] = s->levels;
    if (s->type == IMAGE_1D) {
        rgba[1] = s->array ? s->depth : 0;
        return;
    }
    rgba[1] = s->height;
    rgba[2] = s->type == IMAGE_3D || s->array ? s->depth : 0;
}

static enum image_status one_lane(struct request *r, unsigned lane, uint32_t rgba[4])
{
    enum image_status status = IMAGE_OK;
    if (r->layout->type == MSG_RESINFO) {
        resinfo_lane(r, lane, rgba);
        return IMAGE_OK;
    }
    memset(rgba, 0, 4 * sizeof(rgba[0]));
    if (r->surface->type == IMAGE_NULL)
        return IMAGE_OK;
    if (r->layout->samples)
        status = r->sampler->disabled ? IMAGE_OK : sample_lane(r, lane, rgba);
    else
        status = load_lane(r, lane, rgba);
    select_channels(r->surface, rgba);
    return status;
}

static uint16_t narrow(const struct request *r, uint32_t value)
{
    if (r->layout->type == MSG_RESINFO || r->surface->type == IMAGE_NULL ||
        image_format_is_integer(r->surface->format))
        return (uint16_t)value;
    float f;
    memcpy(&f, &value, sizeof(f));
    return image_float_to_half(f);
}

/* Channels follow each other, those that the header masks off take no room; a short response is cut
 * off. */
static void write_back(const struct request *r, unsigned lane, const uint32_t rgba[4])
{
    const struct image_message *m = r->message;
    unsigned size = r->half ? 2 : 4,
             regs = (r->lanes * size + IMAGE_GRF_BYTES - 1) / IMAGE_GRF_BYTES;
    unsigned at = 0;
    for (unsigned c = 0; c < 4; c++) {
        if (r->channels_off & 1u << c)
            continue;
        if ((at + 1) * regs > m->out_count)
            return;
        uint8_t *to = m->out + at * regs * IMAGE_GRF_BYTES + lane * size;
        uint16_t half = r->half ? narrow(r, rgba[c]) : 0;
        memcpy(to, r->half ? (const void *)&half : &rgba[c], size);
        at++;
    }
}

/* Texel offsets (four bits each, signed) and the write channel mask. */
static void read_header(struct request *r)
{
    if (!r->message->header)
        return;
    uint32_t dw = r->message->header[2];
    for (unsigned i = 0; i < 3; i++) {
        int nibble = (int)field(dw, 11 - 4 * i, 8 - 4 * i);
        r->offset[i] = nibble >= 8 ? nibble - 16 : nibble;
    }
    r->channels_off = field(dw, 15, 12);
}

static bool uses_border(const struct image_sampler *sampler)
{
    return sampler->address[0] == ADDRESS_CLAMP_BORDER ||
           sampler->address[1] == ADDRESS_CLAMP_BORDER ||
           sampler->address[2] == ADDRESS_CLAMP_BORDER;
}

static enum image_status prepare(struct request *r)
{
    const struct image_sampler *sampler = r->sampler;
    unsigned simd = field(r->message->desc, 18, 17);
    r->layout = find_layout(r->message->desc);
    if (!r->layout)
        return image_error(r->env, "unsupported sampler message type %u",
                           field(r->message->desc, 16, 12));
    if (simd != 1 && simd != 2)
        return image_error(r->env, "unsupported sampler SIMD mode %u", simd);
    r->lanes = simd == 1 ? 8 : 16;
    r->half = field(r->message->desc, 30, 30);
    read_header(r);
    if (r->surface->type == IMAGE_NULL || !r->layout->samples)
        return IMAGE_OK;
    if (!sampler)
        return image_error(r->env, "sample message without a sampler");
    if (r->surface->type == IMAGE_BUFFER)
        return image_error(r->env, "sample message to a buffer");
    for (unsigned i = 0; i < 3; i++)
        if (sampler->address[i] > ADDRESS_MIRROR_ONCE || sampler->address[i] == ADDRESS_CUBE)
            return image_error(r->env, "unsupported address mode %u", sampler->address[i]);
    r->env->lane = -1;
    if (uses_border(sampler) && !tlb_read(r->env->tlb, r->env->dynamic_base + sampler->border,
                                          r->border, sizeof(r->border), &r->env->fault))
        return IMAGE_FAULT;
    return IMAGE_OK;
}

enum image_status image_sampler_message(struct image_env *env, const struct image_surface *surface,
                                        const struct image_sampler *sampler,
                                        const struct image_message *message)
{
    struct request r = {.env = env, .surface = surface, .sampler = sampler, .message = message};
    uint32_t rgba[IMAGE_LANES_MAX][4];
    enum image_status status = prepare(&r);
    for (unsigned lane = 0; lane < r.lanes && status == IMAGE_OK; lane++)
        if (message->exec_mask & 1u << lane)
            status = one_lane(&r, lane, rgba[lane]);
    /* Only now: the result may lie in the registers of the payload. */
    for (unsigned lane = 0; lane < r.lanes && status == IMAGE_OK; lane++)
        if (message->exec_mask & 1u << lane)
            write_back(&r, lane, rgba[lane]);
    return status;
}
