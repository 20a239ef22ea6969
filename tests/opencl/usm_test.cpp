/* SPDX-License-Identifier: MIT */
/* cl_intel_unified_shared_memory. */
#include "cl.hpp"

#include <cstring>

namespace
{
template <typename T> T info(const void *pointer, cl_mem_info_intel name)
{
    T value{};
    EXPECT_EQ(cl().alloc_info(cl().context, pointer, name, sizeof(value), &value, nullptr),
              CL_SUCCESS);
    return value;
}

cl_uint type(const void *pointer)
{
    return info<cl_uint>(pointer, CL_MEM_ALLOC_TYPE_INTEL);
}
} // namespace

TEST_F(OnSvm, UsmQueriesKnowEveryAllocation)
{
    cl_int result;
    Memory shared = make(Kind::Shared, 10000), host = make(Kind::Host, 10000);
    Memory heap = make(Kind::Malloc, 10000), svm = make(Kind::Fine, 10000);
    void *device = cl().device_alloc(cl().context, cl().device, nullptr, 10000, 0, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    EXPECT_EQ(type(shared.get()), static_cast<cl_uint>(CL_MEM_TYPE_SHARED_INTEL));
    EXPECT_EQ(type(host.get()), static_cast<cl_uint>(CL_MEM_TYPE_HOST_INTEL));
    EXPECT_EQ(type(device), static_cast<cl_uint>(CL_MEM_TYPE_DEVICE_INTEL));
    EXPECT_EQ(type(heap.get()), static_cast<cl_uint>(CL_MEM_TYPE_UNKNOWN_INTEL));
    EXPECT_EQ(type(svm.get()), static_cast<cl_uint>(CL_MEM_TYPE_UNKNOWN_INTEL));
    char *inside = static_cast<char *>(shared.get()) + 9999;
    EXPECT_EQ(info<void *>(inside, CL_MEM_ALLOC_BASE_PTR_INTEL), shared.get());
    EXPECT_EQ(info<size_t>(inside, CL_MEM_ALLOC_SIZE_INTEL), 10000u);
    EXPECT_EQ(info<cl_device_id>(inside, CL_MEM_ALLOC_DEVICE_INTEL), cl().device);
    EXPECT_EQ(info<cl_device_id>(host.get(), CL_MEM_ALLOC_DEVICE_INTEL), nullptr);
    EXPECT_EQ(info<void *>(heap.get(), CL_MEM_ALLOC_BASE_PTR_INTEL), nullptr);
    char small;
    EXPECT_EQ(cl().alloc_info(cl().context, inside, CL_MEM_ALLOC_SIZE_INTEL, 1, &small, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(cl().alloc_info(cl().context, inside, 0xdead, 8, &small, nullptr), CL_INVALID_VALUE);
    EXPECT_EQ(cl().mem_free(cl().context, device), CL_SUCCESS);
}

TEST_F(OnSvm, UsmAllocationErrors)
{
    cl_int result = CL_SUCCESS;
    auto shared = cl().shared_alloc;
    EXPECT_EQ(shared(nullptr, cl().device, nullptr, 64, 0, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_CONTEXT);
    EXPECT_EQ(shared(cl().context, cl().device, nullptr, 0, 0, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(shared(cl().context, cl().device, nullptr, size_t(1) << 50, 0, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(shared(cl().context, cl().device, nullptr, 64, 3, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_VALUE);
    EXPECT_EQ(
        shared(cl().context, reinterpret_cast<cl_device_id>(&result), nullptr, 64, 0, &result),
        nullptr);
    EXPECT_EQ(result, CL_INVALID_DEVICE);
    const cl_mem_properties_intel both[] = {
        CL_MEM_ALLOC_FLAGS_INTEL,
        CL_MEM_ALLOC_INITIAL_PLACEMENT_DEVICE_INTEL | CL_MEM_ALLOC_INITIAL_PLACEMENT_HOST_INTEL, 0};
    EXPECT_EQ(shared(cl().context, cl().device, both, 64, 0, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_PROPERTY);
    EXPECT_EQ(cl().host_alloc(cl().context, nullptr, 0, 0, &result), nullptr);
    EXPECT_EQ(result, CL_INVALID_BUFFER_SIZE);
}

TEST_F(OnSvm, UsmFreeTakesOnlyAllocations)
{
    cl_int result;
    int local;
    char *shared = static_cast<char *>(
        cl().shared_alloc(cl().context, cl().device, nullptr, 4096, 0, &result));
    EXPECT_EQ(cl().mem_free(cl().context, shared + 8), CL_INVALID_VALUE);
    EXPECT_EQ(cl().mem_free(cl().context, &local), CL_INVALID_VALUE);
    EXPECT_EQ(cl().mem_free(cl().context, nullptr), CL_SUCCESS);
    EXPECT_EQ(cl().mem_free(cl().context, shared), CL_SUCCESS);
    EXPECT_EQ(cl().mem_free(cl().context, shared), CL_INVALID_VALUE);
    shared =
        static_cast<char *>(cl().shared_alloc(cl().context, nullptr, nullptr, 4096, 0, &result));
    EXPECT_EQ(cl().blocking_free(cl().context, shared), CL_SUCCESS);
}

TEST_F(OnSvm, UsmCommandsOnEveryKind)
{
    for (Kind kind : {Kind::Shared, Kind::Host, Kind::Malloc}) {
        SCOPED_TRACE(name_of(kind));
        Memory memory = make(kind, 8192), other = make(Kind::Malloc, 8192);
        auto *bytes = static_cast<unsigned char *>(memory.get());
        memset(bytes, 0, 8192);
        uint32_t pattern = 0x01020304;
        cl_event event;
        ASSERT_EQ(cl().fill(cl().in_order, bytes, &pattern, 4, 8192, 0, nullptr, &event),
                  CL_SUCCESS);
        EXPECT_EQ(type_of(event), static_cast<cl_command_type>(CL_COMMAND_MEMFILL_INTEL));
        clReleaseEvent(event);
        ASSERT_EQ(cl().copy(cl().in_order, CL_TRUE, other.get(), bytes, 8192, 0, nullptr, nullptr),
                  CL_SUCCESS);
        EXPECT_EQ(static_cast<uint32_t *>(other.get())[2047], pattern);
        ASSERT_EQ(cl().migrate(cl().in_order, bytes, 8192, 0, 0, nullptr, &event), CL_SUCCESS);
        EXPECT_EQ(clWaitForEvents(1, &event), CL_SUCCESS);
        EXPECT_EQ(type_of(event), static_cast<cl_command_type>(CL_COMMAND_MIGRATEMEM_INTEL));
        clReleaseEvent(event);
        ASSERT_EQ(cl().advise(cl().in_order, bytes, 8192, 2, 0, nullptr, &event), CL_SUCCESS);
        EXPECT_EQ(clWaitForEvents(1, &event), CL_SUCCESS);
        EXPECT_EQ(type_of(event), static_cast<cl_command_type>(CL_COMMAND_MEMADVISE_INTEL));
        clReleaseEvent(event);
        EXPECT_EQ(cl().advise(cl().in_order, bytes, 8192, 99, 0, nullptr, nullptr),
                  CL_INVALID_VALUE);
        EXPECT_EQ(bytes[8191], 1);
    }
}

TEST_F(OnSvm, DeviceMemoryStillWorksBesideSharedMemory)
{
    cl_int result;
    Memory shared = make(Kind::Shared, 4096);
    auto *device = static_cast<uint32_t *>(
        cl().device_alloc(cl().context, cl().device, nullptr, 4096, 0, &result));
    auto *words = static_cast<uint32_t *>(shared.get());
    for (uint32_t i = 0; i < 1024; i++)
        words[i] = i;
    ASSERT_EQ(cl().copy(cl().in_order, CL_TRUE, device, words, 4096, 0, nullptr, nullptr),
              CL_SUCCESS);
    Kernel increment("increment");
    ASSERT_EQ(cl().set_arg(increment, 0, device), CL_SUCCESS);
    ASSERT_EQ(increment.run(1024), CL_SUCCESS);
    ASSERT_EQ(cl().copy(cl().in_order, CL_TRUE, words, device, 4096, 0, nullptr, nullptr),
              CL_SUCCESS);
    for (uint32_t i = 0; i < 1024; i++)
        ASSERT_EQ(words[i], i + 1);
    EXPECT_EQ(cl().mem_free(cl().context, device), CL_SUCCESS);
}
