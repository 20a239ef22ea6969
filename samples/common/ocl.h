/* SPDX-License-Identifier: MIT */
/* What every OpenCL sample needs before its own story begins. Errors end the program. */
#ifndef SAMPLES_OCL_H
#define SAMPLES_OCL_H

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <stdbool.h>

struct ocl {
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
};

/* The first GPU whose SVM capabilities include all of these. */
struct ocl ocl_open(cl_device_svm_capabilities needed);
void ocl_close(struct ocl *ocl);
cl_kernel ocl_kernel(const struct ocl *ocl, const char *source, const char *name);
/* Runs a kernel over count work items and waits for it. */
void ocl_run(const struct ocl *ocl, cl_kernel kernel, size_t count);

void ocl_check_at(cl_int result, const char *what, const char *file, int line);
#define OCL_CHECK(call) ocl_check_at(call, #call, __FILE__, __LINE__)

/* Exit code for "this machine cannot run the sample", as ctest and automake know it. */
#define SAMPLE_SKIP 77

#endif
