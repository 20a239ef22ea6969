// SPDX-License-Identifier: MIT
#include "side.h"

#include <stdexcept>

static void check(cl_int err, const char *what)
{
    if (err != CL_SUCCESS)
        throw std::runtime_error(std::string(what) + ": OpenCL error " + std::to_string(err));
}

Side::Side(const char *wanted)
{
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_int err = CL_DEVICE_NOT_FOUND;

    check(clGetPlatformIDs(16, platforms, &count), "clGetPlatformIDs");
    for (cl_uint i = 0; i < count && i < 16; i++) {
        char name[256] = "";
        clGetPlatformInfo(platforms[i], CL_PLATFORM_NAME, sizeof(name), name, nullptr);
        if (std::string(name).find(wanted) != std::string::npos)
            err = clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, nullptr);
    }
    check(err, wanted);
    context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &err);
    check(err, "clCreateContext");
    queue = clCreateCommandQueueWithProperties(context, device, nullptr, &err);
    check(err, "clCreateCommandQueueWithProperties");
}

Side &Side::gpu()
{
    static Side side("Intel");
    return side;
}

Side &Side::cpu()
{
    static Side side("Portable Computing Language");
    return side;
}

cl_program Side::programOf(const std::string &source)
{
    const char *text = source.c_str();
    cl_int err;

    if (lastProgram && source == lastSource)
        return lastProgram;
    if (lastProgram)
        clReleaseProgram(lastProgram);
    lastSource = source;
    lastProgram = clCreateProgramWithSource(context, 1, &text, nullptr, &err);
    check(err, "clCreateProgramWithSource");
    err = clBuildProgram(lastProgram, 1, &device, "-cl-std=CL1.2", nullptr, nullptr);
    if (err != CL_SUCCESS) {
        char log[4096] = "";
        clGetProgramBuildInfo(lastProgram, device, CL_PROGRAM_BUILD_LOG, sizeof(log), log, nullptr);
        throw std::runtime_error("clBuildProgram\n" + source + "\n" + log);
    }
    return lastProgram;
}

std::vector<Bytes> Side::run(const std::string &source, const std::string &name,
                             const std::vector<Bytes> &in, const std::vector<size_t> &out, size_t n,
                             size_t local, const std::function<void()> &before,
                             const std::function<void()> &after)
{
    cl_int err;
    cl_kernel kernel = clCreateKernel(programOf(source), name.c_str(), &err);
    std::vector<cl_mem> buffers;
    std::vector<Bytes> results;

    check(err, "clCreateKernel");
    for (size_t i = 0; i < in.size() + out.size(); i++) {
        bool isIn = i < in.size();
        Bytes zero(isIn ? 0 : out[i - in.size()]);
        const Bytes &start = isIn ? in[i] : zero;
        cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, start.size(),
                                    const_cast<unsigned char *>(start.data()), &err);
        check(err, "clCreateBuffer");
        check(clSetKernelArg(kernel, cl_uint(i), sizeof(mem), &mem), "clSetKernelArg");
        buffers.push_back(mem);
    }
    if (before) {
        check(clFinish(queue), "clFinish");
        before();
    }
    check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &n, local ? &local : nullptr, 0,
                                 nullptr, nullptr),
          "clEnqueueNDRangeKernel");
    if (after) {
        check(clFinish(queue), "clFinish");
        after();
    }
    for (size_t i = 0; i < out.size(); i++) {
        results.emplace_back(out[i]);
        check(clEnqueueReadBuffer(queue, buffers[in.size() + i], CL_TRUE, 0, out[i],
                                  results.back().data(), 0, nullptr, nullptr),
              "clEnqueueReadBuffer");
    }
    for (cl_mem mem : buffers)
        clReleaseMemObject(mem);
    clReleaseKernel(kernel);
    return results;
}
