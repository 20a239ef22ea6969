// SPDX-License-Identifier: MIT
// Atomics, sub-groups, half, 64-bit integers, events, queues, SVM and USM.
#include "cl.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

using namespace cl;

TEST(OpenClAtomics, EveryIntegerOperationOnGlobalMemory)
{
    const int n = 1000;
    std::vector<int> start = {0, 0, 0, 0, 1 << 30, -(1 << 30), -1, 0, 0, 1 << 20};
    Buffer b(start);

    Kernel("kernel void k(volatile global int *a) { int i = get_global_id(0);"
           "  atomic_add(a + 0, i); atomic_sub(a + 1, i); atomic_inc(a + 2); atomic_dec(a + 3);"
           "  atomic_min(a + 4, i - 50); atomic_max(a + 5, i * 2);"
           "  atomic_and(a + 6, ~(1 << (i & 15))); atomic_or(a + 7, 1 << (i & 31));"
           "  atomic_xor(a + 8, i); atomic_xchg(a + 9, 5); }")(b)
        .run({size_t(n)});
    auto v = b.read<int>(10);
    int sum = n * (n - 1) / 2, x = 0;
    for (int i = 0; i < n; i++)
        x ^= i;
    EXPECT_EQ(v, (std::vector<int>{sum, -sum, n, -n, -50, 2 * (n - 1), int(0xffff0000), -1, x, 5}));
}

TEST(OpenClAtomics, ReturnValuesAreUnique)
{
    const size_t n = 5000;
    Buffer counter(std::vector<int>{0}), out(n * 4);

    Kernel("kernel void k(volatile global int *c, global int *o)"
           "{ o[get_global_id(0)] = atomic_inc(c); }")(counter, out)
        .run({n});
    auto v = out.read<int>(n);
    std::sort(v.begin(), v.end());
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(v[i], int(i));
}

TEST(OpenClAtomics, SixtyFourBits)
{
    const size_t n = 777;
    if (!Device::get().has("cl_khr_int64_base_atomics"))
        GTEST_SKIP() << "no 64-bit atomics";
    Buffer b(std::vector<uint64_t>{0, 1ull << 60, 0, 9});

    Kernel("#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable\n"
           "#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable\n"
           "kernel void k(volatile global ulong *a) { ulong i = get_global_id(0);"
           "  atom_add(a, i << 32); atom_min(a + 1, 5000000000ul + i);"
           "  atom_max(a + 2, i * 6000000000ul); atom_cmpxchg(a + 3, 9ul, 1ul << 40); }")(b)
        .run({n});
    auto v = b.read<uint64_t>(4);
    EXPECT_EQ(v[0], (n * (n - 1) / 2) << 32);
    EXPECT_EQ(v[1], 5000000000ull);
    EXPECT_EQ(v[2], (n - 1) * 6000000000ull);
    EXPECT_EQ(v[3], 1ull << 40);
}

TEST(OpenClAtomics, FloatAddByCompareAndSwap)
{
    const size_t n = 512;
    Buffer b(std::vector<float>{0});

    Kernel("kernel void k(volatile global uint *a) { union { float f; uint u; } o, n;"
           "  do { o.u = *a; n.f = o.f + 0.5f; } while (atomic_cmpxchg(a, o.u, n.u) != o.u); }")(b)
        .run({n});
    EXPECT_EQ(b.read<float>(1)[0], 256.0f);
}

TEST(OpenClAtomics, LocalHistogram)
{
    const size_t n = 256 * 20;
    Buffer out(std::vector<int>(16, 0));

    Kernel("kernel void k(global int *o) { local int h[16]; int l = get_local_id(0);"
           "  if (l < 16) h[l] = 0; barrier(CLK_LOCAL_MEM_FENCE);"
           "  atomic_inc(h + ((get_global_id(0) * 7) & 15)); barrier(CLK_LOCAL_MEM_FENCE);"
           "  if (l < 16) atomic_add(o + l, h[l]); }")(out)
        .run({n}, {256});
    EXPECT_EQ(out.read<int>(16), std::vector<int>(16, n / 16));
}

