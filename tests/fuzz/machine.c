/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1 /* memfd_create */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Offsets in the arena. */
enum {
    AT_HWSP = 0x0000,   /* a page per engine */
    AT_TABLES = 0x4000, /* page tables, handed out one after the other */
    AT_BATCH = 0x40000,
    AT_LOCAL = 0x60000,
    AT_CONTEXT = 0x80000, /* 16 pages per engine */
    AT_RING = 0xa0000,    /* 4 pages per engine */
    CONTEXT_PAGES = 16,
};
#define ARENA_GGTT 0x100000u /* where the arena lies in the GGTT */

/* Page table entries: Bspec "PPGTT", i915 gt/intel_gtt.h. */
#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_PS_2M   (1ull << 7)
#define PTE_LOCAL   (1ull << 11)
#define GGTT_LOCAL  2ull

#define CSB_BYTES        0x40 /* in the HWSP */
#define CSB_WRITE_BYTES  0xbc
#define CSB_ENTRIES      12
#define CSB_RESET        0xffff0b0bu
#define REG_CSB_PTR      0x3a0
#define REG_HWS_PGA      0x80
#define REG_RING_MODE    0x29c
#define REG_MI_MODE      0x9c
#define REG_ELSQ         0x510
#define REG_EL_CTRL      0x550
#define REG_EXEC_STATUS  0x234
#define CONTEXT_ID_SHIFT 37
#define DESC_VALID       1u
#define DESC_PRIVILEGE   (1u << 8)
#define DESC_PPGTT64     (3u << 3)
#define MI_BATCH_START   (0x31u << 23 | 1)
#define MI_BATCH_PPGTT   (1u << 8)
#define MI_USER_IRQ      (0x02u << 23)

static uint8_t *golden; /* the arena as every input finds it */
static uint32_t next_table;

static unsigned engine_index(uint32_t base)
{
    return base == BCS_BASE;
}

static void *arena(struct machine *m, uint32_t at)
{
    return m->lmem + ARENA_LMEM + at;
}

static uint64_t new_table(void)
{
    uint32_t at = next_table;

    next_table += PAGE;
    if (next_table > AT_BATCH)
        abort();
    return ARENA_LMEM + at;
}

static uint64_t *entry_for(struct machine *m, uint64_t root, uint64_t va, int last)
{
    uint64_t table = root;

    for (int level = 3; level > last; level--) {
        uint64_t *entry = (uint64_t *)(m->lmem + table) + (va >> (12 + 9 * level) & 511);

        if (!(*entry & PTE_PRESENT))
            *entry = new_table() | PTE_PRESENT | PTE_WRITE;
        table = *entry & ~0xfffull;
    }
    return (uint64_t *)(m->lmem + table) + (va >> (12 + 9 * last) & 511);
}

static void map(struct machine *m, uint64_t root, uint64_t va, uint64_t to, size_t bytes,
                uint64_t flags)
{
    for (size_t at = 0; at < bytes; at += PAGE)
        *entry_for(m, root, va + at, 0) = (to + at) | PTE_PRESENT | PTE_WRITE | flags;
}

static uint64_t make_address_space(struct machine *m)
{
    uint64_t root = new_table();

    map(m, root, VA_BATCH, ARENA_LMEM + AT_BATCH, BATCH_SIZE, PTE_LOCAL);
    map(m, root, VA_LOCAL, ARENA_LMEM + AT_LOCAL, DATA_SIZE, PTE_LOCAL);
    map(m, root, VA_SYSTEM, RAM_IOVA, DATA_SIZE, 0);
    map(m, root, VA_ARENA, ARENA_LMEM, ARENA_SIZE, PTE_LOCAL);
    *entry_for(m, root, VA_BIG, 1) =
        (LMEM_SIZE / 2) | PTE_PRESENT | PTE_WRITE | PTE_PS_2M | PTE_LOCAL;
    return root;
}

/* The state page of a context: as i915 makes it, restore inhibited. */
static void make_context(struct machine *m, uint32_t base, uint64_t root)
{
    unsigned i = engine_index(base);
    uint32_t *regs = arena(m, AT_CONTEXT + i * CONTEXT_PAGES * PAGE + PAGE);

    regs[0x03] = 0x00090009;
    regs[0x09] = ARENA_GGTT + AT_RING + i * RING_SIZE;
    regs[0x0b] = (RING_SIZE - PAGE) | 1;
    regs[0x31] = root >> 32;
    regs[0x33] = root;
}

