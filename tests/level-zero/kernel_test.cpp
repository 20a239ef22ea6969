/* SPDX-License-Identifier: MIT */
/* Pointers handed to kernels, in arguments and inside memory. */
#include "ze.hpp"

#include <sys/mman.h>

namespace
{
constexpr ze_result_t kSuccess = ZE_RESULT_SUCCESS;
constexpr ze_result_t kBadPointer = ZE_RESULT_ERROR_INVALID_ARGUMENT;

void allow_indirect(Kernel &kernel)
{
    ASSERT_EQ(zeKernelSetIndirectAccess(kernel, ZE_KERNEL_INDIRECT_ACCESS_FLAG_HOST |
                                                    ZE_KERNEL_INDIRECT_ACCESS_FLAG_SHARED),
              ZE_RESULT_SUCCESS);
}
} // namespace

#include "../common/kernel_cases.hpp"

INSTANTIATE_TEST_SUITE_P(Memory, EveryKind,
                         ::testing::Values(Kind::Malloc, Kind::Stack, Kind::Static, Kind::Shared,
                                           Kind::Host),
                         [](const auto &info) { return std::string(name_of(info.param)); });

TEST_F(OnSvm, UnmappedPointersAreRefused)
{
    void *gone = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, gone), ZE_RESULT_SUCCESS);
    munmap(gone, 4096);
    EXPECT_EQ(increment.pointer(0, gone), ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, reinterpret_cast<void *>(0x10)),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, reinterpret_cast<void *>(0xffff800000000000)),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
}

TEST_F(OnSvm, ScalarsThatLookLikeBadPointersAreScalars)
{
    void *gone = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t out = 0;
    Kernel store("store_scalar");
    ASSERT_EQ(store.pointer(0, gone), ZE_RESULT_SUCCESS); /* its window is open now */
    munmap(gone, 4096);
    ASSERT_EQ(store.pointer(0, &out), ZE_RESULT_SUCCESS);
    ASSERT_EQ(store.pointer(1, gone), ZE_RESULT_SUCCESS);
    ASSERT_EQ(store.run(1), ZE_RESULT_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint64_t *>(&out), reinterpret_cast<uintptr_t>(gone));
}

TEST_F(OnSvm, MemoryFromManyPlacesInOneRun)
{
    constexpr uint32_t count = 300;
    std::vector<Memory> memory;
    std::vector<uint32_t *> pointers;
    for (uint32_t i = 0; i < count; i++) {
        memory.push_back(make(static_cast<Kind>(i % 2 ? int(Kind::Malloc) : int(Kind::Shared)),
                              i % 7 ? 100 : 1 << 20));
        pointers.push_back(static_cast<uint32_t *>(memory.back().get()));
        *pointers.back() = i;
    }
    Kernel follow("follow");
    ASSERT_EQ(follow.pointer(0, pointers.data()), ZE_RESULT_SUCCESS);
    ASSERT_EQ(follow.run(count), ZE_RESULT_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        EXPECT_EQ(*pointers[i], i + 1);
}

TEST_F(OnSvm, ConstantsAreCopiedFromButNotTo)
{
    const KnownConstant constant;
    std::vector<uint32_t> out(16);
    List list;
    ASSERT_EQ(
        zeCommandListAppendMemoryCopy(list, out.data(), constant.words(), 64, nullptr, 0, nullptr),
        ZE_RESULT_SUCCESS);
    ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(out.data()), 77u);
    EXPECT_EQ(list.reset(), ZE_RESULT_SUCCESS);
    EXPECT_EQ(
        zeCommandListAppendMemoryCopy(list, constant.target(), out.data(), 64, nullptr, 0, nullptr),
        ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(zeCommandListAppendMemoryFill(list, constant.target(), out.data(), 4, 64, nullptr, 0,
                                            nullptr),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(zeCommandListAppendWriteGlobalTimestamp(
                  list, reinterpret_cast<uint64_t *>(constant.target()), nullptr, 0, nullptr),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
}
