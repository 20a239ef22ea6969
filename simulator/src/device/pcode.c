/* SPDX-License-Identifier: MIT */
/* pcode.c - the mailbox of the power controller: answers at once. */
#include "device/device.h"
#include "device/handlers.h"

/* i915: i915_reg.h */
#define PCODE_READY       (1u << 31) /* GEN6_PCODE_READY: set by the driver, cleared when done */
#define PCODE_ILLEGAL_CMD 1          /* GEN6_PCODE_ILLEGAL_CMD */
#define PCODE_DG1_STATUS  0x7e       /* DG1_PCODE_STATUS */
#define DG1_INIT_COMPLETE 1          /* DG1_UNCORE_INIT_STATUS_COMPLETE */

void pcode_write_mailbox(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    if (!(value & PCODE_READY)) {
        reg_set(dev, offset, value);
        return;
    }
    if ((value & 0xff) == PCODE_DG1_STATUS) {
        reg_set(dev, REG_PCODE_DATA, DG1_INIT_COMPLETE);
        reg_set(dev, offset, 0);
    } else {
        /* Everything else (frequency tables, fans, ...) the driver can do without. */
        reg_set(dev, offset, PCODE_ILLEGAL_CMD);
    }
}
