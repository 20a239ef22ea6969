/* SPDX-License-Identifier: MIT */
/* GPGPU_WALKER: reads its descriptor and payload, has the groups run, keeps progress. */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <string.h>

/* Indirect dispatch takes the dimensions from these registers (DG1 PRM vol 2c). */
#define GPGPU_DISPATCHDIMX 0x2500u
#define GPGPU_DISPATCHDIMY 0x2504u
#define GPGPU_DISPATCHDIMZ 0x2508u

#define WALKER_PREDICATE    (1u << 8)  /* dword 0 */
#define WALKER_INDIRECT     (1u << 10) /* dword 0 */
#define MI_PREDICATE_RESULT 0x2418u

/* SLM size code of the interface descriptor: 0 none, 1 = 1 KiB, ... 7 = 64 KiB (Gen9 and later). */
#define SLM_CODE(idd) ((idd)[6] >> 16 & 0x1f)
#define SLM_CODE_MAX  7u

static uint32_t slm_bytes(uint32_t code)
{
    return code ? 512u << code : 0;
}

static bool read_dimensions(struct gp_job *job, const uint32_t *dw)
{
    static const uint8_t start_dw[3] = {5, 8, 11}, dim_dw[3] = {7, 10, 12};
    static const uint32_t regs[3] = {GPGPU_DISPATCHDIMX, GPGPU_DISPATCHDIMY, GPGPU_DISPATCHDIMZ};
    bool indirect = dw[0] & WALKER_INDIRECT;

    job->total = 1;
    for (unsigned i = 0; i < 3; i++) {
        job->start[i] = dw[start_dw[i]];
        job->dim[i] = indirect ? cs_reg_read(job->env, regs[i]) : dw[dim_dw[i]];
        if (job->dim[i] <= job->start[i])
            return false;
        job->span[i] = job->dim[i] - job->start[i];
        if (__builtin_mul_overflow(job->total, job->span[i], &job->total))
            job->total = UINT64_MAX / 2; /* nobody lives to see the end of it */
    }
    return true;
}

static bool read_shape(struct gp_job *job, const uint32_t *dw, const uint32_t *idd)
{
    unsigned depth = (dw[4] >> 16 & 0x3f) + 1;
    unsigned simd_code = dw[4] >> 30;

    job->width = (dw[4] & 0x3f) + 1;
    job->height = (dw[4] >> 8 & 0x3f) + 1;
    job->simd = 8u << simd_code;
    job->threads_per_group = idd[6] & 0x3ff;
    job->right_mask = dw[13];
    job->bottom_mask = dw[14];
    if (simd_code == 3) {
        cs_error(job->env, "GPGPU_WALKER: SIMD size code 3 is reserved");
        return false;
    }
    if (SLM_CODE(idd) > SLM_CODE_MAX) {
        cs_error(job->env, "GPGPU_WALKER: shared local memory size code %u is reserved",
                 SLM_CODE(idd));
        return false;
    }
    if (job->threads_per_group == 0 || job->threads_per_group > GP_MAX_GROUP_THREADS ||
        job->width * job->height * depth != job->threads_per_group) {
        cs_error(job->env,
                 "GPGPU_WALKER: %u x %u x %u threads, the descriptor says %u per group (1..%u)",
                 job->width, job->height, depth, job->threads_per_group, GP_MAX_GROUP_THREADS);
        return false;
    }
    return true;
}

void gp_read_descriptor(struct gp_job *job, const uint32_t *idd)
{
    const struct gp_state *s = job->state;

    job->kernel_offset = (idd[0] & ~0x3fu) | (uint64_t)(idd[1] & 0xffff) << 32;
    job->alt_float = idd[2] >> 16 & 1;
    job->sampler_state = idd[3] & ~0x1fu;
    job->binding_table = idd[4] & 0xffe0;
    job->slm_bytes = slm_bytes(SLM_CODE(idd));
    job->rounding = idd[6] >> 22 & 3;
    job->cross_bytes = (size_t)(idd[7] & 0xff) * GP_GRF_BYTES;
    job->thread_bytes = (size_t)(idd[5] >> 16) * GP_GRF_BYTES;
    job->scratch_size_code = s->vfe[0] & 0xf;
    job->scratch_base = (s->vfe[0] & ~0x3ffu) | (uint64_t)(s->vfe[1] & 0xffff) << 32;
}

/* The payload's memory: indirect data, or the CURBE when the walker brings none. */
static bool payload_source(const struct gp_job *job, const uint32_t *dw, const uint32_t *idd,
                           uint64_t *va, size_t *avail)
{
    size_t skip;

    *avail = dw[2] & 0x1ffff;
    *va = job->state->indirect_base + dw[3];
    if (*avail)
        return true;
    skip = (size_t)(idd[5] & 0xffff) * GP_GRF_BYTES;
    if (skip > job->state->curbe_bytes)
        return false;
    *va = job->state->curbe_va + skip;
    *avail = job->state->curbe_bytes - skip;
    return true;
}

