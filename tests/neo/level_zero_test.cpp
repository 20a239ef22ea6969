// SPDX-License-Identifier: MIT
// Level Zero on unmodified NEO: modules from SPIR-V, command lists, events, copies.
#include "level_zero.spv.h"

#include <cstring>
#include <gtest/gtest.h>
#include <level_zero/ze_api.h>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{
void check(ze_result_t result, const char *what)
{
    if (result != ZE_RESULT_SUCCESS) {
        char code[16];
        snprintf(code, sizeof(code), "%#x", unsigned(result));
        throw std::runtime_error(std::string(what) + ": Level Zero error " + code);
    }
}
#define ZE(call) check((call), #call)

// Nanoseconds. NEO 22.43 takes the limit of zeCommandQueueSynchronize for microseconds: 100 ms
// become 100 s there.
constexpr uint64_t ShortWait = 10000, LongWait = 60000000;

class Gpu
{
  public:
    static Gpu &get()
    {
        static Gpu gpu;
        return gpu;
    }
    ze_driver_handle_t driver;
    ze_device_handle_t device;
    ze_context_handle_t context;
    ze_module_handle_t module;

  private:
    Gpu()
    {
        ze_context_desc_t contextDesc = {ZE_STRUCTURE_TYPE_CONTEXT_DESC, nullptr, 0};
        ze_module_desc_t moduleDesc = {};
        uint32_t one = 1;

        ZE(zeInit(ZE_INIT_FLAG_GPU_ONLY));
        ZE(zeDriverGet(&one, &driver));
        one = 1;
        ZE(zeDeviceGet(driver, &one, &device));
        ZE(zeContextCreate(driver, &contextDesc, &context));
        moduleDesc.stype = ZE_STRUCTURE_TYPE_MODULE_DESC;
        moduleDesc.format = ZE_MODULE_FORMAT_IL_SPIRV;
        moduleDesc.inputSize = sizeof(level_zero_spv);
        moduleDesc.pInputModule = level_zero_spv;
        ZE(zeModuleCreate(context, device, &moduleDesc, &module, nullptr));
    }
};

class ZeKernel
{
  public:
    explicit ZeKernel(const char *name, uint32_t x, uint32_t y = 1, uint32_t z = 1)
    {
        ze_kernel_desc_t desc = {ZE_STRUCTURE_TYPE_KERNEL_DESC, nullptr, 0, name};
        ZE(zeKernelCreate(Gpu::get().module, &desc, &kernel));
        ZE(zeKernelSetGroupSize(kernel, x, y, z));
    }
    ~ZeKernel()
    {
        zeKernelDestroy(kernel);
    }
    template <class T> ZeKernel &arg(uint32_t index, const T &value)
    {
        ZE(zeKernelSetArgumentValue(kernel, index, sizeof(value), &value));
        return *this;
    }
    ZeKernel &local(uint32_t index, size_t bytes)
    {
        ZE(zeKernelSetArgumentValue(kernel, index, bytes, nullptr));
        return *this;
    }
    ze_kernel_handle_t kernel;
};

enum Where { OnHost, OnDevice, Shared };

template <class T> class Memory
{
  public:
    Memory(Where where, size_t count)
    {
        ze_device_mem_alloc_desc_t device = {ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC, nullptr, 0,
                                             0};
        ze_host_mem_alloc_desc_t host = {ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC, nullptr, 0};
        Gpu &gpu = Gpu::get();
        void *p = nullptr;

        if (where == OnHost)
            ZE(zeMemAllocHost(gpu.context, &host, count * sizeof(T), 64, &p));
        else if (where == OnDevice)
            ZE(zeMemAllocDevice(gpu.context, &device, count * sizeof(T), 64, gpu.device, &p));
        else
            ZE(zeMemAllocShared(gpu.context, &device, &host, count * sizeof(T), 64, gpu.device,
                                &p));
        data = static_cast<T *>(p);
    }
    ~Memory()
    {
        zeMemFree(Gpu::get().context, data);
    }
    T &operator[](size_t i)
    {
        return data[i];
    }
    T *data;
};

