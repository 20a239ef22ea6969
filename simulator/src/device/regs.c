/* SPDX-License-Identifier: MIT */
/* regs.c - the register file: look-up, access kinds, reset. */
#include "device/device.h"
#include "engine/cs.h"

#include <stdlib.h>
#include <string.h>

struct reg_file {
    atomic_uint *value; /* one per dword of REG_SPACE */
    struct reg_def *defs;
    unsigned count;
};

static int by_offset(const void *a, const void *b)
{
    const struct reg_def *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct reg_file *regs_create(void)
{
    struct reg_file *regs = calloc(1, sizeof(*regs));
    if (!regs)
        return NULL;
    unsigned count = reg_table_global_count + ENGINE_COUNT * reg_table_engine_count;
    regs->value = calloc(REG_SPACE / 4, sizeof(*regs->value));
    regs->defs = calloc(count, sizeof(*regs->defs));
    if (!regs->value || !regs->defs) {
        regs_destroy(regs);
        return NULL;
    }
    struct reg_def *def = regs->defs;
    memcpy(def, reg_table_global, reg_table_global_count * sizeof(*def));
    def += reg_table_global_count;
    for (unsigned e = 0; e < ENGINE_COUNT; e++) {
        for (unsigned i = 0; i < reg_table_engine_count; i++, def++) {
            *def = reg_table_engine[i];
            def->offset += engine_base((enum gpu_engine)e);
        }
    }
    regs->count = count;
    qsort(regs->defs, count, sizeof(*regs->defs), by_offset);
    return regs;
}

void regs_destroy(struct reg_file *regs)
{
    if (!regs)
        return;
    free(regs->value);
    free(regs->defs);
    free(regs);
}

bool regs_table_is_sane(const struct reg_file *regs)
{
    for (unsigned i = 0; i + 1 < regs->count; i++)
        if (regs->defs[i].offset + 4u * regs->defs[i].count > regs->defs[i + 1].offset)
            return false;
    const struct reg_def *last = &regs->defs[regs->count - 1];
    return last->offset + 4u * last->count <= REG_SPACE;
}

const struct reg_def *regs_find(const struct reg_file *regs, uint32_t offset)
{
    unsigned low = 0, high = regs->count;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        const struct reg_def *def = &regs->defs[mid];
        if (offset < def->offset)
            high = mid;
        else if (offset >= def->offset + 4u * def->count)
            low = mid + 1;
        else
            return def;
    }
    return NULL;
}

uint32_t reg_get(const struct dg1 *dev, uint32_t offset)
{
    return atomic_load_explicit(&dev->regs->value[offset / 4], memory_order_relaxed);
}

void reg_set(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    atomic_store_explicit(&dev->regs->value[offset / 4], value, memory_order_relaxed);
}

static void reset_one(struct dg1 *dev, const struct reg_def *def)
{
    for (unsigned i = 0; i < def->count; i++)
        reg_set(dev, def->offset + 4 * i, def->reset);
}

void regs_reset_all(struct dg1 *dev)
{
    for (unsigned i = 0; i < dev->regs->count; i++)
        reset_one(dev, &dev->regs->defs[i]);
}

void regs_reset_engine(struct dg1 *dev, uint32_t base)
{
    for (unsigned i = 0; i < dev->regs->count; i++) {
        const struct reg_def *def = &dev->regs->defs[i];
        if (def->offset >= base && def->offset < base + ENGINE_SPACE && !(def->flags & REG_KEEP))
            reset_one(dev, def);
    }
}

static void count_unknown(struct dg1 *dev, uint32_t offset, bool write)
{
    struct unknown_regs *u = &dev->unknown;
    pthread_mutex_lock(&u->lock);
    unsigned i = 0;
    while (i < u->used && u->slot[i].offset != offset)
        i++;
    if (i == UNKNOWN_SLOTS) {
        u->others++;
    } else {
        if (i == u->used)
            u->slot[u->used++].offset = offset;
        if (write)
            u->slot[i].writes++;
        else
            u->slot[i].reads++;
    }
    pthread_mutex_unlock(&u->lock);
}

uint32_t reg_read(struct dg1 *dev, uint32_t offset)
{
    const struct reg_def *def = regs_find(dev->regs, offset);
    if (!def) {
        count_unknown(dev, offset, false);
        return 0;
    }
    if (def->kind == REG_SELF_CLEAR)
        return 0;
    return def->read ? def->read(dev, offset) : reg_get(dev, offset);
}

/* Concurrent masked writes of different bits must not lose each other. */
static void write_masked(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    atomic_uint *reg = &dev->regs->value[offset / 4];
    uint32_t mask = value >> 16, old = atomic_load(reg);
    while (!atomic_compare_exchange_weak(reg, &old, (old & ~mask & 0xffff) | (value & mask)))
        ;
}

void reg_write(struct dg1 *dev, uint32_t offset, uint32_t value, enum reg_who who)
{
    const struct reg_def *def = regs_find(dev->regs, offset);
    if (!def) {
        count_unknown(dev, offset, true);
        return;
    }
    if (who == REG_BY_ENGINE && (def->flags & REG_BUS_ONLY)) {
        sim_log(dev, "command streamer write of %08x to %s (%06x) refused", value, def->name,
                offset);
        return;
    }
    switch (def->kind) {
    case REG_MASKED:
        write_masked(dev, offset, value);
        break;
    case REG_W1C:
        atomic_fetch_and(&dev->regs->value[offset / 4], ~value);
        break;
    case REG_HANDLER:
        if (def->write) {
            def->write(dev, offset, value);
            break;
        }
        /* fallthrough */
    case REG_PLAIN:
        reg_set(dev, offset, value);
        break;
    default:
        break; /* constant, or a request that nothing has to be done for */
    }
}
