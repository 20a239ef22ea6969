/* SPDX-License-Identifier: MIT */
#include "gpu.hpp"

#include <thread>
#include <vector>

TEST_F(AnyKernel, VmArgumentsAreChecked)
{
    i915svm_vm *other = nullptr;
    EXPECT_EQ(i915svm_vm_create(nullptr, 0, &other), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_vm_create(device, 0, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_vm_create(device, 0x80, &other), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_vm_attach(device, 0, 0, &other), I915SVM_ERROR_UNKNOWN_VM);
    EXPECT_EQ(other, nullptr);
}

TEST_F(WithSvm, AttachToAnUnknownVmFails)
{
    i915svm_vm *other = nullptr;
    EXPECT_EQ(i915svm_vm_attach(device, 4711, 0, &other), I915SVM_ERROR_UNKNOWN_VM);
}

TEST_F(WithSvm, MirrorIsOffUntilAskedFor)
{
    bool on = true;
    ASSERT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
    EXPECT_FALSE(on);
    ASSERT_EQ(i915svm_vm_set_mirror(vm, true), I915SVM_OK);
    ASSERT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
    EXPECT_TRUE(on);
    ASSERT_EQ(i915svm_vm_set_mirror(vm, false), I915SVM_OK);
    ASSERT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
    EXPECT_FALSE(on);
}

TEST_F(WithSvm, AttachedHandleSeesTheSameVm)
{
    i915svm_vm *other = nullptr;
    ASSERT_EQ(i915svm_vm_attach(device, i915svm_vm_id(vm), I915SVM_VM_MIRROR, &other), I915SVM_OK);
    bool on = false;
    EXPECT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
    EXPECT_TRUE(on);
    i915svm_vm_close(other); /* not its VM to destroy */
    EXPECT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
}

TEST_F(WithSvm, GranuleIsAPowerOfTwo)
{
    uint64_t bytes = 0;
    ASSERT_EQ(i915svm_vm_get_granule(vm, &bytes), I915SVM_OK);
    EXPECT_EQ(bytes, 2 * MiB);
    for (uint64_t good = 4 * KiB; good <= 2 * MiB; good *= 2) {
        EXPECT_EQ(i915svm_vm_set_granule(vm, good), I915SVM_OK);
        ASSERT_EQ(i915svm_vm_get_granule(vm, &bytes), I915SVM_OK);
        EXPECT_EQ(bytes, good);
    }
    for (uint64_t bad : {0ul, 2 * KiB, 12 * KiB, 12345ul, 4 * MiB, 1ul << 63}) {
        EXPECT_EQ(i915svm_vm_set_granule(vm, bad), I915SVM_ERROR_INVALID_ARGUMENT) << bad;
        EXPECT_EQ(i915svm_last_errno(), EINVAL);
    }
}

TEST_F(WithSvm, ReadAheadHasALimitAndAnOff)
{
    uint64_t bytes = 0;
    ASSERT_EQ(i915svm_vm_get_read_ahead(vm, &bytes), I915SVM_OK);
    EXPECT_EQ(bytes, 64 * MiB);
    for (uint64_t good : {0ul, 4 * MiB, 64 * MiB}) {
        EXPECT_EQ(i915svm_vm_set_read_ahead(vm, good), I915SVM_OK);
        ASSERT_EQ(i915svm_vm_get_read_ahead(vm, &bytes), I915SVM_OK);
        EXPECT_EQ(bytes, good);
    }
    EXPECT_EQ(i915svm_vm_set_read_ahead(vm, 64 * MiB + 1), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_vm_get_read_ahead(vm, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
}

TEST_F(WithSvm, StatisticsCountWhatWasDone)
{
    std::vector<char> memory(3 * kPage);
    i915svm_statistics before, after;
    ASSERT_EQ(i915svm_vm_statistics(vm, &before), I915SVM_OK);
    ASSERT_EQ(i915svm_bind(vm, memory.data(), memory.size(), 0), I915SVM_OK);
    ASSERT_EQ(i915svm_unbind(vm, reinterpret_cast<uintptr_t>(memory.data()), memory.size()),
              I915SVM_OK);
    void *pointer;
    i915svm_alloc_info info{};
    info.size = 100;
    ASSERT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK);
    ASSERT_EQ(i915svm_vm_statistics(vm, &after), I915SVM_OK);
    EXPECT_EQ(after.binds - before.binds, 2u); /* an allocation is bound, too */
    EXPECT_EQ(after.unbinds - before.unbinds, 1u);
    EXPECT_EQ(after.allocations, 1u);
    EXPECT_EQ(after.allocated_bytes, kPage);
}

TEST_F(WithMirror, ManyThreadsAllocateAndFree)
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([this, t] {
            for (int i = 0; i < 100; i++) {
                void *pointer = nullptr;
                i915svm_alloc_info info{};
                info.size = static_cast<size_t>(t + 1) * 1000;
                ASSERT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK);
                ASSERT_EQ(i915svm_find(vm, pointer, nullptr, nullptr), I915SVM_OK);
                ASSERT_EQ(i915svm_free(vm, pointer), I915SVM_OK);
            }
        });
    for (auto &thread : threads)
        thread.join();
    i915svm_statistics statistics;
    ASSERT_EQ(i915svm_vm_statistics(vm, &statistics), I915SVM_OK);
    EXPECT_EQ(statistics.allocations, 0u);
    EXPECT_EQ(statistics.allocated_bytes, 0u);
}
