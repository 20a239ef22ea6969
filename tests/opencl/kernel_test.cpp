/* SPDX-License-Identifier: MIT */
/* Pointers handed to kernels, in arguments and inside memory. */
#include "cl.hpp"

#include <atomic>
#include <csignal>
#include <sys/mman.h>
#include <vector>

namespace
{
class EveryKind : public OnSvm, public ::testing::WithParamInterface<Kind>
{
};

std::string kind_name(const ::testing::TestParamInfo<Kind> &info)
{
    return name_of(info.param);
}
} // namespace

INSTANTIATE_TEST_SUITE_P(Memory, EveryKind,
                         ::testing::Values(Kind::Coarse, Kind::Fine, Kind::Malloc, Kind::Stack,
                                           Kind::Static, Kind::Shared, Kind::Host),
                         kind_name);

TEST_P(EveryKind, IsOneStorageForCpuAndGpu)
{
    constexpr uint32_t count = 4096;
    Memory memory = make(GetParam(), count * sizeof(uint32_t));
    auto *data = static_cast<uint32_t *>(memory.get());
    for (uint32_t i = 0; i < count; i++)
        data[i] = i;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), CL_SUCCESS);
    for (uint32_t round = 1; round <= 3; round++) {
        ASSERT_EQ(increment.run(count), CL_SUCCESS);
        for (uint32_t i = 0; i < count; i++)
            ASSERT_EQ(data[i], i + round);
    }
}

TEST_P(EveryKind, InteriorPointersAreFine)
{
    Memory memory = make(GetParam(), 4096);
    auto *data = static_cast<uint32_t *>(memory.get());
    data[99] = data[100] = data[101] = 0;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data + 100), CL_SUCCESS);
    ASSERT_EQ(increment.run(1), CL_SUCCESS);
    EXPECT_EQ(data[99], 0u);
    EXPECT_EQ(data[100], 1u);
    EXPECT_EQ(data[101], 0u);
}

TEST_P(EveryKind, IsReachedThroughPointersInMemory)
{
    Memory memory = make(GetParam(), 4096);
    auto *target = static_cast<uint32_t *>(memory.get());
    *target = 41;
    std::vector<uint32_t *> pointers{target};
    Kernel follow("follow");
    ASSERT_EQ(follow.pointer(0, pointers.data()), CL_SUCCESS);
    ASSERT_EQ(follow.run(1), CL_SUCCESS);
    EXPECT_EQ(*target, 42u);
}

TEST_P(EveryKind, NeedsNoSignalHandler)
{
    static std::atomic<int> signals;
    signals = 0;
    struct sigaction count {
    }, before{};
    count.sa_handler = [](int) {
        signals++;
        signal(SIGSEGV, SIG_DFL); /* should one come all the same: end, not loop */
    };
    Memory memory = make(GetParam(), 65536);
    auto *data = static_cast<uint32_t *>(memory.get());
    data[0] = 0;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), CL_SUCCESS);
    sigaction(SIGSEGV, &count, &before);
    ASSERT_EQ(increment.run(16), CL_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(data), 1u);
    sigaction(SIGSEGV, &before, nullptr);
    EXPECT_EQ(signals, 0);
}

TEST_F(OnSvm, AMallocedListIsWalked)
{
    struct Node {
        Node *next;
        uint32_t value;
    };
    Node *head = nullptr;
    for (uint32_t i = 0; i < 500; i++) {
        auto *node = static_cast<Node *>(malloc(sizeof(Node)));
        *node = {head, i};
        head = node;
    }
    uint32_t count = 0;
    Kernel walk("walk");
    ASSERT_EQ(walk.pointer(0, head), CL_SUCCESS);
    ASSERT_EQ(walk.pointer(1, &count), CL_SUCCESS);
    ASSERT_EQ(walk.run(1), CL_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(&count), 500u);
    uint32_t expected = 500;
    while (head) {
        Node *next = head->next;
        EXPECT_EQ(head->value, expected--);
        free(head);
        head = next;
    }
}

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

TEST_F(OnSvm, ReadOnlyMemoryIsRefusedWithAMessage)
{
    static const uint32_t constant[4096] = {1};
    void *map = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Kernel increment("increment");
    Kernel follow("follow");
    const void *pointers[] = {constant};
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(increment.pointer(0, constant), CL_INVALID_ARG_VALUE);
    EXPECT_EQ(increment.pointer(0, "text"), CL_INVALID_ARG_VALUE);
    EXPECT_EQ(increment.pointer(0, map), CL_INVALID_ARG_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(pointers), pointers),
              CL_INVALID_VALUE);
    std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("read-only memory"), std::string::npos) << said;
    EXPECT_EQ(said.find("read-only memory"), said.rfind("read-only memory")); /* once */
    munmap(map, 4096);
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
    EXPECT_EQ(clSetKernelArgSVMPointer(nullptr, 0, &gone), CL_INVALID_KERNEL);
    EXPECT_EQ(increment.pointer(0, nullptr), CL_SUCCESS);
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
    const void *bad[] = {reinterpret_cast<void *>(0x10)};
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof(bad), bad),
              CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, 3, pointers),
              CL_INVALID_VALUE);
    EXPECT_EQ(clSetKernelExecInfo(follow, CL_KERNEL_EXEC_INFO_SVM_PTRS, 8, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(cl().mem_free(cl().context, device), CL_SUCCESS);
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
