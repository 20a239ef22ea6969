/* SPDX-License-Identifier: MIT */
/* Fixtures, and a GPU that can write a dword: enough to see what its page tables hold. */
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <i915svm/i915svm.h>

/* A context on a VM, and the means to submit to it with nothing but ioctls. */
class Gpu
{
  public:
    Gpu(int fd, uint32_t vm_id);
    ~Gpu();
    Gpu(const Gpu &) = delete;
    Gpu &operator=(const Gpu &) = delete;
    /* The GPU writes value at address and is waited for. 0, or an errno. handle, if not 0, is an
     * object to be listed, pinned at listed_at. */
    int store(void *address, uint32_t value, uint32_t handle = 0, uint64_t listed_at = 0);

  private:
    int write_batch(uint64_t address, uint32_t value);

    int fd_;
    uint32_t context_ = 0, batch_ = 0;
    uint64_t batch_at_ = 0; /* reserved CPU addresses: never mirrored */
};

/* Any kernel. */
class AnyKernel : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        ASSERT_EQ(i915svm_device_open_path(nullptr, &device), I915SVM_OK);
        ASSERT_EQ(i915svm_device_capabilities(device, &caps), I915SVM_OK);
    }
    void TearDown() override
    {
        i915svm_vm_close(vm);
        i915svm_device_close(device);
    }
    bool has_svm() const
    {
        return caps.flags != 0;
    }

    i915svm_device *device = nullptr;
    i915svm_vm *vm = nullptr;
    i915svm_capabilities caps{};
};

/* A kernel with SVM; a VM without mirror. */
class WithSvm : public AnyKernel
{
  protected:
    void SetUp() override
    {
        AnyKernel::SetUp();
        if (!has_svm())
            GTEST_SKIP() << "a kernel without SVM";
        ASSERT_EQ(i915svm_vm_create(device, flags, &vm), I915SVM_OK);
    }
    uint32_t flags = 0;
};

class WithMirror : public WithSvm
{
  protected:
    WithMirror()
    {
        flags = I915SVM_VM_MIRROR;
    }
};

/* A kernel without SVM. */
class WithoutSvm : public AnyKernel
{
  protected:
    void SetUp() override
    {
        AnyKernel::SetUp();
        if (has_svm())
            GTEST_SKIP() << "a kernel with SVM";
        ASSERT_EQ(i915svm_vm_create(device, 0, &vm), I915SVM_OK);
    }
};

constexpr size_t KiB = 1024, MiB = 1024 * KiB, kPage = 4 * KiB;
