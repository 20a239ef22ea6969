/* SPDX-License-Identifier: MIT */
/*
 * mi.c - MI commands (PRM TGL vol. 2a; i915 gt/intel_gpu_commands.h). Addresses are byte
 * addresses; bits 63:48 are ignored as on hardware.
 */
#include "engine/internal.h"

#include <string.h>

#define USE_GGTT      (1u << 22) /* MI_USE_GGTT, MI_SRM_LRM_GLOBAL_GTT */
#define ADD_CS_MMIO   (1u << 19) /* MI_LRI_LRM_CS_MMIO */
#define REMAP         (1u << 17) /* MI_LRI_MMIO_REMAP_EN */
#define LRR_SRC_CS    (1u << 18) /* MI_LRR_SOURCE_CS_MMIO */
#define LRR_SRC_REMAP (1u << 16)
#define ADDR_LOW      0xfffffffcu

static uint64_t address(const uint32_t *dw)
{
    return (uint64_t)(dw[1] & 0xffff) << 32 | (dw[0] & ADDR_LOW);
}

/* The registers of "this engine" are written as the render engine's and moved by a header bit. */
static uint32_t target_reg(const struct engine *e, uint32_t reg, bool add_base, bool remap)
{
    if (add_base)
        return (reg & 0x7fffffu) + e->base;
    if (remap && reg >= 0x2000 && reg < 0x2000 + ENGINE_SPACE)
        return reg - 0x2000 + e->base;
    return reg;
}

bool arbitration_point(const struct engine *e)
{
    if (e->cs.in_wa)
        return false;
    return atomic_load_explicit(&e->attention, memory_order_acquire) & attention_wanted(e);
}

/* --- Control flow --- */

static enum cs_result noop(struct engine *e, unsigned ndw)
{
    (void)ndw;
    if (e->cs.dw[0] & USE_GGTT) /* here: "identification number register write enable" */
        engine_set(e, RING_NOPID, e->cs.dw[0] & 0x3fffff);
    return CS_DONE;
}

static enum cs_result accepted(struct engine *e, unsigned ndw)
{
    (void)e;
    (void)ndw;
    return CS_DONE;
}

static enum cs_result user_interrupt(struct engine *e, unsigned ndw)
{
    (void)ndw;
    engine_poke_others(e);
    irq_post(e->dev, e->id, IRQ_USER);
    return CS_DONE;
}

/* Waits poll memory; this one says when. */
static enum cs_result semaphore_signal(struct engine *e, unsigned ndw)
{
    (void)ndw;
    engine_poke_others(e);
    return CS_DONE;
}

static enum cs_result arb_check(struct engine *e, unsigned ndw)
{
    (void)ndw; /* the pre-parser that bits 8 and 0 control does not exist here */
    return arbitration_point(e) ? CS_PREEMPTED : CS_DONE;
}

static enum cs_result arb_on_off(struct engine *e, unsigned ndw)
{
    (void)ndw;
    if (!privilege_command(e, "MI_ARB_ON_OFF"))
        return CS_DONE;
    execlist_set_arbitration(e, e->cs.dw[0] & 1);
    return CS_DONE;
}

void parser_end_batch(struct engine *e, bool all)
{
    struct parser *cs = &e->cs;
    cs->depth = all || !cs->depth ? 0 : cs->depth - 1;
    if (!cs->depth) {
        engine_set(e, RING_BBADDR, 0);
        engine_set(e, RING_BBADDR_UDW, 0);
        engine_set(e, RING_PREDICATE_NOW, 0);
    }
}

static enum cs_result batch_end(struct engine *e, unsigned ndw)
{
    (void)ndw;
    parser_end_batch(e, false);
    return CS_DONE;
}

/*
 * Batches that loop wait for somebody: drivers end them by overwriting them, tests spin like that
 * for as long as they please. After a while every jump back naps, so that the guest's CPUs get the
 * host's.
 */
#define FREE_LOOPS  1000
#define LOOP_NAP_NS (20 * 1000)

static void slow_loop(struct engine *e, const struct level *next)
{
    struct parser *cs = &e->cs;
    const struct level *now = &cs->level[cs->depth ? cs->depth - 1 : 0];
    if (!cs->depth)
        cs->loops = 0;
    if (!cs->depth || next->addr >= now->addr || ++cs->loops <= FREE_LOOPS)
        return;
    engine_nap(e, LOOP_NAP_NS, ATTN_LEAVE | (cs->deaf ? 0 : ATTN_SWITCH));
    cs->deaf = atomic_load(&e->attention) & ATTN_SWITCH;
}

