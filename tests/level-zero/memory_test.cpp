/* SPDX-License-Identifier: MIT */
/* Allocation and what the queries say of it. */
#include "ze.hpp"

#include <cstring>
#include <set>
#include <sys/mman.h>

namespace
{
struct Properties {
    ze_memory_allocation_properties_t memory{};
    ze_device_handle_t device = nullptr;
};

Properties properties_of(const void *pointer, ze_context_handle_t context = ze().context)
{
    Properties p;
    p.memory.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES;
    EXPECT_EQ(zeMemGetAllocProperties(context, pointer, &p.memory, &p.device), ZE_RESULT_SUCCESS);
    return p;
}

ze_context_handle_t new_context()
{
    ze_context_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC;
    ze_context_handle_t context = nullptr;
    EXPECT_EQ(zeContextCreate(ze().driver, &desc, &context), ZE_RESULT_SUCCESS);
    return context;
}

/* What asking for a file descriptor of the memory gives. */
ze_result_t export_fd(const void *pointer, ze_external_memory_type_flags_t type)
{
    ze_external_memory_export_fd_t wanted{};
    wanted.stype = ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD;
    wanted.flags = type;
    ze_memory_allocation_properties_t properties{};
    properties.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES;
    properties.pNext = &wanted;
    ze_device_handle_t device;
    return zeMemGetAllocProperties(ze().context, pointer, &properties, &device);
}
} // namespace

TEST_F(OnSvm, SystemMemoryIsShared)
{
    ze_device_memory_access_properties_t access{};
    access.stype = ZE_STRUCTURE_TYPE_DEVICE_MEMORY_ACCESS_PROPERTIES;
    ASSERT_EQ(zeDeviceGetMemoryAccessProperties(ze().device, &access), ZE_RESULT_SUCCESS);
    for (auto flags :
         {access.sharedSystemAllocCapabilities, access.sharedSingleDeviceAllocCapabilities}) {
        EXPECT_TRUE(flags & ZE_MEMORY_ACCESS_CAP_FLAG_RW);
        EXPECT_TRUE(flags & ZE_MEMORY_ACCESS_CAP_FLAG_CONCURRENT);
        EXPECT_TRUE(flags & ZE_MEMORY_ACCESS_CAP_FLAG_ATOMIC); /* of the device alone */
    }
    i915svm_device *device;
    i915svm_capabilities link{};
    ASSERT_EQ(i915svm_device_open_path(nullptr, &device), I915SVM_OK);
    i915svm_device_capabilities(device, &link);
    i915svm_device_close(device);
    EXPECT_EQ(static_cast<bool>(access.sharedSystemAllocCapabilities &
                                ZE_MEMORY_ACCESS_CAP_FLAG_CONCURRENT_ATOMIC),
              link.link_atomics);
}

TEST_F(OnSvm, AllocKeepsSizeAndAlignment)
{
    for (size_t size : {1ul, 4096ul, 5000ul, 3ul << 20})
        for (size_t alignment : {0ul, 1ul, 64ul, 4096ul, 65536ul, 2ul << 20, 8ul << 20}) {
            void *shared = nullptr, *host = nullptr;
            ASSERT_EQ(alloc_shared(size, &shared, alignment), ZE_RESULT_SUCCESS);
            ASSERT_EQ(alloc_host(size, &host, alignment), ZE_RESULT_SUCCESS);
            for (void *p : {shared, host}) {
                EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % (alignment ? alignment : 64), 0u);
                memset(p, 1, size);
                EXPECT_EQ(zeMemFree(ze().context, p), ZE_RESULT_SUCCESS);
            }
        }
}

