/* SPDX-License-Identifier: MIT */
/* Sampler and typed messages: finds surface and sampler states, image/ does the rest. */
#include "gpgpu/message.h"
#include <string.h>

#define SAMPLER_BYTES     16u
#define HEADER_SAMPLERS   3  /* header dword: sampler state pointer in 31:5 */
#define BINDLESS_SAMPLERS 1u /* bit 0 of it: relative to the bindless sampler base */
#define TYPED_LANES       8u

const struct image_surface *gp_image_of(struct gp_msg *m)
{
    unsigned bti = DESC_BTI(m->send->desc);
    const char *why = NULL;
    struct gp_surface *s;

    if (bti > BTI_BINDLESS) {
        gp_msg_error(m, "binding table index %#x is no image", bti);
        return NULL;
    }
    s = gp_surface_get(m, bti);
    if (!s)
        return NULL;
    if (s->image_state == IMAGE_READ)
        return &s->image;
    if (!image_surface_parse(s->dw, &s->image, &why)) {
        gp_msg_error(m, "surface %u: %s", bti, why);
        return NULL;
    }
    s->image_state = IMAGE_READ;
    return &s->image;
}

static bool sampler_of(struct gp_msg *m, struct image_sampler *sampler)
{
    const struct gp_state *state = m->job->state;
    uint64_t at = state->dynamic_base + m->job->sampler_state;
    unsigned index = msg_bits(m, 11, 8);
    struct mmu_fault fault;
    const char *why = NULL;
    uint32_t dw[4];

    if (m->header && (m->header[HEADER_SAMPLERS] & BINDLESS_SAMPLERS))
        at = state->bindless_sampler_base + (m->header[HEADER_SAMPLERS] & ~0xfu);
    else if (m->header)
        at = state->dynamic_base + (m->header[HEADER_SAMPLERS] & ~0x1fu);
    at += index * SAMPLER_BYTES;
    if (!tlb_read(m->w->tlb, at & GP_VA_MASK, dw, sizeof(dw), &fault)) {
        gp_msg_fault(m, &fault, -1);
        return false;
    }
    if (!image_sampler_parse(dw, sampler, &why)) {
        gp_msg_error(m, "sampler %u: %s", index, why);
        return false;
    }
    return true;
}

static struct image_message to_image_message(const struct gp_msg *m)
{
    return (struct image_message){.desc = m->send->desc,
                                  .header = m->header,
                                  .exec_mask = m->send->exec_mask,
                                  .in_count = m->in_count,
                                  .in = m->in,
                                  .out = m->out,
                                  .out_count = m->out_count};
}

static struct image_env to_image_env(const struct gp_msg *m)
{
    return (struct image_env){
        .tlb = m->w->tlb, .dynamic_base = m->job->state->dynamic_base, .lane = -1};
}

static enum eu_send_status finish(struct gp_msg *m, const struct image_env *env,
                                  enum image_status status)
{
    switch (status) {
    case IMAGE_OK:
        return EU_SEND_OK;
    case IMAGE_FAULT:
        return gp_msg_fault(m, &env->fault, env->lane);
    default:
        return gp_msg_error(m, "%s", env->error);
    }
}

enum eu_send_status gp_send_sampler(struct gp_msg *m)
{
    const struct image_surface *surface;
    struct image_message message;
    struct image_env env = to_image_env(m);
    struct image_sampler sampler;
    bool samples = image_message_samples(m->send->desc);

    m->what = "sampler";
    if (image_message_is_flush(m->send->desc)) {
        memset(m->out, 0, m->out_count * GP_GRF_BYTES);
        return EU_SEND_OK;
    }
    surface = gp_image_of(m);
    if (!surface || (samples && !sampler_of(m, &sampler)))
        return EU_SEND_ERROR;
    message = to_image_message(m);
    return finish(m, &env,
                  image_sampler_message(&env, surface, samples ? &sampler : NULL, &message));
}

enum eu_send_status gp_typed(struct gp_msg *m, bool write)
{
    const struct image_surface *surface;
    struct image_message message;
    struct image_env env = to_image_env(m);

    m->what = write ? "typed write" : "typed read";
    surface = gp_image_of(m);
    if (!surface)
        return EU_SEND_ERROR;
    message = to_image_message(m);
    return finish(m, &env, image_typed_message(&env, surface, &message));
}

/* Addresses of the lanes' texels from coordinates u, v, r, as many as the payload has. */
static void texel_addresses(const struct gp_msg *m, const struct image_surface *surface,
                            unsigned coords, uint64_t offset[MSG_MAX_LANES])
{
    for (unsigned lane = 0; lane < TYPED_LANES; lane++) {
        uint32_t at[3] = {0, 0, 0};

        for (unsigned i = 0; i < coords && i < 3; i++)
            memcpy(&at[i], m->in[i] + lane * 4, 4);
        if (!image_texel_address(surface, at, &offset[lane]))
            offset[lane] = GP_OUTSIDE;
    }
}

enum eu_send_status gp_typed_atomic(struct gp_msg *m, unsigned bits)
{
    static const struct gp_target flat = {TARGET_FLAT, 0, 0};
    struct gp_atomic a = {.op = msg_bits(m, 11, 8),
                          .bits = bits,
                          .simd = TYPED_LANES,
                          .returns = msg_bits(m, 13, 13)};
    const struct image_surface *surface;
    uint64_t offset[MSG_MAX_LANES];
    unsigned data;

    m->what = "typed atomic";
    surface = gp_image_of(m);
    if (!surface)
        return EU_SEND_ERROR;
    data = gp_atomic_sources(&a);
    if (m->in_count <= data)
        return gp_msg_error(m, "%u payload registers are too few", m->in_count);
    if (image_texel_bytes(surface) != bits / 8)
        return gp_msg_error(m, "%u-bit atomic on texels of %u bytes", bits,
                            image_texel_bytes(surface));
    a.first_in = m->in_count - data;
    texel_addresses(m, surface, a.first_in, offset);
    return gp_atomic(m, &flat, offset, &a);
}
