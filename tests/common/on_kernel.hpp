/* SPDX-License-Identifier: MIT */
/*
 * One test program, run on two kinds of kernel: with SVM, and with --stock on Debian's own. The
 * suite says which, so that only the tests for it are listed; each looks whether it is so, and
 * skips if not, which fails in a suite that foresees no skip.
 */
#pragma once

#include <cstring>
#include <gtest/gtest.h>
#include <i915svm/i915svm.h>
#include <string>

/* I915SVM_CAP_* of the first i915 device; 0 on a kernel without SVM. */
inline uint32_t kernel_capabilities()
{
    i915svm_device *device;
    i915svm_capabilities caps{};
    if (i915svm_device_open_path(nullptr, &device) == I915SVM_OK) {
        i915svm_device_capabilities(device, &caps);
        i915svm_device_close(device);
    }
    return caps.flags;
}

/* After InitGoogleTest(): leaves out the tests (patterns, with ':' between) for the other kernel.
 */
inline void choose_tests(int argc, char **argv, const char *for_svm, const char *for_stock)
{
    bool stock = false;
    for (int i = 1; i < argc; i++)
        stock = stock || strcmp(argv[i], "--stock") == 0;
    std::string filter = ::testing::GTEST_FLAG(filter);
    filter += filter.find('-') == std::string::npos ? "-" : ":";
    filter += stock ? for_svm : for_stock;
    ::testing::GTEST_FLAG(filter) = filter;
}
