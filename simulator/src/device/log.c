/* SPDX-License-Identifier: MIT */
/* log.c - messages and traces, whole lines at a time, from any thread. */
#include "device/device.h"
#include "engine/cs.h"

#include <stdarg.h>

int log_init(struct dg1 *dev)
{
    dev->log = dev->config.log ? dev->config.log : stderr;
    return pthread_mutex_init(&dev->log_lock, NULL);
}

void log_destroy(struct dg1 *dev)
{
    pthread_mutex_destroy(&dev->log_lock);
}

/*
 * A guest can provoke messages as fast as it submits work, so they are rationed: a burst, then a
 * trickle. Traces were asked for and are not.
 */
#define BURST            500
#define LINES_PER_SECOND 20

/* Under log_lock. */
static bool ration(struct dg1 *dev, uint64_t us)
{
    uint64_t earned = (us - dev->log_earned_us) * LINES_PER_SECOND / 1000000;
    if (earned) {
        dev->log_earned_us = us;
        dev->log_spent -= earned < dev->log_spent ? (unsigned)earned : dev->log_spent;
    }
    if (dev->log_spent >= BURST) {
        dev->log_dropped++;
        return false;
    }
    dev->log_spent++;
    if (dev->log_dropped)
        fprintf(dev->log, "(%u messages left out)\n", dev->log_dropped);
    dev->log_dropped = 0;
    return true;
}

static void put(struct dg1 *dev, bool rationed, const char *prefix, const char *fmt, va_list args)
{
    uint64_t us = clock_ns() / 1000;
    pthread_mutex_lock(&dev->log_lock);
    if (rationed && !ration(dev, us)) {
        pthread_mutex_unlock(&dev->log_lock);
        return;
    }
    fprintf(dev->log, "[%5u.%06u] %s", (unsigned)(us / 1000000), (unsigned)(us % 1000000), prefix);
    vfprintf(dev->log, fmt, args);
    fputc('\n', dev->log);
    fflush(dev->log);
    pthread_mutex_unlock(&dev->log_lock);
}

void sim_log(struct dg1 *dev, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put(dev, true, "dg1: ", fmt, args);
    va_end(args);
}

bool sim_tracing(const struct dg1 *dev, enum dg1_trace what)
{
    return dev->config.trace & (unsigned)what;
}

static const char *trace_prefix(enum dg1_trace what)
{
    switch (what) {
    case DG1_TRACE_MMIO:
        return "mmio ";
    case DG1_TRACE_CMD:
        return "cmd ";
    case DG1_TRACE_CTX:
        return "ctx ";
    case DG1_TRACE_IRQ:
        return "irq ";
    case DG1_TRACE_MEM:
        return "mem ";
    case DG1_TRACE_EU:
        return "eu ";
    }
    return "";
}

void sim_trace(struct dg1 *dev, enum dg1_trace what, const char *fmt, ...)
{
    if (!sim_tracing(dev, what))
        return;
    va_list args;
    va_start(args, fmt);
    put(dev, false, trace_prefix(what), fmt, args);
    va_end(args);
}
