// SPDX-License-Identifier: MIT
// Batches that never end or mean nothing: their context pays, the others go on.
#include "gpu.hpp"

#include <cerrno>

namespace
{
class Hang : public ::testing::TestWithParam<Engine>
{
  protected:
    Engine engine = GetParam();
    // The image gives batches minutes; here the kernel is to lose patience soon.
    EngineSetting heartbeat{engine, "heartbeat_interval_ms", "200"};
    EngineSetting preempt{engine, "preempt_timeout_ms", "200"};
    Gpu gpu;
};

constexpr int64_t seconds = 1000000000;
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Hang, ::testing::Values(render, copy),
                         [](const auto &info) { return name(info.param); });

TEST_P(Hang, EndlessBatchIsResetWhileAnotherContextFinishes)
{
    Context guilty(gpu, Context::own_vm), innocent(gpu, Context::own_vm);
    Spinner spinner(gpu, false);
    Object target(gpu, Place::local, 4096);
    Batch batch(gpu);
    batch.store(target, 0, 0x900d);
    spinner.start(guilty, engine);
    ASSERT_TRUE(spinner.started());
    batch.submit(innocent, engine, {&target});
    EXPECT_EQ(batch.object.wait(20 * seconds), 0);
    EXPECT_EQ(target.dw[0], 0x900du);
    EXPECT_EQ(guilty.resets().first, 1u);
    EXPECT_EQ(innocent.resets(), std::make_pair(0u, 0u));
    EXPECT_EQ(spinner.batch.object.wait(20 * seconds), 0);
}

TEST_P(Hang, OtherEngineDoesNotNotice)
{
    Engine other = engine == render ? copy : render;
    Context guilty(gpu), working(gpu);
    Spinner spinner(gpu, false);
    spinner.start(guilty, engine);
    ASSERT_TRUE(spinner.started());
    Object target(gpu, Place::system, 4096);
    uint32_t rounds = 0;
    while (spinner.batch.object.wait(1000000) != 0 && rounds < 2000) {
        Batch batch(gpu, Place::system); // local memory is cleared by the copy engine, hung or not
        batch.store(target, 0, ++rounds).run(working, other, {&target});
        ASSERT_EQ(target.dw[0], rounds);
    }
    EXPECT_GE(rounds, 2u); // the first of them at least began and ended while the other engine hung
    EXPECT_EQ(guilty.resets().first, 1u);
    EXPECT_EQ(working.resets(), std::make_pair(0u, 0u));
}

TEST_P(Hang, IllegalCommandIsResetAtOnce)
{
    Context guilty(gpu), innocent(gpu);
    Batch bad(gpu);
    bad.emit({0xdeadbeef, MI_NOOP}).submit(guilty, engine, {});
    EXPECT_EQ(bad.object.wait(10 * seconds), 0);
    EXPECT_EQ(guilty.resets().first, 1u);
    Object target(gpu, Place::local, 4096);
    Batch good(gpu);
    good.store(target, 0, 3).run(innocent, engine, {&target});
    EXPECT_EQ(target.dw[0], 3u);
    EXPECT_EQ(innocent.resets(), std::make_pair(0u, 0u));
}

TEST_P(Hang, WaitingBatchGivesWayAndIsNotPunished)
{
    Context waiting(gpu), other(gpu);
    Object flag(gpu, Place::system, 4096), target(gpu, Place::local, 4096);
    Batch wait(gpu), batch(gpu);
    wait.emit({mi(0x1c, 2) | 1u << 15 | 4u << 12, 1, flag.low(), flag.high()})
        .submit(waiting, engine, {&flag});
    batch.store(target, 0, 9).submit(other, engine, {&target});
    EXPECT_EQ(batch.object.wait(10 * seconds), 0);
    EXPECT_EQ(wait.object.wait(500000000),
              -ETIME); // pulses come and go: it is preempted, not reset
    *static_cast<volatile uint32_t *>(flag.dw) = 1;
    EXPECT_EQ(wait.object.wait(10 * seconds), 0);
    EXPECT_EQ(waiting.resets(), std::make_pair(0u, 0u));
}

TEST_P(Hang, UserCannotSwitchArbitrationOff)
{
    Context stubborn(gpu), other(gpu);
    Object flag(gpu, Place::system, 4096), target(gpu, Place::local, 4096);
    Batch wait(gpu), batch(gpu);
    wait.emit({mi(0x08), mi(0x1c, 2) | 1u << 15 | 4u << 12, 1, flag.low(), flag.high()})
        .submit(stubborn, engine, {&flag});
    batch.store(target, 0, 9).submit(other, engine, {&target});
    EXPECT_EQ(batch.object.wait(10 * seconds), 0);
    *static_cast<volatile uint32_t *>(flag.dw) = 1;
    EXPECT_EQ(wait.object.wait(10 * seconds), 0);
    EXPECT_EQ(stubborn.resets(), std::make_pair(0u, 0u));
}
