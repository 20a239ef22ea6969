/* SPDX-License-Identifier: MIT */
/*
 * CPU and GPU increment the same counters while the kernel runs: fine-grain atomics. They need a
 * link that carries atomic operations between device and host; without one the device does not
 * report CL_DEVICE_SVM_ATOMICS, and this sample does not run.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ocl.h"
#include "common/places.h"

#define COUNTERS 4
#define ITEMS    256
#define ROUNDS   100

static const char source[] =
    "kernel void count(global volatile atomic_uint *counters, global volatile atomic_uint "
    "*running)\n"
    "{\n"
    "    atomic_store_explicit(running, 1, memory_order_relaxed, memory_scope_all_svm_devices);\n"
    "    for (uint i = 0; i < 100; i++)\n"
    "        atomic_fetch_add_explicit(&counters[i % 4], 1, memory_order_relaxed,\n"
    "                                  memory_scope_all_svm_devices);\n"
    "}\n";

int main(void)
{
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_BUFFER | CL_DEVICE_SVM_ATOMICS);
    cl_kernel kernel = ocl_kernel(&ocl, source, "count");
    atomic_uint *counters =
        clSVMAlloc(ocl.context, CL_MEM_SVM_FINE_GRAIN_BUFFER | CL_MEM_SVM_ATOMICS, 4096, 0);
    if (!counters)
        abort();
    atomic_uint *running = counters + COUNTERS;
    for (unsigned i = 0; i <= COUNTERS; i++)
        atomic_init(&counters[i], 0);
    size_t items = ITEMS;
    cl_event done;
    cl_int status = CL_QUEUED;
    unsigned ours = 0, together = 0;
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, counters));
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 1, running));
    OCL_CHECK(clEnqueueNDRangeKernel(ocl.queue, kernel, 1, NULL, &items, NULL, 0, NULL, &done));
    OCL_CHECK(clFlush(ocl.queue));
    while (status > CL_COMPLETE) {
        together += atomic_load(running);
        atomic_fetch_add(&counters[ours++ % COUNTERS], 1);
        OCL_CHECK(
            clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, NULL));
    }
    unsigned sum = 0;
    for (unsigned i = 0; i < COUNTERS; i++)
        sum += counters[i];
    bool right = status == CL_COMPLETE && sum == ours + ITEMS * ROUNDS;
    printf("the CPU added %u (%u of them while the kernel ran), the GPU %u; the counters say %u: "
           "%s\n",
           ours, together, ITEMS * ROUNDS, sum, right ? "right" : "WRONG");
    places_print("the counters", counters, 4096);
    clReleaseEvent(done);
    clSVMFree(ocl.context, counters);
    clReleaseKernel(kernel);
    ocl_close(&ocl);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
