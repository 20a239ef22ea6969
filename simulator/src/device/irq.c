/* SPDX-License-Identifier: MIT */
/*
 * irq.c - GT interrupts of Gen11+ behind DG1's master tile register: engine IIR -> shared IIR
 * (selector, identity) -> DW0 -> MSTR -> TILE -> MSI. Only the engines' IIRs are state; what
 * lies above is "is any of them non-zero", so it cannot disagree with them.
 */
#include "device/device.h"
#include "device/handlers.h"
#include "engine/cs.h"

/* i915: i915_reg.h, gt/intel_gt_regs.h */
#define TILE_ENABLE    (1u << 31) /* DG1_MSTR_IRQ */
#define TILE_0         (1u << 0)  /* DG1_MSTR_TILE(0) */
#define MSTR_GT_DW0    (1u << 0)  /* GEN11_GT_DW_IRQ(0) */
#define IDENTITY_VALID (1u << 31) /* GEN11_INTR_DATA_VALID */
#define IDENTITY_CLASS 16         /* GEN11_INTR_ENGINE_CLASS */

/* Bits in GT_INTR_DW0: GEN11_RCS0, GEN11_BCS. */
static const unsigned dw0_bit[ENGINE_COUNT] = {[ENGINE_RCS0] = 0, [ENGINE_BCS0] = 15};

int irq_init(struct dg1 *dev)
{
    return pthread_mutex_init(&dev->irq.lock, NULL);
}

void irq_destroy(struct dg1 *dev)
{
    pthread_mutex_destroy(&dev->irq.lock);
}

static bool any_pending(const struct irq *irq)
{
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        if (irq->iir[e])
            return true;
    return false;
}

/* Under the lock. The MSI is an edge: one per transition to (enabled and pending). */
static void update(struct dg1 *dev)
{
    struct irq *irq = &dev->irq;
    bool level = irq->enabled && any_pending(irq);
    if (level && !irq->level) {
        irq->raised++;
        sim_trace(dev, DG1_TRACE_IRQ, "MSI, iir rcs %04x bcs %04x", irq->iir[ENGINE_RCS0],
                  irq->iir[ENGINE_BCS0]);
        if (dev->config.raise_msi)
            dev->config.raise_msi(dev->config.opaque);
    }
    irq->level = level;
}

void irq_reset(struct dg1 *dev)
{
    struct irq *irq = &dev->irq;
    pthread_mutex_lock(&irq->lock);
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        irq->iir[e] = 0;
    irq->identity[0] = irq->identity[1] = 0;
    irq->enabled = irq->level = false;
    pthread_mutex_unlock(&irq->lock);
}

/* Interrupts of the engine that are enabled and not masked, in the GT and in the engine. */
static uint16_t allowed(const struct dg1 *dev, enum gpu_engine engine)
{
    uint32_t enable = reg_get(dev, REG_RENDER_COPY_ENABLE), mask;
    if (engine == ENGINE_RCS0) {
        enable >>= 16;
        mask = reg_get(dev, REG_RCS_INTR_MASK) >> 16;
    } else {
        mask = reg_get(dev, REG_BCS_INTR_MASK) >> 16;
    }
    mask |= reg_get(dev, engine_base(engine) + RING_IMR);
    return (uint16_t)(enable & ~mask);
}

void irq_post(struct dg1 *dev, enum gpu_engine engine, uint16_t bits)
{
    pthread_mutex_lock(&dev->irq.lock);
    bits &= allowed(dev, engine);
    dev->irq.iir[engine] |= bits;
    if (bits)
        update(dev);
    pthread_mutex_unlock(&dev->irq.lock);
}

uint32_t irq_read_tile(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    pthread_mutex_lock(&dev->irq.lock);
    uint32_t value = (dev->irq.enabled ? TILE_ENABLE : 0) | (any_pending(&dev->irq) ? TILE_0 : 0);
    pthread_mutex_unlock(&dev->irq.lock);
    return value;
}

/* Writing ones to pending bits changes nothing: they follow the engines' IIRs. */
void irq_write_tile(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    (void)offset;
    pthread_mutex_lock(&dev->irq.lock);
    dev->irq.enabled = value & TILE_ENABLE;
    update(dev);
    pthread_mutex_unlock(&dev->irq.lock);
}

uint32_t irq_read_mstr(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    pthread_mutex_lock(&dev->irq.lock);
    uint32_t value = any_pending(&dev->irq) ? MSTR_GT_DW0 : 0;
    pthread_mutex_unlock(&dev->irq.lock);
    return value;
}

uint32_t irq_read_dw0(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    uint32_t value = 0;
    pthread_mutex_lock(&dev->irq.lock);
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        if (dev->irq.iir[e])
            value |= 1u << dw0_bit[e];
    pthread_mutex_unlock(&dev->irq.lock);
    return value;
}

/* MSTR and DW0: the driver writes back the ones it served; both follow the engines' IIRs. */
void irq_write_computed(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    (void)dev;
    (void)offset;
    (void)value;
}

/* Selecting an engine moves its IIR into the identity register. */
void irq_write_selector(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    if (offset != REG_SELECTOR0)
        return; /* bank 1: engines this device does not have */
    pthread_mutex_lock(&dev->irq.lock);
    for (unsigned e = 0; e < ENGINE_COUNT; e++) {
        if (value != 1u << dw0_bit[e] || !dev->irq.iir[e])
            continue;
        dev->irq.identity[0] = IDENTITY_VALID |
                               (uint32_t)engine_class((enum gpu_engine)e) << IDENTITY_CLASS |
                               dev->irq.iir[e];
        dev->irq.iir[e] = 0;
    }
    update(dev);
    pthread_mutex_unlock(&dev->irq.lock);
}

uint32_t irq_read_identity(struct dg1 *dev, uint32_t offset)
{
    pthread_mutex_lock(&dev->irq.lock);
    uint32_t value = dev->irq.identity[(offset - REG_IDENTITY0) / 4];
    pthread_mutex_unlock(&dev->irq.lock);
    return value;
}

void irq_write_identity(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    if (!(value & IDENTITY_VALID))
        return;
    pthread_mutex_lock(&dev->irq.lock);
    dev->irq.identity[(offset - REG_IDENTITY0) / 4] = 0;
    pthread_mutex_unlock(&dev->irq.lock);
}
