/* SPDX-License-Identifier: MIT */
#include "runner.h"

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>

#include "demo.cl.h"

#define PLATFORMS_MAX 8

static cl_device_id device;
static cl_context context;
static cl_command_queue queue;
static cl_kernel kernels[KERNEL_KINDS];
static char message[4096];

static const char *fail(const char *what, cl_int result)
{
    snprintf(message, sizeof(message), "%s: OpenCL error %d", what, result);
    return message;
}

static bool find_device(void)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint count = 0;
    clGetPlatformIDs(PLATFORMS_MAX, platforms, &count);
    for (cl_uint i = 0; i < count && i < PLATFORMS_MAX; i++) {
        cl_device_svm_capabilities caps = 0;
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_GPU, 1, &device, NULL) != CL_SUCCESS)
            continue;
        clGetDeviceInfo(device, CL_DEVICE_SVM_CAPABILITIES, sizeof(caps), &caps, NULL);
        if (caps & CL_DEVICE_SVM_FINE_GRAIN_SYSTEM)
            return true;
    }
    return false;
}

static const char *build(void)
{
    const char *source = (const char *)demo_cl;
    size_t length = sizeof(demo_cl);
    cl_int result;
    cl_program program = clCreateProgramWithSource(context, 1, &source, &length, &result);
    if (!program)
        return fail("clCreateProgramWithSource", result);
    result = clBuildProgram(program, 1, &device, "-cl-std=CL3.0", NULL, NULL);
    if (result != CL_SUCCESS) {
        clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof(message), message,
                              NULL);
        fprintf(stderr, "%s\n", message);
        return fail("clBuildProgram", result);
    }
    for (int i = 0; i < KERNEL_KINDS; i++) {
        kernels[i] = clCreateKernel(program, kernel_names[i], &result);
        if (!kernels[i])
            return fail(kernel_names[i], result);
    }
    clReleaseProgram(program);
    return NULL;
}

static const char *open_opencl(void)
{
    cl_int result;
    if (!find_device())
        return "no OpenCL device with fine-grain system SVM: is the ICD of i915 SVM installed, "
               "and does the kernel have SVM?";
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &result);
    if (!context)
        return fail("clCreateContext", result);
    queue = clCreateCommandQueueWithProperties(context, device, NULL, &result);
    return queue ? build() : fail("clCreateCommandQueueWithProperties", result);
}

static const char *run_opencl(enum demo_kernel which, const struct argument *arguments, int number,
                              uint32_t count)
{
    cl_int result = CL_SUCCESS;
    for (int i = 0; i < number && result == CL_SUCCESS; i++)
        result = arguments[i].is_pointer
                     ? clSetKernelArgSVMPointer(kernels[which], (cl_uint)i, arguments[i].pointer)
                     : clSetKernelArg(kernels[which], (cl_uint)i, sizeof(uint32_t),
                                      &arguments[i].number);
    if (result != CL_SUCCESS)
        return fail("clSetKernelArgSVMPointer", result);
    size_t items = count;
    result = clEnqueueNDRangeKernel(queue, kernels[which], 1, NULL, &items, NULL, 0, NULL, NULL);
    if (result != CL_SUCCESS)
        return fail("clEnqueueNDRangeKernel", result);
    result = clFinish(queue);
    return result == CL_SUCCESS ? NULL : fail("clFinish", result);
}

static void close_opencl(void)
{
    for (int i = 0; i < KERNEL_KINDS; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    if (queue)
        clReleaseCommandQueue(queue);
    if (context)
        clReleaseContext(context);
}

const struct runner runner_opencl = {
    .name = "OpenCL", .open = open_opencl, .run = run_opencl, .close = close_opencl};
