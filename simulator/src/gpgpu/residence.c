/* SPDX-License-Identifier: MIT */
/*
 * Which thread groups are in the hardware at a time. A worker runs one group to its end as long
 * as that gets on. A group that only waits is put aside, and the worker starts another one, up to
 * what the hardware holds, or goes on with the one that was put aside first: groups that wait for
 * each other meet.
 */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <time.h>

/* Turns of nothing but waiting, for each group in residence, before a worker naps. */
#define PATIENCE     8u
#define NAP_NANOSECS 50000

unsigned gp_residence_limit(const struct gp_job *job)
{
    unsigned groups = GP_MAX_GROUP_THREADS / job->threads_per_group;
    /* FFTIDs stay below the thread limit: scratch and private memory are sized for it. */
    uint64_t limit = ((job->state->vfe[2] >> 16) + 1) / job->threads_per_group;

    if (job->slm_bytes && GP_SLM_BYTES / job->slm_bytes < groups)
        groups = GP_SLM_BYTES / job->slm_bytes;
    groups *= GP_SUBSLICES;
    if (limit < groups)
        groups = (unsigned)limit;
    return groups ? groups : 1;
}

static bool fail(struct gp_job *job)
{
    if (!atomic_exchange(&job->failed, true))
        cs_error(job->env, "no memory for a thread group");
    return false;
}

static bool prepare_slots(struct gp_job *job, struct gp_group *group)
{
    unsigned wanted = job->threads_per_group;

    if (group->slot_count < wanted) {
        struct gp_slot *slots = realloc(group->slots, wanted * sizeof(*slots));

        if (!slots)
            return fail(job);
        group->slots = slots;
        for (; group->slot_count < wanted; group->slot_count++)
            slots[group->slot_count].eu = NULL;
    }
    for (unsigned i = 0; i < wanted; i++) {
        struct gp_slot *slot = &group->slots[i];

        slot->group = group;
        slot->state = SLOT_IDLE;
        slot->fftid = group->place * wanted + i;
        if (!slot->eu)
            slot->eu = eu_thread_create();
        if (!slot->eu)
            return fail(job);
    }
    if (job->slm_bytes && !group->slm) {
        group->slm = aligned_alloc(64, GP_SLM_BYTES);
        if (!group->slm)
            return fail(job);
    }
    return true;
}

/* The place of that number, ready for a group of the job; NULL after an error. */
static struct gp_group *place_get(struct gpgpu *g, struct gp_job *job, unsigned place)
{
    struct gp_group *group = g->places[place];

    if (!group) {
        group = g->places[place] = calloc(1, sizeof(*group));
        if (!group) {
            fail(job);
            return NULL;
        }
        group->place = place;
    }
    return prepare_slots(job, group) ? group : NULL;
}

static void place_free(struct gpgpu *g, unsigned place)
{
    struct gp_group *group = g->places[place];

    if (!group)
        return;
    for (unsigned i = 0; i < group->slot_count; i++)
        if (group->slots[i].eu)
            eu_thread_destroy(group->slots[i].eu);
    free(group->slots);
    free(group->slm);
    free(group);
    g->places[place] = NULL;
}

void gp_residence_begin(struct gp_job *job, unsigned workers)
{
    pthread_mutex_init(&job->lock, NULL);
    job->aside = NULL;
    job->aside_end = &job->aside;
    job->free_places = NULL;
    job->places = gp_residence_limit(job);
    job->places_taken = workers; /* each begins with the place of its own number */
    atomic_store(&job->aside_count, 0);
}

/* Memory for many groups is not kept: most walkers need one place for each worker. */
void gp_residence_end(struct gpgpu *g, struct gp_job *job)
{
    for (unsigned i = g->worker_count; i < job->places_taken; i++)
        place_free(g, i);
    pthread_mutex_destroy(&job->lock);
}

void gp_residence_free(struct gpgpu *g)
{
    for (unsigned i = 0; i < GP_MAX_PLACES; i++)
        place_free(g, i);
}

