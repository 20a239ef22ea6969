/* SPDX-License-Identifier: MIT */
/* A send instruction becomes a message: lengths checked once, then handed to its function. */
#include "gpgpu/message.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const sfid_names[16] = {
    "null", "?1",         "sampler", "gateway", "dc2", "render cache",
    "urb",  "spawner",    "vme",     "dcro",    "dc0", "pixel interpolator",
    "dc1",  "refinement", "?14",     "?15",
};

static void describe(const struct gp_msg *m, char *buf, size_t n)
{
    const struct gp_group *g = m->slot->group;

    snprintf(
        buf, n,
        "kernel %#llx, instruction %#llx, group %u,%u,%u thread %u, %s message%s%s (%08x, %08x)",
        (unsigned long long)m->job->kernel_offset, (unsigned long long)m->send->ip, g->id[0],
        g->id[1], g->id[2], m->slot->thread, sfid_names[m->send->sfid & 0xf], m->what ? " " : "",
        m->what ? m->what : "", m->send->desc, m->send->exdesc);
}

/* Only the first error of a walker is told: the others follow from it. */
static bool first_failure(const struct gp_msg *m)
{
    return !atomic_exchange(&m->job->failed, true);
}

enum eu_send_status gp_msg_error(const struct gp_msg *m, const char *fmt, ...)
{
    char where[256], why[256];
    va_list args;

    if (!first_failure(m))
        return EU_SEND_ERROR;
    describe(m, where, sizeof(where));
    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    cs_error(m->job->env, "%s: %s", where, why);
    return EU_SEND_ERROR;
}

enum eu_send_status gp_msg_fault(const struct gp_msg *m, const struct mmu_fault *fault, int lane)
{
    char where[256], what[300];

    if (!first_failure(m))
        return EU_SEND_ERROR;
    describe(m, where, sizeof(where));
    if (lane >= 0)
        snprintf(what, sizeof(what), "%s, lane %u", where, lane + m->send->chan_offset);
    else
        snprintf(what, sizeof(what), "%s", where);
    cs_fault(m->job->env, fault, what);
    return EU_SEND_ERROR;
}

enum eu_send_status gp_msg_needs(const struct gp_msg *m, unsigned in, unsigned out)
{
    if (in > m->in_count)
        return gp_msg_error(m, "%u payload registers, %u are needed", m->in_count, in);
    if (out > m->out_count)
        return gp_msg_error(m, "%u result registers, %u are needed", m->out_count, out);
    return EU_SEND_OK;
}

void gp_offsets32(const struct gp_msg *m, unsigned simd, uint64_t offset[MSG_MAX_LANES])
{
    for (unsigned r = 0; r * 8 < simd; r++) {
        uint32_t lanes[8];

        memcpy(lanes, m->in[r], sizeof(lanes));
        for (unsigned i = 0; i < 8; i++)
            offset[r * 8 + i] = lanes[i];
    }
}

void gp_offsets64(const struct gp_msg *m, unsigned simd, uint64_t offset[MSG_MAX_LANES])
{
    for (unsigned r = 0; r * 4 < simd; r++)
        memcpy(&offset[r * 4], m->in[r], GP_GRF_BYTES);
}

static bool add_source(struct gp_msg *m, unsigned first, unsigned count)
{
    if (first == EU_NULL || count == 0)
        return true;
    if (first + count > EU_GRF_COUNT || m->in_count + count > MSG_MAX_REGS)
        return false;
    for (unsigned i = 0; i < count; i++)
        m->in[m->in_count++] = m->t->grf[first + i];
    return true;
}

static bool collect(struct gp_msg *m)
{
    const struct eu_send *s = m->send;
    unsigned src0_count = DESC_MESSAGE_LENGTH(s->desc), src1_count = EXDESC_LENGTH(s->exdesc);

    m->out_count = s->dst == EU_NULL ? 0 : DESC_RESPONSE_LENGTH(s->desc);
    if (s->dst != EU_NULL) {
        if (s->dst + m->out_count > EU_GRF_COUNT)
            return false;
        m->out = m->t->grf[s->dst];
    }
    if (!add_source(m, s->src0, src0_count) || !add_source(m, s->src1, src1_count))
        return false;
    if (s->desc & DESC_HEADER) {
        if (m->in_count == 0)
            return false;
        m->header = (const uint32_t *)m->in[0];
        m->in_count--;
        memmove(m->in, m->in + 1, m->in_count * sizeof(m->in[0]));
    }
    return true;
}

static enum eu_send_status dispatch(struct gp_msg *m)
{
    switch (m->send->sfid) {
    case EU_SFID_DC0:
        return gp_send_dc0(m);
    case EU_SFID_DC1:
        return gp_send_dc1(m);
    case EU_SFID_DCRO:
        return gp_send_dcro(m);
    case EU_SFID_SMPL:
        return gp_send_sampler(m);
    case EU_SFID_GTWY:
        return gp_send_gateway(m);
    case EU_SFID_TS:
        return gp_send_spawner(m);
    default:
        return gp_msg_error(m, "no such shared function in the compute pipe of this device");
    }
}

enum eu_send_status gp_send(struct eu_thread *t, const struct eu_send *send)
{
    struct gp_slot *slot = t->opaque;
    struct gp_msg m;
    enum eu_send_status status;

    slot->group->worker->count.messages[send->sfid & 0xf]++;
    if (!slot->watch && gp_send_quick(t, slot, send, &status))
        return status;
    m.send = send;
    m.t = t;
    m.slot = slot;
    m.w = slot->group->worker;
    m.job = m.w->job;
    m.what = NULL;
    m.is_fence = false;
    m.header = NULL;
    m.in_count = 0;
    m.out = NULL;
    if (!collect(&m))
        return gp_msg_error(&m, "registers beyond the register file or a message too long");
    status = dispatch(&m);
    if (slot->watch && status == EU_SEND_OK)
        gp_watch_message(slot->watch, &m);
    if (send->eot && status != EU_SEND_ERROR)
        return EU_SEND_EOT;
    return status;
}
