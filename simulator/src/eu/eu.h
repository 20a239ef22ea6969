/* SPDX-License-Identifier: MIT */
/*
 * eu.h - the Gen12LP (Gen12p1) execution unit: decode once, run many. It knows instructions
 * and architectural registers only; every send goes to eu_env.send, every code byte comes
 * from eu_env.fetch.
 */
#ifndef SIM_EU_H
#define SIM_EU_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EU_GRF_COUNT 128
#define EU_GRF_BYTES 32

/* Shared function ids of Gen12LP sends (send.<name> in IGA's syntax). */
enum eu_sfid {
    EU_SFID_NULL = 0,
    EU_SFID_SMPL = 2,
    EU_SFID_GTWY = 3,
    EU_SFID_DC2 = 4,
    EU_SFID_RC = 5,
    EU_SFID_URB = 6,
    EU_SFID_TS = 7,
    EU_SFID_VME = 8,
    EU_SFID_DCRO = 9,
    EU_SFID_DC0 = 10,
    EU_SFID_PIXI = 11,
    EU_SFID_DC1 = 12,
    EU_SFID_CRE = 13,
};

struct eu_thread;

/* One send/sendc instruction with descriptors resolved (a0 indirection done). */
struct eu_send {
    uint8_t sfid;
    bool eot;
    uint32_t
        desc; /* message length 28:25, response length 24:20, header 19, function control 18:0 */
    uint32_t exdesc; /* extended descriptor as the hardware sees it; src1 length in 10:6 */
    uint8_t dst;     /* GRF numbers; EU_NULL when null */
    uint8_t src0, src1;
    uint8_t exec_size;   /* 1..32 */
    uint8_t chan_offset; /* 0, 4, ... 28 (M0, M4, ...) */
    uint32_t exec_mask;  /* channels enabled, bit 0 = first channel of THIS instruction (offset
                            removed) */
    uint64_t ip; /* byte offset of the instruction from the instruction base, for messages */
};
#define EU_NULL 0xff

enum eu_send_status {
    EU_SEND_OK,
    EU_SEND_BARRIER, /* a barrier was signalled; the thread goes on until sync.bar */
    EU_SEND_EOT,     /* the thread is over */
    EU_SEND_ERROR,   /* env->send has reported it; the thread stops */
};

enum eu_stop {
    EU_EOT,
    EU_WAIT_BARRIER, /* at sync.bar with the notification still out: call eu_run again once it came
                      */
    EU_BUDGET,       /* max_instructions executed */
    EU_ERROR, /* illegal or unsupported instruction (text in thread->error) or a failed send */
};

struct eu_env {
    void *opaque;
    enum eu_send_status (*send)(struct eu_thread *t, const struct eu_send *msg);
    /* Is the barrier the thread signalled complete? (sync.bar) Clears it when true. */
    bool (*barrier_done)(struct eu_thread *t);
    uint32_t (*timestamp)(void *opaque); /* tm0 */
};

struct eu_program; /* decoded code */

/*
 * Decode code[0..bytes), whose first byte lies at offset base from the instruction base address.
 * Never fails for bad instructions: they stop the thread that reaches them. NULL: no memory.
 */
struct eu_program *eu_program_create(const uint8_t *code, size_t bytes, uint64_t base);
void eu_program_destroy(struct eu_program *program);

/*
 * How many bytes from the start the program needs: the end of the last instruction that can be
 * reached from offset 0 by falling through and by branches with known targets; 0 if none decodes.
 * Lets the caller fetch no more than needed: call with growing windows until *more is false.
 */
size_t eu_code_extent(const uint8_t *code, size_t bytes, bool *more);

struct eu_thread {
    alignas(64) uint8_t grf[EU_GRF_COUNT][EU_GRF_BYTES];
    /* Architecture registers: acc, f0, f1, a0, cr0, sr0, ce, tm0, ip, call mask stacks: eu/ defines
     * them. */
    struct eu_arch *arch;
    const struct eu_program *program;
    const struct eu_env *env;
    void *opaque;          /* the dispatcher's own */
    uint64_t instructions; /* executed so far */
    char error[256];
};

/* Threads are pooled: create once per worker slot, start for each dispatch. */
struct eu_thread *eu_thread_create(void);
void eu_thread_destroy(struct eu_thread *t);

struct eu_start {
    const struct eu_program *program;
    const struct eu_env *env;
    void *opaque;
    uint32_t dispatch_mask; /* channels enabled at start (dmask); bits beyond simd are 0 */
    uint8_t simd;           /* 8, 16 or 32 */
    uint16_t
        sr0_0; /* state register low bits: EU/thread/slice ids as the dispatcher invents them */
    uint8_t rounding; /* initial cr0 rounding and denormal bits from the interface descriptor */
    bool denorm_retain;
    bool alt_float; /* non-IEEE float mode */
    uint8_t fftid;
};
/* Sets architecture registers to their start values; the caller fills grf[] (payload) itself. */
void eu_thread_start(struct eu_thread *t, const struct eu_start *start);
enum eu_stop eu_run(struct eu_thread *t, uint64_t max_instructions);

/* Disassemble one instruction in IGA's syntax (iga64 -d -p=12p1). Returns its size: 8 or 16, 0 when
 * illegal. */
unsigned eu_disasm(const uint8_t *code, size_t bytes, uint64_t offset, char *text, size_t n);

#ifdef __cplusplus
}
#endif
#endif
