/* SPDX-License-Identifier: MIT */
/* A child of fork() gets a defined answer, never a deadlock. */
#include "gpu.hpp"

#include "../common/in_child.hpp"

#include <atomic>
#include <thread>

TEST_F(WithMirror, ChildIsToldThatItForked)
{
    char byte = 1;
    void *pointer = nullptr;
    i915svm_alloc_info info{};
    info.size = 100;
    ASSERT_EQ(i915svm_alloc(vm, &info, &pointer), I915SVM_OK);
    EXPECT_EQ(in_child([&] {
                  bool on;
                  void *other;
                  i915svm_statistics statistics;
                  bool good = i915svm_vm_get_mirror(vm, &on) == I915SVM_ERROR_FORKED &&
                              i915svm_alloc(vm, &info, &other) == I915SVM_ERROR_FORKED &&
                              i915svm_free(vm, pointer) == I915SVM_ERROR_FORKED &&
                              i915svm_bind(vm, &byte, 1, 0) == I915SVM_ERROR_FORKED &&
                              i915svm_prefetch(vm, &byte, 1, I915SVM_LOCATION_SYSTEM, nullptr) ==
                                  I915SVM_ERROR_FORKED &&
                              i915svm_vm_statistics(vm, &statistics) == I915SVM_ERROR_FORKED;
                  return good ? 0 : 1;
              }),
              0);
    EXPECT_EQ(i915svm_free(vm, pointer), I915SVM_OK); /* the parent is as it was */
}

TEST_F(WithMirror, ChildThatClosesLeavesTheParentsVm)
{
    EXPECT_EQ(in_child([&] {
                  i915svm_vm_close(vm);
                  i915svm_device_close(device);
                  return 0;
              }),
              0);
    bool on = false;
    EXPECT_EQ(i915svm_vm_get_mirror(vm, &on), I915SVM_OK);
    EXPECT_TRUE(on);
}

TEST_F(WithMirror, ChildCanOpenItsOwn)
{
    EXPECT_EQ(in_child([] {
                  i915svm_device *own;
                  i915svm_vm *own_vm;
                  if (i915svm_device_open_path(nullptr, &own) ||
                      i915svm_vm_create(own, I915SVM_VM_MIRROR, &own_vm))
                      return 1;
                  uint32_t word = 0;
                  Gpu gpu(i915svm_device_fd(own), i915svm_vm_id(own_vm));
                  return gpu.store(&word, 0x12345678) == 0 && word == 0x12345678 ? 0 : 2;
              }),
              0);
}

TEST_F(WithMirror, ForkWhileThreadsAllocateNeverHangs)
{
    std::atomic<bool> stop{false};
    std::thread busy([&] {
        while (!stop) {
            void *pointer;
            i915svm_alloc_info info{};
            info.size = 4096;
            if (i915svm_alloc(vm, &info, &pointer) == I915SVM_OK)
                i915svm_free(vm, pointer);
        }
    });
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(in_child([&] {
                      void *pointer;
                      i915svm_alloc_info info{};
                      info.size = 4096;
                      return i915svm_alloc(vm, &info, &pointer) == I915SVM_ERROR_FORKED ? 0 : 1;
                  }),
                  0);
    stop = true;
    busy.join();
}
