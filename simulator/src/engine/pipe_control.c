/* SPDX-License-Identifier: MIT */
/*
 * pipe_control.c - PIPE_CONTROL on RCS0. Every command here is complete before the next begins,
 * so flushes and stalls have nothing to wait for; what remains is the TLB and the post-sync write.
 */
#include "engine/internal.h"

/* Dword 1: i915 gt/intel_gpu_commands.h PIPE_CONTROL_*; PRM TGL vol. 2a. */
#define GLOBAL_GTT       (1u << 24)
#define MMIO_WRITE       (1u << 23)
#define STORE_DATA_INDEX (1u << 21)
#define TLB_INVALIDATE   (1u << 18)
#define POST_SYNC_SHIFT  14
#define NOTIFY           (1u << 8)
#define ADDRESS_LOW      0xfffffffcu

enum post_sync { POST_SYNC_NONE, POST_SYNC_IMMEDIATE, POST_SYNC_DEPTH_COUNT, POST_SYNC_TIMESTAMP };

#define REG_PS_DEPTH_COUNT 0x2350

static uint64_t post_sync_value(struct engine *e, enum post_sync op)
{
    switch (op) {
    case POST_SYNC_TIMESTAMP:
        return clock_ticks(e->dev);
    case POST_SYNC_DEPTH_COUNT:
        return cs_reg_load(e, REG_PS_DEPTH_COUNT) | (uint64_t)cs_reg_load(e, REG_PS_DEPTH_COUNT + 4)
                                                        << 32;
    default:
        return e->cs.dw[4] | (uint64_t)e->cs.dw[5] << 32;
    }
}

static bool post_sync(struct engine *e, enum post_sync op)
{
    const uint32_t *dw = e->cs.dw;
    uint64_t addr = (uint64_t)(dw[3] & 0xffff) << 32 | (dw[2] & ADDRESS_LOW);
    bool ggtt = dw[1] & GLOBAL_GTT;
    if (!privilege_ggtt(e, ggtt, "PIPE_CONTROL"))
        return true;
    if (dw[1] & STORE_DATA_INDEX) {
        addr = status_page(e, ggtt) + (dw[2] & 0xff8);
        ggtt = true;
    }
    uint64_t *to = cs_mem_ptr(e, ggtt, addr, 8, true, "PIPE_CONTROL post-sync");
    if (!to)
        return false;
    __atomic_store_n(to, post_sync_value(e, op), __ATOMIC_RELEASE);
    return true;
}

enum cs_result pipe_control(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    if (ndw < 6) {
        cs_error(&e->env, "PIPE_CONTROL of %u dwords", ndw);
        return CS_ERROR;
    }
    enum post_sync op = (enum post_sync)(dw[1] >> POST_SYNC_SHIFT & 3);
    if (dw[1] & TLB_INVALIDATE)
        mmu_invalidate(e->dev->mmu, e->id);
    if (dw[1] & MMIO_WRITE)
        cs_reg_write(e, dw[2] & ADDRESS_LOW, dw[4]);
    else if (op != POST_SYNC_NONE && !post_sync(e, op))
        return CS_ERROR;
    if (dw[1] & NOTIFY)
        irq_post(e->dev, e->id, IRQ_PIPE_NOTIFY);
    return CS_DONE;
}
