/* SPDX-License-Identifier: MIT */
/* handlers.h - register handlers, for reg_table.c. */
#ifndef SIM_HANDLERS_H
#define SIM_HANDLERS_H

#include <stdint.h>

struct dg1;

#define READ_HANDLER(name)  uint32_t name(struct dg1 *dev, uint32_t offset)
#define WRITE_HANDLER(name) void name(struct dg1 *dev, uint32_t offset, uint32_t value)

READ_HANDLER(irq_read_tile);
WRITE_HANDLER(irq_write_tile);
READ_HANDLER(irq_read_mstr);
READ_HANDLER(irq_read_dw0);
WRITE_HANDLER(irq_write_computed);
WRITE_HANDLER(irq_write_selector);
READ_HANDLER(irq_read_identity);
WRITE_HANDLER(irq_write_identity);

READ_HANDLER(power_read_residency);
WRITE_HANDLER(power_write_control);
WRITE_HANDLER(forcewake_write);
READ_HANDLER(forcewake_read_ack_gt);
READ_HANDLER(forcewake_read_ack_render);

WRITE_HANDLER(pcode_write_mailbox);

WRITE_HANDLER(reset_write_gdrst);
READ_HANDLER(reset_read_gdrst);
WRITE_HANDLER(reset_write_ring_ctl);
WRITE_HANDLER(reset_write_gu_cntl);

WRITE_HANDLER(tlb_write_invalidate);

/* engine/engine_regs.c */
READ_HANDLER(engine_read_mi_mode);
WRITE_HANDLER(engine_write_mi_mode);
READ_HANDLER(engine_read_timestamp);
WRITE_HANDLER(engine_write_timestamp);
READ_HANDLER(engine_read_ctx_timestamp);
WRITE_HANDLER(engine_write_ctx_timestamp);
WRITE_HANDLER(engine_write_csb_ptr);
WRITE_HANDLER(engine_write_el_ctrl);

#undef READ_HANDLER
#undef WRITE_HANDLER
#endif
