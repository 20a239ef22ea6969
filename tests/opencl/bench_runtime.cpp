/* SPDX-License-Identifier: MIT */
/*
 * The layer against NEO alone, in one guest: the program runs itself with each ICD in turns and
 * prints both times and their ratio. Medians of several rounds, of the best run, in microseconds:
 * the machine may be busy with other things.
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace
{
constexpr size_t KiB = 1024, MiB = 1024 * KiB;
constexpr int ROUNDS = 5;
constexpr int RUNS = 3;

cl_platform_id platform;
cl_device_id device;
cl_context context;
cl_command_queue queue;

void check(cl_int result, const char *what)
{
    if (result == CL_SUCCESS)
        return;
    fprintf(stderr, "%s: OpenCL error %d\n", what, result);
    exit(1);
}

double microseconds(const std::function<void()> &work)
{
    auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
        .count();
}

void report(const std::string &name, std::vector<double> times)
{
    std::sort(times.begin(), times.end());
    printf("%s\t%.3f\n", name.c_str(), times[times.size() / 2]);
    fflush(stdout);
}

cl_kernel open_device()
{
    static const char *source = "kernel void touch(global uint *d) { d[get_global_id(0)] += 1; }";
    cl_int result;
    check(clGetPlatformIDs(1, &platform, nullptr), "clGetPlatformIDs");
    check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, &device, nullptr), "clGetDeviceIDs");
    context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &result);
    check(result, "clCreateContext");
    queue = clCreateCommandQueueWithProperties(context, device, nullptr, &result);
    check(result, "clCreateCommandQueueWithProperties");
    cl_program program = clCreateProgramWithSource(context, 1, &source, nullptr, &result);
    check(clBuildProgram(program, 1, &device, nullptr, nullptr, nullptr), "clBuildProgram");
    cl_kernel kernel = clCreateKernel(program, "touch", &result);
    check(result, "clCreateKernel");
    return kernel;
}

void run(cl_kernel kernel, void *pointer)
{
    size_t count = 1;
    check(clSetKernelArgSVMPointer(kernel, 0, pointer), "clSetKernelArgSVMPointer");
    check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &count, nullptr, 0, nullptr, nullptr),
          "clEnqueueNDRangeKernel");
    check(clFinish(queue), "clFinish");
}

template <typename T> T extension(const char *name)
{
    return reinterpret_cast<T>(clGetExtensionFunctionAddressForPlatform(platform, name));
}

/* The device uses a shared allocation, wherever the runtime wants it; the CPU reads one page. */
void bench_touch(cl_kernel kernel)
{
    auto alloc = extension<clSharedMemAllocINTEL_fn>("clSharedMemAllocINTEL");
    auto drop = extension<clMemFreeINTEL_fn>("clMemFreeINTEL");
    auto migrate = extension<clEnqueueMigrateMemINTEL_fn>("clEnqueueMigrateMemINTEL");
    cl_int result;
    const size_t size = 64 * MiB;
    auto *bytes = static_cast<unsigned char *>(alloc(context, device, nullptr, size, 0, &result));
    check(result, "clSharedMemAllocINTEL");
    memset(bytes, 1, size);
    const auto touches = [&](const char *name, const std::function<void()> &touch) {
        std::vector<double> times;
        for (int i = 0; i < ROUNDS; i++) {
            check(migrate(queue, bytes, size, 0, 0, nullptr, nullptr), "clEnqueueMigrateMemINTEL");
            run(kernel, bytes);
            times.push_back(microseconds(touch));
        }
        report(name, times);
    };
    touches("CPU touch of one page, 64 MiB on the device",
            [&] { (void)*static_cast<volatile unsigned char *>(bytes + size / 2); });
    touches("CPU read of all of it", [&] {
        for (size_t at = 0; at < size; at += 4 * KiB)
            (void)*static_cast<volatile unsigned char *>(bytes + at);
    });
    drop(context, bytes);
}

void bench_alloc(size_t size, const char *name)
{
    std::vector<double> times;
    for (int i = 0; i < ROUNDS; i++)
        times.push_back(microseconds([&] {
            void *p = clSVMAlloc(context, CL_MEM_READ_WRITE, size, 0);
            check(p ? CL_SUCCESS : CL_MEM_OBJECT_ALLOCATION_FAILURE, "clSVMAlloc");
            clSVMFree(context, p);
        }));
    report(name, times);
}

void bench_launch(cl_kernel kernel)
{
    std::vector<void *> live;
    for (int i = 0; i < 1000; i++)
        live.push_back(clSVMAlloc(context, CL_MEM_READ_WRITE, 4 * KiB, 0));
    run(kernel, live[0]);
    std::vector<double> times;
    for (int i = 0; i < 40 * ROUNDS; i++)
        times.push_back(microseconds([&] { run(kernel, live[0]); }));
    report("launch with 1,000 live allocations", times);
    for (void *p : live)
        clSVMFree(context, p);
}

void bench_set_arg(cl_kernel kernel)
{
    constexpr int CALLS = 1000;
    void *p = clSVMAlloc(context, CL_MEM_READ_WRITE, 4 * KiB, 0);
    std::vector<double> times;
    for (int i = 0; i < ROUNDS; i++)
        times.push_back(microseconds([&] {
                            for (int c = 0; c < CALLS; c++)
                                clSetKernelArgSVMPointer(kernel, 0, p);
                        }) /
                        CALLS);
    report("clSetKernelArgSVMPointer", times);
    clSVMFree(context, p);
}

int measure()
{
    cl_kernel kernel = open_device();
    bench_touch(kernel);
    bench_alloc(4 * KiB, "allocate and free 4 KiB");
    bench_alloc(MiB, "allocate and free 1 MiB");
    bench_alloc(32 * MiB, "allocate and free 32 MiB");
    bench_alloc(256 * MiB, "allocate and free 256 MiB");
    bench_launch(kernel);
    bench_set_arg(kernel);
    return 0;
}

struct Results {
    std::vector<std::string> names;
    std::map<std::string, double> times;
};

bool run_self(const char *self, const char *vendors, Results &results)
{
    std::string command = std::string("OCL_ICD_VENDORS=") + vendors + " '" + self + "' --measure";
    FILE *pipe = popen(command.c_str(), "r");
    char line[256];
    while (pipe && fgets(line, sizeof(line), pipe)) {
        char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        *tab = 0;
        const double time = atof(tab + 1);
        auto [known, isNew] = results.times.emplace(line, time);
        if (isNew)
            results.names.push_back(line);
        known->second = std::min(known->second, time);
    }
    return pipe && pclose(pipe) == 0;
}
} // namespace

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--measure") == 0)
        return measure();
    Results ours, neo;
    for (int i = 0; i < RUNS; i++) {
        if (!run_self(argv[0], I915SVM_ICD, ours) ||
            !run_self(argv[0], "/etc/OpenCL/vendors", neo)) {
            fprintf(stderr, "a run failed\n");
            return 1;
        }
    }
    printf("%-45s %12s %12s %10s\n", "microseconds, medians", "with SVM", "NEO alone", "NEO/ours");
    for (const std::string &name : ours.names)
        printf("%-45s %12.1f %12.1f %9.2fx\n", name.c_str(), ours.times[name], neo.times[name],
               neo.times[name] / ours.times[name]);
    return 0;
}
