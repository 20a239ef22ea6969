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

static void put(struct dg1 *dev, const char *prefix, const char *fmt, va_list args)
{
    uint64_t us = clock_ns() / 1000;
    pthread_mutex_lock(&dev->log_lock);
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
    put(dev, "dg1: ", fmt, args);
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
    put(dev, trace_prefix(what), fmt, args);
    va_end(args);
}
