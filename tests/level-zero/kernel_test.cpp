/* SPDX-License-Identifier: MIT */
/* Pointers handed to kernels, in arguments and inside memory. */
#include "ze.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <sys/mman.h>

namespace
{
class EveryKind : public OnSvm, public ::testing::WithParamInterface<Kind>
{
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Memory, EveryKind,
                         ::testing::Values(Kind::Malloc, Kind::Stack, Kind::Static, Kind::Shared,
                                           Kind::Host),
                         [](const auto &info) { return std::string(name_of(info.param)); });

TEST_P(EveryKind, IsOneStorageForCpuAndGpu)
{
    constexpr uint32_t count = 1024;
    Memory memory = make(GetParam(), count * sizeof(uint32_t));
    auto *data = static_cast<uint32_t *>(memory.get());
    for (uint32_t i = 0; i < count; i++)
        data[i] = i;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), ZE_RESULT_SUCCESS);
    for (uint32_t round = 1; round <= 3; round++) {
        ASSERT_EQ(increment.run(count), ZE_RESULT_SUCCESS);
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
    ASSERT_EQ(increment.pointer(0, data + 100), ZE_RESULT_SUCCESS);
    ASSERT_EQ(increment.run(1), ZE_RESULT_SUCCESS);
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
    ASSERT_EQ(zeKernelSetIndirectAccess(follow, ZE_KERNEL_INDIRECT_ACCESS_FLAG_HOST |
                                                    ZE_KERNEL_INDIRECT_ACCESS_FLAG_SHARED),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(follow.pointer(0, pointers.data()), ZE_RESULT_SUCCESS);
    ASSERT_EQ(follow.run(1), ZE_RESULT_SUCCESS);
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
    ASSERT_EQ(increment.pointer(0, data), ZE_RESULT_SUCCESS);
    sigaction(SIGSEGV, &count, &before);
    ASSERT_EQ(increment.run(16), ZE_RESULT_SUCCESS);
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
    ASSERT_EQ(walk.pointer(0, head), ZE_RESULT_SUCCESS);
    ASSERT_EQ(walk.pointer(1, &count), ZE_RESULT_SUCCESS);
    ASSERT_EQ(walk.run(1), ZE_RESULT_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(&count), 500u);
    uint32_t expected = 500;
    while (head) {
        Node *next = head->next;
        EXPECT_EQ(head->value, expected--);
        free(head);
        head = next;
    }
}

TEST_F(OnSvm, ReadOnlyMemoryIsRefusedWithAMessage)
{
    static const uint32_t constant[4096] = {1};
    void *map = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Kernel increment("increment");
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(increment.pointer(0, constant), ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, "text"), ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, map), ZE_RESULT_ERROR_INVALID_ARGUMENT);
    std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("read-only memory"), std::string::npos) << said;
    EXPECT_EQ(said.find("read-only memory"), said.rfind("read-only memory")); /* once */
    munmap(map, 4096);
}

TEST_F(OnSvm, UnmappedPointersAreRefused)
{
    void *gone = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, gone), ZE_RESULT_SUCCESS);
    munmap(gone, 4096);
    EXPECT_EQ(increment.pointer(0, gone), ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, reinterpret_cast<void *>(0x10)),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(increment.pointer(0, reinterpret_cast<void *>(0xffff800000000000)),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
}

TEST_F(OnSvm, ScalarsThatLookLikeBadPointersAreScalars)
{
    void *gone = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t out = 0;
    Kernel store("store_scalar");
    ASSERT_EQ(store.pointer(0, gone), ZE_RESULT_SUCCESS); /* its window is open now */
    munmap(gone, 4096);
    ASSERT_EQ(store.pointer(0, &out), ZE_RESULT_SUCCESS);
    ASSERT_EQ(store.pointer(1, gone), ZE_RESULT_SUCCESS);
    ASSERT_EQ(store.run(1), ZE_RESULT_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint64_t *>(&out), reinterpret_cast<uintptr_t>(gone));
}

TEST_F(OnSvm, MemoryFromManyPlacesInOneRun)
{
    constexpr uint32_t count = 300;
    std::vector<Memory> memory;
    std::vector<uint32_t *> pointers;
    for (uint32_t i = 0; i < count; i++) {
        memory.push_back(make(static_cast<Kind>(i % 2 ? int(Kind::Malloc) : int(Kind::Shared)),
                              i % 7 ? 100 : 1 << 20));
        pointers.push_back(static_cast<uint32_t *>(memory.back().get()));
        *pointers.back() = i;
    }
    Kernel follow("follow");
    ASSERT_EQ(follow.pointer(0, pointers.data()), ZE_RESULT_SUCCESS);
    ASSERT_EQ(follow.run(count), ZE_RESULT_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        EXPECT_EQ(*pointers[i], i + 1);
}
