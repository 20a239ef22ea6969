/* SPDX-License-Identifier: MIT */
/*
 * More shared memory than the device has: every block is asked into device memory before the GPU
 * works on it; what does not fit stays or goes back, and nothing fails.
 * Usage: opencl-oversubscribe [percent of the device's memory, default 125]
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/ocl.h"
#include "common/places.h"

#define BLOCK ((size_t)16 << 20)
#define STEP  4096 /* one word per page is worked on */

static const char source[] = "kernel void step(global ulong *block)\n"
                             "{\n"
                             "    block[get_global_id(0) * 512] += get_global_id(0);\n"
                             "}\n";

static void fill(unsigned long *block, unsigned long value)
{
    for (size_t i = 0; i < BLOCK / STEP; i++)
        block[i * 512] = value;
}

static size_t count_wrong(const unsigned long *block, unsigned long value)
{
    size_t wrong = 0;
    for (size_t i = 0; i < BLOCK / STEP; i++)
        wrong += block[i * 512] != value + 2 * i;
    return wrong;
}

static void pass(const struct ocl *ocl, cl_kernel kernel, void **blocks, size_t count)
{
    for (size_t b = 0; b < count; b++) {
        const void *pointer = blocks[b];
        OCL_CHECK(clEnqueueSVMMigrateMem(ocl->queue, 1, &pointer, NULL, 0, 0, NULL, NULL));
        OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, blocks[b]));
        ocl_run(ocl, kernel, BLOCK / STEP);
    }
}

int main(int argc, char **argv)
{
    unsigned long percent = argc > 1 ? strtoul(argv[1], NULL, 10) : 125;
    cl_ulong device_bytes = 0;
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
    cl_kernel kernel = ocl_kernel(&ocl, source, "step");
    OCL_CHECK(clGetDeviceInfo(ocl.device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(device_bytes),
                              &device_bytes, NULL));
    size_t count = device_bytes / 100 * percent / BLOCK, wrong = 0;
    void **blocks = calloc(count, sizeof(*blocks));
    if (!count || !blocks)
        abort();
    for (size_t b = 0; b < count; b++) {
        blocks[b] = clSVMAlloc(ocl.context, CL_MEM_SVM_FINE_GRAIN_BUFFER, BLOCK, 0);
        if (!blocks[b]) {
            fprintf(stderr, "not enough system memory for %zu MiB\n", count * (BLOCK >> 20));
            return SAMPLE_SKIP;
        }
        fill(blocks[b], b);
    }
    pass(&ocl, kernel, blocks, count);
    places_print("the first block after one pass", blocks[0], BLOCK);
    places_print("the last block after one pass", blocks[count - 1], BLOCK);
    pass(&ocl, kernel, blocks, count);
    for (size_t b = 0; b < count; b++)
        wrong += count_wrong(blocks[b], b);
    printf("%zu MiB on a device of %lu MiB, two passes: %zu words wrong\n", count * (BLOCK >> 20),
           (unsigned long)(device_bytes >> 20), wrong);
    for (size_t b = 0; b < count; b++)
        clSVMFree(ocl.context, blocks[b]);
    clReleaseKernel(kernel);
    ocl_close(&ocl);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
