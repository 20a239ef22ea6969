/* SPDX-License-Identifier: MIT */
/* dg1.c - the device as its transport sees it (dg1.h). */
#include "device/device.h"
#include "device/handlers.h"
#include "engine/cs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define DEFAULT_LMEM (2ull << 30)
#define MIN_LMEM     (256ull << 20)
#define MAX_LMEM     (16ull << 30)
/*
 * The top of local memory: GSM (the GGTT's own backing, 8 MiB), then stolen memory, whose last
 * MiB is reserved. The driver takes what lies below GSMBASE as usable.
 */
#define GSM_FROM_TOP        (24ull << 20)
#define DSM_FROM_TOP        (16ull << 20)
#define RESERVED_FROM_TOP   (1ull << 20)
#define REG_GSMBASE         0x108100
#define REG_DSMBASE         0x1080c0
#define REG_STOLEN_RESERVED 0x1082c0
#define RESERVED_LOCKED     1

static void reg_set64(struct dg1 *dev, uint32_t offset, uint64_t value)
{
    reg_set(dev, offset, (uint32_t)value);
    reg_set(dev, offset + 4, (uint32_t)(value >> 32));
}

static void reset_registers(struct dg1 *dev)
{
    uint64_t size = mem_lmem_size(dev->mem);
    regs_reset_all(dev);
    reg_set64(dev, REG_GSMBASE, size - GSM_FROM_TOP);
    reg_set64(dev, REG_DSMBASE, size - DSM_FROM_TOP);
    reg_set64(dev, REG_STOLEN_RESERVED, (size - RESERVED_FROM_TOP) | RESERVED_LOCKED);
}

static bool create_parts(struct dg1 *dev)
{
    dev->mem = mem_create(dev->config.lmem_size);
    dev->mmu = dev->mem ? mmu_create(dev->mem) : NULL;
    dev->regs = dev->mmu ? regs_create() : NULL;
    if (!dev->regs)
        return false;
    mem_set_log(dev->mem, dev->log);
    reset_registers(dev);
    dev->gpgpu = gpgpu_create(dev, dev->mmu, dev->mem, dev->config.eu_workers);
    if (!dev->gpgpu)
        return false;
    for (unsigned e = 0; e < ENGINE_COUNT; e++) {
        dev->engines[e] = engine_create(dev, (enum gpu_engine)e);
        if (!dev->engines[e])
            return false;
    }
    return true;
}

static void destroy_parts(struct dg1 *dev)
{
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        engine_quit(dev->engines[e]);
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        engine_destroy(dev->engines[e]);
    if (dev->gpgpu)
        gpgpu_destroy(dev->gpgpu);
    regs_destroy(dev->regs);
    if (dev->mmu)
        mmu_destroy(dev->mmu);
    if (dev->mem)
        mem_destroy(dev->mem);
}

static bool lmem_size_valid(uint64_t size)
{
    return size >= MIN_LMEM && size <= MAX_LMEM && !(size & (size - 1));
}

struct dg1 *dg1_create(const struct dg1_config *config)
{
    struct dg1 *dev = calloc(1, sizeof(*dev));
    if (!dev)
        return NULL;
    dev->config = *config;
    dev->powered_on_ns = clock_ns();
    if (!dev->config.lmem_size)
        dev->config.lmem_size = DEFAULT_LMEM;
    if (!lmem_size_valid(dev->config.lmem_size)) {
        free(dev);
        errno = EINVAL;
        return NULL;
    }
    /* Mutex initialisation with default attributes cannot fail on Linux. */
    log_init(dev);
    irq_init(dev);
    power_init(dev);
    pthread_mutex_init(&dev->unknown.lock, NULL);
    pthread_mutex_init(&dev->fault_lock, NULL);
    if (!create_parts(dev)) {
        dg1_destroy(dev);
        errno = ENOMEM;
        return NULL;
    }
    return dev;
}

void dg1_destroy(struct dg1 *dev)
{
    if (!dev)
        return;
    destroy_parts(dev);
    pthread_mutex_destroy(&dev->fault_lock);
    pthread_mutex_destroy(&dev->unknown.lock);
    power_destroy(dev);
    irq_destroy(dev);
    log_destroy(dev);
    free(dev);
}

static bool access_valid(uint64_t offset, unsigned size)
{
    return (size == 1 || size == 2 || size == 4 || size == 8) && offset % size == 0 &&
           offset < DG1_BAR0_SIZE && offset + size <= DG1_BAR0_SIZE;
}

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
}

static uint64_t ggtt_read(struct dg1 *dev, uint64_t offset, unsigned size)
{
    uint64_t entry = __atomic_load_n(mmu_ggtt(dev->mmu) + offset / 8, __ATOMIC_RELAXED);
    return entry >> offset % 8 * 8 & size_mask(size);
}

static void ggtt_write(struct dg1 *dev, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t *entry = mmu_ggtt(dev->mmu) + offset / 8;
    unsigned shift = (unsigned)(offset % 8 * 8);
    uint64_t mask = size_mask(size) << shift;
    uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);
    __atomic_store_n(entry, (old & ~mask) | (value << shift & mask), __ATOMIC_RELAXED);
}

