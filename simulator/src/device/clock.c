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

uint64_t clock_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * TICKS_PER_SECOND +
           (uint64_t)now.tv_nsec * TICKS_PER_SECOND / NS_PER_SECOND;
}
