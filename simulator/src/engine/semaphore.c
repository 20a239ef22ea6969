/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c - MI_SEMAPHORE_WAIT. A wait that fails is an arbitration point; its first failure
 * raises the interrupt by which the driver may give the engine to somebody else.
 */
#include "engine/internal.h"

#define USE_GGTT      (1u << 22)
#define REGISTER_POLL (1u << 16) /* MI_SEMAPHORE_REGISTER_POLL */
#define COMPARE_SHIFT 12

/*
 * Memory changes without telling us, so it is sampled: without pause at first, because the driver's
 * tests compare our clock over 100 us with theirs; then after ever longer naps, because host CPUs
 * are few.
 */
#define SPIN_NS        (150 * 1000)
#define FIRST_NAP_NS   (5 * 1000)
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
    unsigned op = dw[0] >> COMPARE_SHIFT & 7, nap_ns = FIRST_NAP_NS;
    uint64_t start = 0;
    for (;;) {
        if (!sample(e, &value))
            return CS_ERROR;
        if (holds(op, value, dw[1]))
            break;
        note_wait(e);
        if (arbitration_point(e))
            return CS_PREEMPTED;
        if (atomic_load_explicit(&e->attention, memory_order_acquire) & ATTN_LEAVE)
            return CS_STOPPED;
        uint64_t now = clock_ns();
        if (!start)
            start = now;
        if (now - start < SPIN_NS) {
            engine_refresh_lease(e);
            continue;
        }
        engine_nap(e, nap_ns, attention_wanted(e));
        if (nap_ns < LONGEST_NAP_NS)
            nap_ns += nap_ns / 8;
    }
    e->cs.semaphore_noted = false;
    return CS_DONE;
}
