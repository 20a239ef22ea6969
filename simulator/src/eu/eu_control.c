/* SPDX-License-Identifier: MIT */
/*
 * Control flow, messages and the instructions that only stop a thread.
 *
 * The hardware gives every channel an instruction pointer of its own; a channel is enabled while
 * its pointer equals the thread's. Here a channel that is not enabled is parked with the op where
 * it waits, and ops that can be waited at start with eu_op_rejoin.
 */
#include "eu/eu_internal.h"

#include <string.h>

static const struct eu_op *stop(struct eu_thread *t, enum eu_stop why)
{
    t->arch->stop = why;
    return NULL;
}

const struct eu_op *eu_op_illegal(struct eu_thread *t, const struct eu_op *op)
{
    char text[160] = "";

    eu_disasm(t->program->code + op->ip, t->program->bytes - op->ip, op->ip, text, sizeof(text));
    snprintf(t->error, sizeof(t->error), "%s at +0x%x: %s", op->why, op->ip, text);
    return stop(t, EU_ERROR);
}

const struct eu_op *eu_op_end(struct eu_thread *t, const struct eu_op *op)
{
    snprintf(t->error, sizeof(t->error), "execution left the code at +0x%x (or jumped outside it)",
             op->ip);
    return stop(t, EU_ERROR);
}

static int32_t index_of(const struct eu_thread *t, const struct eu_op *op)
{
    return (int32_t)(op - t->program->ops);
}

static void rejoin(struct eu_arch *a, int32_t here)
{
    for (unsigned n = 0; n < a->waits; n++) {
        uint32_t lanes = a->wait[n].lanes & a->call_mask;

        if (a->wait[n].where != here)
            continue;
        a->parked &= ~lanes;
        a->emask |= lanes;
        a->wait[n].lanes &= ~lanes;
        if (!a->wait[n].lanes)
            a->wait[n] = a->wait[--a->waits];
        return; /* one group for each place */
    }
}

const struct eu_op *eu_op_rejoin(struct eu_thread *t, const struct eu_op *op)
{
    if (t->arch->parked)
        rejoin(t->arch, index_of(t, op));
    return op->real(t, op);
}

/* lanes are enabled ones, so no group has them yet and there is room for another group. */
static void park(struct eu_arch *a, uint32_t lanes, int32_t where)
{
    unsigned n = 0;

    if (!lanes)
        return;
    a->emask &= ~lanes;
    a->parked |= lanes;
    while (n < a->waits && a->wait[n].where != where)
        n++;
    if (n == a->waits) {
        a->wait[n].where = where;
        a->wait[n].lanes = 0;
        a->waits++;
    }
    a->wait[n].lanes |= lanes;
}

/* Enabled lanes whose predicate holds, as bits of the thread's 32 channels. */
static uint32_t taken(const struct eu_thread *t, const struct eu_op *op)
{
    const struct eu_arch *a = t->arch;
    uint32_t lanes = op->lanes << op->chan_off;

    if (op->pred)
        lanes &= eu_predicate(a, op) << op->chan_off;
    return a->emask & lanes;
}

static const struct eu_op *at(const struct eu_thread *t, int32_t index)
{
    return &t->program->ops[index];
}

/* Go on after op if a lane is enabled there, else jump. */
static const struct eu_op *next_or(struct eu_thread *t, const struct eu_op *op, int32_t jump)
{
    struct eu_arch *a = t->arch;

    if (!a->emask && a->parked)
        rejoin(a, index_of(t, op + 1));
    return a->emask ? op + 1 : at(t, jump);
}

static const struct eu_op *op_if(struct eu_thread *t, const struct eu_op *op)
{
    uint32_t stay = taken(t, op);

    park(t->arch, t->arch->emask & ~stay, op->jip);
    return next_or(t, op, op->jip);
}

static const struct eu_op *op_else(struct eu_thread *t, const struct eu_op *op)
{
    park(t->arch, t->arch->emask, op->uip);
    return next_or(t, op, op->jip);
}

/* endif, join: op->fn has let waiting lanes in already */
static const struct eu_op *op_join(struct eu_thread *t, const struct eu_op *op)
{
    return next_or(t, op, op->jip);
}

/* break, cont, halt, goto, brc: lanes that leave wait at UIP */
static const struct eu_op *op_leave(struct eu_thread *t, const struct eu_op *op)
{
    park(t->arch, taken(t, op), op->uip);
    return next_or(t, op, op->jip);
}

/* Lanes that branch go first; the others wait after op. */
static const struct eu_op *diverge(struct eu_thread *t, const struct eu_op *op, int32_t where)
{
    struct eu_arch *a = t->arch;
    uint32_t go = taken(t, op);

    if (!go)
        return op + 1;
    park(a, a->emask & ~go, index_of(t, op + 1));
    return at(t, where);
}

static const struct eu_op *op_while(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;

    if (!a->emask) /* every lane broke out */
        return next_or(t, op, index_of(t, op + 1));
    return diverge(t, op, op->jip);
}

static const struct eu_op *op_goto_now(struct eu_thread *t, const struct eu_op *op)
{
    return taken(t, op) ? diverge(t, op, op->uip) : next_or(t, op, op->jip);
}

static const struct eu_op *op_brd(struct eu_thread *t, const struct eu_op *op)
{
    return diverge(t, op, op->jip);
}

