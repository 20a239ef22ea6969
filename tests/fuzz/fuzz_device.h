/* SPDX-License-Identifier: MIT */
/* fuzz_device.h - one device with a context per engine, as mmio and batch fuzzers need it. */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include "dg1.h"

#include <stddef.h>
#include <stdint.h>

#define FUZZ_BASE(engine) ((engine) ? 0x22000u : 0x2000u)
#define FUZZ_BATCH_VA     0x10000u /* writable pages of the batch, up to FUZZ_BATCH_BYTES */
#define FUZZ_BATCH_BYTES  0x4000u
#define FUZZ_DATA_VA      0x20000u /* four pages of local memory, then four of system memory */
#define FUZZ_RING_BYTES   0x1000u
/* In the GGTT, for commands that use it: status page, context image, ring, batch. */
#define FUZZ_HWSP(engine)  (0x100000u + 0x100000u * (engine))
#define FUZZ_IMAGE(engine) (FUZZ_HWSP(engine) + 0x1000u)
#define FUZZ_RING(engine)  (FUZZ_HWSP(engine) + 0x20000u)
#define FUZZ_BATCH(engine) (FUZZ_HWSP(engine) + 0x30000u)

struct dg1 *fuzz_device(void); /* created at the first call */
/* Memory, page tables, contexts and registers as at the first call. */
void fuzz_prepare(void);
uint8_t *fuzz_batch_memory(unsigned engine);
/* Put ndw commands into the engine's ring and submit its context. */
void fuzz_submit(unsigned engine, const uint32_t *commands, unsigned ndw);
/* True when the engine came to rest (idle or halted) within the time. */
int fuzz_wait_idle(unsigned engine, unsigned timeout_us);
#endif
