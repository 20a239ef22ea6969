// SPDX-License-Identifier: MIT
#include "cl.h"

#include <cstdlib>
#include <cstring>

namespace cl
{
Error::Error(const std::string &what, cl_int code)
    : std::runtime_error(what + ": OpenCL error " + std::to_string(code)), code(code)
{
}

void check(cl_int code, const char *what)
{
    if (code != CL_SUCCESS)
        throw Error(what, code);
}

static std::string platformName(cl_platform_id platform)
{
    char name[256] = "";

    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof(name), name, nullptr);
    return name;
}

Device::Device()
{
    const char *wanted = getenv("SVM_TEST_PLATFORM");
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_int err = CL_DEVICE_NOT_FOUND;

    CL_CHECK(clGetPlatformIDs(16, platforms, &count));
    for (cl_uint i = 0; i < count && i < 16 && err != CL_SUCCESS; i++) {
        if (platformName(platforms[i]).find(wanted ? wanted : "Intel") == std::string::npos)
            continue;
        platform = platforms[i];
        err = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, nullptr);
    }
    check(err, "clGetDeviceIDs");
    context = clCreateContext(nullptr, 1, &id, nullptr, nullptr, &err);
    check(err, "clCreateContext");
    queue = clCreateCommandQueueWithProperties(context, id, nullptr, &err);
    check(err, "clCreateCommandQueueWithProperties");
}

Device &Device::get()
{
    static Device device;
    return device;
}

std::string Device::text(cl_device_info what)
{
    size_t bytes = 0;

    CL_CHECK(clGetDeviceInfo(id, what, 0, nullptr, &bytes));
    std::string value(bytes, '\0');
    CL_CHECK(clGetDeviceInfo(id, what, bytes, value.data(), nullptr));
    return value.c_str();
}

bool Device::has(const char *extension)
{
    return (text(CL_DEVICE_EXTENSIONS) + " ").find(std::string(extension) + " ") !=
           std::string::npos;
}

Buffer::Buffer(size_t bytes, cl_mem_flags flags, void *host)
{
    cl_int err;

    mem = clCreateBuffer(Device::get().context, flags, bytes, host, &err);
    check(err, "clCreateBuffer");
}

Buffer::~Buffer()
{
    clReleaseMemObject(mem);
}

static std::string buildLog(cl_program program)
{
    size_t bytes = 0;

    clGetProgramBuildInfo(program, Device::get().id, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes);
    std::string log(bytes, '\0');
    clGetProgramBuildInfo(program, Device::get().id, CL_PROGRAM_BUILD_LOG, bytes, log.data(),
                          nullptr);
    return log.c_str();
}

Program::Program(const std::string &source, const char *options)
{
    const char *text = source.c_str();
    Device &device = Device::get();
    cl_int err;

    program = clCreateProgramWithSource(device.context, 1, &text, nullptr, &err);
    check(err, "clCreateProgramWithSource");
    err = clBuildProgram(program, 1, &device.id, options, nullptr, nullptr);
    if (err != CL_SUCCESS)
        throw Error("clBuildProgram\n" + source + "\n" + buildLog(program), err);
}

Program::~Program()
{
    clReleaseProgram(program);
}

Kernel::Kernel(const std::string &source, const char *options) : own(new Program(source, options))
{
    CL_CHECK(clCreateKernelsInProgram(own->program, 1, &kernel, nullptr));
}

Kernel::Kernel(const Program &program, const char *name)
{
    cl_int err;

    kernel = clCreateKernel(program.program, name, &err);
    check(err, name);
}

Kernel::~Kernel()
{
    clReleaseKernel(kernel);
    delete own;
}

Kernel &Kernel::run(std::vector<size_t> global, std::vector<size_t> local,
                    std::vector<size_t> offset, cl_command_queue queue)
{
    CL_CHECK(clEnqueueNDRangeKernel(queue ? queue : Device::get().queue, kernel,
                                    cl_uint(global.size()),
                                    offset.empty() ? nullptr : offset.data(), global.data(),
                                    local.empty() ? nullptr : local.data(), 0, nullptr, nullptr));
    return *this;
}

void finish()
{
    CL_CHECK(clFinish(Device::get().queue));
}
} // namespace cl