uint64_t dg1_mmio_read(struct dg1 *dev, uint64_t offset, unsigned size)
{
    if (!access_valid(offset, size)) {
        atomic_fetch_add(&dev->mmio_bad, 1);
        return UINT64_MAX;
    }
    if (offset >= DG1_GGTT_OFFSET)
        return ggtt_read(dev, offset - DG1_GGTT_OFFSET, size);
    atomic_fetch_add_explicit(&dev->mmio_reads, 1, memory_order_relaxed);
    uint32_t at = (uint32_t)offset & ~3u;
    uint64_t value = reg_read(dev, at);
    if (size == 8)
        value |= (uint64_t)reg_read(dev, at + 4) << 32;
    value = value >> offset % 4 * 8 & size_mask(size);
    sim_trace(dev, DG1_TRACE_MMIO, "R%u %06" PRIx64 " %" PRIx64, size, offset, value);
    return value;
}

void dg1_mmio_write(struct dg1 *dev, uint64_t offset, uint64_t value, unsigned size)
{
    if (!access_valid(offset, size)) {
        atomic_fetch_add(&dev->mmio_bad, 1);
        return;
    }
    if (offset >= DG1_GGTT_OFFSET) {
        ggtt_write(dev, offset - DG1_GGTT_OFFSET, value, size);
        return;
    }
    atomic_fetch_add_explicit(&dev->mmio_writes, 1, memory_order_relaxed);
    uint32_t at = (uint32_t)offset & ~3u;
    value &= size_mask(size);
    sim_trace(dev, DG1_TRACE_MMIO, "W%u %06" PRIx64 " %" PRIx64, size, offset, value);
    if (size < 4) {
        unsigned shift = (unsigned)(offset % 4 * 8);
        uint32_t mask = (uint32_t)size_mask(size) << shift;
        value = (reg_get(dev, at) & ~mask) | (value << shift & mask);
    }
    reg_write(dev, at, (uint32_t)value, REG_BY_BUS);
    if (size == 8)
        reg_write(dev, at + 4, (uint32_t)(value >> 32), REG_BY_BUS);
}

int dg1_ggtt_fd(const struct dg1 *dev)
{
    return mmu_ggtt_fd(dev->mmu);
}

int dg1_lmem_fd(const struct dg1 *dev)
{
    return mem_lmem_fd(dev->mem);
}

uint64_t dg1_lmem_size(const struct dg1 *dev)
{
    return mem_lmem_size(dev->mem);
}

int dg1_dma_map(struct dg1 *dev, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                bool writable)
{
    int error = mem_dma_map(dev->mem, iova, size, fd, offset, writable);
    sim_trace(dev, DG1_TRACE_MEM, "map %" PRIx64 "+%" PRIx64 " fd %d at %" PRIx64 ": %d", iova,
              size, fd, offset, error);
    return error;
}

int dg1_dma_unmap(struct dg1 *dev, uint64_t iova, uint64_t size)
{
    int error = mem_dma_unmap(dev->mem, iova, size);
    sim_trace(dev, DG1_TRACE_MEM, "unmap %" PRIx64 "+%" PRIx64 ": %d", iova, size, error);
    return error;
}

void dg1_dma_unmap_all(struct dg1 *dev)
{
    mem_dma_unmap_all(dev->mem);
}

void dg1_reset(struct dg1 *dev)
{
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        engine_reset_wait(dev->engines[e]);
    irq_reset(dev);
    reset_registers(dev);
    power_update(dev);
}

void tlb_write_invalidate(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    if (value & 1) /* done before the driver can read the bit back: it stays 0 */
        mmu_invalidate(dev->mmu, offset == REG_TLB_INV_RCS ? ENGINE_RCS0 : ENGINE_BCS0);
}

static void report_unknown(struct dg1 *dev, FILE *out)
{
    struct unknown_regs *u = &dev->unknown;
    pthread_mutex_lock(&u->lock);
    for (unsigned i = 0; i < u->used; i++)
        fprintf(out, "unknown register %06x: %" PRIu64 " reads, %" PRIu64 " writes\n",
                u->slot[i].offset, u->slot[i].reads, u->slot[i].writes);
    if (u->others)
        fprintf(out, "other unknown registers: %" PRIu64 " accesses\n", u->others);
    pthread_mutex_unlock(&u->lock);
}

void dg1_report(struct dg1 *dev, FILE *out)
{
    fprintf(out, "mmio: %llu reads, %llu writes, %llu malformed\n",
            (unsigned long long)atomic_load(&dev->mmio_reads),
            (unsigned long long)atomic_load(&dev->mmio_writes),
            (unsigned long long)atomic_load(&dev->mmio_bad));
    fprintf(out, "interrupts: %" PRIu64 "; faults: %llu\n", dev->irq.raised,
            (unsigned long long)atomic_load(&dev->faults));
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        engine_report(dev->engines[e], out);
    gpgpu_report(dev->gpgpu, out);
    report_unknown(dev, out);
}
