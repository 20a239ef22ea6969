/* SPDX-License-Identifier: MIT */
/* reset.c - GT reset domains, the engines' reset handshake, and the driver's own FLR. */
#include "device/device.h"
#include "device/handlers.h"
#include "engine/cs.h"

/* i915: gt/intel_gt_regs.h, gt/intel_engine_regs.h, i915_reg.h */
#define GRDOM_FULL         (1u << 0)
#define GRDOM_RENDER       (1u << 1)
#define GRDOM_BLT          (1u << 2)
#define RESET_CTL_REQUEST  (1u << 0)
#define RESET_CTL_READY    (1u << 1)
#define GU_CNTL_LMEM_INIT  (1u << 7)
#define GU_CNTL_DRIVER_FLR (1u << 31)
#define REG_GU_DEBUG       0x101018
#define GU_DEBUG_FLR_DONE  (1u << 31)

static uint32_t domain(enum gpu_engine engine)
{
    return engine == ENGINE_RCS0 ? GRDOM_RENDER : GRDOM_BLT;
}

void reset_write_gdrst(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    (void)offset;
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        if (value & (GRDOM_FULL | domain((enum gpu_engine)e)))
            engine_reset(dev->engines[e]);
    sim_trace(dev, DG1_TRACE_CTX, "GDRST %08x", value);
}

/* A domain's bit stays set until its engine has really stopped. */
uint32_t reset_read_gdrst(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    uint32_t value = 0;
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        if (engine_reset_pending(dev->engines[e]))
            value |= GRDOM_FULL | domain((enum gpu_engine)e);
    return value;
}

/* Nothing has to be drained first: READY follows REQUEST. */
void reset_write_ring_ctl(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    uint32_t mask = value >> 16, now = reg_get(dev, offset) & ~mask;
    now |= value & mask;
    now = now & RESET_CTL_REQUEST ? now | RESET_CTL_READY : now & ~RESET_CTL_READY;
    reg_set(dev, offset, now);
}

void reset_write_gu_cntl(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    (void)offset;
    if (!(value & GU_CNTL_DRIVER_FLR))
        return;
    dg1_reset(dev);
    reg_set(dev, REG_GU_DEBUG, GU_DEBUG_FLR_DONE);
}
