/* SPDX-License-Identifier: MIT */
/*
 * execlist.c - submission queues, context switches and the context status buffer (CSB).
 *
 * The order the driver relies on: a context's own stores, its saved image, the CSB entry, the CSB
 * write pointer, the interrupt.
 */
#include "engine/internal.h"

#include <inttypes.h>

#define DESC_VALID         (1u << 0)
#define DESC_FORCE_RESTORE (1u << 2) /* CTX_DESC_FORCE_RESTORE */

/* Context switches (i915 intel_execlists_submission.c, GEN12_CSB_*). */
#define CSB_NEW_QUEUE 1u
#define CSB_ID_SHIFT  15
/* In the hardware status page (gt/intel_engine.h: I915_HWS_CSB_BUF0_INDEX,
 * ICL_HWS_CSB_WRITE_INDEX). */
#define HWSP_CSB         (0x10 * 4)
#define HWSP_CSB_POINTER (0x2f * 4)

static bool same_context(uint64_t a, uint64_t b)
{
    return desc_lrca(a) == desc_lrca(b) && a >> 32 == b >> 32;
}

void execlist_classify(struct engine *e)
{
    unsigned bits = 0;
    if (e->waiting_valid) {
        bool lite = e->active && e->waiting.count && same_context(e->waiting.desc[0], e->current) &&
                    !(e->waiting.desc[0] & DESC_FORCE_RESTORE);
        bits = lite ? ATTN_LITE : ATTN_SWITCH;
    }
    bool interrupt = (bits & ATTN_LITE) || ((bits & ATTN_SWITCH) && e->arbitration);
    if (interrupt)
        atomic_fetch_or(&e->stop, CS_STOP_PREEMPT);
    else
        atomic_fetch_and(&e->stop, ~(unsigned)CS_STOP_PREEMPT);
    atomic_fetch_and(&e->attention, ~(unsigned)(ATTN_LITE | ATTN_SWITCH));
    atomic_fetch_or(&e->attention, bits);
}

void execlist_set_arbitration(struct engine *e, bool on)
{
    pthread_mutex_lock(&e->lock);
    e->arbitration = on;
    execlist_classify(e);
    pthread_mutex_unlock(&e->lock);
}