#define BBS_SECOND_LEVEL (1u << 22)
#define BBS_PREDICATE    (1u << 15) /* MI_BATCH_PREDICATE */
#define BBS_PPGTT        (1u << 8)  /* address space and privilege in one */

static enum cs_result batch_start(struct engine *e, unsigned ndw)
{
    struct parser *cs = &e->cs;
    uint32_t header = cs->dw[0];
    if (ndw < 3) {
        cs_error(&e->env, "MI_BATCH_BUFFER_START of %u dwords", ndw);
        return CS_ERROR;
    }
    /* Not MI_PREDICATE's result but the register beside it (i915_perf.c, alloc_noa_wait()). */
    if ((header & BBS_PREDICATE) && !(engine_get(e, RING_PREDICATE_RESULT_1) & 1))
        return CS_DONE;
    struct level next = {.addr = address(cs->dw + 1), .ppgtt = header & BBS_PPGTT};
    next.privileged = !next.ppgtt;
    if (!parser_privileged(e)) { /* privilege cannot be gained */
        next.ppgtt = true;
        next.privileged = false;
    }
    slow_loop(e, &next);
    unsigned depth = cs->depth ? cs->depth : 1;
    if (cs->depth && (header & BBS_SECOND_LEVEL))
        depth = MAX_LEVELS;
    cs->level[depth - 1] = next;
    cs->depth = depth;
    atomic_fetch_add_explicit(&e->batches, 1, memory_order_relaxed);
    return CS_DONE;
}

/* --- Conditional end of batch --- */

#define COND_END_LEVEL (1u << 18) /* end this level only, else everything up to the ring */
#define COND_COMPARE   (1u << 21) /* MI_DO_COMPARE */
#define COND_MASKED    (1u << 19) /* the dword after the value is a mask for it */
#define COND_OP_SHIFT  12

static bool compare(unsigned op, uint32_t memory, uint32_t inline_data)
{
    switch (op) {
    case 0:
        return memory > inline_data;
    case 1:
        return memory >= inline_data;
    case 2:
        return memory < inline_data;
    case 3:
        return memory <= inline_data;
    case 4:
        return memory == inline_data;
    case 5:
        return memory != inline_data;
    default:
        return true;
    }
}

/* The batch goes on while the comparison holds. */
static enum cs_result conditional_end(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool ggtt = dw[0] & USE_GGTT;
    uint32_t value[2] = {0, UINT32_MAX};
    if (ndw < 4) {
        cs_error(&e->env, "MI_CONDITIONAL_BATCH_BUFFER_END of %u dwords", ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, ggtt, "MI_CONDITIONAL_BATCH_BUFFER_END"))
        return CS_DONE;
    if (dw[0] & COND_COMPARE) {
        size_t n = dw[0] & COND_MASKED ? 8 : 4;
        if (!cs_mem_read(e, ggtt, address(dw + 2), value, n, "MI_CONDITIONAL_BATCH_BUFFER_END"))
            return CS_ERROR;
    }
    if (!compare(dw[0] >> COND_OP_SHIFT & 7, value[0] & value[1], dw[1]))
        parser_end_batch(e, !(dw[0] & COND_END_LEVEL));
    return CS_DONE;
}

/* --- Predication --- */

static enum cs_result set_predicate(struct engine *e, unsigned ndw)
{
    (void)ndw;
    bool result = engine_get(e, RING_PREDICATE_RESULT) & 1;
    bool result2 = engine_get(e, RING_PREDICATE_RESULT_2) & 1;
    bool off; /* following commands are no-ops */
    switch (e->cs.dw[0] & 0xf) {
    case 0:
        off = false;
        break;
    case 1:
        off = !result2;
        break;
    case 2:
        off = result2;
        break;
    case 3:
        off = !result;
        break;
    case 4:
        off = result;
        break;
    case 0xf:
        off = true;
        break;
    default:
        cs_error(&e->env, "MI_SET_PREDICATE mode %u", e->cs.dw[0] & 0xf);
        return CS_ERROR;
    }
    engine_set(e, RING_PREDICATE_NOW, off);
    return CS_DONE;
}