static uint32_t read_ud(struct eu_thread *t, const struct eu_src *s, unsigned n)
{
    uint32_t v;

    memcpy(&v, eu_at(t, s->off + n * 4), 4);
    return v;
}

/* The op at an absolute instruction address. */
static int32_t find(const struct eu_thread *t, uint64_t address)
{
    const struct eu_program *p = t->program;
    uint64_t offset = (uint32_t)(address - p->base);

    if (offset % 8 || offset / 8 >= p->bytes / 8 || p->index[offset / 8] < 0)
        return (int32_t)p->count;
    return p->index[offset / 8];
}

static int32_t register_jump(struct eu_thread *t, const struct eu_op *op)
{
    return find(t, t->program->base + op->ip + read_ud(t, &op->src[0], 0));
}

static const struct eu_op *op_brd_reg(struct eu_thread *t, const struct eu_op *op)
{
    return diverge(t, op, register_jump(t, op));
}

static const struct eu_op *op_brc_reg(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;
    int32_t uip = find(t, t->program->base + op->ip + read_ud(t, &op->src[0], 1));

    a->park_anywhere = true;
    park(a, taken(t, op), uip);
    return next_or(t, op, register_jump(t, op));
}

/* jmpi moves the thread, not channels: its predicate is that of one channel, mask or not. */
static const struct eu_op *op_jmpi(struct eu_thread *t, const struct eu_op *op)
{
    if (op->pred && !(eu_predicate(t->arch, op) & 1))
        return op + 1;
    return at(t, op->jip_reg ? register_jump(t, op) : op->jip);
}

static const struct eu_op *op_call(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;
    uint32_t go = taken(t, op), link[2];
    int32_t where = op->jip;

    if (op->jip_reg)
        where = op->opcode == OP_CALLA ? find(t, read_ud(t, &op->src[0], 0)) : register_jump(t, op);
    if (!go && !op->force)
        return op + 1;
    link[0] = (uint32_t)op->call_ip;
    link[1] = a->call_mask;
    memcpy(eu_at(t, op->dst.off), link, sizeof(link));
    park(a, a->emask & ~go, index_of(t, op + 1));
    a->call_mask = go;
    return at(t, where);
}

static const struct eu_op *op_ret(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;
    uint32_t back = taken(t, op);
    int32_t where = find(t, read_ud(t, &op->src[0], 0));

    park(a, back, where);
    a->call_mask &= ~back;
    if (a->call_mask)
        return op + 1;
    a->call_mask = read_ud(t, &op->src[0], 1) & a->dmask;
    rejoin(a, where);
    return at(t, where);
}

static const struct eu_op *op_nop(struct eu_thread *t, const struct eu_op *op)
{
    (void)t;
    return op + 1;
}

static const struct eu_op *op_barrier(struct eu_thread *t, const struct eu_op *op)
{
    if (t->env->barrier_done(t))
        return op + 1;
    return stop(t, EU_WAIT_BARRIER);
}

static uint32_t a0_dword(const struct eu_arch *a, unsigned n)
{
    uint32_t v;

    memcpy(&v, a->a0 + n * 4, 4);
    return v;
}

static const struct eu_op *op_send(struct eu_thread *t, const struct eu_op *op)
{
    struct eu_arch *a = t->arch;
    struct eu_send msg = op->send;
    enum eu_send_status status;
    uint32_t eu_mode;

    msg.exec_mask = eu_mask(t, op);
    if (op->desc_reg)
        msg.desc = a0_dword(a, 0);
    if (op->exdesc_reg)
        msg.exdesc = a0_dword(a, op->exdesc_sub);
    if (a->same_mxcsr) {
        status = t->env->send(t, &msg);
    } else {
        eu_host_float_leave(a->host_mxcsr); /* the environment computes in the host's own mode */
        status = t->env->send(t, &msg);
        eu_host_float_enter(a, &eu_mode);
    }
    if (status == EU_SEND_ERROR) {
        if (!t->error[0])
            snprintf(t->error, sizeof(t->error), "message refused at +0x%x", op->ip);
        return stop(t, EU_ERROR);
    }
    if (op->eot || status == EU_SEND_EOT)
        return stop(t, EU_EOT);
    return op + 1;
}

static eu_handler branch_handler(const struct eu_inst *i)
{
    switch (i->opcode) {
    case OP_IF:
        return op_if;
    case OP_ELSE:
        return op_else;
    case OP_ENDIF:
    case OP_JOIN:
        return op_join;
    case OP_WHILE:
        return op_while;
    case OP_GOTO:
        return i->acc_wr ? op_goto_now : op_leave; /* the bit is branch control here */
    case OP_BREAK:
    case OP_CONT:
    case OP_HALT:
        return op_leave;
    case OP_BRC:
        return i->jip_reg ? op_brc_reg : op_leave;
    case OP_BRD:
        return i->jip_reg ? op_brd_reg : op_brd;
    case OP_JMPI:
        return op_jmpi;
    case OP_CALL:
    case OP_CALLA:
        return op_call;
    case OP_RET:
        return op_ret;
    default:
        return NULL;
    }
}

eu_handler eu_control_handler(const struct eu_inst *i)
{
    if (i->format == FMT_SEND)
        return op_send;
    if (i->format == FMT_SYNC)
        return i->fc == SYNC_BAR ? op_barrier : op_nop;
    if (i->opcode == OP_NOP)
        return op_nop;
    return branch_handler(i);
}
