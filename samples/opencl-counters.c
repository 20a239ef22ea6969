/* SPDX-License-Identifier: MIT */
/*
 * CPU and GPU increment the same counters while a kernel runs.
 *
 * Where the device reports CL_DEVICE_SVM_ATOMICS, both do so whenever they like. That needs a link
 * that carries atomic operations between device and host, which a DG1 has not: its increments and
 * the CPU's would overwrite each other. There the two take turns. Who may touch the counters is
 * said by one word that only the other side writes, with plain loads and stores of fine-grain
 * memory: each sees what the other did while the kernel runs. Among themselves, the GPU's work
 * items use atomics of the GPU.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ocl.h"
#include "common/places.h"

#define COUNTERS 4
#define ITEMS    64
#define ROUNDS   100        /* increments of each work item, if at any time */
#define TURNS    32         /* of each side, if in turns */
#define PATIENCE (1u << 24) /* polls after which the GPU gives up: a kernel has to end */

static const char source[] =
    "kernel void at_any_time(global volatile atomic_uint *counters, uint rounds)\n"
    "{\n"
    "    for (uint i = 0; i < rounds; i++)\n"
    "        atomic_fetch_add_explicit(&counters[i % 4], 1, memory_order_relaxed,\n"
    "                                  memory_scope_all_svm_devices);\n"
    "}\n"
    "\n"
    "kernel void in_turns(global volatile uint *counters, global volatile uint *turn, uint turns,\n"
    "                     uint patience)\n"
    "{\n"
    "    local uint polls;\n"
    "    for (uint t = 0; t < turns; t++) {\n"
    "        if (get_local_id(0) == 0)\n"
    "            for (polls = 0; *turn != 2 * t + 1 && polls < patience; polls++)\n"
    "                ;\n"
    "        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);\n"
    "        if (polls == patience)\n"
    "            return;\n"
    "        atomic_inc(&counters[get_local_id(0) % 4]);\n"
    "        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);\n"
    "        if (get_local_id(0) == 0)\n"
    "            *turn = 2 * t + 2;\n"
    "    }\n"
    "}\n";

static cl_event launch(const struct ocl *ocl, cl_kernel kernel)
{
    const size_t items = ITEMS;
    cl_event done;
    OCL_CHECK(clEnqueueNDRangeKernel(ocl->queue, kernel, 1, NULL, &items, &items, 0, NULL, &done));
    OCL_CHECK(clFlush(ocl->queue));
    return done;
}

static bool is_running(cl_event done)
{
    cl_int status;
    OCL_CHECK(
        clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, NULL));
    return status > CL_COMPLETE;
}

/* How often the CPU incremented; the GPU adds ITEMS * ROUNDS. */
static unsigned count_at_any_time(const struct ocl *ocl, atomic_uint *counters)
{
    cl_kernel kernel = ocl_kernel(ocl, source, "at_any_time");
    const cl_uint rounds = ROUNDS;
    unsigned ours = 0;
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, counters));
    OCL_CHECK(clSetKernelArg(kernel, 1, sizeof(rounds), &rounds));
    cl_event done = launch(ocl, kernel);
    while (is_running(done))
        atomic_fetch_add(&counters[ours++ % COUNTERS], 1);
    clReleaseEvent(done);
    clReleaseKernel(kernel);
    return ours;
}

/* How often the CPU incremented, in turns that it was given while the kernel ran; the GPU adds as
 * much. */
static unsigned count_in_turns(const struct ocl *ocl, atomic_uint *counters)
{
    cl_kernel kernel = ocl_kernel(ocl, source, "in_turns");
    const cl_uint turns = TURNS, patience = PATIENCE;
    atomic_uint *turn = counters + 16; /* a cache line of its own */
    unsigned ours = 0;
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, counters));
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 1, turn));
    OCL_CHECK(clSetKernelArg(kernel, 2, sizeof(turns), &turns));
    OCL_CHECK(clSetKernelArg(kernel, 3, sizeof(patience), &patience));
    cl_event done = launch(ocl, kernel);
    for (unsigned t = 0; t < TURNS && is_running(done); t++) {
        for (unsigned i = 0; i < ITEMS; i++, ours++)
            counters[i % COUNTERS] += 1;
        atomic_store(turn, 2 * t + 1);
        while (atomic_load(turn) != 2 * t + 2 && is_running(done))
            ;
    }
    OCL_CHECK(clWaitForEvents(1, &done));
    clReleaseEvent(done);
    clReleaseKernel(kernel);
    return ours;
}

int main(void)
{
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
    cl_device_svm_capabilities caps;
    OCL_CHECK(clGetDeviceInfo(ocl.device, CL_DEVICE_SVM_CAPABILITIES, sizeof(caps), &caps, NULL));
    bool atomics = caps & CL_DEVICE_SVM_ATOMICS;
    atomic_uint *counters = clSVMAlloc(
        ocl.context, CL_MEM_SVM_FINE_GRAIN_BUFFER | (atomics ? CL_MEM_SVM_ATOMICS : 0), 4096, 0);
    if (!counters)
        abort();
    for (unsigned i = 0; i < 4096 / sizeof(*counters); i++)
        atomic_init(&counters[i], 0);
    unsigned ours = atomics ? count_at_any_time(&ocl, counters) : count_in_turns(&ocl, counters);
    unsigned theirs = ITEMS * (atomics ? ROUNDS : TURNS), sum = 0;
    for (unsigned i = 0; i < COUNTERS; i++)
        sum += counters[i];
    bool right = sum == ours + theirs && (atomics || ours == theirs);
    printf("%s, while the kernel ran: the CPU added %u, the GPU %u; the counters say %u: %s\n",
           atomics ? "With atomics over the link" : "In turns, as this link carries no atomics",
           ours, theirs, sum, right ? "right" : "WRONG");
    places_print("the counters", counters, 4096);
    clSVMFree(ocl.context, counters);
    ocl_close(&ocl);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
