/* SPDX-License-Identifier: MIT */
/*
 * context.c - the logical ring context image: page 0 is the per-process status page, page 1 a
 * list of MI_LOAD_REGISTER_IMM commands with the registers' values, at fixed places.
 *
 * Places up to dword 0xb7: i915 gt/intel_lrc.c (gen12_rcs_offsets, gen12_xcs_offsets), PRM TGL
 * vol. 7 "Logical Ring Context Format". What follows is the model's own: registers that hardware
 * keeps somewhere in its engine context, at places i915 does not look at.
 */
#include "engine/internal.h"

#include <string.h>

#define PAGE       4096u
#define STATE_DW   1024
#define GPGPU_PAGE 2 /* the front end's share of an RCS image: pages 2.. hold no known layout */

#define LRI         (0x22u << 23)
#define LRI_CS_MMIO (1u << 19)
#define LRI_POSTED  (1u << 12)
#define BATCH_END   (0x0au << 23)

/* Dwords of the register page, each the value after a register's offset. */
#define CTX_CONTROL  0x03
#define CTX_HEAD     0x05
#define CTX_TAIL     0x07
#define CTX_START    0x09
#define CTX_CTL      0x0b
#define CTX_PER_CTX  0x13
#define CTX_INDIRECT 0x15
#define CTX_OFFSET   0x17
#define CTX_PDP0_UDW 0x31
#define CTX_PDP0_LDW 0x33

#define RESTORE_INHIBIT (1u << 0)   /* CTX_CTRL_ENGINE_CTX_RESTORE_INHIBIT */
#define PER_CTX_VALID   (1u << 0)   /* PER_CTX_BB_VALID */
#define INDIRECT_LINES  0x3fu       /* INDIRECT_CTX: size in cache lines of 64 bytes */
#define CTL_PAGES       0x001ff000u /* RING_NR_PAGES: size - 4 KiB */
#define RING_ADDR       0x001ffffcu
#define BB_VALID        1u
/* STOP_RING belongs to the bus, not to a context: restoring it would undo the driver's request. */
#define MI_MODE_IMAGE_MASK (0xffffu & ~(MI_MODE_STOP_RING | MI_MODE_IDLE))

/* A run of registers behind one MI_LOAD_REGISTER_IMM. */
struct block {
    uint16_t at;    /* dword of the command */
    uint8_t posted; /* LRI_POSTED set */
    uint8_t engine; /* offsets are from the engine's base (LRI_CS_MMIO) */
    uint8_t count;
    uint16_t save_mask_lo; /* bit n: the device writes register n's value (first 16 registers) */
    const uint16_t *regs;
};

/*
 * The driver writes TAIL, START, CTL and the page directories while a context may be running;
 * writing them back would undo that. The batch pointers are the driver's as well.
 */
static const uint16_t ring_regs[] = {0x244, 0x34,  0x30,  0x38,  0x3c,  0x168, 0x140,
                                     0x110, 0x1c0, 0x1c4, 0x1c8, 0x180, 0x2b4};
#define RING_SAVED (1u << 0 | 1u << 1 | 1u << 5 | 1u << 6 | 1u << 7)
static const uint16_t pdp_regs[] = {0x3a8, 0x28c, 0x288, 0x284, 0x280, 0x27c, 0x278, 0x274, 0x270};
#define PDP_SAVED (1u << 0)
#define ALL_SAVED 0xffffu
static const uint16_t rcs_regs[] = {0x1b0, 0x5a8, 0x5ac};
static const uint16_t power_regs[] = {0xc8};
/* clang-format off */
static const uint16_t engine_regs[] = {
    0x588, 0x588, 0x588, 0x588, 0x588, 0x588, 0x028, 0x09c, 0x0c0, 0x178, 0x17c, 0x358, 0x170,
    0x150, 0x154, 0x158, 0x41c,
    0x600, 0x604, 0x608, 0x60c, 0x610, 0x614, 0x618, 0x61c, 0x620, 0x624, 0x628, 0x62c,
    0x630, 0x634, 0x638, 0x63c, 0x640, 0x644, 0x648, 0x64c, 0x650, 0x654, 0x658, 0x65c,
    0x660, 0x664, 0x668, 0x66c, 0x670, 0x674, 0x678, 0x67c, 0x068, 0x084,
};
/* The model's own: second-level batch, predication, and what user batches may set. */
static const uint16_t own_regs[] = {
    0x114, 0x118, 0x11c, 0x3b8, 0x3bc,
    0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x200, 0x204, 0x580,
};
static const uint16_t own_rcs_regs[] = {
    0x6604, /* FF_MODE2: the driver's context workarounds set it */
    0x2430, 0x2434, 0x2438, 0x243c, 0x2440, 0x2444, 0x2500, 0x2504, 0x2508,
    0x7010, 0x7018, 0x7304, /* i915 whitelists them for users (gt/intel_workarounds.c) */
};
/* clang-format on */