uint32_t groupWith(ze_command_queue_group_property_flags_t flags, bool only)
{
    uint32_t count = 0;
    ZE(zeDeviceGetCommandQueueGroupProperties(Gpu::get().device, &count, nullptr));
    std::vector<ze_command_queue_group_properties_t> groups(count);
    ZE(zeDeviceGetCommandQueueGroupProperties(Gpu::get().device, &count, groups.data()));
    for (uint32_t i = 0; i < count; i++)
        if (only ? groups[i].flags == flags : (groups[i].flags & flags) == flags)
            return i;
    return UINT32_MAX;
}

class Queue
{
  public:
    explicit Queue(uint32_t ordinal = 0)
    {
        ze_command_queue_desc_t desc = {};
        ze_command_list_desc_t listDesc = {};
        Gpu &gpu = Gpu::get();

        desc.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
        desc.ordinal = ordinal;
        ZE(zeCommandQueueCreate(gpu.context, gpu.device, &desc, &queue));
        listDesc.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC;
        listDesc.commandQueueGroupOrdinal = ordinal;
        ZE(zeCommandListCreate(gpu.context, gpu.device, &listDesc, &list));
    }
    ~Queue()
    {
        zeCommandListDestroy(list);
        zeCommandQueueDestroy(queue);
    }
    void run()
    {
        ZE(zeCommandListClose(list));
        again();
    }
    void again()
    {
        ZE(zeCommandQueueExecuteCommandLists(queue, 1, &list, nullptr));
        ZE(zeCommandQueueSynchronize(queue, UINT64_MAX));
    }
    void launch(ZeKernel &kernel, uint32_t x, uint32_t y = 1, uint32_t z = 1)
    {
        ze_group_count_t count = {x, y, z};
        ZE(zeCommandListAppendLaunchKernel(list, kernel.kernel, &count, nullptr, 0, nullptr));
    }
    void barrier()
    {
        ZE(zeCommandListAppendBarrier(list, nullptr, 0, nullptr));
    }
    ze_command_queue_handle_t queue;
    ze_command_list_handle_t list;
};

class Events
{
  public:
    explicit Events(uint32_t count, ze_event_pool_flags_t flags = ZE_EVENT_POOL_FLAG_HOST_VISIBLE)
        : events(count)
    {
        ze_event_pool_desc_t desc = {ZE_STRUCTURE_TYPE_EVENT_POOL_DESC, nullptr, flags, count};
        ZE(zeEventPoolCreate(Gpu::get().context, &desc, 0, nullptr, &pool));
        for (uint32_t i = 0; i < count; i++) {
            ze_event_desc_t event = {ZE_STRUCTURE_TYPE_EVENT_DESC, nullptr, i,
                                     ZE_EVENT_SCOPE_FLAG_HOST, ZE_EVENT_SCOPE_FLAG_HOST};
            ZE(zeEventCreate(pool, &event, &events[i]));
        }
    }
    ~Events()
    {
        for (auto e : events)
            zeEventDestroy(e);
        zeEventPoolDestroy(pool);
    }
    ze_event_pool_handle_t pool;
    std::vector<ze_event_handle_t> events;
};
} // namespace

TEST(LevelZero, AddOnHostDeviceAndSharedMemory)
{
    const size_t n = 4096;
    for (Where where : {OnHost, Shared}) {
        Memory<int> a(where, n), b(where, n), c(where, n);
        for (size_t i = 0; i < n; i++)
            a[i] = int(i), b[i] = int(3 * i);
        ZeKernel k("add", 64);
        Queue q;
        k.arg(0, a.data).arg(1, b.data).arg(2, c.data);
        q.launch(k, n / 64);
        q.run();
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(c[i], int(4 * i)) << where;
    }
}

TEST(LevelZero, CopiesFillsAndDeviceMemory)
{
    const size_t n = 10000;
    Memory<int> device(OnDevice, n), host(OnHost, n);
    std::vector<int> plain(n);
    std::iota(plain.begin(), plain.end(), 5);
    ZeKernel k("scale", 100);
    Queue q;
    int minus = -2, pattern = 0x11223344;

    k.arg(0, device.data).arg(1, minus);
    ZE(zeCommandListAppendMemoryCopy(q.list, device.data, plain.data(), n * 4, nullptr, 0,
                                     nullptr));
    q.barrier();
    q.launch(k, n / 100);
    q.barrier();
    ZE(zeCommandListAppendMemoryCopy(q.list, host.data, device.data, n * 4, nullptr, 0, nullptr));
    q.barrier();
    ZE(zeCommandListAppendMemoryFill(q.list, device.data, &pattern, 4, n * 4, nullptr, 0, nullptr));
    q.barrier();
    ZE(zeCommandListAppendMemoryCopy(q.list, plain.data(), device.data, n * 4, nullptr, 0,
                                     nullptr));
    q.run();
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(host[i], -2 * int(i + 5));
    EXPECT_EQ(plain, std::vector<int>(n, pattern));
}

