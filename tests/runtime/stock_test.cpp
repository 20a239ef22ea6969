/* SPDX-License-Identifier: MIT */
/* A kernel without SVM: it is said so, and userptr objects stand in for binds. */
#include "gpu.hpp"

#include <cstdlib>

TEST_F(WithoutSvm, SaysThatThereIsNone)
{
    bool on;
    uint64_t bytes;
    i915svm_vm *other = nullptr;
    EXPECT_EQ(caps.flags, 0u);
    EXPECT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_vm_set_mirror(vm, true), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_vm_get_granule(vm, &bytes), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_vm_get_read_ahead(vm, &bytes), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_vm_create(device, I915SVM_VM_MIRROR, &other), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_prefetch(vm, &on, 1, I915SVM_LOCATION_SYSTEM, nullptr), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_bind_object(vm, 1, 0, 0x10000, 0x1000, 0), I915SVM_ERROR_NO_SVM);
    EXPECT_EQ(i915svm_bind(vm, &on, 1, I915SVM_BIND_UNSHARE), I915SVM_ERROR_NOT_SUPPORTED);
}

TEST_F(WithoutSvm, BindFallsBackToUserptr)
{
    auto *word = static_cast<uint32_t *>(aligned_alloc(64 * KiB, 64 * KiB));
    word[9] = 0;
    ASSERT_EQ(i915svm_bind(vm, word, 64 * KiB, 0), I915SVM_OK);
    uint32_t handle = 0;
    ASSERT_EQ(i915svm_exec_handle(vm, word + 9, &handle), I915SVM_OK);
    ASSERT_NE(handle, 0u);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(word + 9, 0x88888888, handle, reinterpret_cast<uintptr_t>(word)), 0);
    EXPECT_EQ(word[9], 0x88888888u);
    EXPECT_EQ(i915svm_unbind(vm, reinterpret_cast<uintptr_t>(word), 64 * KiB), I915SVM_OK);
    EXPECT_EQ(i915svm_exec_handle(vm, word, &handle), I915SVM_ERROR_UNKNOWN_POINTER);
    free(word);
}

TEST_F(WithoutSvm, OverlapsAndPartsAreRefused)
{
    auto *memory = static_cast<char *>(aligned_alloc(kPage, 8 * kPage));
    ASSERT_EQ(i915svm_bind(vm, memory + kPage, 4 * kPage, 0), I915SVM_OK);
    EXPECT_EQ(i915svm_bind(vm, memory + 2 * kPage, kPage, 0), I915SVM_OK); /* covered already */
    EXPECT_EQ(i915svm_bind(vm, memory, 3 * kPage, 0), I915SVM_ERROR_OVERLAP);
    EXPECT_EQ(i915svm_unbind(vm, reinterpret_cast<uintptr_t>(memory + kPage), kPage),
              I915SVM_ERROR_NOT_SUPPORTED);
    EXPECT_EQ(i915svm_unbind(vm, reinterpret_cast<uintptr_t>(memory), 8 * kPage), I915SVM_OK);
    free(memory);
}

TEST_F(WithoutSvm, AllocationIsReachableByItsHandle)
{
    i915svm_alloc_info info{};
    info.size = 10000;
    void *pointer = nullptr;
    ASSERT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK);
    auto *word = static_cast<uint32_t *>(pointer);
    uint32_t handle = 0;
    ASSERT_EQ(i915svm_exec_handle(vm, word, &handle), I915SVM_OK);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(word + 1000, 0x99999999, handle, reinterpret_cast<uintptr_t>(word)), 0);
    EXPECT_EQ(word[1000], 0x99999999u);
    EXPECT_EQ(i915svm_free(vm, pointer), I915SVM_OK);
}
