// SPDX-License-Identifier: MIT
// One of the two OpenCL implementations compared: the simulated GPU under NEO, or PoCL on the
// host's CPU.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

#include <functional>
#include <string>
#include <vector>

using Bytes = std::vector<unsigned char>;

class Side
{
  public:
    explicit Side(const char *platform); // by a part of its name; throws when there is none
    // Runs a kernel over n work-items; in and out are its arguments in this order. Returns out's
    // contents. before and after surround the kernel alone.
    std::vector<Bytes> run(const std::string &source, const std::string &kernel,
                           const std::vector<Bytes> &in, const std::vector<size_t> &out, size_t n,
                           size_t local = 0, const std::function<void()> &before = {},
                           const std::function<void()> &after = {});
    static Side &gpu();
    static Side &cpu();
    cl_device_id device;

  private:
    cl_program programOf(const std::string &source);
    cl_context context;
    cl_command_queue queue;
    std::string lastSource;
    cl_program lastProgram = nullptr;
};

template <class T> Bytes toBytes(const std::vector<T> &v)
{
    auto *p = reinterpret_cast<const unsigned char *>(v.data());
    return Bytes(p, p + v.size() * sizeof(T));
}

template <class T> std::vector<T> fromBytes(const Bytes &b)
{
    auto *p = reinterpret_cast<const T *>(b.data());
    return std::vector<T>(p, p + b.size() / sizeof(T));
}
