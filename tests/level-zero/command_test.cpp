/* SPDX-License-Identifier: MIT */
/* Copies, fills, prefetch and advice, on each kind of memory. */
#include "ze.hpp"

#include <cstring>

namespace
{
class Command : public OnSvm, public ::testing::WithParamInterface<Kind>
{
  protected:
    static constexpr size_t kSize = 16384;

    void SetUp() override
    {
        OnSvm::SetUp();
        if (IsSkipped())
            return;
        memory = make(GetParam(), kSize);
        bytes = static_cast<unsigned char *>(memory.get());
        memset(bytes, 0, kSize);
    }

    Memory memory;
    unsigned char *bytes = nullptr;
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Memory, Command,
                         ::testing::Values(Kind::Malloc, Kind::Stack, Kind::Static, Kind::Shared,
                                           Kind::Host),
                         [](const auto &info) { return std::string(name_of(info.param)); });

TEST_P(Command, Fill)
{
    for (size_t pattern_size : {1ul, 4ul}) {
        const unsigned char pattern[] = {0xa1, 0xb2, 0xc3, 0xd4};
        List list;
        ASSERT_EQ(zeCommandListAppendMemoryFill(list, bytes, pattern, pattern_size, 4096, nullptr,
                                                0, nullptr),
                  ZE_RESULT_SUCCESS);
        ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
        for (size_t i = 0; i < 4096; i++)
            ASSERT_EQ(bytes[i], pattern[i % pattern_size]) << i;
        EXPECT_EQ(bytes[4096], 0);
    }
}

TEST_P(Command, CopyThereAndBackOverDeviceMemory)
{
    void *device = nullptr;
    ASSERT_EQ(alloc_device(kSize, &device), ZE_RESULT_SUCCESS);
    Memory heap = make(Kind::Malloc, kSize);
    auto *other = static_cast<unsigned char *>(heap.get());
    for (size_t i = 0; i < kSize; i++)
        bytes[i] = static_cast<unsigned char>(i * 7);
    List list;
    ASSERT_EQ(zeCommandListAppendMemoryCopy(list, device, bytes, kSize, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendBarrier(list, nullptr, 0, nullptr), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(list, other, device, kSize, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
    EXPECT_EQ(memcmp(other, bytes, kSize), 0);
    EXPECT_EQ(zeMemFree(ze().context, device), ZE_RESULT_SUCCESS);
}

TEST_P(Command, PrefetchAndAdviceKeepTheData)
{
    for (size_t i = 0; i < kSize; i++)
        bytes[i] = static_cast<unsigned char>(i * 3);
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, bytes), ZE_RESULT_SUCCESS);
    List list;
    ze_group_count_t one{1, 1, 1};
    ASSERT_EQ(zeCommandListAppendMemAdvise(list, ze().device, bytes, kSize,
                                           ZE_MEMORY_ADVICE_SET_PREFERRED_LOCATION),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryPrefetch(list, bytes, kSize), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendLaunchKernel(list, increment, &one, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemAdvise(list, ze().device, bytes, kSize,
                                           ZE_MEMORY_ADVICE_CLEAR_PREFERRED_LOCATION),
              ZE_RESULT_SUCCESS);
    for (int round = 1; round <= 3; round++) {
        ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
        EXPECT_EQ(*reinterpret_cast<uint32_t *>(bytes), 0x09060300u + round);
    }
    for (size_t i = 4; i < kSize; i++)
        ASSERT_EQ(bytes[i], static_cast<unsigned char>(i * 3));
    EXPECT_EQ(list.reset(), ZE_RESULT_SUCCESS);
    EXPECT_EQ(list.run(), ZE_RESULT_SUCCESS);
}

TEST_P(Command, ImmediateListsWork)
{
    ze_command_queue_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
    desc.mode = ZE_COMMAND_QUEUE_MODE_SYNCHRONOUS;
    ze_command_list_handle_t list;
    ASSERT_EQ(zeCommandListCreateImmediate(ze().context, ze().device, &desc, &list),
              ZE_RESULT_SUCCESS);
    const uint32_t pattern = 0x01020304;
    EXPECT_EQ(zeCommandListAppendMemoryPrefetch(list, bytes, kSize), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeCommandListAppendMemoryFill(list, bytes, &pattern, 4, kSize, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    EXPECT_EQ(reinterpret_cast<uint32_t *>(bytes)[kSize / 4 - 1], pattern);
    EXPECT_EQ(zeCommandListDestroy(list), ZE_RESULT_SUCCESS);
}

TEST_P(Command, ErrorsOfBadPointers)
{
    void *nowhere = reinterpret_cast<void *>(0x1000);
    const uint32_t pattern = 0;
    List list;
    EXPECT_NE(zeCommandListAppendMemoryFill(list, nowhere, &pattern, 4, 64, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    EXPECT_NE(zeCommandListAppendMemoryPrefetch(list, nowhere, 64), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeCommandListAppendMemAdvise(list, ze().device, bytes, 64,
                                           static_cast<ze_memory_advice_t>(77)),
              ZE_RESULT_ERROR_INVALID_ENUMERATION);
}

namespace
{
/* Two launches of "increment", on words of their own. */
struct Launches {
    explicit Launches()
    {
        memset(words, 0, sizeof(words));
        EXPECT_EQ(first.pointer(0, words), ZE_RESULT_SUCCESS);
        EXPECT_EQ(second.pointer(0, words + 16), ZE_RESULT_SUCCESS);
    }
    void expect(uint32_t of_first, uint32_t of_second) const
    {
        for (uint32_t i = 0; i < 16; i++) {
            EXPECT_EQ(words[i], i < of_first ? 1u : 0u) << i;
            EXPECT_EQ(words[16 + i], i < of_second ? 1u : 0u) << i;
        }
    }
    uint32_t words[32];
    Kernel first{"increment"}, second{"increment"};
};
} // namespace

TEST_P(Command, ALaunchTakesItsSizeFromMemory)
{
    auto *groups = reinterpret_cast<ze_group_count_t *>(bytes + 64);
    auto launches = std::make_unique<Launches>();
    List list;
    ASSERT_EQ(
        zeCommandListAppendLaunchKernelIndirect(list, launches->first, groups, nullptr, 0, nullptr),
        ZE_RESULT_SUCCESS);
    *groups = {7, 1, 1}; /* read when it runs */
    ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
    launches->expect(7, 0);
}

TEST_P(Command, LaunchesTakeTheirCountFromMemory)
{
    auto *groups = reinterpret_cast<ze_group_count_t *>(bytes + 64);
    auto *count = reinterpret_cast<uint32_t *>(bytes + 4096);
    groups[0] = {3, 1, 1};
    groups[1] = {5, 1, 1};
    for (uint32_t asked : {0, 1, 2}) {
        auto launches = std::make_unique<Launches>();
        ze_kernel_handle_t kernels[] = {launches->first, launches->second};
        List list;
        ASSERT_EQ(zeCommandListAppendLaunchMultipleKernelsIndirect(list, 2, kernels, count, groups,
                                                                   nullptr, 0, nullptr),
                  ZE_RESULT_SUCCESS);
        *count = asked; /* read when it runs */
        ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
        launches->expect(asked > 0 ? 3 : 0, asked > 1 ? 5 : 0);
    }
}
