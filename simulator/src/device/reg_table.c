/* SPDX-License-Identifier: MIT */
/*
 * reg_table.c - the registers, named as in i915 (i915_reg.h, gt/intel_gt_regs.h,
 * gt/intel_engine_regs.h) or, with "PRM", as in the Tiger Lake PRM volume 2c.
 */
#include "device/handlers.h"
#include "device/regs.h"

#define PLAIN(at, n, label, ...)                                                \
    {                                                                           \
        .offset = at, .count = n, .kind = REG_PLAIN, .name = label, __VA_ARGS__ \
    }
#define CONST(at, label, value)                                                    \
    {                                                                              \
        .offset = at, .count = 1, .kind = REG_CONST, .reset = value, .name = label \
    }
#define CONSTS(at, n, label)                                       \
    {                                                              \
        .offset = at, .count = n, .kind = REG_CONST, .name = label \
    }
#define MASKED(at, n, label, ...)                                                \
    {                                                                            \
        .offset = at, .count = n, .kind = REG_MASKED, .name = label, __VA_ARGS__ \
    }
#define W1C(at, n, label)                                        \
    {                                                            \
        .offset = at, .count = n, .kind = REG_W1C, .name = label \
    }
#define SELF_CLEAR(at, n, label)                                        \
    {                                                                   \
        .offset = at, .count = n, .kind = REG_SELF_CLEAR, .name = label \
    }
#define HANDLER(at, n, label, ...)                                                \
    {                                                                             \
        .offset = at, .count = n, .kind = REG_HANDLER, .name = label, __VA_ARGS__ \
    }

/* RPM_CONFIG0: crystal 19.2 MHz (1 in bits 5:3), counter shift 3 (in 2:1): ticks at 19.2 MHz. */
#define RPM_19_2_MHZ (1u << 3 | 3u << 1)
/* One slice, six dual sub-slices, no EU pair disabled: the 96 EUs of a full DG1. */
#define SIX_DSS 0x3f
/* GEN11_GT_VEBOX_VDBOX_DISABLE: every video engine fused off, only RCS0 and BCS0 are left. */
#define NO_VIDEO_ENGINES 0x000f00ffu
/* GUC_STATUS bit 0, GS_MIA_IN_RESET: the microcontroller is held in reset. */
#define GUC_IN_RESET     1
#define ALL_DONE         0xffffffffu
#define LMEM_INITIALISED (1u << 7) /* GU_CNTL LMEM_INIT: boot firmware has trained the memory */

