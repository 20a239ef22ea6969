/* SPDX-License-Identifier: MIT */
/*
 * internal.h - one engine, for the files of engine/ only.
 *
 * The engine's thread owns the parser and the running context. The bus thread leaves its wishes
 * under the lock and raises bits of `attention`, which the parser polls at every command.
 */
#ifndef SIM_ENGINE_INTERNAL_H
#define SIM_ENGINE_INTERNAL_H

#include "device/device.h"
#include "engine/cs.h"
#include "engine/engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum attention {
    ATTN_LEAVE = 1 << 0, /* stop ring, reset, quit: leave the parser */
    ATTN_LITE =
        1 << 1, /* the waiting queue starts with the running context: only its tail is new */
    ATTN_SWITCH = 1 << 2, /* the waiting queue is another: switch at the next arbitration point */
};

#define QUEUE_ELEMENTS 8 /* RING_EXECLIST_SQ_CONTENTS has room for 8 descriptors */
#define CSB_ENTRIES    12
#define CSB_IDLE_ID    0x7ff

struct queue {
    uint64_t desc[QUEUE_ELEMENTS];
    unsigned count;
};

/* One batch buffer level: where its next command lies. */
struct level {
    uint64_t addr;
    bool ppgtt;
    bool privileged;
};

#define MAX_LEVELS  2    /* first and second level */
#define MAX_COMMAND 1026 /* dwords: MI_STORE_DATA_IMM has the longest length field, 10 bits */

struct parser {
    uint32_t ring_start, ring_size; /* GGTT */
    uint32_t head, tail;
    unsigned depth; /* 0: in the ring */
    struct level level[MAX_LEVELS];
    bool in_wa;           /* inside an indirect or per-context batch of the context restore */
    unsigned loops;       /* backward jumps since the ring started this batch */
    bool deaf;            /* a queue has been waiting for a whole loop: it does not arbitrate */
    bool semaphore_noted; /* the wait at this address has raised its interrupt */
    uint32_t dw[MAX_COMMAND];
};

struct engine {
    struct dg1 *dev;
    enum gpu_engine id;
    uint32_t base;
    const char *name;
    pthread_t thread;
    bool thread_started;
    struct tlb *tlb;
    struct mem_lease *lease;
    struct cs_env env;

    pthread_mutex_t lock;
    pthread_cond_t wake;   /* to the engine: something to do */
    pthread_cond_t parked; /* from the engine: idle, stopped or reset */

    atomic_uint attention; /* enum attention */
    atomic_uint stop;      /* enum cs_stop, seen by running commands */
    atomic_bool busy;      /* a context is running */
    atomic_bool napping;

    /* Under the lock */
    bool quit, stop_ring, reset_request, halted, running;
    bool waiting_valid;
    struct queue waiting;
    bool arbitration; /* MI_ARB_ON_OFF; changed by the engine */
    bool active;      /* a context is loaded; changed by the engine */
    uint64_t current; /* its descriptor */
    char error_text[512];

    /* The engine's thread only */
    struct queue queue;
    unsigned element;
    struct parser cs;
    atomic_uint csb_pointer;        /* the entry written last */
    atomic_uint ctx_timestamp_base; /* clock when CTX_TIMESTAMP was 0 */
    uint64_t loaded_root;

    /* Statistics */
    atomic_ullong commands, batches, contexts, preemptions, lite_restores, errors,
        privileged_dropped;
};

/* engine.c */
void engine_clear_parser(struct engine *e);
void engine_halt(struct engine *e);
/* Sleep with the lease closed, unless one of the given bits of attention is up; the bus can end it.
 */
void engine_nap(struct engine *e, unsigned ns, unsigned attention);
/* The engine has stored something that others may be waiting for: end their naps. */
void engine_poke_others(struct engine *e);
void engine_refresh_lease(struct engine *e);
/* Under the lock. */
bool engine_can_run(const struct engine *e);
static inline uint32_t engine_get(const struct engine *e, uint32_t reg)
{
    return reg_get(e->dev, e->base + reg);
}
static inline void engine_set(struct engine *e, uint32_t reg, uint32_t value)
{
    reg_set(e->dev, e->base + reg, value);
}

