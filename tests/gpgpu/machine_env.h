/* SPDX-License-Identifier: MIT */
/* machine_env.h - between machine.cpp (C++) and the simulator's C headers. */
#ifndef MACHINE_ENV_H
#define MACHINE_ENV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
#include "gpgpu/internal.h"
#endif

struct machine_env;
struct machine_hooks {
    void *opaque;
    uint32_t (*reg_read)(void *opaque, uint32_t offset);
    void (*error)(void *opaque, const char *text); /* any thread */
};

struct machine_env *machine_env_create(uint64_t lmem, unsigned workers,
                                       const struct machine_hooks *hooks);
void machine_env_destroy(struct machine_env *e);
uint8_t *machine_env_lmem(struct machine_env *e);
void machine_env_root(struct machine_env *e, uint64_t pml4);
void machine_env_invalidate(struct machine_env *e);
int machine_env_execute(struct machine_env *e, const uint32_t *dw, unsigned ndw);
void machine_env_save(struct machine_env *e, uint8_t *image);
void machine_env_restore(struct machine_env *e, const uint8_t *image);
void machine_env_reset(struct machine_env *e);
void machine_env_report(struct machine_env *e);
uint64_t machine_env_instructions(const struct machine_env *e);
size_t machine_env_state_bytes(void);
void machine_env_stop(struct machine_env *e, int preempt, int reset);

#ifdef __cplusplus
}
#endif
#endif
