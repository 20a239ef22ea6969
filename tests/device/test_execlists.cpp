// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace
{
// How long a batch loops at full speed, and what each loop sleeps after that: simulator/src/engine/mi.c.
constexpr uint32_t FREE_LOOPS = 1000;
constexpr auto LOOP_NAP = std::chrono::microseconds(20);

class Execlists : public ::testing::TestWithParam<uint32_t>
{
  protected:
    void SetUp() override
    {
        m.start_engine(base);
    }
    std::vector<uint32_t> store(uint32_t value)
    {
        return {MI_STORE_DWORD | GGTT, mark.ggtt, 0, value};
    }
    std::vector<uint32_t> wait_for_flag()
    {
        return {SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0};
    }
    uint32_t marked()
    {
        return __atomic_load_n(mark.dw, __ATOMIC_ACQUIRE);
    }
    void raise_flag()
    {
        __atomic_store_n(flag.dw, 1, __ATOMIC_RELEASE);
    }

    uint32_t base = GetParam();
    Machine m;
    Memory mark = m.allocate(1), flag = m.allocate(1);
    Context a{m, base, 1}, b{m, base, 2};
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Execlists, ::testing::Values(RCS, BCS),
                         [](const auto &info) { return info.param == RCS ? "rcs0" : "bcs0"; });

TEST_P(Execlists, OneContextRunsToItsTailAndIdles)
{
    a.emit(store(7));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(marked(), 7u);
    EXPECT_EQ(a.image()[0x05], a.tail);
    EXPECT_EQ(m.read(base + 0x34), m.read(base + 0x30));
    EXPECT_EQ(m.read(base + 0x234), 0u);
    EXPECT_EQ(m.no_event(base), "none");
}

TEST_P(Execlists, StoreIsVisibleBeforeTheSwitchEvent)
{
    for (uint32_t round = 1; round < 300; round++) {
        a.emit(store(round));
        m.submit(base, {a.descriptor()});
        ASSERT_EQ(m.event(base), "1<-idle*");
        ASSERT_EQ(m.event(base), "idle<-1");
        ASSERT_EQ(marked(), round);
        ASSERT_EQ(a.image()[0x05], a.tail);
    }
}

TEST_P(Execlists, SecondElementFollowsTheFirst)
{
    a.emit(store(1));
    b.emit(store(2));
    m.submit(base, {a.descriptor(), b.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_EQ(m.event(base), "2<-1");
    EXPECT_EQ(m.event(base), "idle<-2");
    EXPECT_EQ(marked(), 2u);
}

TEST_P(Execlists, FailingSemaphoreIsPreempted)
{
    a.emit(wait_for_flag());
    a.emit(store(1));
    b.emit(store(2));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {b.descriptor()});
    EXPECT_EQ(m.event(base), "2<-1*");
    EXPECT_EQ(m.event(base), "idle<-2");
    EXPECT_EQ(marked(), 2u);
    EXPECT_LT(a.image()[0x05], a.tail); // saved at the wait

    raise_flag();
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(marked(), 1u);
}

TEST_P(Execlists, SemaphoreContinuesWhenMemoryChanges)
{
    a.emit(wait_for_flag());
    a.emit(store(3));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_EQ(m.no_event(base), "none");
    EXPECT_EQ(m.read(base + 0x234), static_cast<uint32_t>(a.descriptor()));
    EXPECT_EQ(m.read(base + 0x238), static_cast<uint32_t>(a.descriptor() >> 32));
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(marked(), 3u);
}

TEST_P(Execlists, FailingSemaphoreRaisesItsInterruptOnce)
{
    m.enable_interrupts();
    a.emit(wait_for_flag());
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    uint32_t seen = 0;
    ASSERT_TRUE(m.wait([&] {
        for (uint32_t identity : m.serve_interrupts())
            seen |= identity & 0xffff;
        return (seen & 0x800) != 0;
    }));
    m.wait([] { return false; }, 20);
    for (uint32_t identity : m.serve_interrupts())
        EXPECT_EQ(identity & 0x800, 0u);
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
}

TEST_P(Execlists, LiteRestoreTakesTheNewTail)
{
    a.emit(wait_for_flag());
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    a.emit(store(9));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-1*");
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(marked(), 9u);
}

TEST_P(Execlists, LiteRestoreDoesNotNeedArbitration)
{
    a.emit({MI_ARB_OFF});
    a.emit(wait_for_flag());
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    a.emit(store(4));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-1*");
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(marked(), 4u);
}

TEST_P(Execlists, ArbitrationOffHoldsPreemptionBack)
{
    a.emit({MI_ARB_OFF});
    a.emit(wait_for_flag());
    a.emit({MI_ARB_ON, MI_ARB_CHECK});
    a.emit(store(1));
    b.emit(store(2));
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {b.descriptor()});
    EXPECT_EQ(m.no_event(base), "none");
    raise_flag();
    EXPECT_EQ(m.event(base), "2<-1*");
    EXPECT_EQ(m.event(base), "idle<-2");
    EXPECT_EQ(marked(), 2u);
}

TEST_P(Execlists, BatchIsPreemptedInsideAndResumes)
{
    Space space(m);
    Memory batch = m.allocate(1);
    constexpr uint64_t va = 0x7fff12340000;
    space.map(va, batch.lmem);
    Context user(m, base, 3, &space);
    // A spinner as IGT writes it: check for preemption, jump back; ended from outside.
    batch.dw[0] = MI_ARB_CHECK;
    batch.dw[1] = MI_BATCH_START | PPGTT;
    batch.dw[2] = static_cast<uint32_t>(va);
    batch.dw[3] = static_cast<uint32_t>(va >> 32);
    user.emit({MI_ARB_ON, MI_BATCH_START | PPGTT, static_cast<uint32_t>(va),
               static_cast<uint32_t>(va >> 32), MI_ARB_OFF, MI_NOOP});
    user.emit(store(5));
    b.emit(store(2));

    m.submit(base, {user.descriptor()});
    EXPECT_EQ(m.event(base), "3<-idle*");
    m.submit(base, {b.descriptor()});
    EXPECT_EQ(m.event(base), "2<-3*");
    EXPECT_EQ(m.event(base), "idle<-2");
    EXPECT_EQ(user.image()[0x0f], static_cast<uint32_t>(va) | 1); // BB_ADDR, valid
    EXPECT_EQ(user.image()[0x0d], static_cast<uint32_t>(va >> 32));

    m.submit(base, {user.descriptor()});
    EXPECT_EQ(m.event(base), "3<-idle*");
    EXPECT_EQ(m.no_event(base), "none");
    __atomic_store_n(&batch.dw[0], MI_BATCH_END, __ATOMIC_RELEASE);
    EXPECT_EQ(m.event(base), "idle<-3");
    EXPECT_EQ(marked(), 5u);
}

TEST_P(Execlists, ReplacedQueueDropsItsSecondElement)
{
    a.emit(wait_for_flag());
    b.emit(store(2));
    Context c(m, base, 3);
    c.emit(store(3));
    m.submit(base, {a.descriptor(), b.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {c.descriptor()});
    EXPECT_EQ(m.event(base), "3<-1*");
    EXPECT_EQ(m.event(base), "idle<-3");
    EXPECT_EQ(marked(), 3u);
    EXPECT_EQ(b.image()[0x05], 0u);
}

TEST_P(Execlists, ForceRestoreReloadsTheWholeContext)
{
    a.emit(wait_for_flag());
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {a.descriptor() | 4});
    EXPECT_EQ(m.event(base), "1<-1*");
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(m.no_event(base), "none");
}

TEST_P(Execlists, WaitingEngineSleeps)
{
    a.emit(wait_for_flag());
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    clock_t before = clock();
    m.wait([] { return false; }, 200);
    EXPECT_LT(clock() - before, CLOCKS_PER_SEC / 10); // not half a CPU
    raise_flag();
    EXPECT_EQ(m.event(base), "idle<-1");
}

TEST_P(Execlists, SpinnerThatDoesNotArbitrateLeavesTheCpu)
{
    // Every round of the loop counts itself, so that the test needs no opinion of the host's speed.
    Memory batch = m.allocate(1), rounds = m.allocate(1);
    const uint32_t spin[] = {MI_NOOP, MI_ATOMIC_INC | GGTT, rounds.ggtt, 0, MI_BATCH_START, batch.ggtt, 0};
    std::copy(std::begin(spin), std::end(spin), batch.dw);
    a.emit({MI_BATCH_START, batch.ggtt, 0, MI_NOOP});
    b.emit(store(2));
    auto start = std::chrono::steady_clock::now();
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {b.descriptor()}); // waits in vain
    m.wait([] { return false; }, 300);
    EXPECT_EQ(m.no_event(base), "none");
    uint32_t run = __atomic_load_n(rounds.dw, __ATOMIC_ACQUIRE);
    auto elapsed = std::chrono::steady_clock::now() - start;
    EXPECT_GT(run, FREE_LOOPS);
    EXPECT_LE(run, FREE_LOOPS + elapsed / LOOP_NAP + 1);
    __atomic_store_n(&batch.dw[0], MI_BATCH_END, __ATOMIC_RELEASE);
    EXPECT_EQ(m.event(base), "2<-1*");
    EXPECT_EQ(m.event(base), "idle<-2");
}