static bool read_payload(struct gp_job *job, const uint32_t *dw, const uint32_t *idd)
{
    size_t need = job->cross_bytes + job->threads_per_group * job->thread_bytes;
    size_t avail;
    uint64_t va;
    struct mmu_fault fault;

    if (job->cross_bytes + job->thread_bytes > (EU_GRF_COUNT - 1) * GP_GRF_BYTES) {
        cs_error(job->env, "GPGPU_WALKER: a payload of %zu bytes does not fit the registers",
                 job->cross_bytes + job->thread_bytes);
        return false;
    }
    if (!payload_source(job, dw, idd, &va, &avail) || avail < need) {
        cs_error(job->env, "GPGPU_WALKER: the payload needs %zu bytes, fewer were given", need);
        return false;
    }
    job->payload = malloc(need ? need : 1);
    if (!job->payload) {
        cs_error(job->env, "no memory for a payload of %zu bytes", need);
        return false;
    }
    if (need && !tlb_read(job->env->tlb, va & GP_VA_MASK, job->payload, need, &fault)) {
        cs_fault(job->env, &fault, "GPGPU_WALKER payload");
        return false;
    }
    return true;
}

static uint32_t hash_dwords(const uint32_t *dw, unsigned n)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (unsigned i = 0; i < n; i++)
        h = (h ^ dw[i]) * 16777619u;
    return h;
}

/* Continue where a preempted run of the same command left off. */
static void restore_progress(struct gpgpu *g, struct gp_job *job, uint32_t hash)
{
    struct gp_state *s = &g->state;

    if (s->walker_active && s->walker_hash == hash && s->walker_next < job->total)
        atomic_store(&job->next, s->walker_next);
    s->walker_active = 0;
}

enum cs_result gp_job_finish(struct gpgpu *g, struct gp_job *job, uint32_t hash)
{
    uint64_t next = atomic_load(&job->next);

    if (atomic_load(&job->failed))
        return CS_ERROR;
    if (atomic_load(job->env->stop) & CS_STOP_RESET)
        return CS_STOPPED;
    if (next >= job->total)
        return CS_DONE;
    g->state.walker_active = 1;
    g->state.walker_hash = hash;
    g->state.walker_next = next;
    return CS_PREEMPTED;
}

static uint32_t timestamp(void *opaque)
{
    struct gp_job *job = opaque;

    return cs_reg_read(job->env, 0x2358); /* RING_TIMESTAMP of RCS0 */
}

struct gp_job *gp_job_create(struct gpgpu *g, struct cs_env *env)
{
    struct gp_job *job = calloc(1, sizeof(*job));

    if (!job) {
        cs_error(env, "no memory for a walker");
        return NULL;
    }
    job->env = env;
    job->state = &g->state;
    job->serial = ++g->serial ? g->serial : ++g->serial;
    job->eu_env = (struct eu_env){
        .opaque = job, .send = gp_send, .barrier_done = gp_barrier_done, .timestamp = timestamp};
    return job;
}

void gp_job_free(struct gp_job *job)
{
    free(job->payload);
    free(job);
}

static bool prepare(struct gpgpu *g, struct gp_job *job, const uint32_t *dw)
{
    const uint32_t *idd = g->state.idd[dw[1] & (GP_IDD_COUNT - 1)];

    if (!read_shape(job, dw, idd))
        return false;
    gp_read_descriptor(job, idd);
    job->program = gp_program_get(g, job->env, g->state.instruction_base, job->kernel_offset);
    return job->program && read_payload(job, dw, idd);
}

enum cs_result gp_walker(struct gpgpu *g, struct cs_env *env, const uint32_t *dw, unsigned ndw)
{
    uint32_t hash = hash_dwords(dw, ndw);
    enum cs_result result = CS_ERROR;
    struct gp_job *job;

    if ((dw[0] & WALKER_PREDICATE) && !(cs_reg_read(env, MI_PREDICATE_RESULT) & 1))
        return CS_DONE;
    job = gp_job_create(g, env);
    if (!job)
        return CS_ERROR;
    if (!read_dimensions(job, dw)) {
        result = CS_DONE; /* a dimension of zero groups */
    } else if (prepare(g, job, dw)) {
        restore_progress(g, job, hash);
        g->walkers++;
        gp_pool_run(g, job);
        result = gp_job_finish(g, job, hash);
    }
    gp_job_free(job);
    return result;
}