static void make_arena(struct machine *m)
{
    uint64_t root;

    next_table = AT_TABLES;
    root = make_address_space(m);
    make_context(m, RCS_BASE, root);
    make_context(m, BCS_BASE, root);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *hwsp = arena(m, AT_HWSP + i * PAGE);

        memset(hwsp + CSB_BYTES, 0xff, CSB_ENTRIES * 8);
        hwsp[CSB_WRITE_BYTES] = CSB_ENTRIES - 1;
    }
    golden = malloc(ARENA_SIZE);
    if (!golden)
        abort();
    memcpy(golden, arena(m, 0), ARENA_SIZE);
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static void *map_file(int fd, size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

static struct machine *create(void)
{
    static struct machine m;
    struct dg1_config config = {
        .lmem_size = LMEM_SIZE,
        .eu_workers = 1,
        .log = fopen("/dev/null", "w"),
        .raise_msi = nothing,
    };

    m.dg1 = dg1_create(&config);
    m.ram_fd = memfd_create("ram", MFD_CLOEXEC);
    if (!config.log || !m.dg1 || m.ram_fd < 0 || ftruncate(m.ram_fd, RAM_SIZE) < 0)
        abort();
    m.lmem = map_file(dg1_lmem_fd(m.dg1), LMEM_SIZE);
    m.ggtt = map_file(dg1_ggtt_fd(m.dg1), DG1_GGTT_SIZE);
    m.ram = map_file(m.ram_fd, RAM_SIZE);
    m.batch = arena(&m, AT_BATCH);
    m.local = arena(&m, AT_LOCAL);
    make_arena(&m);
    return &m;
}

struct machine *machine_get(void)
{
    static struct machine *m;

    if (!m)
        m = create();
    return m;
}

static void start_engine(struct machine *m, uint32_t base)
{
    machine_write(m, base + REG_CSB_PTR, CSB_RESET);
    machine_write(m, base + REG_RING_MODE, 0x00080008); /* GEN11_GFX_DISABLE_LEGACY_MODE */
    machine_write(m, base + REG_MI_MODE, 0x01000000);   /* STOP_RING off */
    machine_write(m, base + REG_HWS_PGA, ARENA_GGTT + AT_HWSP + engine_index(base) * PAGE);
}

void machine_restore(struct machine *m)
{
    dg1_reset(m->dg1);
    dg1_dma_unmap_all(m->dg1);
    if (dg1_dma_map(m->dg1, RAM_IOVA, RAM_SIZE, m->ram_fd, 0, true) < 0)
        abort();
    memset(m->ggtt, 0, DG1_GGTT_SIZE / 8); /* what the arena and its neighbours use */
    for (uint32_t at = 0; at < ARENA_SIZE; at += PAGE)
        m->ggtt[(ARENA_GGTT + at) / PAGE] = (ARENA_LMEM + at) | PTE_PRESENT | GGTT_LOCAL;
    memcpy(arena(m, 0), golden, ARENA_SIZE);
    memset(m->ram, 0, DATA_SIZE);
    start_engine(m, RCS_BASE);
    start_engine(m, BCS_BASE);
}

void machine_fill_ring(struct machine *m, uint32_t base, const void *commands, size_t bytes)
{
    unsigned i = engine_index(base);
    uint32_t *regs = arena(m, AT_CONTEXT + i * CONTEXT_PAGES * PAGE + PAGE);

    if (bytes > RING_SIZE - PAGE)
        bytes = RING_SIZE - PAGE;
    bytes &= ~(size_t)7; /* the tail counts qwords */
    memcpy(arena(m, AT_RING + i * RING_SIZE), commands, bytes);
    regs[0x05] = 0;     /* RING_HEAD */
    regs[0x07] = bytes; /* RING_TAIL */
}

void machine_ring_starts_batch(struct machine *m, uint32_t base)
{
    const uint32_t commands[] = {MI_BATCH_START | MI_BATCH_PPGTT, VA_BATCH, 0, MI_USER_IRQ};

    machine_fill_ring(m, base, commands, sizeof(commands));
}

void machine_submit(struct machine *m, uint32_t base)
{
    unsigned i = engine_index(base);
    uint64_t desc = (ARENA_GGTT + AT_CONTEXT + i * CONTEXT_PAGES * PAGE) | DESC_VALID |
                    DESC_PPGTT64 | DESC_PRIVILEGE | (uint64_t)(i + 1) << CONTEXT_ID_SHIFT;

    machine_write(m, base + REG_ELSQ + 8, 0);
    machine_write(m, base + REG_ELSQ + 12, 0);
    machine_write(m, base + REG_ELSQ, desc);
    machine_write(m, base + REG_ELSQ + 4, desc >> 32);
    machine_write(m, base + REG_EL_CTRL, 1);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

void machine_wait(struct machine *m, uint32_t base, unsigned max_us)
{
    const struct timespec nap = {.tv_nsec = 20000};
    uint64_t until = now_us() + max_us;

    while (dg1_mmio_read(m->dg1, base + REG_EXEC_STATUS, 4) && now_us() < until)
        nanosleep(&nap, NULL);
}

void machine_write(struct machine *m, uint32_t offset, uint32_t value)
{
    dg1_mmio_write(m->dg1, offset, value, 4);
}
