/* SPDX-License-Identifier: MIT */
/* Programs that use device memory only, on any kernel; and NEO's own answers on a stock one. */
#include "ze.hpp"

#include <numeric>

namespace
{
class OnStock : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        if (ze().mirrors())
            GTEST_SKIP() << "a kernel with SVM";
    }
};
} // namespace

TEST(Plain, DeviceMemoryCopyRunCopy)
{
    constexpr uint32_t count = 1000;
    std::vector<uint32_t> data(count);
    std::iota(data.begin(), data.end(), 0);
    void *device = nullptr;
    ASSERT_EQ(alloc_device(count * 4, &device), ZE_RESULT_SUCCESS);
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, device), ZE_RESULT_SUCCESS);
    List list;
    ze_group_count_t groups{count, 1, 1};
    ASSERT_EQ(
        zeCommandListAppendMemoryCopy(list, device, data.data(), count * 4, nullptr, 0, nullptr),
        ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendBarrier(list, nullptr, 0, nullptr), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendLaunchKernel(list, increment, &groups, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendBarrier(list, nullptr, 0, nullptr), ZE_RESULT_SUCCESS);
    ASSERT_EQ(
        zeCommandListAppendMemoryCopy(list, data.data(), device, count * 4, nullptr, 0, nullptr),
        ZE_RESULT_SUCCESS);
    ASSERT_EQ(list.run(), ZE_RESULT_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        ASSERT_EQ(data[i], i + 1);
    EXPECT_EQ(zeMemFree(ze().context, device), ZE_RESULT_SUCCESS);
}

TEST_F(OnStock, SharedSystemMemoryIsNotPromised)
{
    ze_device_memory_access_properties_t access{};
    access.stype = ZE_STRUCTURE_TYPE_DEVICE_MEMORY_ACCESS_PROPERTIES;
    ASSERT_EQ(zeDeviceGetMemoryAccessProperties(ze().device, &access), ZE_RESULT_SUCCESS);
    EXPECT_EQ(access.sharedSystemAllocCapabilities, 0u);
}

TEST_F(OnStock, MallocPointersAreRefusedByNeo)
{
    Memory memory = make(Kind::Malloc, 64);
    Kernel increment("increment");
    EXPECT_EQ(increment.pointer(0, memory.get()), ZE_RESULT_ERROR_INVALID_ARGUMENT);
}

TEST_F(OnStock, SharedMemoryIsNeos)
{
    Memory memory = make(Kind::Shared, 4096);
    auto *data = static_cast<uint32_t *>(memory.get());
    data[0] = 5;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), ZE_RESULT_SUCCESS);
    ASSERT_EQ(increment.run(1), ZE_RESULT_SUCCESS);
    EXPECT_EQ(data[0], 6u);
}