TEST(OpenClAtomics, C11AcquireReleaseAndFloatMinMax)
{
    const size_t n = 300;
    Buffer b(std::vector<int>{0, 0});

    Kernel("kernel void k(global atomic_int *a) {"
           "  atomic_fetch_add_explicit(a, 3, memory_order_acq_rel, memory_scope_device);"
           "  int e = 0; atomic_compare_exchange_strong_explicit(a + 1, &e, 8,"
           "    memory_order_acq_rel, memory_order_acquire, memory_scope_device); }")(b)
        .run({n});
    EXPECT_EQ(b.read<int>(2), (std::vector<int>{int(3 * n), 8}));
}

// More groups than the host has threads: each waits until all have come.
TEST(OpenClAtomics, GroupsWaitForEachOther)
{
    const int groups = 40;
    Buffer counter(std::vector<int>(1, 0)), out(groups * sizeof(int));

    Kernel("kernel void k(volatile global atomic_int *come, global int *o, int all) {"
           "  if (get_local_id(0) == 0) {"
           "    atomic_fetch_add_explicit(come, 1, memory_order_acq_rel, memory_scope_device);"
           "    while (atomic_load_explicit(come, memory_order_acquire,"
           "                                memory_scope_device) < all);"
           "  }"
           "  barrier(CLK_GLOBAL_MEM_FENCE);"
           "  if (get_local_id(0) == 0) o[get_group_id(0)] = atomic_load(come); }")(counter, out,
                                                                                    groups)
        .run({size_t(groups) * 64}, {64});
    EXPECT_EQ(out.read<int>(groups), std::vector<int>(groups, groups));
}

TEST(OpenClSubGroups, ReduceScanShuffleAndBlocks)
{
    const size_t n = 256;
    std::vector<uint32_t> in(n);
    std::iota(in.begin(), in.end(), 1);
    Buffer a(in), out(n * 4 * 4);

    Kernel("#pragma OPENCL EXTENSION cl_intel_subgroups : enable\n"
           "__attribute__((intel_reqd_sub_group_size(16)))"
           "kernel void k(global const uint *a, global uint4 *o) {"
           "  uint v = intel_sub_group_block_read(a + get_group_id(0) * get_local_size(0) +"
           "    get_sub_group_id() * 16);"
           "  o[get_global_id(0)] = (uint4)(sub_group_reduce_add(v),"
           "    sub_group_scan_inclusive_add(v),"
           "    intel_sub_group_shuffle(v, get_sub_group_local_id() ^ 5),"
           "    sub_group_broadcast(v, 3)); }")(a, out)
        .run({n}, {64});
    auto v = out.read<uint32_t>(n * 4);
    for (size_t i = 0; i < n; i++) {
        size_t first = i / 16 * 16;
        ASSERT_EQ(v[4 * i], std::accumulate(&in[first], &in[first] + 16, 0u));
        ASSERT_EQ(v[4 * i + 1], std::accumulate(&in[first], &in[i] + 1, 0u));
        ASSERT_EQ(v[4 * i + 2], in[first + ((i % 16) ^ 5)]);
        ASSERT_EQ(v[4 * i + 3], in[first + 3]);
    }
}

TEST(OpenClSubGroups, BlockWritesOfSeveralWidths)
{
    const size_t n = 128;
    Buffer a(n * 4 * 4), b(n * 2 * 2);

    Kernel("#pragma OPENCL EXTENSION cl_intel_subgroups : enable\n"
           "#pragma OPENCL EXTENSION cl_intel_subgroups_short : enable\n"
           "__attribute__((intel_reqd_sub_group_size(8)))"
           "kernel void k(global uint *a, global ushort *b) { uint i = get_global_id(0);"
           "  uint s = i / 8;"
           "  intel_sub_group_block_write4(a + s * 32, (uint4)(i, i + 1000, i + 2000, i + 3000));"
           "  intel_sub_group_block_write_us2(b + s * 16, (ushort2)(i, i + 500)); }")(a, b)
        .run({n}, {n});
    auto v = a.read<uint32_t>(n * 4);
    auto w = b.read<uint16_t>(n * 2);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < 4; c++)
            ASSERT_EQ(v[i / 8 * 32 + c * 8 + i % 8], i + 1000 * c);
        for (size_t c = 0; c < 2; c++)
            ASSERT_EQ(w[i / 8 * 16 + c * 8 + i % 8], i + 500 * c);
    }
}

