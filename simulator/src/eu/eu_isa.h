/* SPDX-License-Identifier: MIT */
/*
 * eu_isa.h - the Gen12LP instruction word as data: numbers of opcodes, types and registers, and
 * struct eu_inst, what one instruction says once its bits are taken apart. Numbers come from the
 * Tiger Lake PRM, volume 2a (instructions) and volume 9 (EU registers).
 */
#ifndef EU_ISA_H
#define EU_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum eu_opcode {
    OP_ILLEGAL = 0x00,
    OP_SYNC = 0x01,
    OP_JMPI = 0x20,
    OP_BRD = 0x21,
    OP_IF = 0x22,
    OP_BRC = 0x23,
    OP_ELSE = 0x24,
    OP_ENDIF = 0x25,
    OP_WHILE = 0x27,
    OP_BREAK = 0x28,
    OP_CONT = 0x29,
    OP_HALT = 0x2a,
    OP_CALLA = 0x2b,
    OP_CALL = 0x2c,
    OP_RET = 0x2d,
    OP_GOTO = 0x2e,
    OP_JOIN = 0x2f,
    OP_SEND = 0x31,
    OP_SENDC = 0x32,
    OP_MATH = 0x38,
    OP_ADD = 0x40,
    OP_MUL = 0x41,
    OP_AVG = 0x42,
    OP_FRC = 0x43,
    OP_RNDU = 0x44,
    OP_RNDD = 0x45,
    OP_RNDE = 0x46,
    OP_RNDZ = 0x47,
    OP_MAC = 0x48,
    OP_MACH = 0x49,
    OP_LZD = 0x4a,
    OP_FBH = 0x4b,
    OP_FBL = 0x4c,
    OP_CBIT = 0x4d,
    OP_ADDC = 0x4e,
    OP_SUBB = 0x4f,
    OP_DP4A = 0x58,
    OP_MAD = 0x5b,
    OP_NOP = 0x60,
    OP_MOV = 0x61,
    OP_SEL = 0x62,
    OP_MOVI = 0x63,
    OP_NOT = 0x64,
    OP_AND = 0x65,
    OP_OR = 0x66,
    OP_XOR = 0x67,
    OP_SHR = 0x68,
    OP_SHL = 0x69,
    OP_ASR = 0x6c,
    OP_ROR = 0x6e,
    OP_ROL = 0x6f,
    OP_CMP = 0x70,
    OP_CMPN = 0x71,
    OP_CSEL = 0x72,
    OP_BFREV = 0x77,
    OP_BFE = 0x78,
    OP_BFI1 = 0x79,
    OP_BFI2 = 0x7a,
    OP_COUNT = 0x80, /* the opcode field has seven bits */
};

/* Operand types as the 4-bit field of one- and two-source instructions numbers them. */
enum eu_type {
    T_UB = 0,
    T_UW = 1,
    T_UD = 2,
    T_UQ = 3,
    T_B = 4,
    T_W = 5,
    T_D = 6,
    T_Q = 7,
    T_HF = 9,
    T_F = 10,
    T_DF = 11,
    /* immediates only, where the field's byte numbers mean packed vectors */
    T_UV = 16,
    T_V = 17,
    T_VF = 18,
    T_NONE = 31,
};

enum eu_arf { /* high nibble of an architecture register's number */
              ARF_NULL = 0x0,
              ARF_A = 0x1,
              ARF_ACC = 0x2,
              ARF_F = 0x3,
              ARF_CE = 0x4,
              ARF_MSG = 0x5,
              ARF_SP = 0x6,
              ARF_SR = 0x7,
              ARF_CR = 0x8,
              ARF_N = 0x9,
              ARF_IP = 0xa,
              ARF_TDR = 0xb,
              ARF_TM = 0xc,
              ARF_FC = 0xd,
              ARF_DBG = 0xf,
};

enum eu_cmod {
    CMOD_NONE = 0,
    CMOD_EQ = 1,
    CMOD_NE = 2,
    CMOD_GT = 3,
    CMOD_GE = 4,
    CMOD_LT = 5,
    CMOD_LE = 6,
    CMOD_OV = 8,
    CMOD_UN = 9,
};

enum eu_pred {
    PRED_NONE = 0,
    PRED_SEQ = 1,
    PRED_ANYV = 2,
    PRED_ALLV = 3,
    PRED_ANY2H = 4,
    PRED_ALL2H = 5,
    PRED_ANY4H = 6,
    PRED_ALL4H = 7,
    PRED_ANY8H = 8,
    PRED_ALL8H = 9,
    PRED_ANY16H = 10,
    PRED_ALL16H = 11,
    PRED_ANY32H = 12,
    PRED_ALL32H = 13,
};

