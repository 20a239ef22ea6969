/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest: an engine or both execute the input, as a user's batch or as the ring itself,
 * with page tables, contexts and rings within its reach, while the bus disturbs them.
 */
#include "machine.h"

#include <string.h>

enum input_option {
    OPT_BCS = 1 << 0,
    OPT_RING = 1 << 1,    /* the commands are the ring's, privileged */
    OPT_BOTH = 1 << 2,    /* both engines execute them */
    OPT_PREEMPT = 1 << 3, /* submit again while it runs */
    OPT_RESET = 1 << 4,   /* reset the engine while it runs */
    OPT_UNMAP = 1 << 5,   /* take guest memory away and give it back while it runs */
};

#define MAX_WAIT_US   20000 /* a batch may well loop for ever: it is stopped then */
#define REG_GDRST     0x941c
#define GDRST_RENDER  2u
#define GDRST_BLT     4u
#define REG_RESET_CTL 0xd0
#define BATCH_END     (0x0au << 23)

static void load(struct machine *m, uint32_t base, uint8_t options, const uint8_t *data,
                 size_t size)
{
    const uint32_t end = BATCH_END;

    if (options & OPT_RING) {
        machine_fill_ring(m, base, data, size);
        return;
    }
    if (size > BATCH_SIZE - sizeof(end))
        size = BATCH_SIZE - sizeof(end);
    size &= ~(size_t)3;
    memcpy(m->batch, data, size);
    memcpy(m->batch + size, &end, sizeof(end));
    machine_ring_starts_batch(m, base);
}

static void disturb(struct machine *m, uint32_t base, uint8_t options)
{
    if (options & OPT_UNMAP) {
        dg1_dma_unmap(m->dg1, RAM_IOVA, RAM_SIZE);
        dg1_dma_map(m->dg1, RAM_IOVA, RAM_SIZE, m->ram_fd, 0, true);
    }
    if (options & OPT_PREEMPT)
        machine_submit(m, base);
    if (options & OPT_RESET) {
        machine_write(m, base + REG_RESET_CTL, 0x00010001);
        machine_write(m, REG_GDRST, base == BCS_BASE ? GDRST_BLT : GDRST_RENDER);
        machine_write(m, base + REG_RESET_CTL, 0x00010000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine *m = machine_get();
    uint32_t base, other;
    uint8_t options;

    if (size < 1)
        return 0;
    options = data[0];
    base = options & OPT_BCS ? BCS_BASE : RCS_BASE;
    other = options & OPT_BCS ? RCS_BASE : BCS_BASE;
    machine_restore(m);
    load(m, base, options, data + 1, size - 1);
    machine_submit(m, base);
    if (options & OPT_BOTH) {
        load(m, other, options, data + 1, size - 1);
        machine_submit(m, other);
    }
    disturb(m, base, options);
    machine_wait(m, base, MAX_WAIT_US);
    if (options & OPT_BOTH)
        machine_wait(m, other, MAX_WAIT_US);
    dg1_reset(m->dg1); /* ends what still runs, before memory is put back */
    return 0;
}