// Totals of the sub-groups pass through local memory; the last sub-group is not full.
TEST(OpenClWorkGroups, SixtyFourBitReductionsAndScans)
{
    const size_t n = 100;
    std::vector<int64_t> in(n);
    for (size_t i = 0; i < n; i++)
        in[i] = int64_t(i * 0x9e3779b97f4a7c15ull);
    Buffer a(in), out(n * 8 * 2);

    Kernel("kernel void k(global const long *a, global long2 *o) { size_t i = get_global_id(0);"
           "  o[i] = (long2)(work_group_reduce_add(a[i]), work_group_scan_exclusive_add(a[i])); }")(
        a, out)
        .run({n}, {n});
    auto v = out.read<uint64_t>(2 * n);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        ASSERT_EQ(v[2 * i + 1], sum) << i;
        sum += uint64_t(in[i]);
    }
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(v[2 * i], sum) << i;
}

TEST(OpenClNumbers, SixtyFourBitIntegers)
{
    const size_t n = 500;
    std::vector<int64_t> in(n);
    for (size_t i = 0; i < n; i++)
        in[i] = int64_t(i * 0x123456789abcdefull) * (i & 1 ? -1 : 1);
    Buffer a(in), out(n * 8);

    Kernel("kernel void k(global const long *a, global long *o) { size_t i = get_global_id(0);"
           "  long x = a[i]; o[i] = x * 3 + x / 7 - x % 1000 + (x >> 5) + (long)((ulong)x >> 60)"
           "    + mul_hi(x, x) + (x > 5 ? 1 : 0) + popcount(x) + clz(x); }")(a, out)
        .run({n});
    auto v = out.read<int64_t>(n);
    for (size_t i = 0; i < n; i++) {
        int64_t x = in[i];
        uint64_t want = uint64_t(x) * 3 + uint64_t(x / 7) - uint64_t(x % 1000) + uint64_t(x >> 5) +
                        (uint64_t(x) >> 60) + uint64_t((__int128(x) * x) >> 64) + (x > 5) +
                        uint64_t(__builtin_popcountll(uint64_t(x))) +
                        uint64_t(x ? __builtin_clzll(uint64_t(x)) : 64);
        ASSERT_EQ(uint64_t(v[i]), want) << i;
    }
}

TEST(OpenClNumbers, IntegerDivisionIncludingCorners)
{
    std::vector<int> a, b;
    const int values[] = {0, 1, -1, 2, -2, 7, -7, 1000, -1000, INT32_MAX, INT32_MIN + 1, 12345678};
    for (int x : values)
        for (int y : values)
            if (y != 0)
                a.push_back(x), b.push_back(y);
    const size_t n = a.size();
    Buffer da(a), db(b), out(n * 4 * 4);

    // Two kernels: IGC 1.0.12504 takes x / y of the same bits, signed and unsigned, for one value.
    Kernel("kernel void k(global int *a, global int *b, global int4 *o) {"
           "  size_t i = get_global_id(0); o[i].xy = (int2)(a[i] / b[i], a[i] % b[i]); }")(da, db,
                                                                                           out)
        .run({n});
    Kernel("kernel void k(global uint *a, global uint *b, global uint4 *o) {"
           "  size_t i = get_global_id(0); o[i].zw = (uint2)(a[i] / b[i], a[i] % b[i]); }")(da, db,
                                                                                            out)
        .run({n});
    auto v = out.read<int>(n * 4);
    for (size_t i = 0; i < n; i++) {
        ASSERT_EQ(v[4 * i], a[i] / b[i]) << a[i] << "/" << b[i];
        ASSERT_EQ(v[4 * i + 1], a[i] % b[i]) << a[i] << "%" << b[i];
        ASSERT_EQ(uint32_t(v[4 * i + 2]), uint32_t(a[i]) / uint32_t(b[i])) << a[i] << "/" << b[i];
        ASSERT_EQ(uint32_t(v[4 * i + 3]), uint32_t(a[i]) % uint32_t(b[i])) << a[i] << "%" << b[i];
    }
}

