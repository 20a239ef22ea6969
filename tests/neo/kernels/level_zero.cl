/* SPDX-License-Identifier: MIT */
/* Kernels of level_zero_test.cpp: made SPIR-V by ocloc when the tests are built. */
kernel void add(global const int *a, global const int *b, global int *c)
{
    size_t i = get_global_id(0);
    c[i] = a[i] + b[i];
}

kernel void ids(global uint *out)
{
    size_t x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);
    size_t i = (z * get_global_size(1) + y) * get_global_size(0) + x;
    out[i] = x | y << 8 | z << 16 | get_group_id(0) << 24;
}

kernel void scale(global int *data, int by)
{
    data[get_global_id(0)] *= by;
}

kernel void reduce(global const int *in, global int *out, local int *part)
{
    size_t l = get_local_id(0);

    part[l] = in[get_global_id(0)];
    for (size_t s = get_local_size(0) / 2; s > 0; s /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (l < s)
            part[l] += part[l + s];
    }
    if (l == 0)
        out[get_group_id(0)] = part[0];
}
