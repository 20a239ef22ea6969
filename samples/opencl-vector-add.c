/* SPDX-License-Identifier: MIT */
/*
 * c = a + b on the first GPU that OpenCL offers, checked on the CPU.
 * Usage: opencl-vector-add [elements]
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "__kernel void add(__global const int *a, __global const int *b, __global int *c)\n"
    "{\n"
    "    size_t i = get_global_id(0);\n"
    "    c[i] = a[i] + b[i];\n"
    "}\n";

static void check(cl_int err, const char *what)
{
    if (err == CL_SUCCESS)
        return;
    fprintf(stderr, "%s: OpenCL error %d\n", what, err);
    exit(1);
}

static cl_device_id first_gpu(void)
{
    cl_platform_id platforms[8];
    cl_device_id device;
    cl_uint count = 0;

    check(clGetPlatformIDs(8, platforms, &count), "clGetPlatformIDs");
    for (cl_uint i = 0; i < count && i < 8; i++)
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_GPU, 1, &device, NULL) == CL_SUCCESS)
            return device;
    fprintf(stderr, "no GPU found\n");
    exit(1);
}

static cl_kernel build(cl_context context, cl_device_id device)
{
    const char *text = source;
    cl_int err;
    cl_program program = clCreateProgramWithSource(context, 1, &text, NULL, &err);
    cl_kernel kernel;

    check(err, "clCreateProgramWithSource");
    check(clBuildProgram(program, 1, &device, "", NULL, NULL), "clBuildProgram");
    kernel = clCreateKernel(program, "add", &err);
    check(err, "clCreateKernel");
    clReleaseProgram(program);
    return kernel;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 0) : 4096, wrong = 0;
    int *a = malloc(n * sizeof(int)), *b = malloc(n * sizeof(int)), *c = malloc(n * sizeof(int));
    cl_device_id device = first_gpu();
    char name[128] = "";
    cl_int err;

    if (n == 0 || !a || !b || !c) {
        fprintf(stderr, "usage: opencl-vector-add [elements]\n");
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        a[i] = (int)i;
        b[i] = (int)(i * 7 + 3);
        c[i] = -1;
    }
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof(name), name, NULL);

    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &err);
    check(err, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, NULL, &err);
    check(err, "clCreateCommandQueueWithProperties");
    cl_kernel kernel = build(context, device);
    cl_mem in_a = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, n * sizeof(int),
                                 a, &err);
    check(err, "clCreateBuffer");
    cl_mem in_b = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, n * sizeof(int),
                                 b, &err);
    check(err, "clCreateBuffer");
    cl_mem out = clCreateBuffer(context, CL_MEM_WRITE_ONLY, n * sizeof(int), NULL, &err);
    check(err, "clCreateBuffer");

    check(clSetKernelArg(kernel, 0, sizeof(in_a), &in_a), "clSetKernelArg");
    check(clSetKernelArg(kernel, 1, sizeof(in_b), &in_b), "clSetKernelArg");
    check(clSetKernelArg(kernel, 2, sizeof(out), &out), "clSetKernelArg");
    check(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &n, NULL, 0, NULL, NULL),
          "clEnqueueNDRangeKernel");
    check(clEnqueueReadBuffer(queue, out, CL_TRUE, 0, n * sizeof(int), c, 0, NULL, NULL),
          "clEnqueueReadBuffer");

    for (size_t i = 0; i < n; i++)
        wrong += c[i] != a[i] + b[i];
    printf("%s: %zu elements, %zu wrong\n", name, n, wrong);

    clReleaseMemObject(in_a);
    clReleaseMemObject(in_b);
    clReleaseMemObject(out);
    clReleaseKernel(kernel);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    free(a);
    free(b);
    free(c);
    return wrong != 0;
}
