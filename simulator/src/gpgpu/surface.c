/* SPDX-License-Identifier: MIT */
/*
 * From a binding table index to memory. Surface states are read once per walker and worker:
 * the hardware's state cache may do the same.
 */
#include "gpgpu/message.h"
#include <string.h>

/* RENDER_SURFACE_STATE, DG1 PRM vol 2d. */
enum {
    SURFTYPE_BUFFER = 4,
    SURFTYPE_STRBUF = 5,
    SURFTYPE_NULL = 7,
};

static void parse(struct gp_surface *s)
{
    const uint32_t *dw = s->dw;
    uint64_t entries = (dw[2] & 0x7f) | (uint64_t)(dw[2] >> 16 & 0x3fff) << 7 |
                       (uint64_t)(dw[3] >> 21 & 0x7ff) << 21;

    s->type = dw[0] >> 29;
    s->format = dw[0] >> 18 & 0x1ff;
    s->base = (dw[8] | (uint64_t)dw[9] << 32) & GP_VA_MASK;
    s->bytes = 0;
    s->image_state = IMAGE_UNREAD;
    if (s->type == SURFTYPE_BUFFER || s->type == SURFTYPE_STRBUF)
        s->bytes = (entries + 1) * ((dw[3] & 0x3ffff) + 1);
}

static bool read_state(struct gp_msg *m, uint64_t va, struct gp_surface *s)
{
    struct mmu_fault fault;

    if (!tlb_read(m->w->tlb, va & GP_VA_MASK, s->dw, sizeof(s->dw), &fault)) {
        gp_msg_fault(m, &fault, -1);
        return false;
    }
    parse(s);
    return true;
}

static struct gp_surface *bindless(struct gp_msg *m)
{
    /* Extended descriptor 31:12 is the state's offset in units of 64 bytes. */
    uint64_t offset = m->send->exdesc >> 6 & ~UINT64_C(63);
    struct gp_surface *s = &m->w->surfaces[BTI_BINDLESS];

    s->serial = 0;
    return read_state(m, m->job->state->bindless_surface_base + offset, s) ? s : NULL;
}

struct gp_surface *gp_surface_get(struct gp_msg *m, unsigned bti)
{
    const struct gp_state *state = m->job->state;
    struct gp_surface *s = &m->w->surfaces[bti];
    struct mmu_fault fault;
    uint32_t entry;

    if (bti == BTI_BINDLESS)
        return bindless(m);
    if (s->serial == m->job->serial)
        return s;
    if (!tlb_read(m->w->tlb, state->surface_base + m->job->binding_table + 4 * bti, &entry,
                  sizeof(entry), &fault)) {
        gp_msg_fault(m, &fault, -1);
        return NULL;
    }
    if (!read_state(m, state->surface_base + (entry & ~0x3fu), s))
        return NULL;
    s->serial = m->job->serial;
    return s;
}

enum eu_send_status gp_target_of(struct gp_msg *m, unsigned bti, struct gp_target *target)
{
    const struct gp_surface *s;

    switch (bti) {
    case BTI_SLM:
        *target = (struct gp_target){TARGET_SLM, 0, m->job->slm_bytes};
        return EU_SEND_OK;
    case BTI_STATELESS:
    case BTI_STATELESS_INCOHERENT:
        *target = (struct gp_target){TARGET_FLAT, m->job->state->general_base, 0};
        return EU_SEND_OK;
    default:
        break;
    }
    s = gp_surface_get(m, bti);
    if (!s)
        return EU_SEND_ERROR;
    if (s->type != SURFTYPE_BUFFER && s->type != SURFTYPE_STRBUF && s->type != SURFTYPE_NULL)
        return gp_msg_error(m, "surface %u has type %u, which is no buffer", bti, s->type);
    *target = (struct gp_target){TARGET_BUFFER, s->base, s->bytes};
    return EU_SEND_OK;
}
