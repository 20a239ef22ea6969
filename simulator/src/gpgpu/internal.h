/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of gpgpu/ share: saved state, a running walker, its threads. */
#ifndef SIM_GPGPU_INTERNAL_H
#define SIM_GPGPU_INTERNAL_H

#include "eu/eu.h"
#include "gpgpu/gpgpu.h"
#include "image/image.h"
#include <pthread.h>

#define GP_GRF_BYTES 32u
/* DG1 PRM vol 9, "GPGPU thread limits": 6 dual subslices run 16 EUs x 7 threads each. */
#define GP_SUBSLICES         6u
#define GP_MAX_GROUP_THREADS 112u
#define GP_MAX_PLACES        (GP_SUBSLICES * GP_MAX_GROUP_THREADS)
#define GP_SLM_BYTES         65536u
#define GP_IDD_DWORDS        8u
#define GP_IDD_COUNT         64u
#define GP_SURFACE_DWORDS    16u

/* Addresses are canonical 48-bit ones: bits above are sign copies and do not take part. */
#define GP_VA_MASK ((UINT64_C(1) << 48) - 1)

/* What a context keeps between its runs. Everything in it may come from a hostile image. */
struct gp_state {
    uint32_t magic;
    uint32_t pipeline; /* PIPELINE_SELECT's choice */
    uint64_t general_base, surface_base, dynamic_base, indirect_base, instruction_base;
    uint64_t bindless_surface_base, bindless_sampler_base;
    uint64_t general_bytes;
    uint64_t sip;
    uint32_t compute_mode;
    uint32_t vfe[8]; /* MEDIA_VFE_STATE's dwords 1..8 */
    uint32_t curbe_bytes;
    uint64_t curbe_va;
    uint32_t idd[GP_IDD_COUNT][GP_IDD_DWORDS];
    uint32_t walker_active; /* a preempted walker waits to go on */
    uint32_t walker_hash;   /* of its dwords */
    uint64_t walker_next;   /* thread groups done so far */
};
_Static_assert(sizeof(struct gp_state) <= GPGPU_STATE_BYTES, "the context image has no room");

struct gp_counters {
    uint64_t instructions, threads, groups, messages[16];
};

/* One RENDER_SURFACE_STATE, taken apart as far as buffers need it. */
struct gp_surface {
    uint32_t serial; /* of the walker that read it; other values: not read yet */
    uint8_t type;    /* SURFTYPE_* */
    uint16_t format;
    uint64_t base;
    uint64_t bytes; /* of a buffer */
    uint32_t dw[GP_SURFACE_DWORDS];
    enum { IMAGE_UNREAD, IMAGE_READ } image_state;
    struct image_surface image; /* the same for messages that know formats, once read */
};

struct gp_worker;
struct gp_group;

enum gp_slot_state { SLOT_IDLE, SLOT_RUNNING, SLOT_AT_BARRIER };

/* Messages of a thread in a short while, by instruction. */
#define GP_WATCHED_SENDS 16u
struct gp_watch {
    struct {
        uint64_t ip, digest; /* of what was sent and what came back */
    } sends[GP_WATCHED_SENDS];
    unsigned count;
    bool repeated; /* a read gave the same again */
    bool got_on;   /* something was written, or an answer has changed */
};

/* A hardware thread of a group in residence. */
struct gp_slot {
    struct eu_thread *eu;
    struct gp_group *group;
    enum gp_slot_state state;
    bool signalled;         /* sent a barrier message that sync.bar has not consumed */
    bool polls;             /* was seen to wait for a change in memory */
    struct gp_watch *watch; /* of its messages, if anybody wants to know */
    uint32_t barrier_phase; /* of the group when it signalled */
    uint32_t fftid;
    unsigned thread; /* number in the group */
    unsigned slices; /* used up since its start */
};

/*
 * A place for a thread group. Each worker has one; more are taken when groups that wait for
 * others are put aside. The number of the place makes the FFTIDs.
 */
struct gp_group {
    struct gp_worker *worker; /* that runs it now */
    struct gp_group *next;    /* in a list of the job */
    struct gp_slot *slots;    /* as many as slot_count */
    unsigned slot_count, place;
    uint8_t *slm;
    uint32_t id[3];
    unsigned started, ended; /* threads */
    unsigned arrived;        /* threads at the barrier */
    uint32_t barrier_phase;
};

