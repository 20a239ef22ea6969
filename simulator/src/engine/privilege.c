/* SPDX-License-Identifier: MIT */
/*
 * privilege.c - what a user batch (PPGTT, non-privileged) may do. Forbidden register writes and
 * GGTT accesses do nothing, as on hardware (PRM TGL vol. 8, "User Mode Privileged Commands").
 */
#include "engine/internal.h"

#include <inttypes.h>

/* RING_FORCE_TO_NONPRIV (gt/intel_engine_regs.h) */
#define NONPRIV_DENY    (1u << 30)
#define NONPRIV_RD      (1u << 28)
#define NONPRIV_ACCESS  (3u << 28)
#define NONPRIV_ADDRESS 0x03fffffcu

static bool slot_matches(uint32_t slot, uint32_t reg)
{
    uint32_t registers = 1u << 2 * (slot & 3); /* ranges of 1, 4, 16 or 64 dwords */
    uint32_t base = slot & NONPRIV_ADDRESS & ~(4 * registers - 1);
    return reg >= base && reg < base + 4 * registers;
}

bool privilege_may_write(const struct engine *e, uint32_t reg)
{
    bool allowed = false;
    const struct reg_def *def = regs_find(e->dev->regs, reg);
    if (def && (def->flags & REG_USER))
        allowed = reg < 0x22000 ? e->id == ENGINE_RCS0 : e->id == ENGINE_BCS0;
    for (unsigned i = 0; i < RING_NONPRIV_SLOTS; i++) {
        uint32_t slot = engine_get(e, RING_NONPRIV + 4 * i);
        if (!slot || !slot_matches(slot, reg))
            continue;
        if (slot & NONPRIV_DENY)
            return false;
        if ((slot & NONPRIV_ACCESS) != NONPRIV_RD)
            allowed = true;
    }
    return allowed;
}

static void drop(struct engine *e, const char *what, uint32_t at)
{
    atomic_fetch_add(&e->privileged_dropped, 1);
    sim_trace(e->dev, DG1_TRACE_CMD, "%s: context %u: privileged access dropped: %s %x", e->name,
              e->env.ctx_id, what, at);
}

void cs_reg_write(struct engine *e, uint32_t reg, uint32_t value)
{
    reg &= ~3u;
    if (reg >= REG_SPACE)
        return;
    if (!parser_privileged(e) && !privilege_may_write(e, reg)) {
        drop(e, "write of register", reg);
        return;
    }
    reg_write(e->dev, reg, value, REG_BY_ENGINE);
}

uint32_t cs_reg_load(struct engine *e, uint32_t reg)
{
    return cs_reg_read(&e->env, reg);
}

bool privilege_command(struct engine *e, const char *what)
{
    if (parser_privileged(e))
        return true;
    drop(e, what, e->cs.dw[0]);
    return false;
}

bool privilege_ggtt(struct engine *e, bool ggtt, const char *what)
{
    return !ggtt || privilege_command(e, what);
}
