/* SPDX-License-Identifier: MIT */
#include "ocl.h"

#include "places.h"

#include <stdio.h>
#include <stdlib.h>

#define PLATFORMS_MAX 8

void ocl_check_at(cl_int result, const char *what, const char *file, int line)
{
    if (result == CL_SUCCESS)
        return;
    fprintf(stderr, "%s:%d: %s: OpenCL error %d\n", file, line, what, result);
    exit(EXIT_FAILURE);
}

static bool pick_device(struct ocl *ocl, cl_device_svm_capabilities needed)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint count = 0;
    if (clGetPlatformIDs(PLATFORMS_MAX, platforms, &count) != CL_SUCCESS)
        return false;
    for (cl_uint i = 0; i < count && i < PLATFORMS_MAX; i++) {
        cl_device_svm_capabilities have = 0;
        ocl->platform = platforms[i];
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_GPU, 1, &ocl->device, NULL))
            continue;
        clGetDeviceInfo(ocl->device, CL_DEVICE_SVM_CAPABILITIES, sizeof(have), &have, NULL);
        if ((have & needed) == needed)
            return true;
    }
    return false;
}

struct ocl ocl_open(cl_device_svm_capabilities needed)
{
    struct ocl ocl;
    cl_int result;
    places_before();
    bool found = pick_device(&ocl, needed);
    const char *error = found ? places_after() : NULL;
    if (error)
        fprintf(stderr, "%s: what moves where cannot be shown\n", error);
    if (!found) {
        fprintf(stderr,
                "no OpenCL GPU with SVM capabilities 0x%lx: is the i915 SVM ICD "
                "installed, and does the kernel have SVM?\n",
                (unsigned long)needed);
        exit(SAMPLE_SKIP);
    }
    ocl.context = clCreateContext(NULL, 1, &ocl.device, NULL, NULL, &result);
    OCL_CHECK(result);
    ocl.queue = clCreateCommandQueueWithProperties(ocl.context, ocl.device, NULL, &result);
    OCL_CHECK(result);
    return ocl;
}

void ocl_close(struct ocl *ocl)
{
    places_close();
    clReleaseCommandQueue(ocl->queue);
    clReleaseContext(ocl->context);
}

static void print_build_log(const struct ocl *ocl, cl_program program)
{
    char log[4096] = "";
    clGetProgramBuildInfo(program, ocl->device, CL_PROGRAM_BUILD_LOG, sizeof(log), log, NULL);
    fprintf(stderr, "%s\n", log);
}

cl_kernel ocl_kernel(const struct ocl *ocl, const char *source, const char *name)
{
    cl_int result;
    cl_program program = clCreateProgramWithSource(ocl->context, 1, &source, NULL, &result);
    OCL_CHECK(result);
    result = clBuildProgram(program, 1, &ocl->device, "-cl-std=CL2.0", NULL, NULL);
    if (result != CL_SUCCESS)
        print_build_log(ocl, program);
    OCL_CHECK(result);
    cl_kernel kernel = clCreateKernel(program, name, &result);
    OCL_CHECK(result);
    clReleaseProgram(program); /* the kernel keeps it */
    return kernel;
}

void ocl_run(const struct ocl *ocl, cl_kernel kernel, size_t count)
{
    OCL_CHECK(clEnqueueNDRangeKernel(ocl->queue, kernel, 1, NULL, &count, NULL, 0, NULL, NULL));
    OCL_CHECK(clFinish(ocl->queue));
}
