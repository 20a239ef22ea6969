/* SPDX-License-Identifier: MIT */
/*
 * A thread group on a worker. Its threads share SLM and take turns: a thread runs until it ends,
 * waits for the barrier, or has used up its slice.
 */
#include "gpgpu/internal.h"
#include <string.h>

/* Instructions between two looks at stop requests: about a millisecond. */
#define SLICE 20000u
/* Instructions for which a thread's messages are watched, to see whether it polls. */
#define WATCH_SLICE 2000u

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
    const struct gp_group *group = slot->group;
    uint64_t scratch = job->scratch_base;

    /* Thread payload, DG1 PRM vol 9, "GPGPU thread payload header". */
    if (scratch || job->scratch_size_code)
        scratch += (uint64_t)slot->fftid << (10 + job->scratch_size_code);
    r0[0] = 0;
    r0[1] = group->id[0];
    r0[2] = 0;
    r0[3] = job->sampler_state | job->scratch_size_code;
    r0[4] = job->binding_table;
    r0[5] = ((uint32_t)scratch & ~0x3ffu) | (slot->fftid & 0x3ff);
    r0[6] = group->id[1];
    r0[7] = group->id[2];
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
    slot->polls = false;
    slot->watch = NULL;
    slot->slices = 0;
    slot->state = SLOT_RUNNING;
    grf = slot->eu->grf[0];
    fill_header(job, slot, (uint32_t *)grf);
    grf += GP_GRF_BYTES;
    memcpy(grf, job->payload + job->cross_bytes + thread * job->thread_bytes, job->thread_bytes);
    memcpy(grf + job->thread_bytes, job->payload, job->cross_bytes);
    slot->group->worker->count.threads++;
}

bool gp_may_go_on(struct gp_worker *w)
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
    const struct gp_group *group = slot->group;

    if (slot->eu->error[0])
        cs_error(job->env, "kernel %#llx, group %u,%u,%u thread %u: %s",
                 (unsigned long long)job->kernel_offset, group->id[0], group->id[1], group->id[2],
                 slot->thread, slot->eu->error);
}

enum slice { SLICE_USED, SLICE_POLLED, SLICE_AT_BARRIER, SLICE_THREAD_ENDED, SLICE_FAILED };

/* Watching takes time: less and less often, but always when a thread was seen to poll. */
static bool is_to_be_watched(struct gp_slot *slot)
{
    unsigned n = ++slot->slices;

    return slot->polls || (n & (n - 1)) == 0;
}

static enum eu_stop run_watched(struct gp_slot *slot)
{
    struct gp_watch watch = {0};
    enum eu_stop stop;

    slot->watch = &watch;
    stop = eu_run(slot->eu, WATCH_SLICE);
    slot->watch = NULL;
    slot->polls = stop == EU_BUDGET && gp_watch_saw_polling(&watch);
    return stop;
}

static enum slice run_slice(struct gp_worker *w, struct gp_slot *slot)
{
    uint64_t before = slot->eu->instructions;
    enum eu_stop stop = slot->polls ? EU_BUDGET : eu_run(slot->eu, SLICE);

    if (stop == EU_BUDGET && is_to_be_watched(slot))
        stop = run_watched(slot);
    w->count.instructions += slot->eu->instructions - before;
    switch (stop) {
    case EU_EOT:
        slot->state = SLOT_IDLE;
        return SLICE_THREAD_ENDED;
    case EU_WAIT_BARRIER:
        slot->state = SLOT_AT_BARRIER;
        return SLICE_AT_BARRIER;
    case EU_BUDGET:
        if (!gp_may_go_on(w))
            return SLICE_FAILED;
        return slot->polls ? SLICE_POLLED : SLICE_USED;
    default:
        if (!atomic_exchange(&w->job->failed, true)) /* a message's error is told already */
            report_eu_error(w->job, slot);
        return SLICE_FAILED;
    }
}

static bool waits(const struct gp_slot *slot)
{
    return slot->state == SLOT_AT_BARRIER && slot->barrier_phase == slot->group->barrier_phase;
}

bool gp_barrier_done(struct eu_thread *t)
{
    struct gp_slot *slot = t->opaque;

    if (slot->signalled && slot->barrier_phase == slot->group->barrier_phase)
        return false;
    slot->signalled = false;
    return true;
}

static enum gp_turn barrier_is_stuck(const struct gp_worker *w, const struct gp_group *group)
{
    cs_error(w->job->env,
             "kernel %#llx, group %u,%u,%u: barrier never completes, %u of %u threads reached it "
             "and %u ended",
             (unsigned long long)w->job->kernel_offset, group->id[0], group->id[1], group->id[2],
             group->arrived, w->job->threads_per_group, group->ended);
    atomic_store(&w->job->failed, true);
    return GROUP_LEFT;
}

/* What the threads of a group did in one round. */
struct round {
    bool ran;    /* some thread could run */
    bool got_on; /* and did not only poll */
};

/* One thread's turn; a thread that ends makes room for the next one. False: leave the walker. */
static bool take_turn(struct gp_worker *w, struct gp_slot *slot, struct round *r)
{
    struct gp_group *group = slot->group;
    enum slice slice = SLICE_THREAD_ENDED;

    while (slice == SLICE_THREAD_ENDED) {
        if (slot->state == SLOT_IDLE) {
            if (group->started == w->job->threads_per_group)
                return true;
            start_thread(w->job, slot, group->started++);
        }
        if (waits(slot))
            return true;
        slice = run_slice(w, slot);
        r->ran = true;
        r->got_on |= slice != SLICE_POLLED;
        if (slice == SLICE_THREAD_ENDED)
            group->ended++;
    }
    return slice != SLICE_FAILED;
}

void gp_group_start(struct gp_worker *w, struct gp_group *group, uint64_t index)
{
    const struct gp_job *job = w->job;

    group->id[0] = job->start[0] + (uint32_t)(index % job->span[0]);
    group->id[1] = job->start[1] + (uint32_t)(index / job->span[0] % job->span[1]);
    group->id[2] = job->start[2] + (uint32_t)(index / job->span[0] / job->span[1]);
    group->started = group->ended = group->arrived = 0;
    if (job->slm_bytes)
        memset(group->slm, 0, job->slm_bytes);
}

enum gp_turn gp_group_run(struct gp_worker *w, struct gp_group *group)
{
    unsigned total = w->job->threads_per_group;

    group->worker = w;
    while (group->ended < total) {
        struct round r = {false, false};

        for (unsigned i = 0; i < total; i++)
            if (!take_turn(w, &group->slots[i], &r))
                return GROUP_LEFT;
        if (group->ended == total)
            break;
        if (!r.ran)
            return barrier_is_stuck(w, group);
        if (!r.got_on)
            return GROUP_WAITS;
    }
    w->count.groups++;
    return GROUP_ENDED;
}
