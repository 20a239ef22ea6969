/* SPDX-License-Identifier: MIT */
/*
 * Kernels on the whole device: a valid batch dispatches the input as an EU program, whose
 * messages reach memory, local memory, barriers and the sampler. The first bytes are what the
 * descriptor and the walker say, 64 more are surface and sampler states.
 */
#include "machine.h"

#include <string.h>

struct shape {
    uint8_t simd;    /* code in bits 1:0; bit 7: without a limit of threads */
    uint8_t threads; /* per group */
    uint8_t groups;  /* X in bits 3:0, Y in bits 7:4 */
    uint8_t slm;     /* size code, barrier in bit 7 */
    uint8_t cross;   /* registers of payload for all threads */
    uint8_t each;    /* and for each */
    uint8_t scratch; /* size code */
    uint8_t modes;
};

#define STATES_BYTES  64u
#define MAX_WAIT_US   50000
#define KERNEL_AT     0x4000u /* from VA_BATCH, the instruction base */
#define DESCRIPTOR_AT 0x0000u /* from VA_LOCAL, the dynamic base */
#define SURFACES_AT   0x1000u /* from VA_LOCAL: binding table, then surface states */
#define PAYLOAD_BYTES 0x4000u /* from VA_SYSTEM */

/* Commands, DG1 PRM vol 2a. */
#define PIPELINE_SELECT_GPGPU 0x69040302u
#define STATE_BASE_ADDRESS    0x61010014u
#define MEDIA_VFE_STATE       0x70000007u
#define DESCRIPTOR_LOAD       0x70020002u
#define GPGPU_WALKER          0x7105000du
#define BATCH_END             (0x0au << 23)
#define MODIFY                1u

static uint32_t *put(uint32_t *at, const uint32_t *dw, unsigned count)
{
    memcpy(at, dw, count * sizeof(*dw));
    return at + count;
}

static void write_batch(struct machine *m, const struct shape *s, unsigned threads)
{
    const uint32_t select[] = {PIPELINE_SELECT_GPGPU};
    const uint32_t bases[22] = {
        STATE_BASE_ADDRESS,
        [1] = MODIFY,
        [4] = (VA_LOCAL + SURFACES_AT) | MODIFY,
        [6] = VA_LOCAL | MODIFY,
        [8] = VA_SYSTEM | MODIFY,
        [10] = VA_BATCH | MODIFY,
        [12] = 0xfffff000 | MODIFY,
        [16] = (VA_LOCAL + SURFACES_AT) | MODIFY,
        [19] = (VA_LOCAL + SURFACES_AT) | MODIFY,
    };
    const uint32_t vfe[9] = {MEDIA_VFE_STATE, VA_BIG | (s->scratch & 0xf)};
    const uint32_t load[4] = {DESCRIPTOR_LOAD, 0, 32, DESCRIPTOR_AT};
    const uint32_t walker[15] = {
        GPGPU_WALKER,
        [2] = PAYLOAD_BYTES,
        [4] = (uint32_t)(s->simd & 3) << 30 | (threads - 1),
        [7] = (s->groups & 15u) + 1,
        [10] = (s->groups >> 4) + 1u,
        [12] = 1,
        [13] = ~0u,
        [14] = ~0u,
    };
    const uint32_t end[] = {BATCH_END, 0};
    uint32_t *at = (uint32_t *)m->batch;

    at = put(at, select, 1);
    at = put(at, bases, 22);
    at = put(at, vfe, 9);
    at = put(at, load, 4);
    at = put(at, walker, 15);
    put(at, end, 2);
}

static void write_descriptor(struct machine *m, const struct shape *s, unsigned threads)
{
    uint32_t *idd = (uint32_t *)(m->local + DESCRIPTOR_AT);

    idd[0] = KERNEL_AT;
    idd[2] = (uint32_t)s->modes << 16;
    idd[3] = 0x800; /* sampler states */
    idd[5] = (uint32_t)s->each << 16;
    idd[6] = threads | (uint32_t)(s->slm & 31) << 16 | (s->slm >> 7) << 21 |
             (uint32_t)(s->modes >> 6) << 22;
    idd[7] = s->cross;
}

/* Kernel arguments: addresses of memory that is there, as far as one can tell without metadata. */
static void write_payload(struct machine *m)
{
    uint64_t *payload = (uint64_t *)m->ram;

    for (unsigned i = 0; i < PAYLOAD_BYTES / sizeof(*payload); i++)
        payload[i] = (i & 1 ? VA_SYSTEM + PAYLOAD_BYTES : VA_LOCAL + 0x4000) + i % 64 * 64;
}

/* Every entry of the binding table names one of two states made of the input. */
static void write_states(struct machine *m, const uint8_t states[STATES_BYTES])
{
    uint32_t *table = (uint32_t *)(m->local + SURFACES_AT);

    for (unsigned i = 0; i < 256; i++)
        table[i] = 0x1000 + (i & 1) * STATES_BYTES;
    memcpy(m->local + SURFACES_AT + 0x1000, states, STATES_BYTES);
    memcpy(m->local + 0x800, states, STATES_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine *m = machine_get();
    struct shape s;
    unsigned threads;

    if (size < sizeof(s) + STATES_BYTES)
        return 0;
    memcpy(&s, data, sizeof(s));
    data += sizeof(s);
    size -= sizeof(s);
    threads = s.simd & 0x80 ? s.threads % 64u + 1 : s.threads % 4u + 1;
    machine_restore(m);
    write_batch(m, &s, threads);
    write_descriptor(m, &s, threads);
    write_states(m, data);
    write_payload(m);
    data += STATES_BYTES;
    size -= STATES_BYTES;
    if (size > BATCH_SIZE - KERNEL_AT)
        size = BATCH_SIZE - KERNEL_AT;
    memcpy(m->batch + KERNEL_AT, data, size);
    machine_ring_starts_batch(m, RCS_BASE);
    machine_submit(m, RCS_BASE);
    machine_wait(m, RCS_BASE, MAX_WAIT_US);
    dg1_reset(m->dg1); /* ends a kernel that loops */
    return 0;
}
