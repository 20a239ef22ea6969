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

Properties properties_of(const void *pointer)
{
    Properties p;
    p.memory.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES;
    EXPECT_EQ(zeMemGetAllocProperties(ze().context, pointer, &p.memory, &p.device),
              ZE_RESULT_SUCCESS);
    return p;
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

TEST_F(OnSvm, AllocationsGoWithTheirContext)
{
    ze_context_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC;
    ze_context_handle_t context;
    ASSERT_EQ(zeContextCreate(ze().driver, &desc, &context), ZE_RESULT_SUCCESS);
    ze_host_mem_alloc_desc_t host{};
    void *p = nullptr;
    ASSERT_EQ(zeMemAllocHost(context, &host, 1 << 20, 0, &p), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeContextDestroy(context), ZE_RESULT_SUCCESS);
    EXPECT_EQ(msync(p, 4096, MS_ASYNC), -1); /* no longer mapped */
}
