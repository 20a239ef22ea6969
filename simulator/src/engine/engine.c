/* SPDX-License-Identifier: MIT */
/* engine.c - an engine's thread: its life, stopping, resetting, halting on errors. */
#define _GNU_SOURCE
#include "engine/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/*
 * How long a GDRST write waits for the engine. It stops within microseconds unless the host has no
 * CPU for it; the driver itself gives up 2 ms after the write.
 */
#define RESET_WAIT_NS (250 * 1000000l)

void engine_clear_parser(struct engine *e)
{
    memset(&e->cs, 0, offsetof(struct parser, dw));
}

/* --- The thread --- */

static bool must_leave(struct engine *e)
{
    return atomic_load_explicit(&e->attention, memory_order_acquire) & ATTN_LEAVE;
}

void engine_refresh_lease(struct engine *e)
{
    if (mem_lease_wanted(e->lease)) {
        mem_lease_close(e->lease);
        mem_lease_open(e->lease);
    }
}

void engine_nap(struct engine *e, unsigned ns, unsigned attention)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    mem_lease_close(e->lease);
    pthread_mutex_lock(&e->lock);
    atomic_store(&e->napping, true);
    if (!(atomic_load(&e->attention) & attention))
        pthread_cond_timedwait(&e->wake, &e->lock, &until);
    atomic_store(&e->napping, false);
    pthread_mutex_unlock(&e->lock);
    mem_lease_open(e->lease);
}

void engine_poke_others(struct engine *e)
{
    for (unsigned i = 0; i < ENGINE_COUNT; i++) {
        struct engine *other = e->dev->engines[i];
        if (other == e || !atomic_load(&other->napping))
            continue;
        pthread_mutex_lock(&other->lock);
        pthread_cond_broadcast(&other->wake);
        pthread_mutex_unlock(&other->lock);
    }
}

/* One round: follow the queues, or execute one command. False: nothing more to do for now. */
static bool run_once(struct engine *e)
{
    unsigned attention = atomic_load_explicit(&e->attention, memory_order_acquire);
    if (!e->active || (attention & ATTN_LITE))
        if (!execlist_take(e))
            return false;
    if (!e->active)
        return false;
    if (parser_at_tail(e))
        return execlist_complete(e);
    switch (parser_step(e)) {
    case CS_DONE:
        return true;
    case CS_PREEMPTED:
        return !must_leave(e) && execlist_take(e);
    case CS_STOPPED:
        return false;
    case CS_ERROR:
        engine_halt(e);
        return false;
    }
    return false;
}

static void run(struct engine *e)
{
    mem_lease_open(e->lease);
    while (!must_leave(e) && run_once(e))
        engine_refresh_lease(e);
    mem_lease_close(e->lease);
}

/* Under the lock. */
static void do_reset(struct engine *e)
{
    regs_reset_engine(e->dev, e->base);
    if (e->id == ENGINE_RCS0)
        gpgpu_reset(e->dev->gpgpu);
    e->active = e->halted = e->waiting_valid = e->stop_ring = false;
    e->arbitration = true;
    e->current = 0;
    e->queue.count = e->element = 0;
    engine_clear_parser(e);
    atomic_store(&e->csb_pointer, CSB_ENTRIES - 1);
    e->loaded_root = 0;
    tlb_set_root(e->tlb, 0);
    mmu_invalidate(e->dev->mmu, e->id);
    atomic_store(&e->stop, 0);
    atomic_store(&e->busy, false);
    execlist_classify(e);
    e->reset_request = false;
    atomic_fetch_and(&e->attention, ~(unsigned)ATTN_LEAVE);
}

bool engine_can_run(const struct engine *e)
{
    return !e->stop_ring && !e->halted && (e->waiting_valid || e->active);
}

static void *engine_main(void *arg)
{
    struct engine *e = arg;
    prctl(PR_SET_NAME, e->name);
    prctl(PR_SET_TIMERSLACK, 1000ul); /* semaphore polls sleep for tens of microseconds */
    pthread_mutex_lock(&e->lock);
    while (!e->quit) {
        if (e->reset_request) {
            do_reset(e);
            pthread_cond_broadcast(&e->parked);
        } else if (engine_can_run(e)) {
            e->running = true;
            pthread_mutex_unlock(&e->lock);
            run(e);
            power_update(e->dev);
            pthread_mutex_lock(&e->lock);
            e->running = false;
            pthread_cond_broadcast(&e->parked);
        } else {
            pthread_cond_wait(&e->wake, &e->lock);
        }
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* --- Life --- */

static int init_sync(struct engine *e)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &attr);
    pthread_cond_init(&e->parked, &attr);
    return pthread_condattr_destroy(&attr);
}

