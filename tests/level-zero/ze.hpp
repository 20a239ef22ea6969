/* SPDX-License-Identifier: MIT */
/* One context and queue for all tests, and memory of every kind. */
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <i915svm/i915svm.h>
#include <level_zero/ze_api.h>
#include <memory>
#include <vector>

struct Ze {
    ze_driver_handle_t driver = nullptr;
    ze_device_handle_t device = nullptr;
    ze_context_handle_t context = nullptr;
    ze_command_queue_handle_t queue = nullptr;
    ze_module_handle_t module = nullptr;
    uint32_t kernel_caps = 0; /* I915SVM_CAP_* */

    bool mirrors() const
    {
        return kernel_caps & I915SVM_CAP_MIRROR;
    }
};

Ze &ze();

class OnSvm : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        if (!ze().mirrors())
            GTEST_SKIP() << "a kernel that mirrors no process";
    }
};

using Memory = std::unique_ptr<void, std::function<void(void *)>>;

enum class Kind { Malloc, Stack, Static, Shared, Host };
const char *name_of(Kind kind);
Memory make(Kind kind, size_t size);

ze_result_t alloc_shared(size_t size, void **pointer, size_t alignment = 0, uint32_t flags = 0);
ze_result_t alloc_host(size_t size, void **pointer, size_t alignment = 0);
ze_result_t alloc_device(size_t size, void **pointer);

class Kernel
{
  public:
    explicit Kernel(const char *name);
    ~Kernel()
    {
        zeKernelDestroy(kernel_);
    }
    operator ze_kernel_handle_t() const
    {
        return kernel_;
    }
    ze_result_t pointer(uint32_t index, const void *pointer)
    {
        return zeKernelSetArgumentValue(kernel_, index, sizeof(pointer), &pointer);
    }
    /* Groups of one work item; runs and waits. */
    ze_result_t run(uint32_t count);

  private:
    ze_kernel_handle_t kernel_ = nullptr;
};

/* A regular list: append to it, then run it, as often as wanted. */
class List
{
  public:
    List();
    ~List()
    {
        zeCommandListDestroy(list_);
    }
    operator ze_command_list_handle_t() const
    {
        return list_;
    }
    ze_result_t run();
    ze_result_t reset()
    {
        closed_ = false;
        return zeCommandListReset(list_);
    }

  private:
    ze_command_list_handle_t list_ = nullptr;
    bool closed_ = false;
};

/* Argument by which the program is the other process of a test, with the number of a socket. */
constexpr char kReceiver[] = "--receiver";
int receive_memory(int from);
