/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* memfd_create */
#include "fuzz_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE        4096u
#define LMEM_BYTES  (256ull << 20)
#define RAM_BYTES   (64u << 10)
#define RAM_AT      0x100000ull
#define PRESENT     1ull
#define WRITABLE    2ull
#define PPGTT_LOCAL (1ull << 11)
#define GGTT_LOCAL  2ull
#define AREA        0x40000u /* GGTT and LMEM used per engine */
/* LMEM: the engines' GGTT areas at their own addresses, then page tables and data. */
#define TABLES 0x400000u /* PML4, PDP, PD, PT */
#define DATA   0x410000u

static struct dg1 *dev;
static uint8_t *lmem;
static uint64_t *ggtt;

static void create(void)
{
    struct dg1_config config = {
        .lmem_size = LMEM_BYTES, .eu_workers = 1, .log = fopen("/dev/null", "w")};
    int ram = memfd_create("ram", 0);
    dev = dg1_create(&config);
    if (!dev || ram < 0 || ftruncate(ram, RAM_BYTES))
        abort();
    lmem = mmap(NULL, LMEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, dg1_lmem_fd(dev), 0);
    ggtt = mmap(NULL, DG1_GGTT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dg1_ggtt_fd(dev), 0);
    if (lmem == MAP_FAILED || ggtt == MAP_FAILED ||
        dg1_dma_map(dev, RAM_AT, RAM_BYTES, ram, 0, true))
        abort();
    close(ram);
}

struct dg1 *fuzz_device(void)
{
    if (!dev)
        create();
    return dev;
}

static uint64_t *table(unsigned level)
{
    return (uint64_t *)(lmem + TABLES + level * PAGE);
}

static void build_tables(void)
{
    memset(lmem + TABLES, 0, 4 * PAGE);
    for (unsigned level = 0; level < 3; level++)
        table(level)[0] = (TABLES + (level + 1) * PAGE) | PRESENT | WRITABLE;
    for (unsigned i = 0; i < 4; i++) {
        table(3)[FUZZ_DATA_VA / PAGE + i] = (DATA + i * PAGE) | PRESENT | WRITABLE | PPGTT_LOCAL;
        table(3)[FUZZ_DATA_VA / PAGE + 4 + i] = (RAM_AT + i * PAGE) | PRESENT | WRITABLE;
    }
}

static void map_batch(unsigned engine)
{
    for (unsigned at = 0; at < FUZZ_BATCH_BYTES; at += PAGE)
        table(3)[(FUZZ_BATCH_VA + at) / PAGE] =
            (FUZZ_BATCH(engine) + at) | PRESENT | WRITABLE | PPGTT_LOCAL;
}

static void build_context(unsigned engine)
{
    uint32_t *regs = (uint32_t *)(lmem + FUZZ_IMAGE(engine) + PAGE);
    regs[0x03] = 0x00090009; /* restore inhibit */
    regs[0x09] = FUZZ_RING(engine);
    regs[0x0b] = (FUZZ_RING_BYTES - PAGE) | 1;
    regs[0x33] = TABLES;
}

static void start_engine(unsigned engine)
{
    uint32_t base = FUZZ_BASE(engine);
    dg1_mmio_write(dev, base + 0x3a0, 0xffff0b0b, 4);
    dg1_mmio_write(dev, base + 0x80, FUZZ_HWSP(engine), 4);
    dg1_mmio_write(dev, base + 0xb4, ~1u, 4);
}

void fuzz_prepare(void)
{
    fuzz_device();
    dg1_reset(dev);
    memset(ggtt, 0, DG1_GGTT_SIZE / 8);
    build_tables();
    for (unsigned engine = 0; engine < 2; engine++) {
        memset(lmem + FUZZ_HWSP(engine), 0, AREA);
        for (uint32_t at = FUZZ_HWSP(engine); at < FUZZ_HWSP(engine) + AREA; at += PAGE)
            ggtt[at / PAGE] = at | PRESENT | GGTT_LOCAL;
        build_context(engine);
        start_engine(engine);
    }
}

uint8_t *fuzz_batch_memory(unsigned engine)
{
    map_batch(engine);
    return lmem + FUZZ_BATCH(engine);
}

void fuzz_submit(unsigned engine, const uint32_t *commands, unsigned ndw)
{
    uint32_t base = FUZZ_BASE(engine);
    memcpy(lmem + FUZZ_RING(engine), commands, 4 * ndw);
    ((uint32_t *)(lmem + FUZZ_IMAGE(engine) + PAGE))[0x07] = 4 * ndw;
    dg1_mmio_write(dev, base + 0x510, FUZZ_IMAGE(engine) | 0x119, 4);
    dg1_mmio_write(dev, base + 0x514, 1u << 5, 4);
    dg1_mmio_write(dev, base + 0x550, 1, 4);
}

int fuzz_wait_idle(unsigned engine, unsigned timeout_us)
{
    for (unsigned us = 0; us < timeout_us; us += 20) {
        if (dg1_mmio_read(dev, FUZZ_BASE(engine) + 0x9c, 4) & 0x200)
            return 1;
        usleep(20);
    }
    return 0;
}
