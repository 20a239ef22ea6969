/* SPDX-License-Identifier: MIT */
/*
 * machine.h - a device with a driver's worth of memory around it, made once and put back to the
 * same state before each input: two engines with a context each, page tables, guest RAM.
 */
#ifndef TESTS_FUZZ_MACHINE_H
#define TESTS_FUZZ_MACHINE_H

#include "dg1.h"

#include <stddef.h>
#include <stdint.h>

#define PAGE      4096u
#define RCS_BASE  0x2000u  /* i915: RENDER_RING_BASE */
#define BCS_BASE  0x22000u /* i915: BLT_RING_BASE */
#define RAM_IOVA  0x100000u
#define RAM_SIZE  (1u << 20)
#define LMEM_SIZE (256ull << 20)

/* Everything that is set up lies in this piece of local memory. */
#define ARENA_LMEM 0x100000u
#define ARENA_SIZE 0x100000u

/* GPU addresses of the contexts' address space. */
#define VA_BATCH   0x10000u    /* BATCH_SIZE bytes of local memory */
#define VA_LOCAL   0x100000u   /* DATA_SIZE bytes of local memory */
#define VA_SYSTEM  0x200000u   /* DATA_SIZE bytes of guest RAM */
#define VA_ARENA   0x400000u   /* all of the arena: page tables, contexts, rings */
#define VA_BIG     0x40000000u /* a 2 MiB page of local memory */
#define BATCH_SIZE (16 * PAGE)
#define DATA_SIZE  (16 * PAGE)
#define RING_SIZE  (4 * PAGE)

struct machine {
    struct dg1 *dg1;
    uint8_t *lmem, *ram;
    uint64_t *ggtt;
    int ram_fd;
    uint8_t *batch, *local; /* what lies at VA_BATCH and VA_LOCAL */
};

struct machine *machine_get(void); /* created at the first call; aborts on failure */
void machine_restore(struct machine *m);

/* Put commands (a whole number of dwords) into the ring of the engine's context. */
void machine_fill_ring(struct machine *m, uint32_t base, const void *commands, size_t bytes);
/* Commands that start the user batch at VA_BATCH and then end the context. */
void machine_ring_starts_batch(struct machine *m, uint32_t base);
void machine_submit(struct machine *m, uint32_t base);
/* Wait until the engine is idle, or for the time at most. */
void machine_wait(struct machine *m, uint32_t base, unsigned max_us);

void machine_write(struct machine *m, uint32_t offset, uint32_t value);
#endif