TEST(LevelZero, ThreeDimensionalIds)
{
    const uint32_t x = 32, y = 6, z = 4;
    Memory<uint32_t> out(OnHost, x * y * z);
    ZeKernel k("ids", 8, 3, 2);
    Queue q;

    k.arg(0, out.data);
    q.launch(k, x / 8, y / 3, z / 2);
    q.run();
    for (uint32_t i = 0; i < x * y * z; i++)
        ASSERT_EQ(out[i], i % x | i / x % y << 8 | i / x / y << 16 | (i % x / 8) << 24);
}

TEST(LevelZero, IndirectDispatchReadsItsGroupCount)
{
    const uint32_t n = 1024;
    Memory<int> data(OnHost, n);
    Memory<ze_group_count_t> count(OnHost, 1);
    ZeKernel k("scale", 32);
    Queue q;
    int three = 3;

    for (uint32_t i = 0; i < n; i++)
        data[i] = 1;
    count[0] = {5, 1, 1};
    k.arg(0, data.data).arg(1, three);
    ZE(zeCommandListAppendLaunchKernelIndirect(q.list, k.kernel, count.data, nullptr, 0, nullptr));
    q.run();
    for (uint32_t i = 0; i < n; i++)
        ASSERT_EQ(data[i], i < 5 * 32 ? 3 : 1) << i;
    count[0].groupCountX = 2; // the same list again, with what the memory says now
    q.again();
    for (uint32_t i = 0; i < n; i++)
        ASSERT_EQ(data[i], i < 2 * 32 ? 9 : i < 5 * 32 ? 3 : 1) << i;
}

TEST(LevelZero, LocalMemoryAsArgument)
{
    const uint32_t n = 2048, group = 256;
    Memory<int> in(Shared, n), out(Shared, n / group);
    ZeKernel k("reduce", group);
    Queue q;

    for (uint32_t i = 0; i < n; i++)
        in[i] = int(i);
    k.arg(0, in.data).arg(1, out.data).local(2, group * 4);
    q.launch(k, n / group);
    q.run();
    for (uint32_t g = 0; g < n / group; g++)
        ASSERT_EQ(out[g], int(group * (2 * g * group + group - 1) / 2));
}

TEST(LevelZero, ImmediateListWithEvents)
{
    const uint32_t n = 512;
    ze_command_queue_desc_t desc = {};
    ze_command_list_handle_t list;
    Memory<int> data(OnHost, n);
    Events e(2);
    ZeKernel k("scale", 32);
    ze_group_count_t count = {n / 32, 1, 1};
    int seven = 7;

    desc.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
    desc.mode = ZE_COMMAND_QUEUE_MODE_ASYNCHRONOUS;
    ZE(zeCommandListCreateImmediate(Gpu::get().context, Gpu::get().device, &desc, &list));
    for (uint32_t i = 0; i < n; i++)
        data[i] = int(i);
    k.arg(0, data.data).arg(1, seven);
    ZE(zeCommandListAppendLaunchKernel(list, k.kernel, &count, e.events[0], 0, nullptr));
    ZE(zeCommandListAppendLaunchKernel(list, k.kernel, &count, e.events[1], 1, &e.events[0]));
    ZE(zeEventHostSynchronize(e.events[1], UINT64_MAX));
    EXPECT_EQ(zeEventQueryStatus(e.events[0]), ZE_RESULT_SUCCESS);
    for (uint32_t i = 0; i < n; i++)
        ASSERT_EQ(data[i], int(49 * i));
    zeCommandListDestroy(list);
}