static uint64_t get64(const struct engine *e, uint32_t reg)
{
    return engine_get(e, reg) | (uint64_t)engine_get(e, reg + 4) << 32;
}

/* MI_PREDICATE: load (7:6), combine (4:3), compare (1:0). */
static enum cs_result predicate(struct engine *e, unsigned ndw)
{
    (void)ndw;
    uint32_t header = e->cs.dw[0];
    uint64_t a = get64(e, RING_PREDICATE_SRC0), b = get64(e, RING_PREDICATE_SRC1);
    bool old = engine_get(e, RING_PREDICATE_RESULT) & 1, now;
    switch (header & 3) {
    case 0:
        now = true;
        break;
    case 1:
        now = false;
        break;
    case 2:
        now = a == b;
        break;
    default:
        now = a - b == get64(e, RING_PREDICATE_DATA);
        break;
    }
    switch (header >> 3 & 3) {
    case 1:
        now = now && old;
        break;
    case 2:
        now = now || old;
        break;
    case 3:
        now = now != old;
        break;
    }
    unsigned load = header >> 6 & 3;
    if (load == 2)
        engine_set(e, RING_PREDICATE_RESULT, now);
    else if (load == 3)
        engine_set(e, RING_PREDICATE_RESULT, !now);
    return CS_DONE;
}

/* --- Stores --- */

#define STORE_QWORD (1u << 21)

/* Driver and user space poll what is stored here: whole dwords or qwords at a time. */
static bool store(struct engine *e, bool ggtt, uint64_t addr, const uint32_t *data, unsigned ndw,
                  const char *what)
{
    if (ndw == 2 && addr % 8 == 0) {
        uint64_t value = data[0] | (uint64_t)data[1] << 32;
        uint64_t *to = cs_mem_ptr(e, ggtt, addr, 8, true, what);
        if (to)
            __atomic_store_n(to, value, __ATOMIC_RELEASE);
        return to;
    }
    if (ndw == 1) {
        uint32_t *to = cs_mem_ptr(e, ggtt, addr, 4, true, what);
        if (to)
            __atomic_store_n(to, data[0], __ATOMIC_RELEASE);
        return to;
    }
    return cs_mem_write(e, ggtt, addr, data, 4 * ndw, what);
}

static enum cs_result store_data_imm(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool ggtt = dw[0] & USE_GGTT;
    if (ndw < 4 || ((dw[0] & STORE_QWORD) && ndw < 5)) {
        cs_error(&e->env, "MI_STORE_DATA_IMM of %u dwords", ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, ggtt, "MI_STORE_DATA_IMM"))
        return CS_DONE;
    return store(e, ggtt, address(dw + 1), dw + 3, ndw - 3, "MI_STORE_DATA_IMM") ? CS_DONE
                                                                                 : CS_ERROR;
}

#define INDEX_PER_PROCESS (1u << 21)

static enum cs_result store_data_index(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool global = !(dw[0] & INDEX_PER_PROCESS);
    uint64_t at = status_page(e, global) + (dw[1] & 0xffc);
    if (!privilege_ggtt(e, global, "MI_STORE_DATA_INDEX"))
        return CS_DONE;
    if (ndw < 3) {
        cs_error(&e->env, "MI_STORE_DATA_INDEX of %u dwords", ndw);
        return CS_ERROR;
    }
    unsigned n = ndw > 3 ? 2 : 1;
    return store(e, true, at, dw + 2, n, "MI_STORE_DATA_INDEX") ? CS_DONE : CS_ERROR;
}

static enum cs_result copy_mem_mem(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool src_ggtt = dw[0] & (1u << 22), dst_ggtt = dw[0] & (1u << 21);
    uint32_t value;
    if (ndw < 5) {
        cs_error(&e->env, "MI_COPY_MEM_MEM of %u dwords", ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, src_ggtt || dst_ggtt, "MI_COPY_MEM_MEM"))
        return CS_DONE;
    if (!cs_mem_read(e, src_ggtt, address(dw + 3), &value, 4, "MI_COPY_MEM_MEM source") ||
        !store(e, dst_ggtt, address(dw + 1), &value, 1, "MI_COPY_MEM_MEM destination"))
        return CS_ERROR;
    return CS_DONE;
}

