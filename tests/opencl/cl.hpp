/* SPDX-License-Identifier: MIT */
/* One context and two queues for all tests, and memory of every class. */
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <i915svm/i915svm.h>
#include <memory>
#include <string>

struct Cl {
    cl_platform_id platform = nullptr;
    cl_device_id device = nullptr;
    cl_context context = nullptr;
    cl_command_queue in_order = nullptr, out_of_order = nullptr;
    cl_program program = nullptr;
    cl_device_svm_capabilities svm = 0;
    uint32_t kernel_caps = 0; /* I915SVM_CAP_* */

    clHostMemAllocINTEL_fn host_alloc = nullptr;
    clDeviceMemAllocINTEL_fn device_alloc = nullptr;
    clSharedMemAllocINTEL_fn shared_alloc = nullptr;
    clMemFreeINTEL_fn mem_free = nullptr;
    clMemBlockingFreeINTEL_fn blocking_free = nullptr;
    clGetMemAllocInfoINTEL_fn alloc_info = nullptr;
    clSetKernelArgMemPointerINTEL_fn set_arg = nullptr;
    clEnqueueMemFillINTEL_fn fill = nullptr;
    clEnqueueMemcpyINTEL_fn copy = nullptr;
    clEnqueueMigrateMemINTEL_fn migrate = nullptr;
    clEnqueueMemAdviseINTEL_fn advise = nullptr;

    bool mirrors() const
    {
        return kernel_caps & I915SVM_CAP_MIRROR;
    }
};

/* Opened at the first use. */
Cl &cl();

class OnAnyKernel : public ::testing::Test
{
};

/* Skips on a kernel without SVM. */
class OnSvm : public ::testing::Test
{
  protected:
    void SetUp() override;
};

/* Skips on a kernel with SVM. */
class OnStock : public ::testing::Test
{
  protected:
    void SetUp() override;
};

using Memory = std::unique_ptr<void, std::function<void(void *)>>;

enum class Kind { Coarse, Fine, Malloc, Stack, Static, Shared, Host };
const char *name_of(Kind kind);
/* Memory of that kind, freed by itself. Stack and Static are a fixed 64 KiB, one user at a time. */
Memory make(Kind kind, size_t size);

class Kernel
{
  public:
    explicit Kernel(const char *name);
    ~Kernel()
    {
        clReleaseKernel(kernel_);
    }
    operator cl_kernel() const
    {
        return kernel_;
    }
    cl_int pointer(cl_uint index, const void *pointer)
    {
        return clSetKernelArgSVMPointer(kernel_, index, pointer);
    }
    template <typename T> cl_int value(cl_uint index, T value)
    {
        return clSetKernelArg(kernel_, index, sizeof(value), &value);
    }
    /* Runs over count items and waits. */
    cl_int run(size_t count, cl_command_queue queue = cl().in_order);

  private:
    cl_kernel kernel_;
};

cl_command_type type_of(cl_event event);
cl_int status_of(cl_event event);
