/* SPDX-License-Identifier: MIT */
/*
 * gpgpu.h - the compute front end of RCS0: state commands, GPGPU_WALKER, thread dispatch, and the
 * shared functions that EU threads send messages to.
 */
#ifndef SIM_GPGPU_H
#define SIM_GPGPU_H

#include "engine/cs.h"

struct gpgpu;

/* workers: host threads that run EU code, the calling engine thread not counted; 0: none but it. */
struct gpgpu *gpgpu_create(struct dg1 *dev, struct mmu *mmu, struct mem *mem, unsigned workers);
void gpgpu_destroy(struct gpgpu *gpgpu);

/* The context's share of state, kept in the context image between runs (device-defined layout). */
#define GPGPU_STATE_BYTES 4096
void gpgpu_reset(struct gpgpu *gpgpu);
void gpgpu_save(const struct gpgpu *gpgpu, uint8_t image[GPGPU_STATE_BYTES]);
/* An image that gpgpu_save did not write (all zeroes, or the guest's invention) means defaults. */
void gpgpu_restore(struct gpgpu *gpgpu, const uint8_t image[GPGPU_STATE_BYTES]);

/*
 * Execute one whole command of type 3 (not PIPE_CONTROL), header first. A preempted walker
 * keeps its progress in the state that gpgpu_save writes and resumes when given again.
 */
enum cs_result gpgpu_execute(struct gpgpu *gpgpu, struct cs_env *env, const uint32_t *dw,
                             unsigned ndw);

void gpgpu_report(const struct gpgpu *gpgpu, FILE *out); /* instructions, threads, messages */
#endif