TEST(LevelZero, KernelTimestamps)
{
    const uint32_t n = 1024;
    Memory<int> data(OnHost, n);
    Events e(1, ZE_EVENT_POOL_FLAG_HOST_VISIBLE | ZE_EVENT_POOL_FLAG_KERNEL_TIMESTAMP);
    ZeKernel k("scale", 32);
    Queue q;
    ze_group_count_t count = {n / 32, 1, 1};
    ze_kernel_timestamp_result_t t = {};
    int one = 1;

    k.arg(0, data.data).arg(1, one);
    ZE(zeCommandListAppendLaunchKernel(q.list, k.kernel, &count, e.events[0], 0, nullptr));
    q.run();
    ZE(zeEventHostSynchronize(e.events[0], UINT64_MAX));
    ZE(zeEventQueryKernelTimestamp(e.events[0], &t));
    EXPECT_NE(t.global.kernelStart, t.global.kernelEnd);
}

TEST(LevelZero, HostSignalReleasesAWaitingList)
{
    const uint32_t n = 64;
    Memory<int> data(OnHost, n);
    Events e(1);
    ZeKernel k("scale", 32);
    Queue q;
    int five = 5;

    for (uint32_t i = 0; i < n; i++)
        data[i] = 2;
    k.arg(0, data.data).arg(1, five);
    ZE(zeCommandListAppendWaitOnEvents(q.list, 1, &e.events[0]));
    q.launch(k, n / 32);
    ZE(zeCommandListClose(q.list));
    ZE(zeCommandQueueExecuteCommandLists(q.queue, 1, &q.list, nullptr));
    EXPECT_EQ(zeCommandQueueSynchronize(q.queue, ShortWait), ZE_RESULT_NOT_READY);
    EXPECT_EQ(data[0], 2);
    ZE(zeEventHostSignal(e.events[0]));
    ZE(zeCommandQueueSynchronize(q.queue, UINT64_MAX));
    EXPECT_EQ(data[0], 10);
}

TEST(LevelZero, WaitsWithATimeLimitComeBack)
{
    Events e(1);
    Queue q;
    ze_fence_desc_t desc = {ZE_STRUCTURE_TYPE_FENCE_DESC, nullptr, 0};
    ze_fence_handle_t fence;

    ZE(zeFenceCreate(q.queue, &desc, &fence));
    ZE(zeCommandListAppendWaitOnEvents(q.list, 1, &e.events[0]));
    ZE(zeCommandListClose(q.list));
    ZE(zeCommandQueueExecuteCommandLists(q.queue, 1, &q.list, fence));
    EXPECT_EQ(zeCommandQueueSynchronize(q.queue, 0), ZE_RESULT_NOT_READY);
    EXPECT_EQ(zeCommandQueueSynchronize(q.queue, ShortWait), ZE_RESULT_NOT_READY);
    EXPECT_EQ(zeFenceHostSynchronize(fence, ShortWait), ZE_RESULT_NOT_READY);
    EXPECT_EQ(zeEventHostSynchronize(e.events[0], ShortWait), ZE_RESULT_NOT_READY);
    ZE(zeEventHostSignal(e.events[0]));
    EXPECT_EQ(zeCommandQueueSynchronize(q.queue, LongWait), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeFenceHostSynchronize(fence, LongWait), ZE_RESULT_SUCCESS);
    zeFenceDestroy(fence);
}

TEST(LevelZero, CopyEngineQueue)
{
    uint32_t ordinal = groupWith(ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY, true);
    if (ordinal == UINT32_MAX)
        GTEST_SKIP() << "no copy-only queue group";
    const size_t n = 100000;
    Memory<uint8_t> a(OnHost, n), b(OnDevice, n), c(OnHost, n);
    Queue q(ordinal);

    for (size_t i = 0; i < n; i++)
        a[i] = uint8_t(i * 7), c[i] = 0;
    ZE(zeCommandListAppendMemoryCopy(q.list, b.data, a.data, n, nullptr, 0, nullptr));
    q.barrier();
    ZE(zeCommandListAppendMemoryCopy(q.list, c.data + 1, b.data, n - 1, nullptr, 0, nullptr));
    q.run();
    EXPECT_EQ(c[0], 0);
    EXPECT_EQ(memcmp(c.data + 1, a.data, n - 1), 0);
}
