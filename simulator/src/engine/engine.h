/* SPDX-License-Identifier: MIT */
/* engine.h - a command streamer engine (RCS0, BCS0) as the rest of the device sees it. */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include "mem/mmu.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dg1;
struct engine;

#define ENGINE_SPACE 0x1000 /* registers of one engine, from its base */

/* i915_reg.h RENDER_RING_BASE, BLT_RING_BASE */
static inline uint32_t engine_base(enum gpu_engine engine)
{
    return engine == ENGINE_RCS0 ? 0x2000 : 0x22000;
}

/* Class numbers of context descriptors and interrupts (gt/intel_engine_types.h). */
static inline unsigned engine_class(enum gpu_engine engine)
{
    return engine == ENGINE_RCS0 ? 0 : 3;
}

struct engine *engine_create(struct dg1 *dev, enum gpu_engine id);
/* Ends its thread. Engines look at each other: end all of them before the first is destroyed. */
void engine_quit(struct engine *e);
void engine_destroy(struct engine *e);

/* Bus thread. Stops whatever runs; returns after a short while even if it has not stopped yet. */
void engine_reset(struct engine *e);
bool engine_reset_pending(struct engine *e);
/* The same, but returns only when it has stopped. */
void engine_reset_wait(struct engine *e);

/* Any thread. */
bool engine_is_busy(const struct engine *e);

void engine_report(struct engine *e, FILE *out);
#endif
