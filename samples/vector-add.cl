/* SPDX-License-Identifier: MIT */
/* The kernel of level-zero-vector-add.c: made SPIR-V by ocloc when the samples are built. */
__kernel void add(__global const int *a, __global const int *b, __global int *c)
{
    size_t i = get_global_id(0);
    c[i] = a[i] + b[i];
}
