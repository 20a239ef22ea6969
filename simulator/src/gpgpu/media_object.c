/* SPDX-License-Identifier: MIT */
/*
 * MEDIA_OBJECT: one thread of the media pipe, with constants from the CURBE and data from the
 * command itself or from memory (DG1 PRM vol 2a; payload: vol 9, "Media thread payload"). There is
 * no dependency between threads to keep: each is over when its command is.
 */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <string.h>

#define INLINE_DW   6u         /* dword at which inline data begin */
#define CHILDREN    (1u << 31) /* dword 2: the thread spawns others */
#define LENGTH_MASK 0x1ffffu   /* dword 2 */
#define MEDIA_SIMD  16u

static size_t whole_registers(size_t bytes)
{
    return (bytes + GP_GRF_BYTES - 1) / GP_GRF_BYTES * GP_GRF_BYTES;
}

static bool read_constants(struct gp_job *job, const uint32_t *idd, uint8_t *to, size_t bytes)
{
    const struct gp_state *s = job->state;
    size_t skip = (size_t)(idd[5] & 0xffff) * GP_GRF_BYTES;
    struct mmu_fault fault;

    if (skip + bytes > s->curbe_bytes) {
        cs_error(job->env, "MEDIA_OBJECT: %zu constant bytes at %zu, the CURBE has %u", bytes, skip,
                 s->curbe_bytes);
        return false;
    }
    if (!tlb_read(job->env->tlb, (s->curbe_va + skip) & GP_VA_MASK, to, bytes, &fault)) {
        cs_fault(job->env, &fault, "MEDIA_OBJECT constants");
        return false;
    }
    return true;
}

static bool read_indirect(struct gp_job *job, const uint32_t *dw, uint8_t *to, size_t bytes)
{
    struct mmu_fault fault;
    uint64_t va = job->state->indirect_base + dw[3];

    if (tlb_read(job->env->tlb, va & GP_VA_MASK, to, bytes, &fault))
        return true;
    cs_fault(job->env, &fault, "MEDIA_OBJECT indirect data");
    return false;
}

/* Constants, then indirect data, then inline data, each from a register of its own on. */
static bool read_payload(struct gp_job *job, const uint32_t *idd, const uint32_t *dw, unsigned ndw)
{
    size_t constants = (size_t)(idd[5] >> 16) * GP_GRF_BYTES;
    size_t indirect = dw[2] & LENGTH_MASK, inlined = (ndw - INLINE_DW) * sizeof(*dw);
    size_t indirect_at = constants, inline_at = constants + whole_registers(indirect);

    job->thread_bytes = inline_at + whole_registers(inlined);
    if (job->thread_bytes > (EU_GRF_COUNT - 1) * GP_GRF_BYTES) {
        cs_error(job->env, "MEDIA_OBJECT: a payload of %zu bytes does not fit the registers",
                 job->thread_bytes);
        return false;
    }
    job->payload = calloc(1, job->thread_bytes ? job->thread_bytes : 1);
    if (!job->payload) {
        cs_error(job->env, "no memory for a payload of %zu bytes", job->thread_bytes);
        return false;
    }
    if ((constants && !read_constants(job, idd, job->payload, constants)) ||
        (indirect && !read_indirect(job, dw, job->payload + indirect_at, indirect)))
        return false;
    memcpy(job->payload + inline_at, dw + INLINE_DW, inlined);
    return true;
}

static bool prepare(struct gpgpu *g, struct gp_job *job, const uint32_t *dw, unsigned ndw)
{
    const uint32_t *idd = g->state.idd[dw[1] & (GP_IDD_COUNT - 1)];

    if (dw[2] & CHILDREN) {
        cs_error(job->env, "MEDIA_OBJECT: threads that spawn others are not implemented");
        return false;
    }
    gp_read_descriptor(job, idd);
    job->simd = MEDIA_SIMD;
    job->threads_per_group = job->width = job->height = 1;
    job->right_mask = job->bottom_mask = ~0u;
    job->cross_bytes = 0;
    job->slm_bytes = 0;
    job->total = 1;
    for (unsigned i = 0; i < 3; i++)
        job->dim[i] = job->span[i] = 1;
    job->program = gp_program_get(g, job->env, g->state.instruction_base, job->kernel_offset);
    return job->program && read_payload(job, idd, dw, ndw);
}

enum cs_result gp_media_object(struct gpgpu *g, struct cs_env *env, const uint32_t *dw,
                               unsigned ndw)
{
    struct gp_job *job = gp_job_create(g, env);
    enum cs_result result = CS_ERROR;

    if (!job)
        return CS_ERROR;
    if (prepare(g, job, dw, ndw)) {
        g->walkers++;
        gp_pool_run(g, job);
        result = gp_job_finish(g, job, 0);
    }
    gp_job_free(job);
    return result;
}
