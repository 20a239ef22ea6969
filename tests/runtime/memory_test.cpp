/* SPDX-License-Identifier: MIT */
/* Allocation, binding, and that the GPU reaches what is bound. */
#include "gpu.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace
{
void *must_alloc(i915svm_vm *vm, size_t size, size_t alignment = 0,
                 i915svm_kind kind = I915SVM_KIND_SYSTEM,
                 i915svm_location location = I915SVM_LOCATION_SYSTEM)
{
    i915svm_alloc_info info{};
    info.size = size;
    info.alignment = alignment;
    info.kind = kind;
    info.location = location;
    void *pointer = nullptr;
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK) << strerror(i915svm_last_errno());
    return pointer;
}

uint64_t address_of(const void *pointer)
{
    return reinterpret_cast<uintptr_t>(pointer);
}
} // namespace

TEST_F(WithSvm, AllocRefusesNonsense)
{
    void *pointer;
    i915svm_alloc_info info{};
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_ERROR_INVALID_ARGUMENT); /* size 0 */
    info.size = 100;
    EXPECT_EQ(i915svm_alloc(nullptr, &info, &pointer), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_alloc(vm, nullptr, &pointer), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_alloc(vm, &info, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
    info.alignment = 3000;
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_ERROR_INVALID_ARGUMENT);
    info.alignment = 2 * I915SVM_ALIGNMENT_MAX;
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_ERROR_INVALID_ARGUMENT);
    info.alignment = 0;
    info.size = SIZE_MAX;
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_ERROR_OUT_OF_HOST_MEMORY);
    info.size = size_t(1) << 46;
    EXPECT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_ERROR_OUT_OF_HOST_MEMORY);
}

TEST_F(WithSvm, AllocKeepsAlignment)
{
    for (size_t alignment : {size_t(0), size_t(1), 4 * KiB, 64 * KiB, 2 * MiB, 8 * MiB}) {
        void *pointer = must_alloc(vm, 10000, alignment);
        ASSERT_NE(pointer, nullptr);
        EXPECT_EQ(address_of(pointer) % (alignment ? alignment : kPage), 0u);
        memset(pointer, 0x5a, 10000);
        EXPECT_EQ(i915svm_free(vm, pointer), I915SVM_OK);
    }
}

TEST_F(WithSvm, FindKnowsInteriorPointersOnly)
{
    char *pointer = static_cast<char *>(must_alloc(vm, 5000));
    void *base = nullptr;
    size_t size = 0;
    EXPECT_EQ(i915svm_find(vm, pointer + 4999, &base, &size), I915SVM_OK);
    EXPECT_EQ(base, pointer);
    EXPECT_EQ(size, 5000u);
    EXPECT_EQ(i915svm_find(vm, pointer + 5000, &base, &size), I915SVM_ERROR_UNKNOWN_POINTER);
    EXPECT_EQ(i915svm_find(vm, pointer - 1, &base, &size), I915SVM_ERROR_UNKNOWN_POINTER);
}

TEST_F(WithSvm, FreeTakesOnlyWhatAllocGave)
{
    char *pointer = static_cast<char *>(must_alloc(vm, 5000));
    int local;
    EXPECT_EQ(i915svm_free(vm, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_free(vm, pointer + 8), I915SVM_ERROR_UNKNOWN_POINTER);
    EXPECT_EQ(i915svm_free(vm, &local), I915SVM_ERROR_UNKNOWN_POINTER);
    EXPECT_EQ(i915svm_free(vm, pointer), I915SVM_OK);
    EXPECT_EQ(i915svm_free(vm, pointer), I915SVM_ERROR_UNKNOWN_POINTER);
}

TEST_F(WithSvm, GpuWritesAllocatedMemory)
{
    auto *word = static_cast<uint32_t *>(must_alloc(vm, 3 * MiB));
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    uint32_t *last = word + 3 * MiB / 4 - 1;
    ASSERT_EQ(gpu.store(word, 0x11111111), 0);
    ASSERT_EQ(gpu.store(last, 0x22222222), 0);
    EXPECT_EQ(*word, 0x11111111u);
    EXPECT_EQ(*last, 0x22222222u);
}

TEST_F(WithSvm, GpuWritesARuntimeAllocation)
{
    for (auto location : {I915SVM_LOCATION_SYSTEM, I915SVM_LOCATION_DEVICE}) {
        auto *word = static_cast<uint32_t *>(
            must_alloc(vm, 256 * KiB, 64 * KiB, I915SVM_KIND_RUNTIME, location));
        ASSERT_NE(word, nullptr);
        word[5] = 1;
        Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
        ASSERT_EQ(gpu.store(&word[5], 0x33333333), 0);
        EXPECT_EQ(word[5], 0x33333333u);
        i915svm_range range;
        ASSERT_EQ(i915svm_query(vm, word, 0, &range), I915SVM_OK);
        EXPECT_TRUE(range.bound);
        EXPECT_EQ(range.kind, I915SVM_KIND_RUNTIME);
        EXPECT_EQ(i915svm_free(vm, word), I915SVM_OK);
    }
}

TEST_F(WithSvm, BindMakesMallocReachable)
{
    auto *word = static_cast<uint32_t *>(malloc(100 * KiB));
    word[77] = 0;
    ASSERT_EQ(i915svm_bind(vm, word, 100 * KiB, 0), I915SVM_OK);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(&word[77], 0x44444444), 0);
    EXPECT_EQ(word[77], 0x44444444u);
    EXPECT_EQ(i915svm_unbind(vm, address_of(word), 100 * KiB), I915SVM_OK);
    free(word);
}