/* Bus thread: RING_EXECLIST_CONTROL loads what was written to the submit queue. */
void execlist_load(struct engine *e)
{
    struct queue queue = {.count = 0};
    for (unsigned i = 0; i < QUEUE_ELEMENTS; i++) {
        uint64_t desc =
            engine_get(e, RING_ELSQ + 8 * i) | (uint64_t)engine_get(e, RING_ELSQ + 8 * i + 4) << 32;
        if (!(desc & DESC_VALID))
            break;
        queue.desc[queue.count++] = desc;
    }
    for (unsigned i = 0; i < 2 * QUEUE_ELEMENTS; i++)
        engine_set(e, RING_ELSQ + 4 * i, 0);
    sim_trace(e->dev, DG1_TRACE_CTX, "%s: submit %016" PRIx64 " %016" PRIx64, e->name,
              queue.desc[0], queue.desc[1]);

    pthread_mutex_lock(&e->lock);
    e->waiting = queue;
    e->waiting_valid = true;
    atomic_store(&e->busy, true);
    execlist_classify(e);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

/* --- Context status buffer --- */

static bool csb_post(struct engine *e, unsigned to, unsigned away, bool new_queue)
{
    uint64_t hwsp = engine_get(e, RING_HWS_PGA) & 0xfffff000u;
    unsigned at = (atomic_load(&e->csb_pointer) + 1) % CSB_ENTRIES;
    uint64_t entry = (new_queue ? CSB_NEW_QUEUE : 0) | (uint64_t)to << CSB_ID_SHIFT |
                     (uint64_t)away << (CSB_ID_SHIFT + 32);
    uint32_t mirror = at < 6 ? RING_CSB_REGS + 8 * at : RING_CSB_REGS2 + 8 * (at - 6);

    uint64_t *slot = cs_mem_ptr(e, true, hwsp + HWSP_CSB + 8 * at, 8, true, "CSB entry");
    uint32_t *pointer = cs_mem_ptr(e, true, hwsp + HWSP_CSB_POINTER, 4, true, "CSB pointer");
    if (!slot || !pointer)
        return false;
    engine_set(e, mirror, (uint32_t)entry);
    engine_set(e, mirror + 4, (uint32_t)(entry >> 32));
    atomic_store(&e->csb_pointer, at);
    engine_set(e, RING_CSB_PTR, (engine_get(e, RING_CSB_PTR) & 0xf00) | at);
    __atomic_store_n(slot, entry, __ATOMIC_RELEASE);
    __atomic_store_n(pointer, at, __ATOMIC_RELEASE);
    sim_trace(e->dev, DG1_TRACE_CTX, "%s: csb[%u] to %03x away %03x%s", e->name, at, to, away,
              new_queue ? " new queue" : "");
    irq_post(e->dev, e->id, IRQ_CONTEXT_SWITCH);
    return true;
}

/* --- Switches --- */

static void set_current(struct engine *e, bool active, uint64_t desc)
{
    pthread_mutex_lock(&e->lock);
    e->active = active;
    e->current = desc;
    e->arbitration = true;
    atomic_store(&e->busy, active || e->waiting_valid);
    execlist_classify(e);
    pthread_mutex_unlock(&e->lock);
    e->env.ctx_id = desc_id(desc);
    engine_set(e, RING_EXECLIST_LO, active ? (uint32_t)desc : 0);
    engine_set(e, RING_EXECLIST_HI, active ? (uint32_t)(desc >> 32) : 0);
    power_update(e->dev);
}

/*
 * A context that cannot be loaded is still the running one: the driver finds it in EXECLIST_STATUS.
 * False when the engine halted.
 */
static bool load_context(struct engine *e, uint64_t desc)
{
    set_current(e, true, desc);
    atomic_fetch_add(&e->contexts, 1);
    if (context_restore(e, desc))
        return true;
    if (!(atomic_load(&e->attention) & ATTN_LEAVE))
        engine_halt(e);
    return false;
}

static bool lite_restore(struct engine *e, uint64_t desc)
{
    atomic_fetch_add(&e->lite_restores, 1);
    pthread_mutex_lock(&e->lock);
    e->current = desc;
    execlist_classify(e);
    pthread_mutex_unlock(&e->lock);
    if (!context_reload_tail(e, desc) || !csb_post(e, desc_id(desc), desc_id(desc), true)) {
        engine_halt(e);
        return false;
    }
    return true;
}

static bool switch_queue(struct engine *e, bool was_active, uint64_t old)
{
    unsigned away = was_active ? desc_id(old) : CSB_IDLE_ID;
    unsigned to = e->queue.count ? desc_id(e->queue.desc[0]) : CSB_IDLE_ID;
    if (was_active) {
        atomic_fetch_add(&e->preemptions, 1);
        if (!context_save(e, old)) {
            engine_halt(e);
            return false;
        }
    }
    if (!e->queue.count)
        set_current(e, false, 0);
    if (!csb_post(e, to, away, true)) {
        engine_halt(e);
        return false;
    }
    return e->queue.count ? load_context(e, e->queue.desc[0]) : false;
}

bool execlist_take(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    if (!e->waiting_valid) {
        pthread_mutex_unlock(&e->lock);
        return e->active;
    }
    bool lite = atomic_load(&e->attention) & ATTN_LITE;
    bool was_active = e->active;
    uint64_t old = e->current;
    e->queue = e->waiting;
    e->element = 0;
    e->waiting_valid = false;
    execlist_classify(e);
    pthread_mutex_unlock(&e->lock);

    return lite ? lite_restore(e, e->queue.desc[0]) : switch_queue(e, was_active, old);
}

bool execlist_complete(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool waiting = e->waiting_valid;
    pthread_mutex_unlock(&e->lock);
    if (waiting)
        return execlist_take(e);

    uint64_t old = e->current;
    bool more = e->element + 1 < e->queue.count;
    uint64_t next = more ? e->queue.desc[e->element + 1] : 0;
    if (!context_save(e, old)) {
        engine_halt(e);
        return false;
    }
    e->element++;
    if (!more)
        set_current(e, false, 0);
    if (!csb_post(e, more ? desc_id(next) : CSB_IDLE_ID, desc_id(old), false)) {
        engine_halt(e);
        return false;
    }
    return more ? load_context(e, next) : execlist_take(e);
}