TEST(OpenClNumbers, HalfPrecision)
{
    const size_t n = 1024;
    std::vector<float> in(n);
    for (size_t i = 0; i < n; i++)
        in[i] = float(int(i) - 512) * 0.125f;
    Buffer a(in), h(n * 2), out(n * 4);

    Kernel("#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
           "kernel void k(global const float *a, global half *h, global float *o) {"
           "  size_t i = get_global_id(0); half x = (half)a[i]; x = x * (half)2.0h + (half)1.0h;"
           "  h[i] = x; o[i] = vload_half(i, h); }")(a, h, out)
        .run({n});
    auto v = out.read<float>(n);
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(v[i], in[i] * 2 + 1) << i;
}

TEST(OpenClNumbers, MathFunctionsWithinTheirLimits)
{
    const size_t n = 2000;
    std::vector<float> in(n);
    for (size_t i = 0; i < n; i++)
        in[i] = 0.001f + float(i) * 0.05f;
    Buffer a(in), out(n * 8 * 4);

    Kernel("kernel void k(global const float *a, global float8 *o) { size_t i = get_global_id(0);"
           "  float x = a[i]; o[i] = (float8)(sqrt(x), rsqrt(x), sin(x), cos(x), exp(-x), log(x),"
           "    pow(x, 1.7f), 3.0f / x); }")(a, out)
        .run({n});
    auto v = out.read<float>(n * 8);
    const double limits[8] = {3, 2, 4, 4, 3, 3, 16, 2.5}; // ULP, OpenCL C 3.0 table of full profile
    for (size_t i = 0; i < n; i++) {
        double x = in[i];
        double want[8] = {
            std::sqrt(x), 1 / std::sqrt(x),          std::sin(x), std::cos(x), std::exp(-x),
            std::log(x),  std::pow(x, double(1.7f)), 3 / x};
        for (int f = 0; f < 8; f++) {
            float near = float(want[f]);
            double ulp = std::fabs(double(std::nextafterf(near, INFINITY)) - double(near));
            ASSERT_LE(std::fabs(v[8 * i + f] - want[f]), limits[f] * ulp)
                << "function " << f << " of " << x << " = " << v[8 * i + f] << ", not " << want[f];
        }
    }
}

TEST(OpenClEvents, ProfilingTimesAreOrdered)
{
    Device &device = Device::get();
    cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
    cl_int err;
    cl_command_queue queue =
        clCreateCommandQueueWithProperties(device.context, device.id, properties, &err);
    check(err, "clCreateCommandQueueWithProperties");
    Buffer b(std::vector<int>(4096, 1));
    Kernel k("kernel void k(global int *a) { a[get_global_id(0)] *= 3; }");
    size_t n = 4096;
    cl_event event;
    cl_ulong t[4];

    k(b);
    CL_CHECK(clEnqueueNDRangeKernel(queue, k.kernel, 1, nullptr, &n, nullptr, 0, nullptr, &event));
    CL_CHECK(clWaitForEvents(1, &event));
    const cl_profiling_info what[4] = {CL_PROFILING_COMMAND_QUEUED, CL_PROFILING_COMMAND_SUBMIT,
                                       CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END};
    for (int i = 0; i < 4; i++)
        CL_CHECK(clGetEventProfilingInfo(event, what[i], sizeof(t[i]), &t[i], nullptr));
    // Start and end are the GPU's, counted from the queued time on. NEO looks at the CPU's clock
    // for the submit time when the GPU may already run: on a busy host it came seconds later.
    EXPECT_LE(t[0], t[1]);
    EXPECT_LE(t[0], t[2]);
    EXPECT_LT(t[2], t[3]);
    clReleaseEvent(event);
    clReleaseCommandQueue(queue);
    EXPECT_EQ(b.read<int>(1)[0], 3);
}

