/* SPDX-License-Identifier: MIT */
/*
 * mi_atomic.c - MI_ATOMIC (PRM TGL vol. 2a): read-modify-write of a dword or qword in memory,
 * atomic against the CPU and the EUs as well.
 */
#include "engine/internal.h"

#define USE_GGTT     (1u << 22)
#define INLINE_DATA  (1u << 18) /* MI_ATOMIC_INLINE_DATA: operands in the command */
#define RETURN_DATA  (1u << 16) /* previous value to the destination register */
#define OPCODE_SHIFT 8
#define OPCODE_QWORD 0x20 /* opcodes 0x21.. work on qwords as 0x01.. do on dwords */

enum atomic_op {
    OP_AND = 0x1,
    OP_OR,
    OP_XOR,
    OP_MOVE,
    OP_INC,
    OP_DEC,
    OP_ADD,
    OP_SUB,
    OP_RSUB,
    OP_IMAX,
    OP_IMIN,
    OP_UMAX,
    OP_UMIN,
    OP_CMP_WR,
    OP_PREDEC,
};

/* Operands without inline data, and where the result goes: GPR numbers. */
#define GPR_OPERAND 0
#define GPR_COMPARE 1
#define GPR_RETURN  4
/* Inline operands: dwords of the command. */
#define INLINE_OPERAND 3
#define INLINE_COMPARE 7
#define INLINE_LENGTH  11

static int64_t extend(uint64_t value, bool qword)
{
    return qword ? (int64_t)value : (int32_t)value;
}

static uint64_t apply(unsigned op, uint64_t old, uint64_t a, uint64_t compare, bool qword)
{
    switch (op) {
    case OP_AND:
        return old & a;
    case OP_OR:
        return old | a;
    case OP_XOR:
        return old ^ a;
    case OP_MOVE:
        return a;
    case OP_INC:
        return old + 1;
    case OP_DEC:
    case OP_PREDEC:
        return old - 1;
    case OP_ADD:
        return old + a;
    case OP_SUB:
        return old - a;
    case OP_RSUB:
        return a - old;
    case OP_IMAX:
        return extend(old, qword) > extend(a, qword) ? old : a;
    case OP_IMIN:
        return extend(old, qword) < extend(a, qword) ? old : a;
    case OP_UMAX:
        return old > a ? old : a;
    case OP_UMIN:
        return old < a ? old : a;
    default: /* OP_CMP_WR */
        return old == compare ? a : old;
    }
}

static uint64_t operand(const struct engine *e, unsigned gpr, unsigned dword, bool qword)
{
    uint64_t low, high;
    if (e->cs.dw[0] & INLINE_DATA) {
        low = e->cs.dw[dword];
        high = e->cs.dw[dword + 1];
    } else {
        low = engine_get(e, RING_GPR + 8 * gpr);
        high = engine_get(e, RING_GPR + 8 * gpr + 4);
    }
    return qword ? low | high << 32 : low;
}

static uint64_t exchange(unsigned op, void *at, uint64_t a, uint64_t compare, bool qword)
{
    if (qword) {
        uint64_t *to = at, old = __atomic_load_n(to, __ATOMIC_SEQ_CST);
        while (!__atomic_compare_exchange_n(to, &old, apply(op, old, a, compare, true), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            ;
        return old;
    }
    uint32_t *to = at, old = __atomic_load_n(to, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(to, &old, (uint32_t)apply(op, old, a, compare, false),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return old;
}

enum cs_result mi_atomic(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    unsigned code = dw[0] >> OPCODE_SHIFT & 0xff, op = code & ~(unsigned)OPCODE_QWORD;
    bool qword = code & OPCODE_QWORD, ggtt = dw[0] & USE_GGTT;
    unsigned need = dw[0] & INLINE_DATA ? INLINE_LENGTH : 3;
    if (op < OP_AND || op > OP_PREDEC || ndw < need) {
        cs_error(&e->env, "MI_ATOMIC opcode %02x, %u dwords", code, ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, ggtt, "MI_ATOMIC"))
        return CS_DONE;
    uint64_t addr = (uint64_t)(dw[2] & 0xffff) << 32 | (dw[1] & ~3u);
    uint64_t a = operand(e, GPR_OPERAND, INLINE_OPERAND, qword);
    uint64_t compare = operand(e, GPR_COMPARE, INLINE_COMPARE, qword);
    void *at = cs_mem_ptr(e, ggtt, addr, qword ? 8 : 4, true, "MI_ATOMIC");
    if (!at)
        return CS_ERROR;
    uint64_t old = exchange(op, at, a, compare, qword);
    if (dw[0] & RETURN_DATA) {
        engine_set(e, RING_GPR + 8 * GPR_RETURN, (uint32_t)old);
        engine_set(e, RING_GPR + 8 * GPR_RETURN + 4, (uint32_t)(old >> 32));
    }
    return CS_DONE;
}