TEST_F(WithSvm, BindRefusesWhatIsNotThere)
{
    char *hole = static_cast<char *>(
        mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    munmap(hole, 3 * kPage);
    EXPECT_NE(i915svm_bind(vm, hole, kPage, I915SVM_BIND_POPULATE), I915SVM_OK);
    EXPECT_EQ(i915svm_bind(vm, nullptr, kPage, 0), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_bind(vm, hole, 0, 0), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_bind(vm, hole, SIZE_MAX, 0), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_bind(vm, hole, kPage, 0x1000), I915SVM_ERROR_INVALID_ARGUMENT);
}

TEST_F(WithSvm, ReadOnlyIsRefusedWhereTheHardwareCannot)
{
    char memory[kPage] = {};
    i915svm_result result = i915svm_bind(vm, memory, sizeof(memory), I915SVM_BIND_READONLY);
    EXPECT_EQ(result, caps.flags & I915SVM_CAP_READONLY ? I915SVM_OK : I915SVM_ERROR_NOT_SUPPORTED);
}

TEST_F(WithSvm, ConstantsAreBoundWhenTheyMayBecomeOwnCopies)
{
    void *map = mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_EQ(i915svm_bind(vm, map, kPage, 0), I915SVM_ERROR_PERMISSION);
    EXPECT_EQ(i915svm_bind(vm, map, kPage, I915SVM_BIND_UNSHARE | I915SVM_BIND_POPULATE),
              I915SVM_OK);
    i915svm_range range{};
    EXPECT_EQ(i915svm_query(vm, map, kPage, &range), I915SVM_OK);
    EXPECT_EQ(range.bytes_system, kPage);
    EXPECT_EQ(i915svm_unbind(vm, address_of(map), kPage), I915SVM_OK);
    munmap(map, kPage);
}

TEST_F(WithSvm, PartialUnbindKeepsTheRest)
{
    char *map = static_cast<char *>(
        mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(map, 0, 8 * kPage);
    ASSERT_EQ(i915svm_bind(vm, map, 8 * kPage, 0), I915SVM_OK);
    ASSERT_EQ(i915svm_unbind(vm, address_of(map + 3 * kPage), 2 * kPage), I915SVM_OK);
    i915svm_range range;
    ASSERT_EQ(i915svm_query(vm, map, 0, &range), I915SVM_OK);
    EXPECT_TRUE(range.bound);
    EXPECT_EQ(range.length, 3 * kPage);
    ASSERT_EQ(i915svm_query(vm, map + 4 * kPage, 0, &range), I915SVM_OK);
    EXPECT_FALSE(range.bound);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    EXPECT_EQ(gpu.store(map + 6 * kPage, 0x55555555), 0);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(map + 6 * kPage), 0x55555555u);
    munmap(map, 8 * kPage);
}

TEST_F(WithMirror, AnyCpuPointerIsAGpuPointer)
{
    static uint32_t global;
    uint32_t local = 0;
    auto *heap = static_cast<uint32_t *>(malloc(sizeof(uint32_t)));
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    for (uint32_t *word : {&global, &local, heap}) {
        ASSERT_EQ(gpu.store(word, 0x66666666), 0);
        EXPECT_EQ(*static_cast<volatile uint32_t *>(word), 0x66666666u);
    }
    free(heap);
}

TEST_F(WithMirror, WhatIsMappedLaterIsReachedByTheNextSubmission)
{
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    uint32_t first = 0;
    ASSERT_EQ(gpu.store(&first, 1), 0);
    auto *later = static_cast<uint32_t *>(
        mmap(nullptr, MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_EQ(gpu.store(later + 1000, 0x77777777), 0);
    EXPECT_EQ(later[1000], 0x77777777u);
    munmap(later, MiB);
}

TEST_F(WithSvm, ExecNeedsNoHandle)
{
    char memory[kPage] = {};
    uint32_t handle = 7;
    ASSERT_EQ(i915svm_bind(vm, memory, sizeof(memory), 0), I915SVM_OK);
    EXPECT_EQ(i915svm_exec_handle(vm, memory, &handle), I915SVM_OK);
    EXPECT_EQ(handle, 0u);
}
