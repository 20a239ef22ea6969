/* SPDX-License-Identifier: MIT */
/* clock.c - time as the command streamers count it. */
#include "device/device.h"

#include <time.h>

/* RPM_CONFIG0 (reg_table.c) announces a 19.2 MHz crystal with shift 3: 19.2 MHz exactly. */
#define TICKS_PER_SECOND 19200000ull
#define NS_PER_SECOND    1000000000ull

uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* TIMESTAMP has 36 bits (PRM TGL vol. 2c, CS "TIMESTAMP"); it starts at power-on. */
#define TICKS_MASK ((1ull << 36) - 1)

uint64_t clock_ticks(const struct dg1 *dev)
{
    uint64_t ns = clock_ns() - dev->powered_on_ns;
    uint64_t ticks = ns / NS_PER_SECOND * TICKS_PER_SECOND +
                     ns % NS_PER_SECOND * TICKS_PER_SECOND / NS_PER_SECOND;
    return ticks & TICKS_MASK;
}
