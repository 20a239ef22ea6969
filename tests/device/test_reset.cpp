// SPDX-License-Identifier: MIT
// Errors, hangs, faults, and how the driver gets the engine back.
#include "machine.hpp"

namespace
{
class Reset : public ::testing::TestWithParam<uint32_t>
{
  protected:
    void SetUp() override
    {
        m.start_engine(base);
        m.enable_interrupts();
    }
    bool error_interrupt()
    {
        uint32_t seen = 0;
        return m.wait([&] {
            for (uint32_t identity : m.serve_interrupts())
                seen |= identity & 0xffff;
            return (seen & 8) != 0;
        });
    }
    void expect_works()
    {
        Memory mark = m.allocate(1);
        Context fresh(m, base, 99);
        fresh.emit({MI_STORE_DWORD | GGTT, mark.ggtt, 0, 0x600d});
        m.start_engine(base);
        m.submit(base, {fresh.descriptor()});
        EXPECT_EQ(m.event(base), "99<-idle*");
        EXPECT_EQ(m.event(base), "idle<-99");
        EXPECT_EQ(mark.dw[0], 0x600du);
    }

    uint32_t base = GetParam();
    Machine m;
    Space space{m};
    Context a{m, base, 1, &space};
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Reset, ::testing::Values(RCS, BCS),
                         [](const auto &info) { return info.param == RCS ? "rcs0" : "bcs0"; });

TEST_P(Reset, IllegalCommandHaltsWithAnErrorInterrupt)
{
    a.emit({0xdeadbeef, MI_NOOP});
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    EXPECT_TRUE(error_interrupt());
    EXPECT_EQ(m.read(base + 0xb0) & 1, 1u);
    EXPECT_EQ(m.read(base + 0x68), 0xdeadbeefu); // IPEHR
    EXPECT_EQ(m.read(base + 0x238), static_cast<uint32_t>(a.descriptor() >> 32));
    EXPECT_EQ(m.no_event(base), "none");
    EXPECT_NE(m.log_text().find("illegal command deadbeef"), std::string::npos);
    m.reset_engine(base);
    expect_works();
}

TEST_P(Reset, PageFaultIsReportedWithItsAddress)
{
    constexpr uint64_t va = 0x123456789000;
    a.emit({MI_BATCH_START | PPGTT, static_cast<uint32_t>(va), static_cast<uint32_t>(va >> 32),
            MI_NOOP});
    m.submit(base, {a.descriptor()});
    EXPECT_TRUE(error_interrupt());
    EXPECT_EQ(m.read(0xcec4) & 1, 1u);
    uint64_t address = static_cast<uint64_t>(m.read(0xceb8)) << 12 |
                       static_cast<uint64_t>(m.read(0xcebc) & 0xf) << 44;
    EXPECT_EQ(address, va);
    EXPECT_EQ(m.read(0xcebc) & 0x10, 0u);
    m.write(0xcec4, 0);
    EXPECT_EQ(m.read(0xcec4), 0u);
    m.reset_engine(base);
    expect_works();
}

TEST_P(Reset, UnreachableImageHaltsTheEngine)
{
    m.submit(base, {0x7ffff119 | 4ull << 37});
    EXPECT_TRUE(error_interrupt());
    EXPECT_EQ(m.read(0xcebc) & 0x10, 0x10u); // in the GGTT
    m.reset_engine(base);
    expect_works();
}

TEST_P(Reset, SpinningBatchStopsAndResets)
{
    Memory batch = m.allocate(1);
    space.map(0x10000, batch.lmem);
    const uint32_t spin[] = {MI_NOOP, MI_BATCH_START | PPGTT, 0x10000, 0};
    std::copy(std::begin(spin), std::end(spin), batch.dw);
    a.emit({MI_BATCH_START | PPGTT, 0x10000, 0, MI_NOOP});
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.write(base + 0x9c, 0x01000100);
    EXPECT_TRUE(m.wait([&] { return (m.read(base + 0x9c) & 0x200) != 0; }, 100));
    auto before = std::chrono::steady_clock::now();
    m.write(0x941c, base == BCS ? 4 : 2);
    EXPECT_TRUE(m.wait([&] { return m.read(0x941c) == 0; }, 100));
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(50));
    EXPECT_EQ(m.read(base + 0x234), 0u);
    expect_works();
}

TEST_P(Reset, StoppedRingGoesOnWhenReleased)
{
    Memory flag = m.allocate(1), mark = m.allocate(1);
    a.emit(
        {SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0, MI_STORE_DWORD | GGTT, mark.ggtt, 0, 3});
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.write(base + 0x9c, 0x01000100);
    EXPECT_TRUE(m.wait([&] { return (m.read(base + 0x9c) & 0x200) != 0; }, 100));
    flag.dw[0] = 1;
    EXPECT_EQ(m.no_event(base), "none");
    EXPECT_EQ(mark.dw[0], 0u);
    m.write(base + 0x9c, 0x01000000);
    EXPECT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(mark.dw[0], 3u);
}

TEST_P(Reset, OtherEngineIsUntouched)
{
    uint32_t other = base == RCS ? BCS : RCS;
    m.start_engine(other);
    Memory flag = m.allocate(1);
    Context waiting(m, other, 7);
    waiting.emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0});
    m.submit(other, {waiting.descriptor()});
    EXPECT_EQ(m.event(other), "7<-idle*");
    m.reset_engine(base);
    EXPECT_NE(m.read(other + 0x234), 0u);
    __atomic_store_n(flag.dw, 1, __ATOMIC_RELEASE);
    EXPECT_EQ(m.event(other), "idle<-7");
}

TEST_P(Reset, HandshakeBecomesReady)
{
    m.write(base + 0xd0, 0x00010001);
    EXPECT_EQ(m.read(base + 0xd0), 3u);
    m.write(base + 0xd0, 0x00010000);
    EXPECT_EQ(m.read(base + 0xd0), 0u);
}

TEST_P(Reset, WorkaroundsOutsideTheEngineSurvive)
{
    m.write(0x94e4, 0x80000);
    m.write(base + 0x4d0, 0x7010);
    m.reset_engine(base);
    EXPECT_EQ(m.read(0x94e4), 0x80000u);
    EXPECT_EQ(m.read(base + 0x4d0), 0u);
}

TEST_P(Reset, FunctionLevelResetForgetsEverythingButMemory)
{
    Memory mark = m.allocate(1);
    mark.dw[0] = 0x1234;
    a.emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, m.allocate(1).ggtt, 0});
    m.submit(base, {a.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    dg1_reset(m.dev);
    EXPECT_EQ(m.read(base + 0x234), 0u);
    EXPECT_EQ(m.read(0x190008), 0u);
    EXPECT_EQ(mark.dw[0], 0x1234u);
    expect_works();
}
