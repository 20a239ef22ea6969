/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c - MI_SEMAPHORE_WAIT. A wait that fails is an arbitration point; its first failure
 * raises the interrupt by which the driver may give the engine to somebody else.
 */
#include "engine/internal.h"

#include <time.h>

#define USE_GGTT      (1u << 22)
#define REGISTER_POLL (1u << 16) /* MI_SEMAPHORE_REGISTER_POLL */
#define COMPARE_SHIFT 12

/*
 * Memory changes without telling us, so it is sampled: at once, then after short naps for waits
 * that the CPU ends soon (the driver's tests compare our clock with theirs), then after ever
 * longer ones, as there are few host CPUs.
 */
#define SPINS         64
#define SHORT_NAPS    200
#define SHORT_NAP_NS  (3 * 1000)
#define LONGEST_NAP_NS (500 * 1000)

/* "SAD op SDD": the value in memory against the one in the command. */
static bool holds(unsigned op, uint32_t sad, uint32_t sdd)
{
    switch (op) {
    case 0:
        return sad > sdd;
    case 1:
        return sad >= sdd;
    case 2:
        return sad < sdd;
    case 3:
        return sad <= sdd;
    case 4:
        return sad == sdd;
    case 5:
        return sad != sdd;
    default:
        return true;
    }
}

static bool sample(struct engine *e, uint32_t *value)
{
    const uint32_t *dw = e->cs.dw;
    uint64_t addr = (uint64_t)(dw[3] & 0xffff) << 32 | (dw[2] & ~3u);
    if (dw[0] & REGISTER_POLL) {
        *value = cs_reg_load(e, dw[2] & ~3u);
        return true;
    }
    const uint32_t *at = cs_mem_ptr(e, dw[0] & USE_GGTT, addr, 4, false, "MI_SEMAPHORE_WAIT");
    if (at)
        *value = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return at;
}

/* Sleep with the lease closed; the bus wakes us when it wants something. */
static void nap(struct engine *e, unsigned ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    mem_lease_close(e->lease);
    pthread_mutex_lock(&e->lock);
    if (!arbitration_point(e))
        pthread_cond_timedwait(&e->wake, &e->lock, &until);
    pthread_mutex_unlock(&e->lock);
    mem_lease_open(e->lease);
}

static void note_wait(struct engine *e)
{
    if (e->cs.semaphore_noted)
        return;
    e->cs.semaphore_noted = true;
    irq_post(e->dev, e->id, IRQ_SEMAPHORE);
}

enum cs_result mi_semaphore_wait(struct engine *e, unsigned ndw)
{
    const uint32_t *dw = e->cs.dw;
    uint32_t value;
    if (ndw < 4) {
        cs_error(&e->env, "MI_SEMAPHORE_WAIT of %u dwords", ndw);
        return CS_ERROR;
    }
    if (!privilege_ggtt(e, dw[0] & USE_GGTT, "MI_SEMAPHORE_WAIT"))
        return CS_DONE;
    unsigned op = dw[0] >> COMPARE_SHIFT & 7, nap_ns = SHORT_NAP_NS;
    for (unsigned tries = 0;; tries++) {
        if (!sample(e, &value))
            return CS_ERROR;
        if (holds(op, value, dw[1]))
            break;
        note_wait(e);
        if (arbitration_point(e))
            return CS_PREEMPTED;
        if (atomic_load_explicit(&e->attention, memory_order_acquire) & ATTN_LEAVE)
            return CS_STOPPED;
        if (tries < SPINS)
            continue;
        nap(e, nap_ns);
        if (tries > SPINS + SHORT_NAPS && nap_ns < LONGEST_NAP_NS)
            nap_ns += nap_ns / 8;
    }
    e->cs.semaphore_noted = false;
    return CS_DONE;
}