#define COUNT(a)   ((uint8_t)(sizeof(a) / sizeof((a)[0])))
#define OWN_AT     0x100
#define OWN_RCS_AT 0x140
#define END_AT     0x180

static const struct block rcs_blocks[] = {
    {0x01, 1, 1, COUNT(ring_regs), RING_SAVED, ring_regs},
    {0x21, 1, 1, COUNT(pdp_regs), PDP_SAVED, pdp_regs},
    {0x34, 1, 1, COUNT(rcs_regs), ALL_SAVED, rcs_regs},
    {0x41, 0, 1, COUNT(power_regs), ALL_SAVED, power_regs},
    {0x51, 1, 1, COUNT(engine_regs), ALL_SAVED, engine_regs},
    {OWN_AT, 0, 1, COUNT(own_regs), ALL_SAVED, own_regs},
    {OWN_RCS_AT, 0, 0, COUNT(own_rcs_regs), ALL_SAVED, own_rcs_regs},
};
/* 0x84, CMD_BUF_CCTL, is the render engine's alone. */
static const struct block bcs_blocks[] = {
    {0x01, 1, 1, COUNT(ring_regs), RING_SAVED, ring_regs},
    {0x21, 1, 1, COUNT(pdp_regs), PDP_SAVED, pdp_regs},
    {0x51, 1, 1, COUNT(engine_regs) - 1, ALL_SAVED, engine_regs},
    {OWN_AT, 0, 1, COUNT(own_regs), ALL_SAVED, own_regs},
};
/* The blocks that a restore-inhibited context gets reset values for, and not from its image. */
#define FIRST_ENGINE_BLOCK 2

static const struct block *blocks_of(const struct engine *e, unsigned *count)
{
    bool rcs = e->id == ENGINE_RCS0;
    *count = rcs ? sizeof(rcs_blocks) / sizeof(rcs_blocks[0])
                 : sizeof(bcs_blocks) / sizeof(bcs_blocks[0]);
    return rcs ? rcs_blocks : bcs_blocks;
}

static uint32_t reg_of(const struct engine *e, const struct block *b, unsigned i)
{
    return b->engine ? e->base + b->regs[i] : b->regs[i];
}

static bool saved(const struct block *b, unsigned i)
{
    return i >= 16 || (b->save_mask_lo >> i & 1);
}

static uint64_t state_address(uint64_t desc)
{
    return (uint64_t)desc_lrca(desc) + PAGE;
}

/* --- Restore --- */

/* A register value from the image: masked registers obey their mask, read-only ones are skipped. */
static void load_register(struct engine *e, uint32_t reg, uint32_t value)
{
    const struct reg_def *def = regs_find(e->dev->regs, reg);
    if (!def || def->kind == REG_CONST)
        return;
    reg_write(e->dev, reg, value, REG_BY_ENGINE);
}

static void load_block(struct engine *e, const struct block *b, const uint32_t *image, bool inhibit)
{
    for (unsigned i = 0; i < b->count; i++) {
        uint32_t reg = reg_of(e, b, i);
        const struct reg_def *def = regs_find(e->dev->regs, reg);
        if (!inhibit)
            load_register(e, reg, image[b->at + 2 + 2 * i]);
        else if (def && !(def->flags & REG_KEEP) && def->kind != REG_HANDLER)
            reg_set(e->dev, reg, def->reset);
    }
}

static void load_ring(struct engine *e, const uint32_t *image)
{
    struct parser *cs = &e->cs;
    engine_clear_parser(e);
    cs->ring_start = image[CTX_START] & 0xfffff000u;
    cs->ring_size = (image[CTX_CTL] & CTL_PAGES) + PAGE;
    cs->head = (image[CTX_HEAD] & RING_ADDR) % cs->ring_size;
    cs->tail = (image[CTX_TAIL] & RING_ADDR & ~7u) % cs->ring_size;
    engine_set(e, RING_HEAD, cs->head);
    engine_set(e, RING_TAIL, cs->tail);
    engine_set(e, RING_START, cs->ring_start);
    engine_set(e, RING_CTL, image[CTX_CTL]);
}