const struct reg_def reg_table_global[] = {
    /* Identity, clocks, fuses */
    CONST(0x0d00, "RPM_CONFIG0", RPM_19_2_MHZ),
    CONST(0xa26c, "CTC_MODE", 0),
    CONST(0x9118, "GEN10_MIRROR_FUSE3", 0),
    CONST(0x9134, "GEN11_EU_DISABLE", 0),
    CONST(0x9138, "GEN11_GT_SLICE_ENABLE", 1),
    CONST(0x913c, "GEN11_GT_SUBSLICE_DISABLE", SIX_DSS),
    CONST(0x9140, "GEN11_GT_VEBOX_VDBOX_DISABLE", NO_VIDEO_ENGINES),
    CONSTS(0x78000, 2, "VGT_PVINFO magic"),
    CONST(0x120010, "HSW_EDRAM_CAP", 0),
    W1C(0x42300, 1, "FPGA_DBG"),
    CONST(0x10100c, "GU_CNTL_PROTECTED", 0), /* bit 9 clear: no display */
    HANDLER(0x101010, 1, "GU_CNTL", .reset = LMEM_INITIALISED, .write = reset_write_gu_cntl,
            .flags = REG_BUS_ONLY),
    W1C(0x101018, 1, "GU_DEBUG"),

    /* Local memory layout, filled in by dg1.c from the configured size */
    CONSTS(0x108100, 2, "GEN12_GSMBASE"),
    CONSTS(0x1080c0, 2, "GEN12_DSMBASE"),
    CONSTS(0x1082c0, 2, "GEN6_STOLEN_RESERVED"),

    /* Forcewake; RC6; frequency control (both caps 0: the driver leaves RPS off) */
    HANDLER(0xa188, 1, "FORCEWAKE_MT", .write = forcewake_write, .flags = REG_BUS_ONLY),
    HANDLER(0xa278, 1, "FORCEWAKE_RENDER_GEN9", .write = forcewake_write, .flags = REG_BUS_ONLY),
    MASKED(0xa540, 8, "FORCEWAKE_MEDIA_VDBOX_GEN11"),
    MASKED(0xa560, 4, "FORCEWAKE_MEDIA_VEBOX_GEN11"),
    HANDLER(0x130044, 1, "FORCEWAKE_ACK_GT_GEN9", .read = forcewake_read_ack_gt),
    HANDLER(0x0d84, 1, "FORCEWAKE_ACK_RENDER_GEN9", .read = forcewake_read_ack_render),
    HANDLER(0xa090, 2, "GEN6_RC_CONTROL, GEN6_RC_STATE", .write = power_write_control,
            .flags = REG_BUS_ONLY),
    PLAIN(0xa09c, 2, "GEN6_RC6_WAKE_RATE_LIMIT"),
    PLAIN(0xa0a8, 3, "GEN6_RC_EVALUATION_INTERVAL"),
    PLAIN(0xa0b8, 1, "GEN6_RC6_THRESHOLD"),
    PLAIN(0xa0c4, 2, "GEN9_MEDIA_PG_IDLE_HYSTERESIS"),
    PLAIN(0xa168, 1, "GEN6_PMINTRMSK"),
    PLAIN(0xa210, 1, "GEN9_PG_ENABLE"),
    HANDLER(0x138108, 1, "GEN6_GT_GFX_RC6", .read = power_read_residency),
    CONST(0x145998, "GEN6_RP_STATE_CAP", 0),
    CONST(0x145ef0, "DG1 RP state limits", 0),
    HANDLER(0x138124, 1, "GEN6_PCODE_MAILBOX", .write = pcode_write_mailbox, .flags = REG_BUS_ONLY),
    PLAIN(0x138128, 2, "GEN6_PCODE_DATA"),

    /* Resets */
    HANDLER(0x941c, 1, "GEN6_GDRST", .read = reset_read_gdrst, .write = reset_write_gdrst,
            .flags = REG_BUS_ONLY),
    CONSTS(0x8000, 8, "MSG_IDLE"),
    CONST(0xc000, "GUC_STATUS", GUC_IN_RESET),
    CONST(0xc050, "GUC_WOPCM_SIZE", 0),
    CONST(0xc340, "DMA_GUC_WOPCM_OFFSET", 0),
    PLAIN(0xc3e4, 1, "GUC_MAX_IDLE_COUNT"),

    /* Interrupts */
    HANDLER(0x190008, 1, "DG1_MSTR_TILE_INTR", .read = irq_read_tile, .write = irq_write_tile,
            .flags = REG_BUS_ONLY),
    HANDLER(0x190010, 1, "GEN11_GFX_MSTR_IRQ", .read = irq_read_mstr, .write = irq_write_computed,
            .flags = REG_BUS_ONLY),
    HANDLER(0x190018, 1, "GEN11_GT_INTR_DW0", .read = irq_read_dw0, .write = irq_write_computed,
            .flags = REG_BUS_ONLY),
    CONST(0x19001c, "GEN11_GT_INTR_DW1", 0),
    PLAIN(0x190030, 8, "GEN11_RENDER_COPY_INTR_ENABLE", .flags = REG_BUS_ONLY),
    HANDLER(0x190060, 2, "GEN11_INTR_IDENTITY_REG", .read = irq_read_identity,
            .write = irq_write_identity, .flags = REG_BUS_ONLY),
    HANDLER(0x190070, 2, "GEN11_IIR_REG_SELECTOR", .write = irq_write_selector,
            .flags = REG_BUS_ONLY),
    PLAIN(0x190090, 28, "GEN11_RCS0_RSVD_INTR_MASK", .flags = REG_BUS_ONLY, .reset = 0xffffffff),
    CONST(0x444e0, "GEN8_PCU_ISR", 0),
    PLAIN(0x444e4, 1, "GEN8_PCU_IMR"),
    W1C(0x444e8, 1, "GEN8_PCU_IIR"),
    PLAIN(0x444ec, 1, "GEN8_PCU_IER"),
    CONST(0x444f0, "GEN11_GU_MISC_ISR", 0),
    PLAIN(0x444f4, 1, "GEN11_GU_MISC_IMR"),
    W1C(0x444f8, 1, "GEN11_GU_MISC_IIR"),
    PLAIN(0x444fc, 1, "GEN11_GU_MISC_IER"),

    /* Memory: page attributes, caches, TLBs, faults */
    PLAIN(0x4800, 8, "GEN12_PAT_INDEX"),
    SELF_CLEAR(0x4208, 1, "GEN12_CCS_AUX_INV"),
    SELF_CLEAR(0x4248, 1, "GEN12_BCS0_AUX_INV"),
    PLAIN(0xb020, 32, "GEN9_LNCFCMOCS"),
    PLAIN(0xb004, 2, "GEN8_L3SQCREG"),
    HANDLER(0xced8, 1, "GEN12_GFX_TLB_INV_CR", .write = tlb_write_invalidate),
    SELF_CLEAR(0xcedc, 2, "GEN12_VD_TLB_INV_CR"),
    HANDLER(0xcee4, 1, "GEN12_BLT_TLB_INV_CR", .write = tlb_write_invalidate),
    SELF_CLEAR(0xcee8, 3, "GEN12_OA_TLB_INV_CR and others"),
    PLAIN(0xceb8, 2, "GEN12_FAULT_TLB_DATA0"),
    PLAIN(0xcec4, 1, "GEN12_RING_FAULT_REG"),
    SELF_CLEAR(0x101008, 1, "GFX_FLSH_CNTL_GEN6"),

    /* Workarounds: written, then read back and compared */
    PLAIN(0x0fdc, 1, "GEN8_MCR_SELECTOR"),
    PLAIN(0x9424, 4, "GEN7_MISCCPCTL"),
    PLAIN(0x9434, 1, "UNSLICE_UNIT_LEVEL_CLKGATE"),
    PLAIN(0x94d4, 5, "SLICE_UNIT_LEVEL_CLKGATE"),
    PLAIN(0x9524, 3, "SUBSLICE_UNIT_LEVEL_CLKGATE"),
    PLAIN(0x9550, 1, "GEN12 clock gating"),
    PLAIN(0x6604, 1, "GEN12_FF_MODE2"),
    MASKED(0x7000, 7, "GEN7_COMMON_SLICE_CHICKEN"),   /* to 0x7018, HIZ_CHICKEN */
    MASKED(0x7300, 2, "GEN11_COMMON_SLICE_CHICKEN3"), /* 0x7304 */
    MASKED(0xe18c, 1, "GEN9_ROW_CHICKEN"),
    MASKED(0xe4f4, 1, "GEN9_ROW_CHICKEN4"),

    /* What error captures read: every unit reports that it is done */
    CONST(0x43f4, "GEN12_AUX_ERR_DBG", 0),
    CONST(0xcf68, "GEN12_GAM_DONE", ALL_DONE),
    CONST(0x7100, "GEN7_SC_INSTDONE", ALL_DONE),
    CONST(0x7104, "GEN12_SC_INSTDONE_EXTRA", ALL_DONE),
    CONST(0x7108, "GEN12_SC_INSTDONE_EXTRA2", ALL_DONE),
    CONST(0xe160, "GEN7_SAMPLER_INSTDONE", ALL_DONE),
    CONST(0xe164, "GEN7_ROW_INSTDONE", ALL_DONE),
    CONST(0x4446c, "GEN8_DE_MISC_IER", 0),

    /* The render engine's own */
    PLAIN(0x2310, 18,
          "pipeline statistics (PRM)"), /* users may read them, see tgl_whitelist_build */
    PLAIN(0x2430, 6, "3DPRIM_* (PRM)", .flags = REG_USER),
    PLAIN(0x2500, 3, "GPGPU_DISPATCHDIMX (PRM)", .flags = REG_USER),
};
const unsigned reg_table_global_count = sizeof(reg_table_global) / sizeof(reg_table_global[0]);

