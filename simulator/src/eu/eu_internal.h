/* SPDX-License-Identifier: MIT */
/*
 * eu_internal.h - the decoded program and the architectural state of one EU thread.
 *
 * Decoding turns every instruction into a struct eu_op whose fn runs it and returns the next one.
 * All registers of a thread live in one allocation, so that an operand, whatever its register
 * file, is a byte offset from the thread: the interpreter never asks which file it is.
 */
#ifndef EU_INTERNAL_H
#define EU_INTERNAL_H

#include "eu/eu.h"
#include "eu/eu_isa.h"

#define EU_LANES     32u
#define EU_ACC_COUNT 10u /* acc0, acc1 and the math macro accumulators */

struct eu_op;
typedef const struct eu_op *(*eu_handler)(struct eu_thread *t, const struct eu_op *op);

enum src_kind {
    SRC_NONE,
    SRC_MEM, /* thread registers at off */
    SRC_IMM,
    SRC_IND1, /* one address register, then a region */
    SRC_INDN, /* an address register for each row */
};

struct eu_src {
    uint8_t kind;
    uint8_t type; /* enum eu_type; packed immediates stay T_V, T_UV, T_VF */
    uint8_t size;
    bool neg, abs;
    uint8_t addr;
    int16_t addr_off;
    uint8_t vs, w, hs; /* in elements */
    bool scalar;       /* one element for all lanes */
    bool packed;       /* lane i is element i */
    bool acc;          /* an accumulator: wider than its type for integers */
    bool uniform;      /* elements stride bytes apart */
    uint16_t stride;
    uint32_t off;
    uint64_t imm;
    uint8_t imm_step; /* of v and uv: elements from one lane to the next */
};

struct eu_dst {
    bool null, indirect, packed, acc;
    uint8_t type, size, hs, addr;
    int16_t addr_off;
    uint32_t off;
};

/* How the arithmetic of an instruction runs, from the types of its sources. */
enum eu_exec {
    X_INT,  /* 64-bit lanes */
    X_F,    /* float lanes */
    X_HF,   /* float lanes rounded to half */
    X_COPY, /* bits only */
};

/* How a specialised handler gets at a source whose lanes are to be 32 bits wide. */
enum eu_fetch {
    FETCH_NONE,
    FETCH_PTR,    /* packed and 32 bits wide already */
    FETCH_SPLAT,  /* one 32-bit element */
    FETCH_IMM,    /* imm32, extended at decoding */
    FETCH_WORDS,  /* packed 16-bit elements */
    FETCH_STRIDE, /* elements stride bytes apart */
    FETCH_REGION, /* anything else */
};

enum eu_put {
    PUT_NONE,
    PUT_PTR,    /* packed and 32 bits wide */
    PUT_STRIDE, /* elements stride bytes apart, narrowed */
    PUT_REGION,
};

/* Computes chunks of eight 32-bit lanes. */
typedef void (*eu_kernel)(uint8_t *r, const uint8_t *a, const uint8_t *b, const uint8_t *c,
                          unsigned chunks);

struct eu_op {
    eu_handler fn;   /* what the main loop calls */
    eu_handler real; /* behind a check for parked lanes (fn is then the check) */
    uint32_t lanes;  /* (1 << n) - 1 */
    uint32_t force;  /* all ones when the execution mask does not count */
    uint8_t chan_off;
    uint8_t pred;              /* enum eu_pred */
    uint8_t flag;              /* bit number of the flag's first bit in the 64 flag bits */
    uint8_t flag_at;           /* the same for the first lane, less than 64 */
    uint32_t pred_xor;         /* all ones: the predicate is inverted */
    uint32_t imm32;            /* immediate of FETCH_IMM */
    uint32_t at[3], dst_at;    /* operands, copies of what src and dst say */
    uint32_t keep[3], flip[3]; /* float modifiers: (bits & keep) ^ flip */
    eu_kernel kernel;
    uint8_t fetch[3], put, chunks, n;
    uint8_t opcode, format, fc, exec; /* exec: enum eu_exec */
    bool sat, acc_wr, cmod_float, mul_signed;
    uint8_t cmod;
    bool wide;    /* 64-bit integer execution */
    bool special; /* reads ce0, ip or tm0, or writes cr0 */
    bool reads_tm, writes_cr0;
    bool eot, desc_reg, exdesc_reg, jip_reg;
    uint8_t exdesc_sub, sources;
    uint32_t ip; /* bytes from the program's start */
    uint32_t desc, exdesc;
    int32_t jip, uip; /* op indices */
    uint64_t call_ip; /* call: absolute address after this one */
    struct eu_dst dst;
    struct eu_src src[3];
    const char *why;     /* of refused instructions */
    struct eu_send send; /* of sends: what does not change from one run to the next */
};

