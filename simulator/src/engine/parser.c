/* SPDX-License-Identifier: MIT */
/* parser.c - fetches commands from the ring and from batches and hands them on. */
#include "blt/blt.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <string.h>

#define PAGE         4096u
#define ADDRESS_MASK 0x0000fffffffffffcull

/* Command types, header bits 31:29. */
#define TYPE_MI  0
#define TYPE_BLT 2
#define TYPE_GFX 3
/* GFX sub-types, bits 28:27. */
#define SUB_SINGLE          1       /* PIPELINE_SELECT and others: one dword, no length field */
#define SUB_MEDIA           2       /* 16-bit length field */
#define GPGPU_WALKER_HEADER 0x7105  /* header bits 31:16 */
#define PIPE_CONTROL_HEADER 0x7a00u /* bits 31:16 */

/* --- Memory --- */

void *cs_mem_ptr(struct engine *e, bool ggtt, uint64_t addr, size_t n, bool write, const char *what)
{
    struct mmu_fault fault = {0};
    addr &= ~(uint64_t)(n - 1);
    uint8_t *ptr = ggtt ? tlb_ggtt_ptr(e->tlb, addr, write ? MMU_WRITE : MMU_READ, &fault)
                        : tlb_ptr(e->tlb, addr, write ? MMU_WRITE : MMU_READ, &fault);
    if (!ptr)
        cs_fault(&e->env, &fault, what);
    return ptr;
}

bool cs_mem_read(struct engine *e, bool ggtt, uint64_t addr, void *to, size_t n, const char *what)
{
    struct mmu_fault fault = {0};
    bool ok =
        ggtt ? tlb_ggtt_read(e->tlb, addr, to, n, &fault) : tlb_read(e->tlb, addr, to, n, &fault);
    if (!ok)
        cs_fault(&e->env, &fault, what);
    return ok;
}

bool cs_mem_write(struct engine *e, bool ggtt, uint64_t addr, const void *from, size_t n,
                  const char *what)
{
    struct mmu_fault fault = {0};
    bool ok = ggtt ? tlb_ggtt_write(e->tlb, addr, from, n, &fault)
                   : tlb_write(e->tlb, addr, from, n, &fault);
    if (!ok)
        cs_fault(&e->env, &fault, what);
    return ok;
}

/* --- Where we are --- */

bool parser_privileged(const struct engine *e)
{
    const struct parser *cs = &e->cs;
    return cs->in_wa || !cs->depth || cs->level[cs->depth - 1].privileged;
}

bool parser_at_tail(const struct engine *e)
{
    return !e->cs.depth && e->cs.head == e->cs.tail;
}

uint64_t parser_position(const struct engine *e)
{
    const struct parser *cs = &e->cs;
    return cs->depth ? cs->level[cs->depth - 1].addr : (uint64_t)cs->ring_start + cs->head;
}

/* The registers a driver reads to see where an engine is. */
void parser_publish_position(struct engine *e)
{
    const struct parser *cs = &e->cs;
    uint64_t at = parser_position(e);
    engine_set(e, RING_ACTHD, (uint32_t)at);
    engine_set(e, RING_ACTHD_UDW, (uint32_t)(at >> 32));
    engine_set(e, RING_HEAD, cs->head);
    if (cs->depth) {
        engine_set(e, RING_BBADDR, (uint32_t)cs->level[0].addr | 1);
        engine_set(e, RING_BBADDR_UDW, (uint32_t)(cs->level[0].addr >> 32));
    }
}

static void advance(struct parser *cs, unsigned ndw)
{
    if (cs->depth) {
        struct level *level = &cs->level[cs->depth - 1];
        level->addr = (level->addr + 4 * ndw) & ADDRESS_MASK;
    } else {
        cs->head = (cs->head + 4 * ndw) % cs->ring_size;
    }
}

/* --- Fetching --- */

static bool fetch_part(struct engine *e, bool ggtt, uint64_t addr, void *to, size_t n)
{
    uint8_t *out = to;
    while (n) {
        struct mmu_fault fault = {0};
        size_t part = PAGE - (addr & (PAGE - 1));
        if (part > n)
            part = n;
        const uint8_t *from = ggtt ? tlb_ggtt_ptr(e->tlb, addr, MMU_FETCH, &fault)
                                   : tlb_ptr(e->tlb, addr, MMU_FETCH, &fault);
        if (!from) {
            cs_fault(&e->env, &fault, "command fetch");
            return false;
        }
        memcpy(out, from, part);
        out += part;
        addr += part;
        n -= part;
    }
    return true;
}

/* Dwords [first, first + ndw) of the command at the current position into cs->dw. */
static bool fetch(struct engine *e, unsigned first, unsigned ndw)
{
    struct parser *cs = &e->cs;
    if (cs->depth) {
        const struct level *level = &cs->level[cs->depth - 1];
        return fetch_part(e, !level->ppgtt, level->addr + 4 * first, cs->dw + first, 4 * ndw);
    }
    while (ndw) { /* a command may wrap around the ring's end */
        uint32_t at = (cs->head + 4 * first) % cs->ring_size;
        unsigned part = (cs->ring_size - at) / 4;
        if (part > ndw)
            part = ndw;
        if (!fetch_part(e, true, (uint64_t)cs->ring_start + at, cs->dw + first, 4 * part))
            return false;
        first += part;
        ndw -= part;
    }
    return true;
}

