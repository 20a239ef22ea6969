/* SPDX-License-Identifier: MIT */
/*
 * Batch buffers. The first byte of an input says which engine and whether the batch has the
 * driver's privileges; the rest is the batch. One that does not end is reset, as a driver would.
 */
#include "fuzz_device.h"

#include <string.h>

#define BATCH_START 0x18800001u
#define BATCH_END   0x05000000u
#define PPGTT       (1u << 8)
#define RUN_US      20000 /* looping batches nap; whatever runs longer does not end */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5 || size - 1 > FUZZ_BATCH_BYTES - 8)
        return 0;
    unsigned engine = data[0] & 1;
    int privileged = data[0] & 2;
    uint32_t start = privileged ? FUZZ_BATCH(engine) : FUZZ_BATCH_VA;
    const uint32_t ring[] = {BATCH_START | (privileged ? 0 : PPGTT), start, 0, 0};
    const uint32_t end = BATCH_END;

    fuzz_prepare();
    uint8_t *batch = fuzz_batch_memory(engine);
    memcpy(batch, data + 1, size - 1);
    memcpy(batch + ((size - 1 + 3) & ~3ul), &end, sizeof(end));
    fuzz_submit(engine, ring, 4);
    fuzz_wait_idle(engine, RUN_US);
    dg1_reset(fuzz_device()); /* must return whatever the batch does */
    return 0;
}