TEST(OpenClEvents, OutOfOrderQueueObeysWaitLists)
{
    Device &device = Device::get();
    cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE,
                                        0};
    cl_int err;
    cl_command_queue queue =
        clCreateCommandQueueWithProperties(device.context, device.id, properties, &err);
    check(err, "clCreateCommandQueueWithProperties");
    Buffer b(std::vector<int>(1024, 1));
    Kernel add("kernel void k(global int *a, int x) { a[get_global_id(0)] += x; }");
    Kernel mul("kernel void k(global int *a, int x) { a[get_global_id(0)] *= x; }");
    size_t n = 1024;
    cl_event last = nullptr;

    for (int i = 0; i < 10; i++) {
        Kernel &k = i & 1 ? mul : add;
        cl_event event;
        k(b, int(i + 1));
        CL_CHECK(clEnqueueNDRangeKernel(queue, k.kernel, 1, nullptr, &n, nullptr, last ? 1 : 0,
                                        last ? &last : nullptr, &event));
        if (last)
            clReleaseEvent(last);
        last = event;
    }
    CL_CHECK(clWaitForEvents(1, &last));
    clReleaseEvent(last);
    int want = 1;
    for (int i = 0; i < 10; i++)
        want = i & 1 ? want * (i + 1) : want + i + 1;
    EXPECT_EQ(b.read<int>(1024), std::vector<int>(1024, want));
    clReleaseCommandQueue(queue);
}

TEST(OpenClEvents, UserEventHoldsBackAndSeveralQueuesRun)
{
    Device &device = Device::get();
    cl_int err;
    cl_command_queue queues[3];
    Buffer b(std::vector<int>(3 * 256, 0));
    Kernel k("kernel void k(global int *a, int at, int x) { a[at + get_global_id(0)] = x; }");
    cl_event gate = clCreateUserEvent(device.context, &err);
    size_t n = 256;

    check(err, "clCreateUserEvent");
    for (int q = 0; q < 3; q++) {
        queues[q] = clCreateCommandQueueWithProperties(device.context, device.id, nullptr, &err);
        check(err, "clCreateCommandQueueWithProperties");
        k(b, int(q * 256), int(q + 10));
        CL_CHECK(clEnqueueNDRangeKernel(queues[q], k.kernel, 1, nullptr, &n, nullptr, 1, &gate,
                                        nullptr));
        CL_CHECK(clFlush(queues[q]));
    }
    CL_CHECK(clSetUserEventStatus(gate, CL_COMPLETE));
    for (auto &queue : queues) {
        CL_CHECK(clFinish(queue));
        clReleaseCommandQueue(queue);
    }
    clReleaseEvent(gate);
    auto v = b.read<int>(3 * 256);
    for (size_t i = 0; i < v.size(); i++)
        ASSERT_EQ(v[i], int(i / 256 + 10));
}