/* The next group that has not started; false: there is none. */
static bool take_index(struct gp_job *job, uint64_t *index)
{
    if (atomic_load_explicit(&job->next, memory_order_relaxed) >= job->total)
        return false;
    *index = atomic_fetch_add(&job->next, 1);
    if (*index < job->total)
        return true;
    atomic_fetch_sub(&job->next, 1);
    return false;
}

static struct gp_group *oldest_aside(struct gp_job *job)
{
    struct gp_group *group = job->aside;

    if (!group)
        return NULL;
    job->aside = group->next;
    if (!job->aside)
        job->aside_end = &job->aside;
    atomic_fetch_sub_explicit(&job->aside_count, 1, memory_order_relaxed);
    return group;
}

static bool preempted(const struct gp_job *job)
{
    return atomic_load_explicit(job->env->stop, memory_order_relaxed) & CS_STOP_PREEMPT;
}

/* After a group's end in this place: whatever is to run next, NULL when nothing is. */
static struct gp_group *next_group(struct gp_worker *w, struct gp_group *idle)
{
    struct gp_job *job = w->job;
    struct gp_group *group;
    uint64_t index;

    if (atomic_load_explicit(&job->aside_count, memory_order_relaxed)) {
        pthread_mutex_lock(&job->lock);
        group = oldest_aside(job);
        if (group) {
            idle->next = job->free_places;
            job->free_places = idle;
        }
        pthread_mutex_unlock(&job->lock);
        if (group)
            return group;
    }
    if (preempted(job) || !take_index(job, &index))
        return NULL;
    gp_group_start(w, idle, index);
    return idle;
}

/* An idle place beyond those in use; NULL: the hardware is full, or an error. Under the lock. */
static struct gp_group *another_place(struct gp_worker *w)
{
    struct gp_job *job = w->job;
    struct gp_group *group = job->free_places;

    if (group) {
        job->free_places = group->next;
        return group;
    }
    return job->places_taken < job->places ? place_get(w->gpgpu, job, job->places_taken++) : NULL;
}

/*
 * In exchange for a group that waits. Groups are started even when a preemption is asked for: the
 * hardware would have had them in residence already, and the preemption needs them to end.
 */
static struct gp_group *swap_group(struct gp_worker *w, struct gp_group *waiting)
{
    struct gp_job *job = w->job;
    struct gp_group *group = NULL;
    uint64_t index = 0;
    bool fresh = false;

    pthread_mutex_lock(&job->lock);
    waiting->next = NULL;
    *job->aside_end = waiting;
    job->aside_end = &waiting->next;
    atomic_fetch_add_explicit(&job->aside_count, 1, memory_order_relaxed);
    if (atomic_load_explicit(&job->next, memory_order_relaxed) < job->total)
        group = another_place(w);
    if (group) {
        fresh = take_index(job, &index);
        if (!fresh) {
            group->next = job->free_places;
            job->free_places = group;
        }
    }
    if (!fresh)
        group = oldest_aside(job);
    pthread_mutex_unlock(&job->lock);
    if (fresh)
        gp_group_start(w, group, index);
    return group;
}

/* All in residence wait, for the CPU perhaps, which may need this one. */
static void nap(struct gp_worker *w)
{
    struct timespec time = {0, NAP_NANOSECS};

    mem_lease_close(w->lease);
    nanosleep(&time, NULL);
    mem_lease_open(w->lease);
}

void gp_run_groups(struct gp_worker *w)
{
    struct gp_job *job = w->job;
    struct gp_group *group = place_get(w->gpgpu, job, w->index);

    w->idle_turns = 0;
    if (!group || !gp_may_go_on(w))
        return;
    group = next_group(w, group);
    while (group && gp_may_go_on(w)) {
        enum gp_turn turn = gp_group_run(w, group);

        if (turn == GROUP_LEFT)
            return;
        if (turn == GROUP_ENDED) {
            w->idle_turns = 0;
            group = next_group(w, group);
            continue;
        }
        if (++w->idle_turns > PATIENCE * (1 + atomic_load(&job->aside_count)))
            nap(w);
        group = swap_group(w, group);
    }
}
