/* SPDX-License-Identifier: MIT */
#include "gpu.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

TEST(Result, EveryCodeHasItsOwnText)
{
    std::set<std::string> texts;
    for (int i = 0; i < I915SVM_RESULT_COUNT; i++)
        texts.insert(i915svm_result_string(static_cast<i915svm_result>(i)));
    EXPECT_EQ(texts.size(), static_cast<size_t>(I915SVM_RESULT_COUNT));
    EXPECT_EQ(texts.count("unknown result"), 0u);
}

TEST(Result, UnknownCodesAreNamedSo)
{
    EXPECT_STREQ(i915svm_result_string(static_cast<i915svm_result>(-1)), "unknown result");
    EXPECT_STREQ(i915svm_result_string(I915SVM_RESULT_COUNT), "unknown result");
}

TEST(Device, RefusesWhatIsNoRenderNode)
{
    i915svm_device *device = nullptr;
    EXPECT_EQ(i915svm_device_open_path("/dev/null", &device), I915SVM_ERROR_NO_DEVICE);
    EXPECT_EQ(i915svm_device_open_path("/nonexistent", &device), I915SVM_ERROR_NO_DEVICE);
    EXPECT_EQ(i915svm_device_open_fd(-1, &device), I915SVM_ERROR_NO_DEVICE);
    int null = open("/dev/null", O_RDWR);
    EXPECT_EQ(i915svm_device_open_fd(null, &device), I915SVM_ERROR_NO_DEVICE);
    close(null);
    EXPECT_EQ(device, nullptr);
    EXPECT_EQ(i915svm_device_open_path(nullptr, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
}

TEST(Device, ClosingNothingIsFine)
{
    i915svm_device_close(nullptr);
    i915svm_vm_close(nullptr);
    EXPECT_EQ(i915svm_device_fd(nullptr), -1);
    EXPECT_EQ(i915svm_vm_id(nullptr), 0u);
}

TEST_F(AnyKernel, DescribesTheSimulatedDg1)
{
    EXPECT_EQ(caps.chip_id, 0x4905u);
    EXPECT_EQ(caps.address_bits, 47u);
    EXPECT_GE(caps.local_bytes, 256 * MiB);
    EXPECT_GT(caps.system_bytes, 256 * MiB);
    EXPECT_EQ(std::string(caps.render_node).rfind("/dev/dri/renderD", 0), 0u);
    EXPECT_EQ(strlen(caps.pci_address), strlen("0000:00:02.0"));
}

TEST_F(AnyKernel, OpensAPathOrAnFd)
{
    int fd = open(caps.render_node, O_RDWR);
    ASSERT_GE(fd, 0);
    i915svm_device *other = nullptr;
    ASSERT_EQ(i915svm_device_open_fd(fd, &other), I915SVM_OK);
    close(fd); /* the handle has its own */
    i915svm_capabilities again;
    EXPECT_EQ(i915svm_device_capabilities(other, &again), I915SVM_OK);
    EXPECT_EQ(again.flags, caps.flags);
    i915svm_device_close(other);
}

TEST_F(AnyKernel, FindsTheFilesOfThisProcess)
{
    int fds[8];
    size_t count = 0;
    ASSERT_EQ(i915svm_find_fds(fds, 8, &count), I915SVM_OK);
    EXPECT_EQ(count, 1u);
    EXPECT_EQ(fds[0], i915svm_device_fd(device));
    int another = open(caps.render_node, O_RDWR);
    ASSERT_EQ(i915svm_find_fds(fds, 8, &count), I915SVM_OK);
    ASSERT_EQ(count, 2u);
    EXPECT_TRUE(std::is_sorted(fds, fds + count));
    ASSERT_EQ(i915svm_find_fds(nullptr, 0, &count), I915SVM_OK);
    EXPECT_EQ(count, 2u);
    close(another);
}

TEST(Device, FindsNoFilesWhereThereAreNone)
{
    size_t count = 7;
    EXPECT_EQ(i915svm_find_fds(nullptr, 0, &count), I915SVM_ERROR_NO_DEVICE);
    EXPECT_EQ(count, 0u);
    EXPECT_EQ(i915svm_find_fds(nullptr, 1, &count), I915SVM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(i915svm_find_fds(nullptr, 0, nullptr), I915SVM_ERROR_INVALID_ARGUMENT);
}
