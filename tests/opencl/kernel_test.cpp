/* SPDX-License-Identifier: MIT */
/* Pointers handed to kernels, in arguments and inside memory. */
#include "cl.hpp"

#include <sys/mman.h>
#include <vector>

namespace
{
constexpr cl_int kSuccess = CL_SUCCESS, kBadPointer = CL_INVALID_ARG_VALUE;

void allow_indirect(Kernel &)
{
    /* OpenCL asks for nothing where fine-grain system memory is shared. */
}
} // namespace

#include "../common/kernel_cases.hpp"

INSTANTIATE_TEST_SUITE_P(Memory, EveryKind,
                         ::testing::Values(Kind::Coarse, Kind::Fine, Kind::Malloc, Kind::Stack,
                                           Kind::Static, Kind::Shared, Kind::Host),
                         [](const auto &info) { return std::string(name_of(info.param)); });

TEST_F(OnSvm, MemoryMappedBetweenLaunchesIsReached)
{
    Kernel set("set");
    for (uint32_t i = 1; i <= 5; i++) {
        auto *map = static_cast<uint32_t *>(
            mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ASSERT_EQ(set.pointer(0, map), CL_SUCCESS);
        ASSERT_EQ(set.value(1, i), CL_SUCCESS);
        ASSERT_EQ(set.run(1000), CL_SUCCESS);
        EXPECT_EQ(map[0], i);
        EXPECT_EQ(map[999], i);
        munmap(map, 1 << 20);
    }
}

TEST_F(OnSvm, UnmappedPointersAreRefused)
{
    void *gone = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(gone, 4096);
    void *freed = clSVMAlloc(cl().context, CL_MEM_READ_WRITE, 8 << 20, 0);
    clSVMFree(cl().context, freed);
    Kernel increment("increment");
    EXPECT_EQ(increment.pointer(0, gone), CL_INVALID_ARG_VALUE);
    EXPECT_EQ(increment.pointer(0, freed), CL_INVALID_ARG_VALUE);
    EXPECT_EQ(increment.pointer(0, reinterpret_cast<void *>(0xffff800000000000)),
              CL_INVALID_ARG_VALUE);
    EXPECT_EQ(increment.pointer(7, &gone), CL_INVALID_ARG_INDEX);
    EXPECT_EQ(increment.pointer(7, gone), CL_INVALID_ARG_INDEX);
    EXPECT_EQ(clSetKernelArgSVMPointer(nullptr, 0, &gone), CL_INVALID_KERNEL);
    EXPECT_EQ(increment.pointer(0, nullptr), CL_SUCCESS);
}

TEST_F(OnSvm, ACloneKeepsItsPointers)
{
    Memory svm = make(Kind::Coarse, 64), heap = make(Kind::Malloc, 64);
    auto *from = static_cast<uint32_t *>(heap.get()), *to = static_cast<uint32_t *>(svm.get());
    *from = 5;
    *to = 0;
    size_t one = 1;
    cl_int result;
    Kernel copy("copy");
    ASSERT_EQ(copy.pointer(0, to), CL_SUCCESS);
    ASSERT_EQ(copy.pointer(1, from), CL_SUCCESS);
    cl_kernel clone = clCloneKernel(copy, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    ASSERT_EQ(copy.pointer(0, from), CL_SUCCESS);
    ASSERT_EQ(clEnqueueNDRangeKernel(cl().in_order, clone, 1, nullptr, &one, nullptr, 0, nullptr,
                                     nullptr),
              CL_SUCCESS);
    ASSERT_EQ(clFinish(cl().in_order), CL_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(to), 5u);
    clReleaseKernel(clone);
}

TEST_F(OnSvm, ExecInfoTakesEveryPointer)
{
    Kernel follow("follow");
    Memory svm = make(Kind::Fine, 100), heap = make(Kind::Malloc, 100);
    int local = 0;
    cl_int result;
    void *device = cl().device_alloc(cl().context, cl().device, nullptr, 4096, 0, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    const void *pointers[] = {svm.get(), heap.get(), &local, device};
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(pointers), pointers),
              CL_SUCCESS);
    EXPECT_EQ(
        clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_USM_PTRS_INTEL, sizeof(pointers), pointers),
        CL_SUCCESS);
    static const int constant = 1;
    const void *constants[] = {&constant};
    EXPECT_EQ(
        clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(constants), constants),
        CL_SUCCESS);
    FileMapping shared(MAP_SHARED); /* other processes have it, and there are no read-only pages */
    const void *read_only[] = {shared.words()};
    EXPECT_EQ(
        clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(read_only), read_only),
        CL_INVALID_VALUE);
    const void *bad[] = {reinterpret_cast<void *>(0x10)};
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(bad), bad),
              CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, 3, pointers),
              CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, 8, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(cl().mem_free(cl().context, device), CL_SUCCESS);
}

TEST_F(OnSvm, ConstantsAreCopiedFromButNotTo)
{
    const KnownConstant constant;
    std::vector<uint32_t> out(16);
    ASSERT_EQ(clEnqueueSVMMemcpy(cl().in_order, CL_TRUE, out.data(), constant.words(), 64, 0,
                                 nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(out[0], 77u);
    EXPECT_EQ(clEnqueueSVMMemcpy(cl().in_order, CL_TRUE, constant.target(), out.data(), 64, 0,
                                 nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemFill(cl().in_order, constant.target(), out.data(), 4, 64, 0, nullptr,
                                  nullptr),
              CL_INVALID_VALUE);
}

TEST_F(OnSvm, ExecInfoFineGrainSystem)
{
    Kernel follow("follow");
    cl_bool yes = CL_TRUE, no = CL_FALSE;
    const cl_kernel_exec_info name = CL_KERNEL_EXEC_INFO_SVM_FINE_GRAIN_SYSTEM;
    EXPECT_EQ(clSetKernelExecInfo(follow, name, sizeof(yes), &yes), CL_SUCCESS);
    EXPECT_EQ(clSetKernelExecInfo(follow, name, sizeof(no), &no), CL_SUCCESS);
    EXPECT_EQ(clSetKernelExecInfo(follow, name, 1, &yes), CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, name, sizeof(yes), nullptr), CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(nullptr, name, sizeof(yes), &yes), CL_INVALID_KERNEL);
}

TEST_F(OnSvm, AtomicsOnMallocedMemoryAddUp)
{
    Memory memory = make(Kind::Malloc, 64);
    auto *counter = static_cast<uint32_t *>(memory.get());
    *counter = 5;
    Kernel count_up("count_up");
    ASSERT_EQ(count_up.pointer(0, counter), CL_SUCCESS);
    ASSERT_EQ(count_up.run(1000), CL_SUCCESS);
    EXPECT_EQ(*counter, 1005u);
}