/* A batch that was left in the middle: BB_ADDR's and SBB_ADDR's valid bits say how deep. */
static void load_batch(struct engine *e)
{
    struct parser *cs = &e->cs;
    uint32_t low = engine_get(e, RING_BBADDR), second = engine_get(e, RING_SBBADDR);
    if (!(low & BB_VALID))
        return;
    uint32_t state = engine_get(e, RING_BBSTATE);
    cs->level[0] = (struct level){
        .addr = (uint64_t)engine_get(e, RING_BBADDR_UDW) << 32 | (low & ~3u),
        .ppgtt = state & (1u << 5), /* RING_BB_PPGTT */
        .privileged = !(state & (1u << 5)),
    };
    cs->depth = 1;
    if (!(second & BB_VALID))
        return;
    cs->level[1] = cs->level[0];
    cs->level[1].addr = (uint64_t)engine_get(e, RING_SBBADDR_UDW) << 32 | (second & ~3u);
    cs->depth = 2;
}

static void load_root(struct engine *e, const uint32_t *image)
{
    uint64_t root = ((uint64_t)image[CTX_PDP0_UDW] << 32 | image[CTX_PDP0_LDW]) & ~(uint64_t)0xfff;
    if (root != e->loaded_root)
        mmu_invalidate(e->dev->mmu, e->id); /* loading page directory pointers drops translations */
    e->loaded_root = root;
    tlb_set_root(e->tlb, root);
}

static bool load_gpgpu(struct engine *e, uint64_t desc, bool inhibit)
{
    if (e->id != ENGINE_RCS0)
        return true;
    if (inhibit) {
        gpgpu_reset(e->dev->gpgpu);
        return true;
    }
    uint8_t state[GPGPU_STATE_BYTES];
    uint64_t at = (uint64_t)desc_lrca(desc) + GPGPU_PAGE * PAGE;
    if (!cs_mem_read(e, true, at, state, sizeof(state), "context image (compute state)"))
        return false;
    gpgpu_restore(e->dev->gpgpu, state);
    return true;
}

static bool run_wa_batches(struct engine *e, const uint32_t *image)
{
    uint32_t indirect = image[CTX_INDIRECT], per_ctx = image[CTX_PER_CTX];
    if (indirect & INDIRECT_LINES)
        if (parser_run_wa(e, indirect & ~INDIRECT_LINES, (indirect & INDIRECT_LINES) * 64) !=
            CS_DONE)
            return false;
    if (per_ctx & PER_CTX_VALID)
        if (parser_run_wa(e, per_ctx & 0xfffff000u, 0) != CS_DONE)
            return false;
    return true;
}

static void trace_restore(struct engine *e, uint64_t desc, bool inhibit)
{
    sim_trace(e->dev, DG1_TRACE_CTX, "%s: load %08x id %u ring %08x+%x head %x tail %x%s%s",
              e->name, desc_lrca(desc), desc_id(desc), e->cs.ring_start, e->cs.ring_size,
              e->cs.head, e->cs.tail, inhibit ? " inhibit" : "", e->cs.depth ? " in batch" : "");
}

bool context_restore(struct engine *e, uint64_t desc)
{
    uint32_t image[STATE_DW];
    unsigned count;
    const struct block *blocks = blocks_of(e, &count);

    if (!cs_mem_read(e, true, state_address(desc), image, sizeof(image), "context image"))
        return false;
    uint32_t control = image[CTX_CONTROL];
    bool inhibit = control >> 16 & control & RESTORE_INHIBIT;
    for (unsigned i = 0; i < count; i++)
        load_block(e, &blocks[i], image, inhibit && i >= FIRST_ENGINE_BLOCK);
    load_ring(e, image);
    if (!inhibit)
        load_batch(e);
    load_root(e, image);
    if (!load_gpgpu(e, desc, inhibit))
        return false;
    trace_restore(e, desc, inhibit);
    return run_wa_batches(e, image);
}

bool context_reload_tail(struct engine *e, uint64_t desc)
{
    uint32_t tail;
    if (!cs_mem_read(e, true, state_address(desc) + 4 * CTX_TAIL, &tail, sizeof(tail), "ring tail"))
        return false;
    e->cs.tail = (tail & RING_ADDR & ~7u) % e->cs.ring_size;
    engine_set(e, RING_TAIL, e->cs.tail);
    sim_trace(e->dev, DG1_TRACE_CTX, "%s: lite restore id %u, tail %x", e->name, desc_id(desc),
              e->cs.tail);
    return true;
}

