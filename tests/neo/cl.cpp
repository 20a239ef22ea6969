// SPDX-License-Identifier: MIT
#include "cl.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

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

// Compiling takes seconds per kernel in an emulated guest, so binaries are kept in the folder
// SVM_KERNEL_CACHE between runs, named by everything that they depend on.
static std::string cachePath(const std::string &source, const char *options)
{
    const char *folder = getenv("SVM_KERNEL_CACHE");
    std::string key = source + '\0' + options + '\0' + Device::get().text(CL_DRIVER_VERSION);
    uint64_t hash = 14695981039346656037ull; // FNV-1a
    char name[32];

    if (!folder)
        return "";
    mkdir(folder, 0777);
    for (unsigned char c : key)
        hash = (hash ^ c) * 1099511628211ull;
    snprintf(name, sizeof(name), "/%016llx.bin", static_cast<unsigned long long>(hash));
    return folder + std::string(name);
}

static cl_program load(const std::string &path)
{
    Device &device = Device::get();
    std::ifstream file(path, std::ios::binary);
    std::vector<unsigned char> bytes((std::istreambuf_iterator<char>(file)), {});
    const unsigned char *data = bytes.data();
    size_t size = bytes.size();
    cl_int err, status;

    if (size == 0)
        return nullptr;
    cl_program program =
        clCreateProgramWithBinary(device.context, 1, &device.id, &size, &data, &status, &err);
    return err == CL_SUCCESS ? program : nullptr;
}

static void store(cl_program program, const std::string &path)
{
    size_t size = 0;

    CL_CHECK(clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr));
    std::vector<unsigned char> bytes(size);
    unsigned char *data = bytes.data();
    CL_CHECK(clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(data), &data, nullptr));
    std::string part = path + ".part" + std::to_string(getpid());
    std::ofstream(part, std::ios::binary).write(reinterpret_cast<char *>(data), long(size));
    rename(part.c_str(), path.c_str());
}

Program::Program(const std::string &source, const char *options)
{
    const char *text = source.c_str();
    Device &device = Device::get();
    std::string path = cachePath(source, options);
    cl_int err;

    program = path.empty() ? nullptr : load(path);
    bool cached = program != nullptr;
    if (!cached) {
        program = clCreateProgramWithSource(device.context, 1, &text, nullptr, &err);
        check(err, "clCreateProgramWithSource");
    }
    err = clBuildProgram(program, 1, &device.id, options, nullptr, nullptr);
    if (err != CL_SUCCESS)
        throw Error("clBuildProgram\n" + source + "\n" + buildLog(program), err);
    if (!cached && !path.empty())
        store(program, path);
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