static enum cs_result update_gtt(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    uint64_t *ggtt = mmu_ggtt(e->dev->mmu);
    uint32_t entry = dw[1] >> 12;
    if (!privilege_command(e, "MI_UPDATE_GTT"))
        return CS_DONE;
    for (unsigned i = 2; i + 1 < ndw && entry < DG1_GGTT_SIZE / 8; i += 2, entry++)
        __atomic_store_n(&ggtt[entry], dw[i] | (uint64_t)dw[i + 1] << 32, __ATOMIC_RELAXED);
    return CS_DONE;
}

/* --- Registers --- */

static enum cs_result load_register_imm(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    for (unsigned i = 1; i + 1 < ndw; i += 2)
        cs_reg_write(e, target_reg(e, dw[i], dw[0] & ADD_CS_MMIO, dw[0] & REMAP), dw[i + 1]);
    return CS_DONE;
}

static enum cs_result load_register_reg(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    if (ndw < 3) {
        cs_error(&e->env, "MI_LOAD_REGISTER_REG of %u dwords", ndw);
        return CS_ERROR;
    }
    uint32_t from = target_reg(e, dw[1], dw[0] & LRR_SRC_CS, dw[0] & LRR_SRC_REMAP);
    uint32_t to = target_reg(e, dw[2], dw[0] & ADD_CS_MMIO, dw[0] & REMAP);
    cs_reg_write(e, to, cs_reg_load(e, from));
    return CS_DONE;
}

static enum cs_result load_register_mem(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool ggtt = dw[0] & USE_GGTT;
    uint32_t value;
    if (ndw < 4) {
        cs_error(&e->env, "MI_LOAD_REGISTER_MEM of %u dwords", ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, ggtt, "MI_LOAD_REGISTER_MEM"))
        return CS_DONE;
    if (!cs_mem_read(e, ggtt, address(dw + 2), &value, 4, "MI_LOAD_REGISTER_MEM"))
        return CS_ERROR;
    cs_reg_write(e, target_reg(e, dw[1], dw[0] & ADD_CS_MMIO, dw[0] & REMAP), value);
    return CS_DONE;
}

#define SRM_PREDICATE (1u << 21)

static enum cs_result store_register_mem(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    bool ggtt = dw[0] & USE_GGTT;
    if (ndw < 4) {
        cs_error(&e->env, "MI_STORE_REGISTER_MEM of %u dwords", ndw);
        return CS_ERROR;
    }
    if ((dw[0] & SRM_PREDICATE) && !(engine_get(e, RING_PREDICATE_RESULT) & 1))
        return CS_DONE;
    if (!privilege_ggtt(e, ggtt, "MI_STORE_REGISTER_MEM"))
        return CS_DONE;
    uint32_t value = cs_reg_load(e, target_reg(e, dw[1], dw[0] & ADD_CS_MMIO, dw[0] & REMAP));
    return store(e, ggtt, address(dw + 2), &value, 1, "MI_STORE_REGISTER_MEM") ? CS_DONE : CS_ERROR;
}

/* --- Flush of the copy and video engines --- */

#define FLUSH_POST_SYNC_SHIFT 14
#define FLUSH_POST_SYNC_IMM   1
#define FLUSH_POST_SYNC_TIME  3
#define FLUSH_STORE_INDEX     (1u << 21) /* MI_FLUSH_DW_STORE_INDEX */
#define FLUSH_INVALIDATE_TLB  (1u << 18) /* MI_INVALIDATE_TLB */
#define FLUSH_NOTIFY          (1u << 8)  /* MI_FLUSH_DW_NOTIFY */
#define FLUSH_USE_GGTT        (1u << 2)  /* MI_FLUSH_DW_USE_GTT, in the address */
#define FLUSH_ADDR_LOW        0xfffffff8u

static bool flush_post_sync(struct engine *e, unsigned ndw, unsigned op)
{
    const uint32_t *dw = e->cs.dw;
    bool ggtt = dw[1] & FLUSH_USE_GGTT;
    uint64_t addr = (uint64_t)(dw[2] & 0xffff) << 32 | (dw[1] & FLUSH_ADDR_LOW);
    uint64_t now = clock_ticks(e->dev);
    uint32_t time[2] = {(uint32_t)now, (uint32_t)(now >> 32)};
    if (!privilege_ggtt(e, ggtt, "MI_FLUSH_DW"))
        return true;
    if (dw[0] & FLUSH_STORE_INDEX) {
        addr = status_page(e, ggtt) + (dw[1] & 0xff8);
        ggtt = true;
    }
    if (op == FLUSH_POST_SYNC_TIME)
        return store(e, ggtt, addr, time, 2, "MI_FLUSH_DW");
    return store(e, ggtt, addr, dw + 3, ndw > 4 ? 2 : 1, "MI_FLUSH_DW");
}

