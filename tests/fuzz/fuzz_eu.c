/* SPDX-License-Identifier: MIT */
/* EU programs: decoded, disassembled and run, with sends that may do anything to the registers. */
#include "eu/eu.h"

#include <stdlib.h>
#include <string.h>

#define MAX_INSTRUCTIONS 20000
#define BASE             0x1000 /* of the code from the instruction base address */

static enum eu_send_status answer(struct eu_thread *t, const struct eu_send *msg)
{
    unsigned regs = msg->desc >> 20 & 31;

    if (msg->eot)
        return EU_SEND_EOT;
    if (msg->dst == EU_NULL)
        return msg->sfid == EU_SFID_GTWY ? EU_SEND_BARRIER : EU_SEND_OK;
    if (msg->dst + regs > EU_GRF_COUNT) /* the real functions refuse it as well */
        return EU_SEND_ERROR;
    memset(t->grf[msg->dst], (int)msg->desc, regs * EU_GRF_BYTES);
    return EU_SEND_OK;
}

static bool barrier_done(struct eu_thread *t)
{
    return t->instructions & 1;
}

static uint32_t timestamp(void *opaque)
{
    (void)opaque;
    return 42;
}

static void disassemble(const uint8_t *code, size_t bytes)
{
    uint64_t at = 0;
    char text[256];

    while (at < bytes) {
        unsigned size = eu_disasm(code, bytes, at, text, sizeof(text));

        if (!size)
            return;
        at += size;
    }
}

/* The first byte: SIMD width and modes; the second: the mask of channels. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct eu_env env = {
        .send = answer, .barrier_done = barrier_done, .timestamp = timestamp};
    static const uint8_t widths[] = {8, 16, 32, 16};
    static struct eu_thread *thread;
    struct eu_program *program;
    struct eu_start start = {.env = &env};
    bool more;

    if (!thread)
        thread = eu_thread_create();
    if (!thread)
        abort();
    if (size < 2)
        return 0;
    start.simd = widths[data[0] & 3];
    start.denorm_retain = data[0] & 4;
    start.alt_float = data[0] & 8;
    start.rounding = data[0] >> 4 & 3;
    start.dispatch_mask = (0x01010101u * data[1]) & (~0u >> (32 - start.simd));
    eu_code_extent(data + 2, size - 2, &more);
    disassemble(data + 2, size - 2);
    program = eu_program_create(data + 2, size - 2, BASE);
    if (!program)
        return 0;
    start.program = program;
    memset(thread->grf, 0x11, sizeof(thread->grf));
    eu_thread_start(thread, &start);
    if (eu_run(thread, MAX_INSTRUCTIONS) == EU_WAIT_BARRIER)
        eu_run(thread, MAX_INSTRUCTIONS);
    eu_program_destroy(program);
    return 0;
}
