/* SPDX-License-Identifier: MIT */
/* Prefetch, advice, query: where memory is. */
#include "gpu.hpp"

#include <cstring>
#include <sys/mman.h>

namespace
{
class Places : public WithMirror
{
  protected:
    static constexpr size_t kSize = 4 * MiB;

    void SetUp() override
    {
        WithMirror::SetUp();
        if (!vm)
            return;
        i915svm_alloc_info info{};
        info.size = kSize;
        info.alignment = 2 * MiB;
        void *pointer;
        ASSERT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK);
        memory = static_cast<uint32_t *>(pointer);
        for (size_t i = 0; i < kSize / 4; i++)
            memory[i] = static_cast<uint32_t>(i);
    }
    void need_device_memory()
    {
        if (!(caps.flags & I915SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no device memory for CPU pages";
    }
    i915svm_prefetch_result prefetch(i915svm_location to)
    {
        i915svm_prefetch_result result{};
        EXPECT_EQ(i915svm_prefetch(vm, memory, kSize, to, &result), I915SVM_OK);
        return result;
    }
    i915svm_range query()
    {
        i915svm_range range{};
        EXPECT_EQ(i915svm_query(vm, memory, kSize, &range), I915SVM_OK);
        return range;
    }
    bool intact() const
    {
        for (size_t i = 0; i < kSize / 4; i++)
            if (memory[i] != i)
                return false;
        return true;
    }
    static uint64_t sum(const i915svm_prefetch_result &r)
    {
        return r.moved + r.already + r.failed_unmapped + r.failed_type + r.failed_busy +
               r.failed_memory + r.absent;
    }

    uint32_t *memory = nullptr;
};
} // namespace

TEST_F(Places, PrefetchMovesAndReportsExactly)
{
    need_device_memory();
    i915svm_prefetch_result there = prefetch(I915SVM_LOCATION_DEVICE);
    EXPECT_EQ(there.moved, kSize);
    EXPECT_EQ(sum(there), kSize);
    i915svm_prefetch_result again = prefetch(I915SVM_LOCATION_DEVICE);
    EXPECT_EQ(again.moved, 0u);
    EXPECT_EQ(again.already, kSize);
    i915svm_prefetch_result back = prefetch(I915SVM_LOCATION_SYSTEM);
    EXPECT_EQ(back.moved, kSize);
    EXPECT_TRUE(intact());
    i915svm_statistics statistics;
    ASSERT_EQ(i915svm_vm_statistics(vm, &statistics), I915SVM_OK);
    EXPECT_EQ(statistics.bytes_to_device, kSize);
    EXPECT_EQ(statistics.bytes_to_system, kSize);
    EXPECT_EQ(statistics.prefetches, 3u);
}

TEST_F(Places, GpuAndCpuMeetInDeviceMemory)
{
    need_device_memory();
    prefetch(I915SVM_LOCATION_DEVICE);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(&memory[100], 0xabcdef01), 0);
    EXPECT_EQ(query().bytes_device, kSize);
    EXPECT_EQ(memory[100], 0xabcdef01u); /* the CPU brings its granule back */
    i915svm_range range = query();
    EXPECT_LT(range.bytes_device, kSize);
    memory[100] = 100;
    EXPECT_TRUE(intact());
    EXPECT_EQ(query().bytes_device, 0u);
}

TEST_F(Places, QueryAccountsForEveryByte)
{
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(&memory[3], 3), 0);
    i915svm_range range = query();
    EXPECT_TRUE(range.bound);
    EXPECT_EQ(range.kind, I915SVM_KIND_SYSTEM);
    EXPECT_EQ(range.bytes_system + range.bytes_device + range.bytes_invalid, kSize);
    EXPECT_EQ(range.bytes_system, kSize);
    EXPECT_EQ(range.pages_4k * 4 * KiB + range.pages_64k * 64 * KiB + range.pages_2m * 2 * MiB,
              kSize);
}

TEST_F(Places, PrefetchOfNothingSaysSo)
{
    char *hole = static_cast<char *>(
        mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    munmap(hole, 4 * kPage);
    i915svm_prefetch_result result{};
    ASSERT_EQ(i915svm_prefetch(vm, hole, 4 * kPage, I915SVM_LOCATION_SYSTEM, &result), I915SVM_OK);
    EXPECT_EQ(result.failed_unmapped, 4 * kPage);
    EXPECT_EQ(sum(result), 4 * kPage);
}

TEST_F(Places, PrefetchChecksItsArguments)
{
    EXPECT_EQ(i915svm_prefetch(nullptr, memory, 1, I915SVM_LOCATION_SYSTEM, nullptr),
              I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_prefetch(vm, nullptr, 1, I915SVM_LOCATION_SYSTEM, nullptr),
              I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_prefetch(vm, memory, 0, I915SVM_LOCATION_SYSTEM, nullptr),
              I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_prefetch(vm, memory, 1, I915SVM_LOCATION_NONE, nullptr),
              I915SVM_ERROR_INVALID_ARGUMENT);
}

TEST_F(Places, AdviceIsTakenAndTakenBack)
{
    need_device_memory();
    EXPECT_EQ(i915svm_advise_location(vm, memory, kSize, I915SVM_LOCATION_DEVICE), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_location(vm, memory, kSize, I915SVM_LOCATION_SYSTEM), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_location(vm, memory, kSize, I915SVM_LOCATION_NONE), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_keep(vm, memory, kSize, true), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_keep(vm, memory, kSize, false), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_granule(vm, memory, kSize, 64 * KiB), I915SVM_OK);
    EXPECT_EQ(i915svm_advise_granule(vm, memory, kSize, 5000), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_advise_location(vm, memory, kSize, static_cast<i915svm_location>(9)),
              I915SVM_ERROR_INVALID_ARGUMENT);
}

TEST_F(Places, GranuleDecidesHowMuchATouchBringsBack)
{
    need_device_memory();
    ASSERT_EQ(i915svm_advise_granule(vm, memory, kSize, 64 * KiB), I915SVM_OK);
    prefetch(I915SVM_LOCATION_DEVICE);
    Gpu gpu(i915svm_device_fd(device), i915svm_vm_id(vm));
    ASSERT_EQ(gpu.store(&memory[kSize / 4 - 1], 7), 0);
    ASSERT_EQ(query().bytes_device, kSize);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(&memory[0]), 0u);
    /* The next submission makes valid again what is still there. */
    ASSERT_EQ(gpu.store(&memory[kSize / 4 - 1], 7), 0);
    EXPECT_EQ(query().bytes_device, kSize - 64 * KiB);
}