struct engine *engine_create(struct dg1 *dev, enum gpu_engine id)
{
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->dev = dev;
    e->id = id;
    e->base = engine_base(id);
    e->name = id == ENGINE_RCS0 ? "rcs0" : "bcs0";
    e->arbitration = true;
    atomic_store(&e->csb_pointer, CSB_ENTRIES - 1);
    init_sync(e);
    e->tlb = tlb_create(dev->mmu, id);
    e->lease = mem_lease_create(dev->mem);
    e->env = (struct cs_env){
        .dev = dev,
        .engine = id,
        .mmu = dev->mmu,
        .mem = dev->mem,
        .tlb = e->tlb,
        .lease = e->lease,
        .stop = &e->stop,
    };
    if (!e->tlb || !e->lease || pthread_create(&e->thread, NULL, engine_main, e)) {
        engine_destroy(e);
        return NULL;
    }
    e->thread_started = true;
    return e;
}

void engine_quit(struct engine *e)
{
    if (!e || !e->thread_started)
        return;
    pthread_mutex_lock(&e->lock);
    e->quit = true;
    atomic_fetch_or(&e->attention, ATTN_LEAVE);
    atomic_fetch_or(&e->stop, CS_STOP_RESET);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    e->thread_started = false;
}

void engine_destroy(struct engine *e)
{
    if (!e)
        return;
    engine_quit(e);
    if (e->lease)
        mem_lease_destroy(e->lease);
    if (e->tlb)
        tlb_destroy(e->tlb);
    pthread_cond_destroy(&e->parked);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* --- Reset --- */

static void request_reset(struct engine *e)
{
    e->reset_request = true;
    atomic_fetch_or(&e->attention, ATTN_LEAVE);
    atomic_fetch_or(&e->stop, CS_STOP_RESET);
    pthread_cond_broadcast(&e->wake);
}

void engine_reset(struct engine *e)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += RESET_WAIT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    pthread_mutex_lock(&e->lock);
    request_reset(e);
    while (e->reset_request && pthread_cond_timedwait(&e->parked, &e->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&e->lock);
}

void engine_reset_wait(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    request_reset(e);
    while (e->reset_request)
        pthread_cond_wait(&e->parked, &e->lock);
    pthread_mutex_unlock(&e->lock);
}

bool engine_reset_pending(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool pending = e->reset_request;
    pthread_mutex_unlock(&e->lock);
    return pending;
}

bool engine_is_busy(const struct engine *e)
{
    return e && atomic_load(&e->busy);
}

/* --- Errors --- */

/* The context stays where it is until the driver resets the engine. */
void engine_halt(struct engine *e)
{
    char text[sizeof(e->error_text)];
    pthread_mutex_lock(&e->lock);
    e->halted = true;
    memcpy(text, e->error_text, sizeof(text));
    e->error_text[0] = 0;
    pthread_mutex_unlock(&e->lock);

    atomic_fetch_add(&e->errors, 1);
    parser_publish_position(e);
    sim_log(
        e->dev, "%s: halted, context %u, at %08x_%08x (ring head %x, tail %x), command %08x: %s",
        e->name, e->env.ctx_id, engine_get(e, RING_ACTHD_UDW), engine_get(e, RING_ACTHD),
        e->cs.head, e->cs.tail, engine_get(e, RING_IPEHR), text[0] ? text : "no reason recorded");
    engine_set(e, RING_EIR, engine_get(e, RING_EIR) | EIR_INSTRUCTION);
    if (!(engine_get(e, RING_EMR) & EIR_INSTRUCTION))
        irq_post(e->dev, e->id, IRQ_CS_ERROR);
}

void cs_error(struct cs_env *env, const char *fmt, ...)
{
    struct engine *e = env->dev->engines[env->engine];
    va_list args;
    va_start(args, fmt);
    pthread_mutex_lock(&e->lock);
    if (!e->error_text[0]) /* the first is the cause */
        vsnprintf(e->error_text, sizeof(e->error_text), fmt, args);
    pthread_mutex_unlock(&e->lock);
    va_end(args);
}

void cs_fault(struct cs_env *env, const struct mmu_fault *fault, const char *what)
{
    char text[160];
    fault_record(env->dev, env->engine, fault);
    cs_error(env, "%s: %s", what, mmu_fault_text(fault, text, sizeof(text)));
}

uint32_t cs_reg_read(struct cs_env *env, uint32_t offset)
{
    return offset < REG_SPACE ? reg_read(env->dev, offset & ~3u) : 0;
}

void engine_report(struct engine *e, FILE *out)
{
    fprintf(out,
            "%s: %llu commands, %llu batches, %llu context loads, %llu preemptions, %llu lite "
            "restores, %llu errors, %llu privileged accesses dropped\n",
            e->name, (unsigned long long)atomic_load(&e->commands),
            (unsigned long long)atomic_load(&e->batches),
            (unsigned long long)atomic_load(&e->contexts),
            (unsigned long long)atomic_load(&e->preemptions),
            (unsigned long long)atomic_load(&e->lite_restores),
            (unsigned long long)atomic_load(&e->errors),
            (unsigned long long)atomic_load(&e->privileged_dropped));
}
