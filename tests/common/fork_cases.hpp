/* SPDX-License-Identifier: MIT */
/*
 * Children of fork(): what holds in OpenCL and in Level Zero alike. To be included by one file of a
 * suite, after its own header, kSuccess, and try_everything(shared memory), which gives 0 if all
 * that a child may not do is refused.
 */
#pragma once

#include "in_child.hpp"

#include <atomic>
#include <thread>
#include <vector>

TEST_F(OnSvm, AForkedChildIsRefused)
{
    Memory memory = make(Kind::Shared, 4096);
    auto *word = static_cast<uint32_t *>(memory.get());
    *word = 5;
    EXPECT_EQ(in_child([&] { return try_everything(word); }), 0);
    EXPECT_EQ(in_child([&] { return *word == 5 ? 0 : 1; }), 0); /* as any memory */
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, word), kSuccess);
    ASSERT_EQ(increment.run(1), kSuccess);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(word), 6u);
}

TEST_F(OnSvm, ForkWhileThreadsAllocateNeverHangs)
{
    Memory memory = make(Kind::Shared, 4096);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; t++)
        threads.emplace_back([&] {
            while (!stop)
                make(Kind::Shared, 4096);
        });
    for (int round = 0; round < 20; round++)
        EXPECT_EQ(in_child([&] { return try_everything(memory.get()); }), 0) << round;
    stop = true;
    for (auto &thread : threads)
        thread.join();
}
