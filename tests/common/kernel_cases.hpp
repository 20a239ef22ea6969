/* SPDX-License-Identifier: MIT */
/*
 * Pointers handed to kernels: what holds in OpenCL and in Level Zero alike. To be included by one
 * file of a suite, after its own header, which has Kind, Memory, make(), Kernel and OnSvm, and
 * after kSuccess, kBadPointer and allow_indirect(Kernel &). The suite says on which kinds it runs.
 */
#pragma once

#include "page_file.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
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

/* A page of a file, mapped for reading only. */
class FileMapping
{
  public:
    explicit FileMapping(int flags)
    {
        int fd = open_page_file();
        map_ = mmap(nullptr, 4096, PROT_READ, flags, fd, 0);
        close(fd);
    }
    ~FileMapping()
    {
        munmap(map_, 4096);
    }
    const uint32_t *words() const
    {
        return static_cast<const uint32_t *>(map_);
    }

  private:
    void *map_;
};

/* A constant that NEO has been told of, and a pointer to it that lost its const. */
class KnownConstant : public FileMapping
{
  public:
    KnownConstant() : FileMapping(MAP_PRIVATE)
    {
        Kernel copy("copy");
        EXPECT_EQ(copy.pointer(1, words()), kSuccess);
    }
    uint32_t *target() const
    {
        return const_cast<uint32_t *>(words());
    }
};

TEST_F(OnSvm, ConstantsAreReadByKernels)
{
    static const uint32_t table[2000] = {11, 12, 13};
    alignas(4) static const char text[] = "ABCD";
    FileMapping file(MAP_PRIVATE);
    const std::vector<std::pair<const void *, uint32_t>> constants{
        {table, 11}, {table + 2, 13}, {table + 1999, 0}, {text, 0x44434241}, {file.words(), 77},
    };
    std::vector<uint32_t> out(1);
    Kernel copy("copy");
    ASSERT_EQ(copy.pointer(0, out.data()), kSuccess);
    for (const auto &constant : constants) {
        out[0] = 1;
        ASSERT_EQ(copy.pointer(1, constant.first), kSuccess);
        ASSERT_EQ(copy.run(1), kSuccess);
        EXPECT_EQ(*static_cast<volatile uint32_t *>(out.data()), constant.second);
    }
    EXPECT_EQ(*static_cast<volatile const uint32_t *>(table), 11u);
}

TEST_F(OnSvm, ConstantsThatComeAndGoAreFound)
{
    std::vector<uint32_t> out(1);
    Kernel copy("copy");
    ASSERT_EQ(copy.pointer(0, out.data()), kSuccess);
    for (int round = 0; round < 8; round++) {
        FileMapping file(MAP_PRIVATE); /* most likely where the last one was */
        out[0] = 0;
        ASSERT_EQ(copy.pointer(1, file.words()), kSuccess);
        ASSERT_EQ(copy.run(1), kSuccess);
        EXPECT_EQ(*static_cast<volatile uint32_t *>(out.data()), 77u);
    }
}

TEST_F(OnSvm, SharedReadOnlyMemoryIsRefusedWithAMessage)
{
    FileMapping file(MAP_SHARED), another(MAP_SHARED);
    Kernel increment("increment");
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(increment.pointer(0, file.words()), kBadPointer);
    EXPECT_EQ(increment.pointer(0, another.words()), kBadPointer);
    std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("read-only memory"), std::string::npos) << said;
    EXPECT_EQ(said.find("read-only memory"), said.rfind("read-only memory")); /* once */
}
