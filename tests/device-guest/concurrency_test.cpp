// SPDX-License-Identifier: MIT
#include "gpu.hpp"

#include <atomic>
#include <thread>

TEST(Concurrency, ThreadsWithTheirOwnFilesShareBothEngines)
{
    std::atomic<int> wrong{0};
    auto work = [&](uint32_t seed) {
        Gpu gpu;
        Context context(gpu);
        Object target(gpu, seed % 2 ? Place::local : Place::system, 4096);
        for (uint32_t round = 1; round <= 30; round++) {
            for (Engine engine : {render, copy}) {
                uint32_t value = seed << 16 | round << 1 | engine;
                Batch batch(gpu);
                batch.store(target, 4ull * engine, value).run(context, engine, {&target});
                if (target.dw[engine] != value)
                    wrong++;
            }
        }
    };
    std::vector<std::thread> threads;
    for (uint32_t i = 1; i <= 4; i++)
        threads.emplace_back(work, i);
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, EnginesWaitForEachOtherByFence)
{
    Gpu gpu;
    Context context(gpu);
    Object chain(gpu, Place::local, 4096);
    // Every batch copies the last value and stores the next, alternating engines: implicit fences
    // order them.
    std::vector<std::unique_ptr<Batch>> batches;
    constexpr uint32_t links = 40;
    for (uint32_t i = 0; i < links; i++) {
        batches.push_back(std::make_unique<Batch>(gpu));
        Batch &b = *batches.back();
        b.emit({mi(0x2e, 3), chain.low() + 4 * (i + 1), chain.high(), chain.low() + 4 * i,
                chain.high()});
        if (i == 0)
            b.store(chain, 4, 0xc4a1);
        b.submit(context, i % 2 ? copy : render, {&chain});
    }
    chain.wait();
    EXPECT_EQ(chain.dw[links], 0xc4a1u);
}

TEST(Concurrency, SpinnerOnOneEngineDoesNotHoldTheOther)
{
    Gpu gpu;
    Context context(gpu);
    for (Engine busy : {render, copy}) {
        Engine idle = busy == render ? copy : render;
        Spinner spinner(gpu, true);
        spinner.start(context, busy);
        ASSERT_TRUE(spinner.started());
        Object target(gpu, Place::local, 4096);
        Batch batch(gpu);
        batch.store(target, 0, 77).submit(context, idle, {&target});
        EXPECT_EQ(batch.object.wait(2000000000), 0);
        EXPECT_EQ(target.dw[0], 77u);
        spinner.end();
        spinner.batch.object.wait();
    }
}

TEST(Concurrency, ContextsAreTimesliced)
{
    for (Engine engine : {render, copy}) {
        Gpu gpu;
        Context first(gpu), second(gpu);
        Spinner a(gpu, true), b(gpu, true);
        a.start(first, engine);
        ASSERT_TRUE(a.started());
        b.start(second, engine); // same priority: runs when the first one's slice is over
        EXPECT_TRUE(b.started()) << name(engine);
        a.end();
        b.end();
        a.batch.object.wait();
        b.batch.object.wait();
    }
}