enum eu_math {
    MATH_INV = 1,
    MATH_LOG = 2,
    MATH_EXP = 3,
    MATH_SQT = 4,
    MATH_RSQT = 5,
    MATH_SIN = 6,
    MATH_COS = 7,
    MATH_IDIV = 11,
    MATH_IQOT = 12,
    MATH_IREM = 13,
    MATH_INVM = 14,
    MATH_RSQTM = 15,
};

enum eu_sync {
    SYNC_NOP = 0,
    SYNC_ALLRD = 2,
    SYNC_ALLWR = 3,
    SYNC_BAR = 14,
    SYNC_HOST = 15,
};

enum eu_file { FILE_ARF, FILE_GRF, FILE_IMM };

#define VSTRIDE_VXH                                                              \
    0xffu /* one address register for each row (or element, when the width is 1) \
           */

struct eu_operand {
    uint8_t file;     /* enum eu_file */
    uint8_t type;     /* enum eu_type */
    bool indirect;    /* register-indirect through a0 */
    bool neg, abs;    /* source modifiers; neg means "not" for logic operations */
    uint8_t reg;      /* register number, direct only */
    uint8_t sub;      /* byte within the register, direct only */
    uint8_t addr;     /* a0.addr, indirect only */
    int16_t addr_off; /* bytes added to it */
    uint8_t vstride;  /* elements, or VSTRIDE_VXH */
    uint8_t width;    /* elements */
    uint8_t hstride;  /* elements */
    uint8_t mme;      /* math macro register of invm and rsqtm, as in the word */
    uint64_t imm;
};

/* Which fields the word has. */
enum eu_format {
    FMT_ILLEGAL,
    FMT_NOP,
    FMT_SYNC,
    FMT_BASIC1,   /* dst, src0 */
    FMT_BASIC2,   /* dst, src0, src1 */
    FMT_BASIC3,   /* dst, src0, src1, src2 */
    FMT_MATH,     /* dst, src0, perhaps src1 */
    FMT_BRANCH1,  /* JIP */
    FMT_BRANCH2,  /* JIP, UIP */
    FMT_BRANCHR,  /* JIP or register (jmpi, brd) */
    FMT_BRANCH2R, /* JIP and UIP or register (brc) */
    FMT_CALL,     /* dst, JIP or register */
    FMT_RET,      /* src0 */
    FMT_SEND,
};

struct eu_inst {
    uint8_t opcode;
    uint8_t format; /* enum eu_format */
    uint8_t size;   /* 8 or 16 */
    uint8_t swsb;
    uint8_t exec_size; /* 1..32 */
    uint8_t chan_off;  /* 0, 4, ... 28 */
    bool wr_en;        /* ignores the execution mask */
    uint8_t pred;      /* enum eu_pred */
    bool pred_inv;
    uint8_t flag_reg, flag_sub;
    uint8_t cmod;
    uint8_t fc; /* math or sync function, sfid of sends */
    bool sat;
    bool acc_wr; /* also {branch control} of branches and {fusion} of sends */
    bool atomic; /* thread control */
    bool breakpoint;
    bool eot;
    uint8_t sources; /* 0..3 */
    struct eu_operand dst, src[3];
    int32_t jip, uip; /* bytes from this instruction */
    bool jip_reg;     /* target in src[0] instead */
    /* sends */
    bool desc_reg, exdesc_reg;
    uint8_t exdesc_sub; /* a0.exdesc_sub */
    uint32_t desc, exdesc;
    const char *why; /* decoding failed: what is wrong; else NULL */
};

/*
 * Take apart the instruction at code. Returns its size, 8 or 16; 0 when fewer bytes than that are
 * there. inst->why tells whether it is one of the ISA.
 */
unsigned eu_decode(const uint8_t *code, size_t bytes, struct eu_inst *inst);

/* Expand a compacted word; false when a field is reserved. */
bool eu_uncompact(uint64_t compact, uint64_t out[2], const char **why);

unsigned eu_type_size(unsigned type);
bool eu_type_is_float(unsigned type);
bool eu_type_is_signed(unsigned type);
const char *eu_type_name(unsigned type);
const char *eu_opcode_name(unsigned opcode); /* NULL: not an opcode */
enum eu_format eu_opcode_format(unsigned opcode);

static inline uint64_t eu_bits(const uint64_t w[2], unsigned hi, unsigned lo)
{
    return (w[lo / 64] >> (lo % 64)) & (~0ull >> (63 - (hi - lo)));
}
#endif
