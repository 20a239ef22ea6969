/* SPDX-License-Identifier: MIT */
/* What platform and device say. */
#include "cl.hpp"

#include <cstring>
#include <vector>

TEST_F(OnSvm, SvmCapabilitiesAreTruthful)
{
    cl_device_svm_capabilities caps = cl().svm;
    EXPECT_TRUE(caps & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
    EXPECT_TRUE(caps & CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
    EXPECT_TRUE(caps & CL_DEVICE_SVM_FINE_GRAIN_SYSTEM);
    i915svm_device *device;
    i915svm_capabilities link{};
    ASSERT_EQ(i915svm_device_open_path(nullptr, &device), I915SVM_OK);
    i915svm_device_capabilities(device, &link);
    i915svm_device_close(device);
    EXPECT_EQ(static_cast<bool>(caps & CL_DEVICE_SVM_ATOMICS), link.link_atomics);
}

TEST_F(OnSvm, SharedSystemMemoryIsAccessible)
{
    for (cl_device_info name : {CL_DEVICE_SHARED_SYSTEM_MEM_CAPABILITIES_INTEL,
                                CL_DEVICE_SINGLE_DEVICE_SHARED_MEM_CAPABILITIES_INTEL,
                                CL_DEVICE_HOST_MEM_CAPABILITIES_INTEL}) {
        cl_device_unified_shared_memory_capabilities_intel caps = 0;
        ASSERT_EQ(clGetDeviceInfo(cl().device, name, sizeof(caps), &caps, nullptr), CL_SUCCESS);
        EXPECT_TRUE(caps & CL_UNIFIED_SHARED_MEMORY_ACCESS_INTEL);
        EXPECT_TRUE(caps & CL_UNIFIED_SHARED_MEMORY_CONCURRENT_ACCESS_INTEL);
        EXPECT_TRUE(caps & CL_UNIFIED_SHARED_MEMORY_ATOMIC_ACCESS_INTEL); /* of the device alone */
        EXPECT_EQ(static_cast<bool>(caps & CL_UNIFIED_SHARED_MEMORY_CONCURRENT_ATOMIC_ACCESS_INTEL),
                  static_cast<bool>(cl().svm & CL_DEVICE_SVM_ATOMICS));
    }
}

TEST_F(OnAnyKernel, DeviceInfoChecksTheSizeAsNeoDoes)
{
    cl_device_svm_capabilities caps;
    size_t size = 0;
    EXPECT_EQ(clGetDeviceInfo(cl().device, CL_DEVICE_SVM_CAPABILITIES, 1, &caps, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clGetDeviceInfo(cl().device, CL_DEVICE_SVM_CAPABILITIES, 0, nullptr, &size),
              CL_SUCCESS);
    EXPECT_EQ(size, sizeof(caps));
}

TEST_F(OnAnyKernel, ThePlatformIsNeosOwn)
{
    char name[128] = "";
    ASSERT_EQ(clGetPlatformInfo(cl().platform, CL_PLATFORM_NAME, sizeof(name), name, nullptr),
              CL_SUCCESS);
    EXPECT_STREQ(name, "Intel(R) OpenCL HD Graphics");
}

TEST_F(OnAnyKernel, ExtensionFunctionsAreTheSameBothWays)
{
    for (const char *name : {"clHostMemAllocINTEL", "clSharedMemAllocINTEL", "clMemFreeINTEL",
                             "clGetMemAllocInfoINTEL", "clEnqueueMemcpyINTEL"}) {
        void *by_platform = clGetExtensionFunctionAddressForPlatform(cl().platform, name);
        EXPECT_NE(by_platform, nullptr) << name;
    }
    EXPECT_EQ(clGetExtensionFunctionAddressForPlatform(cl().platform, "clNoSuchFunction"), nullptr);
}

TEST_F(OnAnyKernel, LoadingLeavesTheEnvironmentAlone)
{
    EXPECT_EQ(getenv("NEOReadDebugKeys"), nullptr);
    EXPECT_EQ(getenv("EnableSharedSystemUsmSupport"), nullptr);
}
