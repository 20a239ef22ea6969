/* SPDX-License-Identifier: MIT */
/* The host threads that run EU code. Worker 0 is the engine thread itself. */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <string.h>

static void *worker_main(void *arg)
{
    struct gp_worker *w = arg;
    struct gpgpu *g = w->gpgpu;
    uint64_t seen = 0;

    pthread_mutex_lock(&g->lock);
    while (!g->quit) {
        if (g->job_number == seen || w->index >= g->wanted) {
            seen = g->job_number;
            pthread_cond_wait(&g->wake, &g->lock);
            continue;
        }
        seen = g->job_number;
        w->job = g->job;
        pthread_mutex_unlock(&g->lock);

        tlb_set_root(w->tlb, tlb_root(w->job->env->tlb));
        mem_lease_open(w->lease);
        gp_run_groups(w);
        mem_lease_close(w->lease);

        pthread_mutex_lock(&g->lock);
        w->job = NULL;
        if (--g->busy == 0)
            pthread_cond_signal(&g->idle);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static bool worker_init(struct gpgpu *g, unsigned index)
{
    struct gp_worker *w = &g->workers[index];

    w->gpgpu = g;
    w->index = index;
    if (index == 0) /* borrows the engine thread's TLB and lease */
        return true;
    w->tlb = tlb_create(g->mmu, ENGINE_RCS0);
    w->lease = mem_lease_create(g->mem);
    return w->tlb && w->lease && pthread_create(&w->thread, NULL, worker_main, w) == 0;
}

static void worker_free(struct gp_worker *w)
{
    if (w->index == 0)
        return;
    if (w->tlb)
        tlb_destroy(w->tlb);
    if (w->lease)
        mem_lease_destroy(w->lease);
}

static void stop_threads(struct gpgpu *g, unsigned count)
{
    pthread_mutex_lock(&g->lock);
    g->quit = true;
    pthread_cond_broadcast(&g->wake);
    pthread_mutex_unlock(&g->lock);
    for (unsigned i = 1; i < count; i++)
        pthread_join(g->workers[i].thread, NULL);
}

static void pool_free(struct gpgpu *g, unsigned initialised)
{
    for (unsigned i = 0; i < initialised; i++)
        worker_free(&g->workers[i]);
    free(g->workers);
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->idle);
    pthread_mutex_destroy(&g->lock);
}

bool gp_pool_create(struct gpgpu *g, unsigned workers)
{
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
    pthread_cond_init(&g->idle, NULL);
    g->workers = calloc(workers + 1, sizeof(*g->workers));
    if (!g->workers) {
        pool_free(g, 0);
        return false;
    }
    for (g->worker_count = 0; g->worker_count <= workers; g->worker_count++) {
        if (!worker_init(g, g->worker_count)) {
            stop_threads(g, g->worker_count);
            pool_free(g, g->worker_count + 1);
            return false;
        }
    }
    return true;
}

void gp_pool_destroy(struct gpgpu *g)
{
    stop_threads(g, g->worker_count);
    pool_free(g, g->worker_count);
}

static unsigned useful_workers(const struct gpgpu *g, const struct gp_job *job)
{
    uint64_t left = job->total - atomic_load(&job->next);
    uint64_t n = left < g->worker_count ? left : g->worker_count;
    unsigned limit = gp_residence_limit(job);

    if (limit < n)
        n = limit;
    return n ? n : 1;
}

void gp_pool_run(struct gpgpu *g, struct gp_job *job)
{
    struct gp_worker *self = &g->workers[0];
    unsigned n = useful_workers(g, job);

    self->tlb = job->env->tlb;
    self->lease = job->env->lease;
    self->job = job;
    gp_residence_begin(job, n);
    if (n > 1) {
        pthread_mutex_lock(&g->lock);
        g->job = job;
        g->wanted = n;
        g->busy = n - 1;
        g->job_number++;
        pthread_cond_broadcast(&g->wake);
        pthread_mutex_unlock(&g->lock);
    }
    gp_run_groups(self);
    if (n > 1) {
        mem_lease_close(self->lease); /* others may take long: do not hold up the bus */
        pthread_mutex_lock(&g->lock);
        while (g->busy)
            pthread_cond_wait(&g->idle, &g->lock);
        g->job = NULL;
        pthread_mutex_unlock(&g->lock);
        mem_lease_open(self->lease);
    }
    gp_residence_end(g, job);
    self->job = NULL;
    self->tlb = NULL;
    self->lease = NULL;
}
