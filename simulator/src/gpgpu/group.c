/* SPDX-License-Identifier: MIT */
/*
 * Thread groups on one worker. A group's threads share the worker's SLM and take turns: a thread
 * runs until it ends, waits for the barrier, or has used up its slice.
 */
#include "gpgpu/internal.h"
#include <string.h>

/* Instructions between two looks at stop requests: about a millisecond. */
#define SLICE 20000u

/* DG1: 6 dual subslices of 16 EUs with 7 threads; sr0.0 per DG1 PRM vol 9, "State Register". */
#define THREADS_PER_EU 7u
#define EUS_PER_DSS    16u

static uint16_t state_register(uint32_t fftid)
{
    uint32_t thread = fftid % THREADS_PER_EU;
    uint32_t eu = fftid / THREADS_PER_EU % EUS_PER_DSS;
    uint32_t dss = fftid / (THREADS_PER_EU * EUS_PER_DSS) & 7;

    return thread | (eu & 7) << 4 | (eu >> 3) << 7 | dss << 8;
}

static void fill_header(const struct gp_job *job, const struct gp_slot *slot, uint32_t r0[8])
{
    const struct gp_worker *w = slot->worker;
    uint64_t scratch = job->scratch_base;

    /* Thread payload, DG1 PRM vol 9, "GPGPU thread payload header". */
    if (scratch || job->scratch_size_code)
        scratch += (uint64_t)slot->fftid << (10 + job->scratch_size_code);
    r0[0] = 0;
    r0[1] = w->group_id[0];
    r0[2] = 0;
    r0[3] = job->sampler_state | job->scratch_size_code;
    r0[4] = job->binding_table;
    r0[5] = ((uint32_t)scratch & ~0x3ffu) | (slot->fftid & 0x3ff);
    r0[6] = w->group_id[1];
    r0[7] = w->group_id[2];
}

static uint32_t dispatch_mask(const struct gp_job *job, unsigned thread)
{
    unsigned x = thread % job->width, y = thread / job->width % job->height;
    uint32_t mask = job->simd == 32 ? UINT32_MAX : (1u << job->simd) - 1;

    if (x == job->width - 1)
        mask &= job->right_mask;
    if (y == job->height - 1)
        mask &= job->bottom_mask;
    return mask;
}

static void start_thread(const struct gp_job *job, struct gp_slot *slot, unsigned thread)
{
    struct eu_start start = {
        .program = job->program,
        .env = &job->eu_env,
        .opaque = slot,
        .dispatch_mask = dispatch_mask(job, thread),
        .simd = job->simd,
        .sr0_0 = state_register(slot->fftid),
        .rounding = job->rounding,
        .alt_float = job->alt_float,
        .fftid = slot->fftid,
    };
    uint8_t *grf;

    eu_thread_start(slot->eu, &start);
    slot->thread = thread;
    slot->signalled = false;
    slot->state = SLOT_RUNNING;
    grf = slot->eu->grf[0];
    fill_header(job, slot, (uint32_t *)grf);
    grf += GP_GRF_BYTES;
    memcpy(grf, job->payload + job->cross_bytes + thread * job->thread_bytes, job->thread_bytes);
    memcpy(grf + job->thread_bytes, job->payload, job->cross_bytes);
    slot->worker->count.threads++;
}

/* Once per slice. False: leave the walker. */
static bool may_go_on(struct gp_worker *w)
{
    const struct gp_job *job = w->job;

    if (atomic_load_explicit(job->env->stop, memory_order_relaxed) & CS_STOP_RESET)
        return false;
    if (mem_lease_wanted(w->lease)) {
        mem_lease_close(w->lease);
        mem_lease_open(w->lease);
    }
    return !atomic_load_explicit(&job->failed, memory_order_relaxed);
}

static void report_eu_error(const struct gp_job *job, const struct gp_slot *slot)
{
    const struct gp_worker *w = slot->worker;

    if (slot->eu->error[0])
        cs_error(job->env, "kernel %#llx, group %u,%u,%u thread %u: %s",
                 (unsigned long long)job->kernel_offset, w->group_id[0], w->group_id[1],
                 w->group_id[2], slot->thread, slot->eu->error);
}

