/* SPDX-License-Identifier: MIT */
/* engine_regs.c - the engine registers with side effects. */
#include "device/handlers.h"
#include "engine/internal.h"

#define CSB_PTR_MASK       0xf0fu /* read pointer 11:8, write pointer 3:0 */
#define CSB_WRITE_PTR_MASK 0xfu
#define EL_CTRL_LOAD       (1u << 0)

static struct engine *engine_of(struct dg1 *dev, uint32_t offset)
{
    return dev->engines[offset >= engine_base(ENGINE_BCS0) ? ENGINE_BCS0 : ENGINE_RCS0];
}

uint32_t engine_read_mi_mode(struct dg1 *dev, uint32_t offset)
{
    struct engine *e = engine_of(dev, offset);
    pthread_mutex_lock(&e->lock);
    bool idle = !e->running && !engine_can_run(e);
    pthread_mutex_unlock(&e->lock);
    return reg_get(dev, offset) | (idle ? MI_MODE_IDLE : 0);
}

static void set_stop_ring(struct engine *e, bool stop)
{
    pthread_mutex_lock(&e->lock);
    e->stop_ring = stop;
    if (stop) {
        atomic_fetch_or(&e->attention, ATTN_LEAVE);
        atomic_fetch_or(&e->stop, CS_STOP_PREEMPT);
    } else if (!e->reset_request && !e->quit) {
        atomic_fetch_and(&e->attention, ~(unsigned)ATTN_LEAVE);
        execlist_classify(e);
    }
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

void engine_write_mi_mode(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    uint32_t mask = value >> 16 & ~MI_MODE_IDLE;
    uint32_t now = (reg_get(dev, offset) & ~mask) | (value & mask);
    reg_set(dev, offset, now);
    if (mask & MI_MODE_STOP_RING)
        set_stop_ring(engine_of(dev, offset), now & MI_MODE_STOP_RING);
}

uint32_t engine_read_timestamp(struct dg1 *dev, uint32_t offset)
{
    uint64_t ticks = clock_ticks(dev);
    return (uint32_t)((offset & 0xfff) == RING_TIMESTAMP ? ticks : ticks >> 32);
}

void engine_write_timestamp(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    (void)dev; /* the clock cannot be set: every guest-visible time stays comparable */
    (void)offset;
    (void)value;
}

/* Counts while a context runs; it stands still in the register otherwise. */
uint32_t engine_read_ctx_timestamp(struct dg1 *dev, uint32_t offset)
{
    struct engine *e = engine_of(dev, offset);
    if (!engine_is_busy(e))
        return reg_get(dev, offset);
    return (uint32_t)clock_ticks(dev) - atomic_load(&e->ctx_timestamp_base);
}

void engine_write_ctx_timestamp(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    struct engine *e = engine_of(dev, offset);
    reg_set(dev, offset, value);
    atomic_store(&e->ctx_timestamp_base, (uint32_t)clock_ticks(dev) - value);
}

void engine_write_csb_ptr(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    uint32_t mask = value >> 16 & CSB_PTR_MASK;
    uint32_t now = (reg_get(dev, offset) & ~mask) | (value & mask);
    reg_set(dev, offset, now);
    if (mask & CSB_WRITE_PTR_MASK)
        atomic_store(&engine_of(dev, offset)->csb_pointer,
                     (now & CSB_WRITE_PTR_MASK) % CSB_ENTRIES);
}

void engine_write_el_ctrl(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    if (value & EL_CTRL_LOAD)
        execlist_load(engine_of(dev, offset));
}
