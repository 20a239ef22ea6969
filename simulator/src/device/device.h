/* SPDX-License-Identifier: MIT */
/*
 * device.h - the parts of struct dg1, for the files of device/ and engine/ only.
 *
 * Threads: the bus thread (dg1_* calls) and one thread per engine. Registers are atomics, so
 * any thread may read or write one; what spans several registers has a lock of its own.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "device/regs.h"
#include "dg1.h"
#include "engine/engine.h"
#include "gpgpu/gpgpu.h"
#include "mem/mem.h"
#include "mem/mmu.h"

#include <pthread.h>
#include <stdatomic.h>

/* GT interrupts: a 16-bit IIR per engine; everything above it is computed (irq.c). */
struct irq {
    pthread_mutex_t lock;
    uint16_t iir[ENGINE_COUNT];
    uint32_t identity[2]; /* GEN11_INTR_IDENTITY_REG of bank 0 and 1 */
    bool enabled;         /* DG1_MSTR_TILE_INTR bit 31 */
    bool level;           /* enabled and something pending: an MSI was sent for it */
    uint64_t raised;
};

/* GT power: RC6 residency (power.c). */
struct power {
    pthread_mutex_t lock;
    bool in_rc6;
    uint64_t since_ns;     /* when in_rc6 became true */
    uint64_t residency_ns; /* before that */
};

#define UNKNOWN_SLOTS 64
struct unknown_regs {
    pthread_mutex_t lock;
    unsigned used;
    uint64_t others; /* accesses that found no slot */
    struct {
        uint32_t offset;
        uint64_t reads, writes;
    } slot[UNKNOWN_SLOTS];
};

struct dg1 {
    struct dg1_config config;
    uint64_t powered_on_ns;
    FILE *log;
    pthread_mutex_t log_lock;
    uint64_t log_earned_us;
    unsigned log_spent, log_dropped;
    struct mem *mem;
    struct mmu *mmu;
    struct gpgpu *gpgpu;
    struct reg_file *regs;
    struct irq irq;
    struct power power;
    struct unknown_regs unknown;
    struct engine *engines[ENGINE_COUNT];
    pthread_mutex_t fault_lock; /* RING_FAULT and its data registers */
    atomic_ullong mmio_reads, mmio_writes, mmio_bad, faults;
};

/* irq.c */
int irq_init(struct dg1 *dev);
void irq_destroy(struct dg1 *dev);
void irq_reset(struct dg1 *dev);
/* Any thread: bits of the engine's IIR happened. Masked and disabled ones are dropped. */
void irq_post(struct dg1 *dev, enum gpu_engine engine, uint16_t bits);
#define IRQ_USER           (1 << 0)  /* GT_RENDER_USER_INTERRUPT */
#define IRQ_CS_ERROR       (1 << 3)  /* GT_CS_MASTER_ERROR_INTERRUPT */
#define IRQ_PIPE_NOTIFY    (1 << 4)  /* GT_RENDER_PIPECTL_NOTIFY_INTERRUPT */
#define IRQ_CONTEXT_SWITCH (1 << 8)  /* GT_CONTEXT_SWITCH_INTERRUPT */
#define IRQ_SEMAPHORE      (1 << 11) /* GT_WAIT_SEMAPHORE_INTERRUPT */

/* power.c */
int power_init(struct dg1 *dev);
void power_destroy(struct dg1 *dev);
/* Any thread: forcewake, RC6 control or the engines' activity changed. */
void power_update(struct dg1 *dev);

/* clock.c: host time in ticks of the 19.2 MHz command streamer clock. */
uint64_t clock_ticks(const struct dg1 *dev);
uint64_t clock_ns(void);

/* log.c */
int log_init(struct dg1 *dev);
void log_destroy(struct dg1 *dev);

/* fault.c: RING_FAULT and its data registers; the first fault stays until it is cleared. */
void fault_record(struct dg1 *dev, enum gpu_engine engine, const struct mmu_fault *fault);
#endif