enum turn { TURN_OVER, TURN_THREAD_ENDED, TURN_FAILED };

static enum turn run_slice(struct gp_worker *w, struct gp_slot *slot)
{
    uint64_t before = slot->eu->instructions;
    enum eu_stop stop = eu_run(slot->eu, SLICE);

    w->count.instructions += slot->eu->instructions - before;
    switch (stop) {
    case EU_EOT:
        slot->state = SLOT_IDLE;
        return TURN_THREAD_ENDED;
    case EU_WAIT_BARRIER:
        slot->state = SLOT_AT_BARRIER;
        return TURN_OVER;
    case EU_BUDGET:
        return may_go_on(w) ? TURN_OVER : TURN_FAILED;
    default:
        if (!atomic_exchange(&w->job->failed, true)) /* a message's error is told already */
            report_eu_error(w->job, slot);
        return TURN_FAILED;
    }
}

static bool waits(const struct gp_slot *slot)
{
    return slot->state == SLOT_AT_BARRIER && slot->barrier_phase == slot->worker->barrier_phase;
}

bool gp_barrier_done(struct eu_thread *t)
{
    struct gp_slot *slot = t->opaque;

    if (slot->signalled && slot->barrier_phase == slot->worker->barrier_phase)
        return false;
    slot->signalled = false;
    return true;
}

static bool barrier_is_stuck(const struct gp_worker *w, unsigned ended)
{
    cs_error(w->job->env,
             "kernel %#llx, group %u,%u,%u: barrier never completes, %u of %u threads reached it "
             "and %u ended",
             (unsigned long long)w->job->kernel_offset, w->group_id[0], w->group_id[1],
             w->group_id[2], w->arrived, w->job->threads_per_group, ended);
    atomic_store(&w->job->failed, true);
    return false;
}

/* False: the walker is to be left, in the middle of the group. */
static bool run_group(struct gp_worker *w)
{
    const struct gp_job *job = w->job;
    unsigned total = job->threads_per_group, started = 0, ended = 0;

    w->arrived = 0;
    if (job->slm_bytes)
        memset(w->slm, 0, job->slm_bytes);
    while (ended < total) {
        bool progress = false;

        for (unsigned i = 0; i < total; i++) {
            struct gp_slot *slot = &w->slots[i];
            enum turn turn = TURN_THREAD_ENDED;

            while (turn == TURN_THREAD_ENDED) {
                if (slot->state == SLOT_IDLE && started == total)
                    break;
                if (slot->state == SLOT_IDLE)
                    start_thread(job, slot, started++);
                if (waits(slot))
                    break;
                progress = true;
                turn = run_slice(w, slot);
                if (turn == TURN_FAILED)
                    return false;
                ended += turn == TURN_THREAD_ENDED;
            }
        }
        if (!progress)
            return barrier_is_stuck(w, ended);
    }
    w->count.groups++;
    return true;
}

static bool prepare_slots(struct gp_worker *w)
{
    unsigned total = w->job->threads_per_group;

    for (unsigned i = 0; i < total; i++) {
        struct gp_slot *slot = &w->slots[i];

        slot->worker = w;
        slot->state = SLOT_IDLE;
        slot->fftid = w->index * total + i;
        if (!slot->eu)
            slot->eu = eu_thread_create();
        if (!slot->eu) {
            cs_error(w->job->env, "no memory for EU threads");
            atomic_store(&w->job->failed, true);
            return false;
        }
    }
    return true;
}

void gp_run_groups(struct gp_worker *w)
{
    struct gp_job *job = w->job;

    if (!prepare_slots(w))
        return;
    while (may_go_on(w)) {
        uint64_t index;

        if (atomic_load_explicit(job->env->stop, memory_order_relaxed) & CS_STOP_PREEMPT)
            return;
        index = atomic_fetch_add(&job->next, 1);
        if (index >= job->total) {
            atomic_fetch_sub(&job->next, 1);
            return;
        }
        w->group_id[0] = job->start[0] + (uint32_t)(index % job->span[0]);
        w->group_id[1] = job->start[1] + (uint32_t)(index / job->span[0] % job->span[1]);
        w->group_id[2] = job->start[2] + (uint32_t)(index / job->span[0] / job->span[1]);
        if (!run_group(w))
            return;
    }
}