/* execlist.c */
/* Under the lock: what the waiting queue asks of the engine's thread. */
void execlist_classify(struct engine *e);
void execlist_load(struct engine *e);
/* Take the waiting queue, if any: idle to active, preemption or lite restore. False on error. */
bool execlist_take(struct engine *e);
/* The running context reached its tail. False on error. */
bool execlist_complete(struct engine *e);
void execlist_set_arbitration(struct engine *e, bool on);
static inline uint32_t desc_lrca(uint64_t desc)
{
    return (uint32_t)desc & 0xfffff000u;
}
static inline unsigned desc_id(uint64_t desc)
{
    return (unsigned)(desc >> 37) & 0x7ff;
}

/* GGTT address of what "store data index" means: the engine's status page, or the context's own. */
static inline uint64_t status_page(const struct engine *e, bool global)
{
    return global ? engine_get(e, RING_HWS_PGA) & 0xfffff000u : desc_lrca(e->current);
}

/* context.c: the context image. False when the image cannot be reached (fault recorded). */
bool context_restore(struct engine *e, uint64_t desc);
bool context_save(struct engine *e, uint64_t desc);
bool context_reload_tail(struct engine *e, uint64_t desc);

/* parser.c */
bool parser_at_tail(const struct engine *e);
enum cs_result parser_step(struct engine *e);
/* Run a work-around batch of the context restore: GGTT, privileged; bytes 0: up to its end command.
 */
enum cs_result parser_run_wa(struct engine *e, uint64_t addr, uint32_t bytes);
bool parser_privileged(const struct engine *e);
/* Address of the command being executed. */
uint64_t parser_position(const struct engine *e);
void parser_publish_position(struct engine *e);

/* Memory as commands see it. False: fault recorded. */
bool cs_mem_read(struct engine *e, bool ggtt, uint64_t addr, void *to, size_t n, const char *what);
bool cs_mem_write(struct engine *e, bool ggtt, uint64_t addr, const void *from, size_t n,
                  const char *what);
/* Host pointer to n bytes within one page, n a power of two and addr aligned to it. */
void *cs_mem_ptr(struct engine *e, bool ggtt, uint64_t addr, size_t n, bool write,
                 const char *what);

/* Bits of attention at which a command that waits gives up. */
static inline unsigned attention_wanted(const struct engine *e)
{
    return ATTN_LEAVE | ATTN_LITE | (e->arbitration ? ATTN_SWITCH : 0);
}
/* True where the engine may leave the running context for a waiting queue (not in a restore). */
bool arbitration_point(const struct engine *e);
/* End of a batch level; with all set, back to the ring. */
void parser_end_batch(struct engine *e, bool all);

/* mi.c, pipe_control.c, semaphore.c, mi_math.c, mi_atomic.c: one command each, at cs.dw. */
enum cs_result mi_execute(struct engine *e, unsigned ndw);
unsigned mi_length(uint32_t header);
enum cs_result mi_semaphore_wait(struct engine *e, unsigned ndw);
enum cs_result mi_math(struct engine *e, unsigned ndw);
enum cs_result mi_atomic(struct engine *e, unsigned ndw);
enum cs_result mi_flush_dw(struct engine *e, unsigned ndw);
enum cs_result pipe_control(struct engine *e, unsigned ndw);

/* privilege.c */
bool privilege_may_write(const struct engine *e, uint32_t reg);
/* A register access of a command: offset checked, privilege applied. */
void cs_reg_write(struct engine *e, uint32_t reg, uint32_t value);
uint32_t cs_reg_load(struct engine *e, uint32_t reg);
/* Is a privileged command, or a GGTT access, allowed here? Counts and traces it when not. */
bool privilege_command(struct engine *e, const char *what);
bool privilege_ggtt(struct engine *e, bool ggtt, const char *what);
#endif