/* Offsets from the engine's base: 0x2000 for RCS0, 0x22000 for BCS0. */
const struct reg_def reg_table_engine[] = {
    PLAIN(0x24, 1, "PGTBL_ER"),
    PLAIN(0x28, 1, "RING_EXCC"),
    PLAIN(RING_TAIL, 4, "RING_TAIL, _HEAD, _START, _CTL"),
    MASKED(0x50, 1, "RING_PSMI_CTL"),
    PLAIN(0x54, 1, "RING_MAX_IDLE", .flags = REG_KEEP),
    PLAIN(RING_ACTHD_UDW, 9, "RING_ACTHD_UDW, _DMA_FADD_UDW, _IPEIR, _IPEHR, _INSTDONE, ..."),
    PLAIN(RING_HWS_PGA, 2, "RING_HWS_PGA, RING_CMD_BUF_CCTL"),
    PLAIN(RING_NOPID, 1, "RING_NOPID"),
    PLAIN(0x98, 1, "RING_HWSTAM", .flags = REG_KEEP),
    HANDLER(RING_MI_MODE, 1, "RING_MI_MODE", .read = engine_read_mi_mode,
            .write = engine_write_mi_mode),
    PLAIN(0xa0, 1, "FF_THREAD_MODE"),
    PLAIN(RING_IMR, 1, "RING_IMR", .flags = REG_KEEP),
    W1C(RING_EIR, 1, "RING_EIR"),
    PLAIN(RING_EMR, 1, "RING_EMR", .reset = 0xffffffff),
    CONST(0xb8, "RING_ESR", 0),
    MASKED(0xc0, 1, "RING_INSTPM"),
    MASKED(0xc4, 1, "RING_CMD_CCTL"),
    PLAIN(0xc8, 1, "GEN8_R_PWR_CLK_STATE"),
    HANDLER(RING_RESET_CTL, 1, "RING_RESET_CTL", .write = reset_write_ring_ctl,
            .flags = REG_KEEP | REG_BUS_ONLY),
    MASKED(0xd8, 6, "GEN12_CS_DEBUG_MODE2, _SLICE_CHICKEN, ..."),
    PLAIN(RING_BBSTATE, 6, "RING_BBSTATE, RING_SBBADDR, ..."),
    PLAIN(RING_BBADDR, 1, "RING_BBADDR"),
    PLAIN(0x150, 3, "RING_BB_START_ADDR, RING_BB_OFFSET"),
    PLAIN(RING_BBADDR_UDW, 1, "RING_BBADDR_UDW"),
    PLAIN(0x170, 4, "RING_BB_START_ADDR_UDW, ..."),
    PLAIN(0x180, 1, "CCID"),
    PLAIN(0x1b0, 1, "context state 0x1b0"),
    PLAIN(RING_BB_PER_CTX_PTR, 3, "RING_BB_PER_CTX_PTR, RING_INDIRECT_CTX, _OFFSET"),
    MASKED(0x1d0, 1, "ECOSKPD"),
    PLAIN(0x200, 2, "BCS_SWCTRL, BLIT_CCTL"),
    CONSTS(0x20c, 1, "RING_CSCMDOP"),
    CONSTS(RING_EXECLIST_LO, 2, "RING_EXECLIST_STATUS"),
    MASKED(RING_CONTEXT_CONTROL, 1, "RING_CONTEXT_CONTROL"),
    PLAIN(0x24c, 1, "RING_SEMA_WAIT_POLL"),
    PLAIN(RING_PDP0, 8, "GEN8_RING_PDP"),
    MASKED(0x29c, 1, "RING_MODE_GEN7"),
    PLAIN(0x2b4, 1, "context state 0x2b4"),
    HANDLER(RING_TIMESTAMP, 2, "RING_TIMESTAMP", .read = engine_read_timestamp,
            .write = engine_write_timestamp),
    CONSTS(RING_CSB_REGS, 12, "GEN8_EXECLISTS_STATUS_BUF"),
    HANDLER(RING_CSB_PTR, 1, "RING_CONTEXT_STATUS_PTR", .write = engine_write_csb_ptr,
            .flags = REG_BUS_ONLY),
    HANDLER(RING_CTX_TIMESTAMP, 1, "RING_CTX_TIMESTAMP", .read = engine_read_ctx_timestamp,
            .write = engine_write_ctx_timestamp),
    PLAIN(0x3b8, 2, "RING_PREDICATE_RESULT, MI_PREDICATE_RESULT_2", .flags = REG_USER),
    CONSTS(RING_CSB_REGS2, 12, "GEN11_EXECLISTS_STATUS_BUF2"),
    PLAIN(RING_PREDICATE_SRC0, 8, "MI_PREDICATE_SRC0, ...", .flags = REG_USER),
    PLAIN(RING_NONPRIV, RING_NONPRIV_SLOTS, "RING_FORCE_TO_NONPRIV"),
    PLAIN(RING_ELSQ, 16, "RING_EXECLIST_SQ_CONTENTS", .flags = REG_BUS_ONLY),
    HANDLER(RING_EL_CTRL, 1, "RING_EXECLIST_CONTROL", .write = engine_write_el_ctrl,
            .flags = REG_BUS_ONLY),
    MASKED(0x580, 1, "GEN8_CS_CHICKEN1", .flags = REG_USER),
    PLAIN(0x588, 1, "context state 0x588"),
    PLAIN(0x5a8, 2, "context state 0x5a8"),
    PLAIN(RING_GPR, 32, "GEN8_RING_CS_GPR", .flags = REG_USER),
};
const unsigned reg_table_engine_count = sizeof(reg_table_engine) / sizeof(reg_table_engine[0]);
