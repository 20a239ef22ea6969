/* SPDX-License-Identifier: MIT */
/* Random arithmetic instructions, run in the EU's general way and in a faster one. */
#ifndef TESTS_EU_RANDOM_OPS_H
#define TESTS_EU_RANDOM_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct random_op {
    uint64_t word[2];
    bool legal; /* it ran */
    bool same;  /* registers, accumulators and flags agree */
    char report[512];
};

/* mode: what DG1_EU is set to for the faster run; NULL: the fastest */
void random_op_compare(uint64_t seed, const char *mode, struct random_op *out);

#ifdef __cplusplus
}
#endif
#endif