/* --- Save --- */

static void store_batch(struct engine *e)
{
    const struct parser *cs = &e->cs;
    const struct level *first = &cs->level[0], *second = &cs->level[1];
    engine_set(e, RING_HEAD, cs->head);
    engine_set(e, RING_BBADDR, cs->depth > 0 ? (uint32_t)first->addr | BB_VALID : 0);
    engine_set(e, RING_BBADDR_UDW, cs->depth > 0 ? (uint32_t)(first->addr >> 32) : 0);
    engine_set(e, RING_BBSTATE, cs->depth > 0 && first->ppgtt ? 1u << 5 : 0);
    engine_set(e, RING_SBBADDR, cs->depth > 1 ? (uint32_t)second->addr | BB_VALID : 0);
    engine_set(e, RING_SBBADDR_UDW, cs->depth > 1 ? (uint32_t)(second->addr >> 32) : 0);
}

/* Masked registers go into the image with their mask, or restoring them would do nothing. */
static uint32_t image_value(struct engine *e, uint32_t reg, uint32_t old)
{
    if (reg == e->base + RING_CONTEXT_CONTROL)
        return old & ~RESTORE_INHIBIT;
    const struct reg_def *def = regs_find(e->dev->regs, reg);
    if (reg == e->base + RING_MI_MODE)
        return MI_MODE_IMAGE_MASK << 16 | (reg_get(e->dev, reg) & MI_MODE_IMAGE_MASK);
    uint32_t value = reg_read(e->dev, reg);
    return def && def->kind == REG_MASKED ? 0xffff0000u | value : value;
}

static void store_block(struct engine *e, const struct block *b, uint32_t *image)
{
    image[b->at] =
        LRI | (2u * b->count - 1) | (b->posted ? LRI_POSTED : 0) | (b->engine ? LRI_CS_MMIO : 0);
    for (unsigned i = 0; i < b->count; i++) {
        uint32_t at = b->at + 1u + 2 * i, reg = reg_of(e, b, i);
        image[at] = reg;
        if (saved(b, i))
            image[at + 1] = image_value(e, reg, image[at + 1]);
    }
}

/* Write the block but for the values that belong to the driver. */
static bool write_block(struct engine *e, const struct block *b, const uint32_t *image,
                        uint64_t state)
{
    uint32_t start = b->at;
    for (unsigned i = 0; i <= b->count; i++) {
        uint32_t value_at = b->at + 2u + 2 * i;
        if (i < b->count && saved(b, i))
            continue;
        uint32_t end = i < b->count ? value_at : b->at + 1u + 2 * b->count;
        if (end > start && !cs_mem_write(e, true, state + 4 * start, image + start,
                                         4 * (end - start), "context image"))
            return false;
        start = value_at + 1;
    }
    return true;
}

static bool save_gpgpu(struct engine *e, uint64_t desc)
{
    if (e->id != ENGINE_RCS0)
        return true;
    uint8_t state[GPGPU_STATE_BYTES];
    gpgpu_save(e->dev->gpgpu, state);
    return cs_mem_write(e, true, (uint64_t)desc_lrca(desc) + GPGPU_PAGE * PAGE, state,
                        sizeof(state), "context image (compute state)");
}

bool context_save(struct engine *e, uint64_t desc)
{
    uint32_t image[STATE_DW];
    uint64_t state = state_address(desc);
    unsigned count;
    const struct block *blocks = blocks_of(e, &count);

    store_batch(e);
    if (!cs_mem_read(e, true, state, image, sizeof(image), "context image"))
        return false;
    uint32_t end = BATCH_END | 1;
    for (unsigned i = 0; i < count; i++) {
        store_block(e, &blocks[i], image);
        if (!write_block(e, &blocks[i], image, state))
            return false;
    }
    if (!cs_mem_write(e, true, state + 4 * END_AT, &end, sizeof(end), "context image") ||
        !save_gpgpu(e, desc))
        return false;
    /* CTX_TIMESTAMP stands still while nothing runs. */
    engine_set(e, RING_CTX_TIMESTAMP, reg_read(e->dev, e->base + RING_CTX_TIMESTAMP));
    sim_trace(e->dev, DG1_TRACE_CTX, "%s: save %08x id %u head %x tail %x", e->name,
              desc_lrca(desc), desc_id(desc), e->cs.head, e->cs.tail);
    return true;
}
