/* SPDX-License-Identifier: MIT */
/*
 * gpu.h - an i915 render node with one VM and one context in it, batches made of stores, copies
 * and waits, and the SVM calls. Every failure is a C++ exception with errno in its text, but for
 * the calls that return an error number because tests look at it.
 */
#ifndef SVM_TEST_GPU_H
#define SVM_TEST_GPU_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <i915_drm.h>

#include "i915_svm.h"

namespace svm
{

constexpr size_t kPage = 4096;
constexpr size_t kHuge = 2u << 20;

enum class Ring { kRender, kCopy };

/* Commands of one submission. Addresses are GPU addresses of the VM. */
class Batch
{
  public:
    Batch &storeDword(const void *to, uint32_t value);
    Batch &storeQword(const void *to, uint64_t value);
    /* 4 KiB pages, on the copy ring only. */
    Batch &copyPages(const void *to, const void *from, unsigned pages);
    /* Go on when the dword there equals the value. */
    Batch &waitEqual(const void *at, uint32_t value);
    std::vector<uint32_t> finish() const;

  private:
    std::vector<uint32_t> dw_;
};

class Gpu
{
  public:
    Gpu();
    ~Gpu();
    Gpu(const Gpu &) = delete;
    Gpu &operator=(const Gpu &) = delete;

    int fd() const
    {
        return fd_;
    }
    uint32_t vm() const
    {
        return vm_;
    }

    /* The region, used or not; zeroes where there is none. */
    drm_i915_memory_region_info localMemory() const;

    /* 0 or an error number. */
    int setParam(uint64_t param, uint64_t value);
    int getParam(uint64_t param, uint64_t *value);
    int enable(uint64_t value);
    int bind(const void *start, size_t length, uint32_t flags = 0);
    int unbind(const void *start, size_t length);
    int bindArray(std::vector<drm_i915_gem_vm_bind_va> &vas, uint32_t *done = nullptr,
                  const std::vector<drm_i915_gem_vm_bind_fence> &fences = {});
    int advise(const void *start, size_t length, uint32_t attribute, uint64_t value);
    int query(const void *at, size_t length, drm_i915_gem_vm_query *out);
    int prefetch(const void *start, size_t length, uint32_t region, drm_i915_gem_vm_prefetch *out);

    /* Objects: placed in local memory, in system memory too if @both. */
    uint32_t createLocal(size_t size, bool both);
    void *map(uint32_t handle, size_t size);
    void close(uint32_t handle);
    uint32_t userptr(void *at, size_t length);
    int bindObject(const void *at, size_t length, uint32_t handle, uint64_t offset);

    /* A pinned object with the commands, to be listed or executed, many times; the caller's. */
    drm_i915_gem_exec_object2 load(const Batch &batch);
    /* Execute the last object of the list: 0 or an error number. */
    int execute(std::vector<drm_i915_gem_exec_object2> list, Ring ring = Ring::kRender);
    /* True when all work with the object finished in time. */
    bool idle(uint32_t handle, int64_t ns = 20'000'000'000);

    /* Submit; the handle stands for the work. trySubmit gives 0 or an error number. */
    int trySubmit(const Batch &batch, uint32_t *handle, Ring ring = Ring::kRender,
                  const std::vector<drm_i915_gem_exec_object2> &more = {});
    uint32_t submit(const Batch &batch, Ring ring = Ring::kRender);
    /* True when it finished in time; the handle is closed then. */
    bool wait(uint32_t handle, int64_t ns = 20'000'000'000);
    bool busy(uint32_t handle);
    /* Submit and wait: 0 or an error number. */
    int run(const Batch &batch, Ring ring = Ring::kRender);

  private:
    uint32_t createBo(size_t size);

    int fd_ = -1;
    uint32_t vm_ = 0;
    uint32_t ctx_ = 0;
    char *window_ = nullptr; /* where batches are pinned: reserved CPU addresses, so that nothing
                                the process maps is ever there */
    size_t next_ = 0;
};

/* What the kernel offers: I915_SVM_CAP_*, 0 without SVM. */
uint32_t capabilities();
bool haveGpu();

/* Anonymous private memory, unmapped at the end of life. */
class Memory
{
  public:
    explicit Memory(size_t size, size_t align = kPage, int flags = 0);
    ~Memory();
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    char *data() const
    {
        return data_;
    }
    uint32_t *dwords() const
    {
        return reinterpret_cast<uint32_t *>(data_);
    }
    size_t size() const
    {
        return size_;
    }

  private:
    char *data_;
    size_t size_;
};

} // namespace svm

#endif