static unsigned gfx_length(uint32_t header)
{
    switch (header >> 27 & 3) {
    case SUB_SINGLE:
        return 1;
    case SUB_MEDIA: /* the walker has flags above its length */
        return (header >> 16 == GPGPU_WALKER_HEADER ? header & 0xff : header & 0xffff) + 2;
    default:
        return (header & 0xff) + 2;
    }
}

/* 0: no such command. */
static unsigned command_length(uint32_t header)
{
    switch (header >> 29) {
    case TYPE_MI:
        return mi_length(header);
    case TYPE_BLT:
        return (header & 0xff) + 2;
    case TYPE_GFX:
        return gfx_length(header);
    default:
        return 0;
    }
}

/* --- Executing --- */

static enum cs_result execute(struct engine *e, unsigned ndw)
{
    uint32_t header = e->cs.dw[0];
    switch (header >> 29) {
    case TYPE_MI:
        return mi_execute(e, ndw);
    case TYPE_BLT:
        if (e->id == ENGINE_BCS0)
            return blt_execute(&e->env, e->cs.dw, ndw);
        break;
    default:
        if (e->id != ENGINE_RCS0)
            break;
        if (header >> 16 == PIPE_CONTROL_HEADER)
            return pipe_control(e, ndw);
        return gpgpu_execute(e->dev->gpgpu, &e->env, e->cs.dw, ndw);
    }
    cs_error(&e->env, "command %08x is not one of this engine's", header);
    return CS_ERROR;
}

static void trace_command(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    if (sim_tracing(e->dev, DG1_TRACE_CMD))
        sim_trace(e->dev, DG1_TRACE_CMD, "%s: %u.%u %012" PRIx64 ": %08x %08x %08x %08x %08x %08x",
                  e->name, e->env.ctx_id, e->cs.depth, parser_position(e), dw[0],
                  ndw > 1 ? dw[1] : 0, ndw > 2 ? dw[2] : 0, ndw > 3 ? dw[3] : 0,
                  ndw > 4 ? dw[4] : 0, ndw > 5 ? dw[5] : 0);
}

#define MI_SET_PREDICATE_OPCODE    0x01
#define MI_BATCH_BUFFER_END_OPCODE 0x0a

static bool predicated_away(const struct engine *e)
{
    uint32_t header = e->cs.dw[0];
    unsigned opcode = header >> 23;
    return e->cs.depth && !e->cs.in_wa && (engine_get(e, RING_PREDICATE_NOW) & 1) &&
           opcode != MI_SET_PREDICATE_OPCODE && opcode != MI_BATCH_BUFFER_END_OPCODE;
}

/*
 * The position moves past the command first, so that jumps can set another; one that has to be
 * given again (preempted, stopped, failed) gets its position back.
 */
enum cs_result parser_step(struct engine *e)
{
    struct parser *cs = &e->cs;
    if (!fetch(e, 0, 1))
        return CS_ERROR;
    uint32_t header = cs->dw[0];
    unsigned ndw = command_length(header);
    engine_set(e, RING_IPEHR, header);
    if (!ndw || ndw > MAX_COMMAND) {
        cs_error(&e->env, "illegal command %08x", header);
        return CS_ERROR;
    }
    if (ndw > 1 && !fetch(e, 1, ndw - 1))
        return CS_ERROR;
    parser_publish_position(e);
    trace_command(e, ndw);
    atomic_fetch_add_explicit(&e->commands, 1, memory_order_relaxed);

    unsigned depth = cs->depth;
    uint32_t head = cs->head;
    struct level level[MAX_LEVELS];
    memcpy(level, cs->level, sizeof(level));
    advance(cs, ndw);
    enum cs_result result = predicated_away(e) ? CS_DONE : execute(e, ndw);
    if (result != CS_DONE) {
        cs->depth = depth;
        cs->head = head;
        memcpy(cs->level, level, sizeof(level));
    }
    return result;
}

/* --- Work-around batches of the context restore --- */

static bool left_alone(struct engine *e)
{
    return atomic_load_explicit(&e->attention, memory_order_acquire) & ATTN_LEAVE;
}

enum cs_result parser_run_wa(struct engine *e, uint64_t addr, uint32_t bytes)
{
    struct parser *cs = &e->cs;
    struct parser outer;
    memcpy(&outer, cs, offsetof(struct parser, dw));
    cs->in_wa = true;
    cs->level[0] = (struct level){.addr = addr, .privileged = true};
    cs->depth = 1;
    enum cs_result result = CS_DONE;
    while (result == CS_DONE && cs->depth && (!bytes || cs->level[0].addr < addr + bytes)) {
        if (left_alone(e)) {
            result = CS_STOPPED;
            break;
        }
        result = parser_step(e);
    }
    memcpy(cs, &outer, offsetof(struct parser, dw));
    return result;
}