TEST_F(OnSvm, AllocErrors)
{
    void *p = &p;
    EXPECT_EQ(alloc_shared(0, &p), ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
    EXPECT_EQ(p, nullptr);
    EXPECT_EQ(alloc_shared(64, &p, 3), ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT);
    EXPECT_EQ(alloc_shared(64, &p, 2ul << 30), ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT);
    EXPECT_EQ(alloc_host(size_t(1) << 46, &p), ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
    EXPECT_EQ(alloc_shared(size_t(1) << 46, &p), ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
    EXPECT_EQ(alloc_shared(64, &p, 0, 1u << 30), ZE_RESULT_ERROR_INVALID_ENUMERATION);
    EXPECT_EQ(alloc_shared(64, nullptr), ZE_RESULT_ERROR_INVALID_NULL_POINTER);
    EXPECT_EQ(alloc_host(0, &p), ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
    ze_host_mem_alloc_desc_t host{};
    EXPECT_EQ(zeMemAllocHost(nullptr, &host, 64, 0, &p), ZE_RESULT_ERROR_INVALID_NULL_HANDLE);
    EXPECT_EQ(zeMemAllocHost(ze().context, nullptr, 64, 0, &p),
              ZE_RESULT_ERROR_INVALID_NULL_POINTER);
}

TEST_F(OnSvm, EveryFlagIsTaken)
{
    for (uint32_t device_flag : {0, 1, 2, 4})
        for (uint32_t host_flag : {0, 1, 2, 4, 8}) {
            ze_device_mem_alloc_desc_t device{};
            device.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC;
            device.flags = device_flag;
            ze_host_mem_alloc_desc_t host{};
            host.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC;
            host.flags = host_flag;
            void *shared = nullptr, *of_host = nullptr;
            ASSERT_EQ(zeMemAllocShared(ze().context, &device, &host, 1000, 0, ze().device, &shared),
                      ZE_RESULT_SUCCESS);
            ASSERT_EQ(zeMemAllocHost(ze().context, &host, 1000, 0, &of_host), ZE_RESULT_SUCCESS);
            memset(shared, 1, 1000);
            memset(of_host, 1, 1000);
            EXPECT_EQ(zeMemFree(ze().context, shared), ZE_RESULT_SUCCESS);
            EXPECT_EQ(zeMemFree(ze().context, of_host), ZE_RESULT_SUCCESS);
        }
}

TEST_F(OnSvm, RelaxedLimitsAllowMoreThanTheDevicesMaximum)
{
    ze_device_properties_t properties{};
    properties.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES;
    ASSERT_EQ(zeDeviceGetProperties(ze().device, &properties), ZE_RESULT_SUCCESS);
    const size_t size = properties.maxMemAllocSize + 4096;
    ze_relaxed_allocation_limits_exp_desc_t relaxed{};
    relaxed.stype = ZE_STRUCTURE_TYPE_RELAXED_ALLOCATION_LIMITS_EXP_DESC;
    ze_host_mem_alloc_desc_t host{};
    host.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC;
    host.pNext = &relaxed;
    void *p = nullptr;
    EXPECT_EQ(zeMemAllocHost(ze().context, &host, size, 0, &p), ZE_RESULT_ERROR_UNSUPPORTED_SIZE);
    relaxed.flags = 2;
    EXPECT_EQ(zeMemAllocHost(ze().context, &host, 64, 0, &p), ZE_RESULT_ERROR_INVALID_ENUMERATION);
    relaxed.flags = ZE_RELAXED_ALLOCATION_LIMITS_EXP_FLAG_MAX_SIZE;
    ASSERT_EQ(zeMemAllocHost(ze().context, &host, size, 0, &p), ZE_RESULT_SUCCESS);
    static_cast<char *>(p)[size - 1] = 1;
    EXPECT_EQ(zeMemFree(ze().context, p), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, EveryContextKnowsAndFreesAnAllocation)
{
    ze_context_handle_t other = new_context();
    void *shared = nullptr, *host = nullptr, *base = nullptr;
    ASSERT_EQ(alloc_shared(10000, &shared), ZE_RESULT_SUCCESS);
    ASSERT_EQ(alloc_host(10000, &host), ZE_RESULT_SUCCESS);
    EXPECT_EQ(properties_of(shared, other).memory.type, ZE_MEMORY_TYPE_SHARED);
    EXPECT_EQ(properties_of(host, other).memory.type, ZE_MEMORY_TYPE_HOST);
    EXPECT_EQ(zeMemGetAddressRange(other, static_cast<char *>(host) + 5, &base, nullptr),
              ZE_RESULT_SUCCESS);
    EXPECT_EQ(base, host);
    EXPECT_EQ(zeMemFree(other, shared), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeMemFree(other, host), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFree(ze().context, host), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeContextDestroy(other), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, OnlyDeviceMemoryIsExported)
{
    Memory shared = make(Kind::Shared, 4096), host = make(Kind::Host, 4096);
    for (const void *p : {shared.get(), host.get()}) {
        EXPECT_EQ(export_fd(p, ZE_EXTERNAL_MEMORY_TYPE_FLAG_DMA_BUF),
                  ZE_RESULT_ERROR_UNSUPPORTED_FEATURE);
        EXPECT_EQ(export_fd(p, ZE_EXTERNAL_MEMORY_TYPE_FLAG_OPAQUE_FD),
                  ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION);
    }
}

TEST_F(OnSvm, PropertiesKnowEveryKind)
{
    void *device = nullptr;
    ASSERT_EQ(alloc_device(10000, &device), ZE_RESULT_SUCCESS);
    Memory shared = make(Kind::Shared, 10000), host = make(Kind::Host, 10000);
    Memory heap = make(Kind::Malloc, 10000);
    Kernel increment("increment"); /* so that NEO has been told of the heap */
    ASSERT_EQ(increment.pointer(0, heap.get()), ZE_RESULT_SUCCESS);
    EXPECT_EQ(properties_of(shared.get()).memory.type, ZE_MEMORY_TYPE_SHARED);
    EXPECT_EQ(properties_of(shared.get()).device, ze().device);
    EXPECT_EQ(properties_of(host.get()).memory.type, ZE_MEMORY_TYPE_HOST);
    EXPECT_EQ(properties_of(device).memory.type, ZE_MEMORY_TYPE_DEVICE);
    EXPECT_EQ(properties_of(heap.get()).memory.type, ZE_MEMORY_TYPE_UNKNOWN);
    EXPECT_EQ(properties_of(heap.get()).device, nullptr);
    std::set<uint64_t> ids{properties_of(shared.get()).memory.id,
                           properties_of(host.get()).memory.id, properties_of(device).memory.id};
    EXPECT_EQ(ids.size(), 3u);
    EXPECT_EQ(zeMemFree(ze().context, device), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, AddressRangeOfInteriorPointers)
{
    Memory shared = make(Kind::Shared, 10000), heap = make(Kind::Malloc, 10000);
    void *base = nullptr;
    size_t size = 0;
    EXPECT_EQ(
        zeMemGetAddressRange(ze().context, static_cast<char *>(shared.get()) + 9999, &base, &size),
        ZE_RESULT_SUCCESS);
    EXPECT_EQ(base, shared.get());
    EXPECT_EQ(size, 10000u);
    EXPECT_EQ(zeMemGetAddressRange(ze().context, shared.get(), nullptr, &size), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeMemGetAddressRange(ze().context, shared.get(), &base, nullptr), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeMemGetAddressRange(ze().context, shared.get(), nullptr, nullptr),
              ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemGetAddressRange(ze().context, heap.get(), &base, &size), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, FreeTakesOnlyAllocations)
{
    void *shared = nullptr;
    int local;
    ASSERT_EQ(alloc_shared(4096, &shared), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFree(ze().context, static_cast<char *>(shared) + 8), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFree(ze().context, &local), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeMemFree(ze().context, shared), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFree(ze().context, shared), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, IpcHandlesAreForDeviceMemory)
{
    Memory shared = make(Kind::Shared, 4096), host = make(Kind::Host, 4096);
    ze_ipc_mem_handle_t handle;
    EXPECT_EQ(zeMemGetIpcHandle(ze().context, shared.get(), &handle),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(zeMemGetIpcHandle(ze().context, host.get(), &handle),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
}

TEST_F(OnSvm, ResidencyCallsTakeSharedMemory)
{
    Memory shared = make(Kind::Shared, 4096);
    EXPECT_EQ(zeContextMakeMemoryResident(ze().context, ze().device, shared.get(), 4096),
              ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeContextEvictMemory(ze().context, ze().device, shared.get(), 4096),
              ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, ResidencyCallsTakeSystemMemory)
{
    constexpr size_t size = 1 << 20;
    /* Nobody has told NEO of it before. */
    void *map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_EQ(zeContextMakeMemoryResident(ze().context, ze().device, map, size), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeContextEvictMemory(ze().context, ze().device, map, size), ZE_RESULT_SUCCESS);
    munmap(map, size);
    EXPECT_NE(zeContextMakeMemoryResident(ze().context, ze().device, map, size), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, AllocationsGoWithTheirContext)
{
    ze_context_handle_t context = new_context();
    ze_host_mem_alloc_desc_t host{};
    void *p = nullptr;
    ASSERT_EQ(zeMemAllocHost(context, &host, 1 << 20, 0, &p), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeContextDestroy(context), ZE_RESULT_SUCCESS);
    EXPECT_EQ(msync(p, 4096, MS_ASYNC), -1); /* no longer mapped */
}