/* The walker in execution: read-only to the workers but for the atomics. */
struct gp_job {
    struct cs_env *env;
    const struct gp_state *state;
    const struct eu_program *program;
    struct eu_env eu_env;
    uint32_t serial;
    uint64_t kernel_offset; /* from the instruction base */
    unsigned simd, threads_per_group, width, height;
    uint32_t right_mask, bottom_mask;
    uint8_t *payload; /* cross-thread block, then one block per thread of a group */
    size_t cross_bytes, thread_bytes;
    uint32_t start[3], dim[3];
    uint32_t span[3]; /* dim - start */
    uint32_t binding_table, sampler_state;
    uint32_t scratch_size_code;
    uint64_t scratch_base;
    uint32_t slm_bytes;
    uint8_t rounding;
    bool alt_float;
    uint64_t total;
    atomic_ullong next;
    atomic_bool failed;
    /* Under the lock but for looks at aside_count: */
    pthread_mutex_t lock;
    struct gp_group *aside, **aside_end; /* oldest first */
    atomic_uint aside_count;
    struct gp_group *free_places; /* used before, idle now */
    unsigned places, places_taken;
};

/* One host thread that runs EU code: the engine thread is worker 0. */
struct gp_worker {
    struct gpgpu *gpgpu;
    unsigned index;
    pthread_t thread;
    struct tlb *tlb;
    struct mem_lease *lease;
    struct gp_job *job;
    unsigned idle_turns; /* one after the other, of groups that only wait */
    struct gp_surface surfaces[256];
    struct gp_counters count;
};

struct gp_program;

struct gpgpu {
    struct dg1 *dev;
    struct mmu *mmu;
    struct mem *mem;
    struct gp_state state;
    struct gp_program *programs; /* cache, see program.c */
    unsigned program_count;
    uint64_t program_clock;
    uint32_t serial;
    uint64_t walkers;

    unsigned worker_count; /* workers[0] is the engine thread */
    struct gp_worker *workers;
    struct gp_group *places[GP_MAX_PLACES]; /* made when first needed */
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    struct gp_job *job;
    uint64_t job_number;
    unsigned wanted; /* workers [1, wanted] take part in the job */
    unsigned busy;
    bool quit;
};

/* walker.c */
enum cs_result gp_walker(struct gpgpu *g, struct cs_env *env, const uint32_t *dw, unsigned ndw);
struct gp_job *gp_job_create(struct gpgpu *g, struct cs_env *env); /* NULL after cs_error */
void gp_job_free(struct gp_job *job);
void gp_read_descriptor(struct gp_job *job, const uint32_t *idd);
/* After gp_pool_run(); hash stands for the command should it be preempted. */
enum cs_result gp_job_finish(struct gpgpu *g, struct gp_job *job, uint32_t hash);

/* media_object.c */
enum cs_result gp_media_object(struct gpgpu *g, struct cs_env *env, const uint32_t *dw,
                               unsigned ndw);

/* pool.c: start and stop host threads; run a job on as many of them as are useful. */
bool gp_pool_create(struct gpgpu *g, unsigned workers);
void gp_pool_destroy(struct gpgpu *g);
void gp_pool_run(struct gpgpu *g, struct gp_job *job);

/* residence.c: which groups are in the hardware at a time. */
void gp_residence_begin(struct gp_job *job, unsigned workers);
void gp_residence_end(struct gpgpu *g, struct gp_job *job);
void gp_residence_free(struct gpgpu *g);
unsigned gp_residence_limit(const struct gp_job *job);
/* Take thread groups from the job until none is left or a stop is asked for. */
void gp_run_groups(struct gp_worker *w);

/* group.c */
enum gp_turn { GROUP_ENDED, GROUP_WAITS, GROUP_LEFT };
/* GROUP_LEFT: in the middle, because of an error or a reset. */
enum gp_turn gp_group_run(struct gp_worker *w, struct gp_group *group);
void gp_group_start(struct gp_worker *w, struct gp_group *group, uint64_t index);
/* False: leave the walker. Gives the memory lease back for a moment when asked for. */
bool gp_may_go_on(struct gp_worker *w);
bool gp_barrier_done(struct eu_thread *t);

/* program.c: NULL after cs_fault/cs_error. */
const struct eu_program *gp_program_get(struct gpgpu *g, struct cs_env *env, uint64_t base,
                                        uint64_t offset);
void gp_programs_free(struct gpgpu *g);

/* watch.c: does a thread only look at the same memory again and again? */
struct gp_msg;
void gp_watch_message(struct gp_watch *watch, const struct gp_msg *m);
bool gp_watch_saw_polling(const struct gp_watch *watch);

/* send.c */
enum eu_send_status gp_send(struct eu_thread *t, const struct eu_send *send);
#endif