TEST_P(Execlists, MessagesAreRationed)
{
    // A command streamer that writes a register of the bus earns a line in the log each time.
    std::vector<uint32_t> refused;
    for (int i = 0; i < 1000; i++)
        refused.insert(refused.end(), {MI_LRI1, 0x941c, 1});
    refused.push_back(MI_NOOP);
    a.emit(refused);
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_EQ(m.event(base), "idle<-1");
    std::string log = m.log_text();
    auto lines = std::count(log.begin(), log.end(), '\n');
    EXPECT_GT(lines, 100);
    EXPECT_LT(lines, 700);
}

TEST(ExeclistsBoth, EnginesRunAtTheSameTime)
{
    Machine m;
    m.start_engine(RCS);
    m.start_engine(BCS);
    Memory flag = m.allocate(1);
    Context r(m, RCS, 1), c(m, BCS, 2);
    r.emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0});
    c.emit({MI_STORE_DWORD | GGTT, flag.ggtt, 0, 1});
    m.submit(RCS, {r.descriptor()});
    EXPECT_EQ(m.event(RCS), "1<-idle*");
    EXPECT_EQ(m.no_event(RCS), "none");
    m.submit(BCS, {c.descriptor()});
    EXPECT_EQ(m.event(RCS), "idle<-1");
}

