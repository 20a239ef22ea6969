/* SPDX-License-Identifier: MIT */
/* The C half of machine.cpp: what engine/ provides to gpgpu/, sent to the test instead. */
#include "machine_env.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine_env {
    struct cs_env cs; /* first: cs_env pointers are machine_env pointers */
    struct mem *mem;
    struct mmu *mmu;
    struct tlb *tlb;
    struct mem_lease *lease;
    struct gpgpu *gpgpu;
    atomic_uint stop;
    struct machine_hooks hooks;
};

struct machine_env *machine_env_create(uint64_t lmem, unsigned workers,
                                       const struct machine_hooks *hooks)
{
    struct machine_env *e = calloc(1, sizeof(*e));

    if (!e)
        abort();
    e->hooks = *hooks;
    e->mem = mem_create(lmem);
    e->mmu = mmu_create(e->mem);
    e->tlb = tlb_create(e->mmu, ENGINE_RCS0);
    e->lease = mem_lease_create(e->mem);
    e->gpgpu = gpgpu_create(NULL, e->mmu, e->mem, workers);
    if (!e->mem || !e->mmu || !e->tlb || !e->lease || !e->gpgpu)
        abort();
    e->cs.engine = ENGINE_RCS0;
    e->cs.mmu = e->mmu;
    e->cs.mem = e->mem;
    e->cs.tlb = e->tlb;
    e->cs.lease = e->lease;
    e->cs.stop = &e->stop;
    e->cs.ctx_id = 1;
    return e;
}

void machine_env_destroy(struct machine_env *e)
{
    gpgpu_destroy(e->gpgpu);
    mem_lease_destroy(e->lease);
    tlb_destroy(e->tlb);
    mmu_destroy(e->mmu);
    mem_destroy(e->mem);
    free(e);
}

uint8_t *machine_env_lmem(struct machine_env *e)
{
    return mem_lmem(e->mem);
}

void machine_env_root(struct machine_env *e, uint64_t pml4)
{
    tlb_set_root(e->tlb, pml4);
}

void machine_env_invalidate(struct machine_env *e)
{
    mmu_invalidate(e->mmu, ENGINE_RCS0);
}

int machine_env_execute(struct machine_env *e, const uint32_t *dw, unsigned ndw)
{
    int result;

    mem_lease_open(e->lease);
    result = gpgpu_execute(e->gpgpu, &e->cs, dw, ndw);
    mem_lease_close(e->lease);
    return result;
}

void machine_env_save(struct machine_env *e, uint8_t *image)
{
    gpgpu_save(e->gpgpu, image);
}

void machine_env_restore(struct machine_env *e, const uint8_t *image)
{
    gpgpu_restore(e->gpgpu, image);
}

void machine_env_reset(struct machine_env *e)
{
    gpgpu_reset(e->gpgpu);
}

void machine_env_report(struct machine_env *e)
{
    gpgpu_report(e->gpgpu, stdout);
}

uint64_t machine_env_instructions(const struct machine_env *e)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < e->gpgpu->worker_count; i++)
        sum += e->gpgpu->workers[i].count.instructions;
    return sum;
}

size_t machine_env_state_bytes(void)
{
    return GPGPU_STATE_BYTES;
}

void machine_env_stop(struct machine_env *e, int preempt, int reset)
{
    atomic_store(&e->stop, (preempt ? CS_STOP_PREEMPT : 0) | (reset ? CS_STOP_RESET : 0));
}

uint32_t cs_reg_read(struct cs_env *env, uint32_t offset)
{
    struct machine_env *e = (struct machine_env *)env;

    return e->hooks.reg_read(e->hooks.opaque, offset);
}

void cs_error(struct cs_env *env, const char *fmt, ...)
{
    struct machine_env *e = (struct machine_env *)env;
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    e->hooks.error(e->hooks.opaque, text);
}

void cs_fault(struct cs_env *env, const struct mmu_fault *fault, const char *what)
{
    struct machine_env *e = (struct machine_env *)env;
    char why[256], text[1024];

    snprintf(text, sizeof(text), "%s: %s", what, mmu_fault_text(fault, why, sizeof(why)));
    e->hooks.error(e->hooks.opaque, text);
}

void sim_log(struct dg1 *dev, const char *fmt, ...)
{
    va_list args;

    (void)dev;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

bool sim_tracing(const struct dg1 *dev, enum dg1_trace what)
{
    (void)dev;
    (void)what;
    return false;
}

void sim_trace(struct dg1 *dev, enum dg1_trace what, const char *fmt, ...)
{
    (void)dev;
    (void)what;
    (void)fmt;
}
