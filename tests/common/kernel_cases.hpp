/* SPDX-License-Identifier: MIT */
/*
 * Pointers handed to kernels: what holds in OpenCL and in Level Zero alike. To be included by one
 * file of a suite, after its own header, which has Kind, Memory, make(), Kernel and OnSvm, and
 * after kSuccess, kBadPointer and allow_indirect(Kernel &). The suite says on which kinds it runs.
 */
#pragma once

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <sys/mman.h>
#include <vector>

class EveryKind : public OnSvm, public ::testing::WithParamInterface<Kind>
{
};

TEST_P(EveryKind, IsOneStorageForCpuAndGpu)
{
    constexpr uint32_t count = 1024;
    Memory memory = make(GetParam(), count * sizeof(uint32_t));
    auto *data = static_cast<uint32_t *>(memory.get());
    for (uint32_t i = 0; i < count; i++)
        data[i] = i;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), kSuccess);
    for (uint32_t round = 1; round <= 3; round++) {
        ASSERT_EQ(increment.run(count), kSuccess);
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
    ASSERT_EQ(increment.pointer(0, data + 100), kSuccess);
    ASSERT_EQ(increment.run(1), kSuccess);
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
    allow_indirect(follow);
    ASSERT_EQ(follow.pointer(0, pointers.data()), kSuccess);
    ASSERT_EQ(follow.run(1), kSuccess);
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
    ASSERT_EQ(increment.pointer(0, data), kSuccess);
    sigaction(SIGSEGV, &count, &before);
    ASSERT_EQ(increment.run(16), kSuccess);
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
    ASSERT_EQ(walk.pointer(0, head), kSuccess);
    ASSERT_EQ(walk.pointer(1, &count), kSuccess);
    ASSERT_EQ(walk.run(1), kSuccess);
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
    EXPECT_EQ(increment.pointer(0, constant), kBadPointer);
    EXPECT_EQ(increment.pointer(0, "text"), kBadPointer);
    EXPECT_EQ(increment.pointer(0, map), kBadPointer);
    std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("read-only memory"), std::string::npos) << said;
    EXPECT_EQ(said.find("read-only memory"), said.rfind("read-only memory")); /* once */
    munmap(map, 4096);
}