struct eu_program {
    uint64_t base;
    size_t bytes;
    uint8_t *code;     /* a copy, for messages */
    int32_t *index;    /* by offset / 8: op number, or -1 */
    uint32_t count;    /* ops, without the sentinel */
    struct eu_op *ops; /* count + 1: the last one reports running off the end */
};

struct eu_arch {
    _Alignas(64) uint8_t acc[EU_ACC_COUNT][EU_GRF_BYTES];
    int32_t acc_hi[EU_LANES]; /* bits 63:32 of the accumulator's 32-bit integer lanes */
    uint8_t f[8];             /* f0, f1 */
    uint8_t a0[32];
    uint8_t cr[16], sr[16], n0[16], dbg[16], sp[16], tdr[16], ce[4], ip[4], tm[20], fc[32];
    uint32_t dmask, emask; /* dispatched, enabled now */
    uint32_t parked;       /* alive, in one of the groups of wait[] */
    uint32_t call_mask;    /* lanes of the subroutine that runs */
    unsigned waits;
    bool park_anywhere;  /* some lane waits where decoding expected none */
    uint32_t mxcsr;      /* host float environment while EU code runs */
    uint32_t host_mxcsr; /* the caller's */
    bool same_mxcsr;     /* both round alike and treat denormals alike */
    uint8_t rounding;    /* cr0.0[5:4] */
    const struct eu_op *pc;
    enum eu_stop stop;
    struct {           /* last: nothing in it needs a start value */
        int32_t where; /* op index */
        uint32_t lanes;
    } wait[EU_LANES]; /* the parked lanes by where they wait; no group is empty */
};

/* Never reads or writes GRFs beyond the last one: addresses wrap at the end of the file. */
#define GRF_BYTES (EU_GRF_COUNT * EU_GRF_BYTES)

static inline uint8_t *eu_at(struct eu_thread *t, uint32_t off)
{
    return (uint8_t *)t + off;
}

uint32_t eu_predicate(const struct eu_arch *a, const struct eu_op *op);

/* Lanes that execute op, bit 0 = its first lane. */
static inline uint32_t eu_mask(const struct eu_thread *t, const struct eu_op *op)
{
    uint32_t m = (t->arch->emask | op->force) >> op->chan_off & op->lanes;

    return op->pred ? m & eu_predicate(t->arch, op) : m;
}

void eu_set_flags(struct eu_arch *a, const struct eu_op *op, uint32_t mask, uint32_t value);

/* ARF storage as an offset from the thread; false: no such register. */
bool eu_arf_offset(unsigned reg, unsigned sub, uint32_t *off, uint32_t *bytes);

const struct eu_op *eu_op_alu(struct eu_thread *t, const struct eu_op *op);
const struct eu_op *eu_op_math(struct eu_thread *t, const struct eu_op *op);
const struct eu_op *eu_op_illegal(struct eu_thread *t, const struct eu_op *op);
const struct eu_op *eu_op_end(struct eu_thread *t, const struct eu_op *op);
const struct eu_op *eu_op_rejoin(struct eu_thread *t, const struct eu_op *op);
eu_handler eu_control_handler(const struct eu_inst *inst); /* NULL: not control flow or send */
/* Handlers for common shapes; NULL: none fits, the general way it is. One set for each host ISA. */
eu_handler eu_fast_select_base(struct eu_op *op);
#if defined(__x86_64__)
eu_handler eu_fast_select_avx2(struct eu_op *op);
#endif
const char *eu_alu_check(const struct eu_inst *inst); /* NULL: executable */
void eu_alu_prepare(struct eu_op *op, const struct eu_inst *inst);

const uint8_t *eu_lane_address(struct eu_thread *t, const struct eu_src *s, unsigned lane);
uint8_t *eu_dst_address(struct eu_thread *t, const struct eu_dst *d, unsigned lane);
bool eu_is_acc0(uint32_t off);
float eu_round_even(float a);

void eu_cr0_changed(struct eu_arch *a);
const struct eu_op *eu_op_or_cr0(struct eu_thread *t, const struct eu_op *op);
void eu_host_float_enter(const struct eu_arch *a, uint32_t *saved);
void eu_host_float_leave(uint32_t saved);

float eu_half_to_float(uint16_t h);
uint16_t eu_float_to_half(float f, unsigned rounding);
#endif
