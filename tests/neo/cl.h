// SPDX-License-Identifier: MIT
// What the OpenCL tests share: device, context, one in-order queue, programs, buffers. Every call
// is checked: an error ends the test with its text.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace cl
{
struct Error : std::runtime_error {
    Error(const std::string &what, cl_int code);
    cl_int code;
};
void check(cl_int code, const char *what);
#define CL_CHECK(call) cl::check((call), #call)

// The first GPU of a platform whose name has SVM_TEST_PLATFORM in it (default: "Intel").
class Device
{
  public:
    static Device &get();
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    template <class T> T info(cl_device_info what)
    {
        T value{};
        CL_CHECK(clGetDeviceInfo(id, what, sizeof(value), &value, nullptr));
        return value;
    }
    std::string text(cl_device_info what);
    bool has(const char *extension);

  private:
    Device();
};

class Buffer
{
  public:
    explicit Buffer(size_t bytes, cl_mem_flags flags = CL_MEM_READ_WRITE, void *host = nullptr);
    template <class T>
    explicit Buffer(const std::vector<T> &from)
        : Buffer(from.size() * sizeof(T), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                 const_cast<T *>(from.data()))
    {
    }
    ~Buffer();
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    template <class T> std::vector<T> read(size_t count)
    {
        std::vector<T> to(count);
        CL_CHECK(clEnqueueReadBuffer(Device::get().queue, mem, CL_TRUE, 0, count * sizeof(T),
                                     to.data(), 0, nullptr, nullptr));
        return to;
    }
    cl_mem mem;
};

struct Local {
    size_t bytes;
};

class Program
{
  public:
    explicit Program(const std::string &source, const char *options = "-cl-std=CL3.0");
    ~Program();
    Program(const Program &) = delete;
    Program &operator=(const Program &) = delete;
    cl_program program;
};

class Kernel
{
  public:
    // The only kernel of a program, or the named one.
    explicit Kernel(const std::string &source, const char *options = "-cl-std=CL3.0");
    Kernel(const Program &program, const char *name);
    ~Kernel();
    Kernel(const Kernel &) = delete;
    Kernel &operator=(const Kernel &) = delete;

    template <class... Args> Kernel &operator()(const Args &...values)
    {
        cl_uint index = 0;
        (set(index++, values), ...);
        return *this;
    }
    Kernel &run(std::vector<size_t> global, std::vector<size_t> local = {},
                std::vector<size_t> offset = {}, cl_command_queue queue = nullptr);
    cl_kernel kernel;

  private:
    void set(cl_uint index, const Buffer &b)
    {
        CL_CHECK(clSetKernelArg(kernel, index, sizeof(b.mem), &b.mem));
    }
    void set(cl_uint index, const Local &l)
    {
        CL_CHECK(clSetKernelArg(kernel, index, l.bytes, nullptr));
    }
    template <class T> void set(cl_uint index, const T &value)
    {
        CL_CHECK(clSetKernelArg(kernel, index, sizeof(value), &value));
    }
    Program *own = nullptr;
};

void finish();
} // namespace cl
