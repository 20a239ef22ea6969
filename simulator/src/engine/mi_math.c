/* SPDX-License-Identifier: MIT */
/* mi_math.c - MI_MATH: a 64-bit ALU over the 16 general purpose registers (PRM TGL vol. 2a). */
#include "engine/internal.h"

/* Opcodes and operands: i915 gt/intel_gpu_commands.h MI_MATH_*; shifts: PRM "MI_MATH", Gen12. */
enum alu_op {
    ALU_NOOP = 0x000,
    ALU_FENCE_RD = 0x001,
    ALU_FENCE_WR = 0x002,
    ALU_LOAD = 0x080,
    ALU_LOAD0 = 0x081,
    ALU_LOADINV = 0x480,
    ALU_LOAD1 = 0x481,
    ALU_ADD = 0x100,
    ALU_SUB = 0x101,
    ALU_AND = 0x102,
    ALU_OR = 0x103,
    ALU_XOR = 0x104,
    ALU_STORE = 0x180,
    ALU_STOREINV = 0x580,
};
#define SRCA 0x20
#define SRCB 0x21
#define ACCU 0x31
#define ZF   0x32
#define CF   0x33

struct alu {
    uint64_t srca, srcb, accu;
    bool zf, cf;
};

static uint64_t read_gpr(const struct engine *e, unsigned n)
{
    return engine_get(e, RING_GPR + 8 * n) | (uint64_t)engine_get(e, RING_GPR + 8 * n + 4) << 32;
}

static void write_gpr(struct engine *e, unsigned n, uint64_t value)
{
    engine_set(e, RING_GPR + 8 * n, (uint32_t)value);
    engine_set(e, RING_GPR + 8 * n + 4, (uint32_t)(value >> 32));
}

static bool load(struct engine *e, struct alu *alu, unsigned dst, unsigned src, bool invert)
{
    uint64_t value;
    if (src < 16)
        value = read_gpr(e, src);
    else if (src == ACCU)
        value = alu->accu;
    else
        return false;
    value = invert ? ~value : value;
    if (dst == SRCA)
        alu->srca = value;
    else if (dst == SRCB)
        alu->srcb = value;
    else
        return false;
    return true;
}

static bool load_constant(struct alu *alu, unsigned dst, uint64_t value)
{
    if (dst == SRCA)
        alu->srca = value;
    else if (dst == SRCB)
        alu->srcb = value;
    else
        return false;
    return true;
}

static bool store(struct engine *e, const struct alu *alu, unsigned dst, unsigned src, bool invert)
{
    uint64_t value;
    if (dst >= 16)
        return false;
    if (src == ACCU)
        value = alu->accu;
    else if (src == ZF)
        value = alu->zf ? UINT64_MAX : 0; /* flags are stored in every bit */
    else if (src == CF)
        value = alu->cf ? UINT64_MAX : 0;
    else
        return false;
    write_gpr(e, dst, invert ? ~value : value);
    return true;
}

static void compute(struct alu *alu, enum alu_op op)
{
    uint64_t a = alu->srca, b = alu->srcb;
    alu->cf = false;
    switch (op) {
    case ALU_ADD:
        alu->accu = a + b;
        alu->cf = alu->accu < a;
        break;
    case ALU_SUB:
        alu->accu = a - b;
        alu->cf = a < b;
        break;
    case ALU_AND:
        alu->accu = a & b;
        break;
    case ALU_OR:
        alu->accu = a | b;
        break;
    default:
        alu->accu = a ^ b;
        break;
    }
    alu->zf = !alu->accu;
}

static bool step(struct engine *e, struct alu *alu, uint32_t instruction)
{
    unsigned a = instruction >> 10 & 0x3ff, b = instruction & 0x3ff;
    switch (instruction >> 20) {
    case ALU_NOOP:
    case ALU_FENCE_RD:
    case ALU_FENCE_WR:
        return true;
    case ALU_LOAD:
        return load(e, alu, a, b, false);
    case ALU_LOADINV:
        return load(e, alu, a, b, true);
    case ALU_LOAD0:
        return load_constant(alu, a, 0);
    case ALU_LOAD1:
        return load_constant(alu, a, UINT64_MAX);
    case ALU_ADD:
    case ALU_SUB:
    case ALU_AND:
    case ALU_OR:
    case ALU_XOR:
        compute(alu, (enum alu_op)(instruction >> 20));
        return true;
    case ALU_STORE:
        return store(e, alu, a, b, false);
    case ALU_STOREINV:
        return store(e, alu, a, b, true);
    default:
        return false;
    }
}

enum cs_result mi_math(struct engine *e, unsigned ndw)
{
    struct alu alu = {0};
    for (unsigned i = 1; i < ndw; i++) {
        if (!step(e, &alu, e->cs.dw[i])) {
            cs_error(&e->env, "MI_MATH instruction %08x", e->cs.dw[i]);
            return CS_ERROR;
        }
    }
    return CS_DONE;
}
