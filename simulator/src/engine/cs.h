/* SPDX-License-Identifier: MIT */
/*
 * cs.h - what a command sees of the command streamer that parsed it. The streamer
 * (engine/) calls the copy engine (blt/) for 2D commands on BCS0 and the GPGPU front end
 * (gpgpu/) for 3D/media commands other than PIPE_CONTROL on RCS0.
 */
#ifndef SIM_CS_H
#define SIM_CS_H

#include "dg1.h"
#include "mem/mmu.h"

/* Requests to a running command, set by other threads in cs_env.stop. */
enum cs_stop {
    CS_STOP_PREEMPT = 1 << 0, /* leave at the next boundary where the command can be resumed */
    CS_STOP_RESET = 1 << 1,   /* leave at once; state is lost */
};

enum cs_result {
    CS_DONE,
    CS_PREEMPTED, /* resumable: after a context restore the same command is given again */
    CS_STOPPED,   /* left because of CS_STOP_RESET */
    CS_ERROR, /* cs_error() was called: the engine halts, sets EIR and raises the error interrupt */
};

struct cs_env {
    struct dg1 *dev;
    enum gpu_engine engine;
    struct mmu *mmu;
    struct mem *mem;
    struct tlb *tlb;         /* of the engine thread; root set to the running context */
    struct mem_lease *lease; /* of the engine thread; open. Threads you start have their own. */
    const atomic_uint *stop; /* bits of enum cs_stop */
    uint32_t ctx_id;         /* software context id, for messages */
};

/* A register as a command sees it (MI_LOAD_REGISTER_* have written it), e.g. GPGPU_DISPATCHDIMX. */
uint32_t cs_reg_read(struct cs_env *env, uint32_t offset);

/* Record an error with its dump; several lines allowed. Then return CS_ERROR. Any thread. */
void cs_error(struct cs_env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Record a page fault (fault registers, log). Then return CS_ERROR. Any thread. */
void cs_fault(struct cs_env *env, const struct mmu_fault *fault, const char *what);

/* Logging. sim_warn_once keys on the call site's own static flag. */
void sim_log(struct dg1 *dev, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool sim_tracing(const struct dg1 *dev, enum dg1_trace what);
void sim_trace(struct dg1 *dev, enum dg1_trace what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#endif