enum cs_result mi_flush_dw(struct engine *e, unsigned ndw)
{
    uint32_t header = e->cs.dw[0];
    unsigned op = header >> FLUSH_POST_SYNC_SHIFT & 3;
    if (header & FLUSH_INVALIDATE_TLB)
        mmu_invalidate(e->dev->mmu, e->id);
    if (op == FLUSH_POST_SYNC_IMM || op == FLUSH_POST_SYNC_TIME) {
        if (ndw < 4) {
            cs_error(&e->env, "MI_FLUSH_DW of %u dwords with a post-sync operation", ndw);
            return CS_ERROR;
        }
        if (!flush_post_sync(e, ndw, op))
            return CS_ERROR;
    }
    if (header & FLUSH_NOTIFY)
        irq_post(e->dev, e->id, IRQ_USER);
    return CS_DONE;
}

/* --- The table --- */

struct mi_command {
    enum cs_result (*execute)(struct engine *e, unsigned ndw);
    uint16_t length_mask; /* of the header's length field; 0: always one dword */
};

static const struct mi_command commands[64] = {
    [0x00] = {noop, 0},
    [0x01] = {set_predicate, 0},
    [0x02] = {user_interrupt, 0},
    [0x03] = {accepted, 0}, /* MI_WAIT_FOR_EVENT: there is no display to wait for */
    [0x05] = {arb_check, 0},
    [0x06] = {accepted, 0}, /* MI_RS_CONTROL */
    [0x07] = {accepted, 0}, /* MI_REPORT_HEAD: execlists report by context save */
    [0x08] = {arb_on_off, 0},
    [0x09] = {accepted, 0}, /* MI_URB_ATOMIC_ALLOC */
    [0x0a] = {batch_end, 0},
    [0x0b] = {accepted, 0}, /* MI_SUSPEND_FLUSH */
    [0x0c] = {predicate, 0},
    [0x0d] = {accepted, 0},    /* MI_TOPOLOGY_FILTER */
    [0x0e] = {accepted, 0},    /* MI_SET_APPID */
    [0x0f] = {accepted, 0},    /* MI_RS_CONTEXT */
    [0x12] = {accepted, 0xff}, /* MI_LOAD_SCAN_LINES_INCL: no display */
    [0x13] = {accepted, 0xff}, /* MI_LOAD_SCAN_LINES_EXCL */
    [0x1a] = {mi_math, 0xff},
    [0x1b] = {semaphore_signal, 0xff},
    [0x1c] = {mi_semaphore_wait, 0xff},
    [0x1d] = {accepted, 0xff}, /* MI_FORCE_WAKEUP: nothing sleeps while a context runs */
    [0x20] = {store_data_imm, 0x3ff},
    [0x21] = {store_data_index, 0xff},
    [0x22] = {load_register_imm, 0xff},
    [0x23] = {update_gtt, 0xff},
    [0x24] = {store_register_mem, 0xff},
    [0x26] = {mi_flush_dw, 0x3f},
    [0x27] = {accepted, 0x3ff}, /* MI_CLFLUSH: memory is coherent */
    [0x28] = {accepted,
              0x3f}, /* MI_REPORT_PERF_COUNT: no performance counters, nothing is written */
    [0x29] = {load_register_mem, 0xff},
    [0x2a] = {load_register_reg, 0xff},
    [0x2e] = {copy_mem_mem, 0xff},
    [0x2f] = {mi_atomic, 0xff},
    [0x31] = {batch_start, 0xff},
    [0x36] = {conditional_end, 0xff},
};

static unsigned opcode(uint32_t header)
{
    return header >> 23 & 0x3f;
}

unsigned mi_length(uint32_t header)
{
    const struct mi_command *command = &commands[opcode(header)];
    if (!command->execute)
        return 0;
    return command->length_mask ? (header & command->length_mask) + 2 : 1;
}

enum cs_result mi_execute(struct engine *e, unsigned ndw)
{
    return commands[opcode(e->cs.dw[0])].execute(e, ndw);
}