TEST(OpenClSvm, CoarseGrainBufferWithPointersInside)
{
    Device &device = Device::get();
    struct Node {
        Node *next;
        int value;
    };
    const int n = 100;
    auto *nodes =
        static_cast<Node *>(clSVMAlloc(device.context, CL_MEM_READ_WRITE, n * sizeof(Node), 0));
    auto *sum = static_cast<int *>(clSVMAlloc(device.context, CL_MEM_READ_WRITE, 64, 0));
    ASSERT_TRUE(nodes && sum);
    CL_CHECK(clEnqueueSVMMap(device.queue, CL_TRUE, CL_MAP_WRITE, nodes, n * sizeof(Node), 0,
                             nullptr, nullptr));
    for (int i = 0; i < n; i++)
        nodes[i] = {i + 1 < n ? &nodes[(i * 37 + 37) % n] : nullptr, i};
    // A walk of n nodes from node 0 by steps of 37 visits all of them once.
    for (int i = 0, at = 0; i < n; i++, at = (at + 37) % n)
        nodes[at] = {i + 1 < n ? &nodes[(at + 37) % n] : nullptr, at};
    CL_CHECK(clEnqueueSVMUnmap(device.queue, nodes, 0, nullptr, nullptr));
    Kernel k("typedef struct node { global struct node *next; int value; } node;"
             "kernel void k(global node *p, global int *s) { int t = 0;"
             "  for (; p; p = p->next) t += p->value; *s = t; }");
    CL_CHECK(clSetKernelArgSVMPointer(k.kernel, 0, nodes));
    CL_CHECK(clSetKernelArgSVMPointer(k.kernel, 1, sum));
    k.run({1});
    CL_CHECK(clEnqueueSVMMap(device.queue, CL_TRUE, CL_MAP_READ, sum, 4, 0, nullptr, nullptr));
    EXPECT_EQ(*sum, n * (n - 1) / 2);
    CL_CHECK(clEnqueueSVMUnmap(device.queue, sum, 0, nullptr, nullptr));
    finish();
    clSVMFree(device.context, nodes);
    clSVMFree(device.context, sum);
}

template <class F> static F extension(const char *name)
{
    auto f =
        reinterpret_cast<F>(clGetExtensionFunctionAddressForPlatform(Device::get().platform, name));
    if (!f)
        throw std::runtime_error(std::string(name) + " is missing");
    return f;
}

TEST(OpenClUsm, HostDeviceAndSharedAllocations)
{
    Device &device = Device::get();
    auto hostAlloc = extension<clHostMemAllocINTEL_fn>("clHostMemAllocINTEL");
    auto deviceAlloc = extension<clDeviceMemAllocINTEL_fn>("clDeviceMemAllocINTEL");
    auto sharedAlloc = extension<clSharedMemAllocINTEL_fn>("clSharedMemAllocINTEL");
    auto free = extension<clMemFreeINTEL_fn>("clMemFreeINTEL");
    auto setArg = extension<clSetKernelArgMemPointerINTEL_fn>("clSetKernelArgMemPointerINTEL");
    auto copy = extension<clEnqueueMemcpyINTEL_fn>("clEnqueueMemcpyINTEL");
    const size_t n = 3000;
    cl_int err;
    auto *h = static_cast<int *>(hostAlloc(device.context, nullptr, n * 4, 0, &err));
    check(err, "clHostMemAllocINTEL");
    auto *d = static_cast<int *>(deviceAlloc(device.context, device.id, nullptr, n * 4, 0, &err));
    check(err, "clDeviceMemAllocINTEL");
    auto *s = static_cast<int *>(sharedAlloc(device.context, device.id, nullptr, n * 4, 0, &err));
    check(err, "clSharedMemAllocINTEL");
    Kernel k("kernel void k(global const int *a, global int *b, global int *c)"
             "{ size_t i = get_global_id(0); c[i] = a[i] + b[i]; b[i] = -1; }");

    for (size_t i = 0; i < n; i++)
        h[i] = int(i), s[i] = int(5 * i);
    CL_CHECK(copy(device.queue, CL_TRUE, d, h, n * 4, 0, nullptr, nullptr));
    CL_CHECK(setArg(k.kernel, 0, d));
    CL_CHECK(setArg(k.kernel, 1, h));
    CL_CHECK(setArg(k.kernel, 2, s));
    k.run({n});
    finish();
    for (size_t i = 0; i < n; i++) {
        ASSERT_EQ(h[i], -1) << i;
        ASSERT_EQ(s[i], int(2 * i)) << i;
    }
    free(device.context, h);
    free(device.context, d);
    free(device.context, s);
}