TEST(ExeclistsBoth, SleepingWaiterSeesTheOtherEnginesStore)
{
    Machine m;
    m.start_engine(RCS);
    m.start_engine(BCS);
    Memory flag = m.allocate(1);
    Context waiting(m, RCS, 1), signalling(m, BCS, 2);
    waiting.emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0});
    m.submit(RCS, {waiting.descriptor()});
    EXPECT_EQ(m.event(RCS), "1<-idle*");
    m.wait([] { return false; }, 100); // naps have become long
    signalling.emit({MI_STORE_DWORD | GGTT, flag.ggtt, 0, 1, MI_USER_INTERRUPT, MI_NOOP});
    m.submit(BCS, {signalling.descriptor()});
    EXPECT_EQ(m.event(RCS), "idle<-1");
}

TEST(ExeclistsBoth, DeviceCanBeDestroyedWhileBothAreBusy)
{
    for (int round = 0; round < 20; round++) {
        Machine m;
        m.start_engine(RCS);
        m.start_engine(BCS);
        Memory never = m.allocate(1);
        Context r(m, RCS, 1), c(m, BCS, 2);
        for (Context *context : {&r, &c}) {
            for (int i = 0; i < 200; i++)
                context->emit({MI_USER_INTERRUPT, MI_NOOP});
            context->emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, never.ggtt, 0});
            m.submit(context->engine, {context->descriptor()});
        }
        EXPECT_EQ(m.event(RCS), "1<-idle*");
    }
}
