/* SPDX-License-Identifier: MIT */
/* fault.c - RING_FAULT: where the driver finds the address of the first fault. */
#include "device/device.h"
#include "engine/cs.h"

/* i915: gt/intel_gt_regs.h; engine ids as in GEN8_RING_FAULT_ENGINE_ID (RCS 0, BCS 2 on Gen12). */
#define FAULT_VALID        (1u << 0)
#define FAULT_TYPE_SHIFT   1
#define FAULT_ENGINE_SHIFT 12
#define FAULT_GTT_SEL      (1u << 4)

static uint32_t fault_type(const struct mmu_fault *fault)
{
    return fault->why == MMU_FAULT_NOT_PRESENT || fault->why == MMU_FAULT_NO_SPACE
               ? (uint32_t)fault->level & 3
               : 0;
}

void fault_record(struct dg1 *dev, enum gpu_engine engine, const struct mmu_fault *fault)
{
    static const uint32_t engine_id[ENGINE_COUNT] = {[ENGINE_RCS0] = 0, [ENGINE_BCS0] = 2};

    atomic_fetch_add(&dev->faults, 1);
    pthread_mutex_lock(&dev->fault_lock);
    if (!(reg_get(dev, REG_RING_FAULT) & FAULT_VALID)) {
        reg_set(dev, REG_FAULT_DATA0, (uint32_t)(fault->va >> 12));
        reg_set(dev, REG_FAULT_DATA1,
                (uint32_t)(fault->va >> 44 & 0xf) | (fault->ggtt ? FAULT_GTT_SEL : 0));
        reg_set(dev, REG_RING_FAULT,
                FAULT_VALID | fault_type(fault) << FAULT_TYPE_SHIFT |
                    engine_id[engine] << FAULT_ENGINE_SHIFT);
    }
    pthread_mutex_unlock(&dev->fault_lock);
}
