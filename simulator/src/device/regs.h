/* SPDX-License-Identifier: MIT */
/*
 * regs.h - BAR0's registers as a table. An entry says what a register is called, what it
 * holds after reset and how accesses behave; only the few with side effects have handlers.
 */
#ifndef SIM_REGS_H
#define SIM_REGS_H

#include <stdbool.h>
#include <stdint.h>

struct dg1;

#define REG_SPACE (8u << 20) /* registers: the lower half of BAR0 */

enum reg_kind {
    REG_PLAIN,      /* reads back what was written */
    REG_CONST,      /* writes are ignored */
    REG_MASKED,     /* bits 31:16 of a write enable bits 15:0; the upper half reads 0 */
    REG_W1C,        /* writing ones clears */
    REG_SELF_CLEAR, /* a request that is over before anyone can look: reads 0 */
    REG_HANDLER,    /* read and/or write below; what is missing behaves as REG_PLAIN */
};

enum reg_flags {
    REG_USER = 1 << 0,     /* user batches may write it (PRM: user-mode non-privileged registers) */
    REG_KEEP = 1 << 1,     /* an engine's register that survives an engine reset */
    REG_BUS_ONLY = 1 << 2, /* writes by a command streamer are refused */
};

/* Who accesses: the bus (the driver) or an engine's command. */
enum reg_who { REG_BY_BUS, REG_BY_ENGINE };

struct reg_def {
    uint32_t offset; /* in an engine's table: from the engine's base */
    uint16_t count;  /* consecutive dwords */
    uint8_t kind;    /* enum reg_kind */
    uint8_t flags;   /* enum reg_flags */
    uint32_t reset;
    const char *name; /* as i915 names it where it does */
    uint32_t (*read)(struct dg1 *dev, uint32_t offset);
    void (*write)(struct dg1 *dev, uint32_t offset, uint32_t value);
};

struct reg_file;

struct reg_file *regs_create(void);
void regs_destroy(struct reg_file *regs);
/* NULL for an unknown register. offset is a multiple of 4 below REG_SPACE. */
const struct reg_def *regs_find(const struct reg_file *regs, uint32_t offset);
void regs_reset_all(struct dg1 *dev);
/* Engine reset: the engine's own registers without REG_KEEP. */
void regs_reset_engine(struct dg1 *dev, uint32_t base);
/* True when the table is sorted and nothing overlaps. */
bool regs_table_is_sane(const struct reg_file *regs);

/* With side effects. Unknown registers read 0, drop writes and are counted. */
uint32_t reg_read(struct dg1 *dev, uint32_t offset);
void reg_write(struct dg1 *dev, uint32_t offset, uint32_t value, enum reg_who who);

/* The stored value, without side effects. Any thread. */
uint32_t reg_get(const struct dg1 *dev, uint32_t offset);
void reg_set(struct dg1 *dev, uint32_t offset, uint32_t value);

/* The tables (reg_table.c). */
extern const struct reg_def reg_table_global[];
extern const unsigned reg_table_global_count;
extern const struct reg_def reg_table_engine[];
extern const unsigned reg_table_engine_count;

/* Global registers with meaning for the model (i915: gt/intel_gt_regs.h, i915_reg.h). */
#define REG_GDRST              0x941c
#define REG_RING_FAULT         0xcec4 /* GEN12_RING_FAULT_REG */
#define REG_FAULT_DATA0        0xceb8 /* GEN12_FAULT_TLB_DATA0: address bits 43:12 */
#define REG_FAULT_DATA1        0xcebc /* GEN12_FAULT_TLB_DATA1: bits 47:44, GGTT select */
#define REG_TLB_INV_RCS        0xced8 /* GEN12_GFX_TLB_INV_CR */
#define REG_TLB_INV_BCS        0xcee4 /* GEN12_BLT_TLB_INV_CR */
#define REG_FORCEWAKE_GT       0xa188
#define REG_FORCEWAKE_RENDER   0xa278
#define REG_FORCEWAKE_ACK_GT   0x130044
#define REG_FORCEWAKE_ACK_REND 0x0d84
#define REG_RC_CONTROL         0xa090
#define REG_RC_STATE           0xa094
#define REG_RC6_RESIDENCY      0x138108
#define REG_PCODE_MAILBOX      0x138124
#define REG_PCODE_DATA         0x138128
#define REG_TILE_INTR          0x190008
#define REG_MSTR_IRQ           0x190010
#define REG_GT_INTR_DW0        0x190018
#define REG_RENDER_COPY_ENABLE 0x190030
#define REG_IDENTITY0          0x190060
#define REG_SELECTOR0          0x190070
#define REG_RCS_INTR_MASK      0x190090
#define REG_BCS_INTR_MASK      0x1900a0

/* Engine registers, from the engine's base (i915: gt/intel_engine_regs.h). */
#define RING_TAIL               0x30
#define RING_HEAD               0x34
#define RING_START              0x38
#define RING_CTL                0x3c
#define RING_ACTHD_UDW          0x5c
#define RING_IPEHR              0x68
#define RING_ACTHD              0x74
#define RING_HWS_PGA            0x80
#define RING_NOPID              0x94
#define RING_MI_MODE            0x9c
#define RING_IMR                0xa8
#define RING_EIR                0xb0
#define RING_EMR                0xb4
#define RING_RESET_CTL          0xd0
#define RING_BBSTATE            0x110
#define RING_SBBADDR            0x114
#define RING_SBBSTATE           0x118
#define RING_SBBADDR_UDW        0x11c
#define RING_BBADDR             0x140
#define RING_BBADDR_UDW         0x168
#define RING_BB_PER_CTX_PTR     0x1c0
#define RING_INDIRECT_CTX       0x1c4
#define RING_INDIRECT_OFFSET    0x1c8
#define RING_EXECLIST_LO        0x234
#define RING_EXECLIST_HI        0x238
#define RING_CONTEXT_CONTROL    0x244
#define RING_PDP0               0x270
#define RING_TIMESTAMP          0x358
#define RING_TIMESTAMP_UDW      0x35c
#define RING_CSB_REGS           0x370 /* GEN8_EXECLISTS_STATUS_BUF: entries 0-5 */
#define RING_CSB_PTR            0x3a0
#define RING_CTX_TIMESTAMP      0x3a8
#define RING_PREDICATE_NOW      0x3b8 /* RING_PREDICATE_RESULT, bit 0: commands are no-ops */
#define RING_PREDICATE_RESULT_2 0x3bc
#define RING_CSB_REGS2          0x3c0 /* GEN11_EXECLISTS_STATUS_BUF2: entries 6-11 */
#define RING_PREDICATE_SRC0     0x400
#define RING_PREDICATE_SRC1     0x408
#define RING_PREDICATE_DATA     0x410
#define RING_PREDICATE_RESULT   0x418
#define RING_PREDICATE_RESULT_1 0x41c
#define RING_NONPRIV            0x4d0 /* RING_FORCE_TO_NONPRIV, 12 slots */
#define RING_NONPRIV_SLOTS      12
#define RING_ELSQ               0x510
#define RING_EL_CTRL            0x550
#define RING_GPR                0x600

#define MI_MODE_STOP_RING (1u << 8)
#define MI_MODE_IDLE      (1u << 9)
#define EIR_INSTRUCTION   (1u << 0) /* I915_ERROR_INSTRUCTION */
#endif
