/* SPDX-License-Identifier: MIT */
/*
 * Variables of every storage class as kernel arguments: automatic, static, thread-local, constant,
 * and the arguments of main() itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocl.h"
#include "common/places.h"

#define COUNT 64

static const char source[] = "kernel void add(global const uchar *from, global uint *sum, uint n)\n"
                             "{\n"
                             "    uint total = 0;\n"
                             "    for (uint i = 0; i < n; i++)\n"
                             "        total += from[i];\n"
                             "    *sum = total;\n"
                             "}\n";

static unsigned char zeroed[COUNT];
static unsigned char initialised[COUNT] = {1, 2, 3, 4, 5};
static const unsigned char constant[COUNT] = "constant data of the program itself";
static _Thread_local unsigned char per_thread[COUNT];

struct where {
    const char *name;
    const unsigned char *bytes;
    unsigned length;
};

static unsigned cpu_sum(const struct where *where)
{
    unsigned total = 0;
    for (unsigned i = 0; i < where->length; i++)
        total += where->bytes[i];
    return total;
}

static bool try_one(const struct ocl *ocl, cl_kernel kernel, const struct where *where)
{
    static unsigned result; /* the GPU writes static data, too */
    result = ~0u;
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, where->bytes));
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 1, &result));
    OCL_CHECK(clSetKernelArg(kernel, 2, sizeof(where->length), &where->length));
    ocl_run(ocl, kernel, 1);
    bool right = *(volatile unsigned *)&result == cpu_sum(where);
    printf("%-12s at %p: sum %u, %s\n", where->name, (const void *)where->bytes, result,
           right ? "right" : "WRONG");
    places_print("             its page", where->bytes, 1);
    return right;
}

int main(int argc, char **argv)
{
    unsigned char automatic[COUNT];
    memset(automatic, 7, sizeof(automatic));
    memset(per_thread, 9, sizeof(per_thread));
    (void)argc;
    const struct where all[] = {
        {"automatic", automatic, COUNT},
        {"static", initialised, COUNT},
        {"zeroed", zeroed, COUNT},
        {"thread-local", per_thread, COUNT},
        {"constant", constant, COUNT},
        {"argv[0]", (const unsigned char *)argv[0], (unsigned)strlen(argv[0])},
    };
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_SYSTEM);
    cl_kernel kernel = ocl_kernel(&ocl, source, "add");
    bool right = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        right = try_one(&ocl, kernel, &all[i]) && right;
    clReleaseKernel(kernel);
    ocl_close(&ocl);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
