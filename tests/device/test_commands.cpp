// SPDX-License-Identifier: MIT
// MI commands in rings (privileged) and user batches (not).
#include "machine.hpp"

#include <cstring>

namespace
{
constexpr uint64_t batch_va = 0x10000, data_va = 0x20000;

class Commands : public ::testing::TestWithParam<uint32_t>
{
  protected:
    void SetUp() override
    {
        m.start_engine(base);
        for (uint64_t i = 0; i < 4; i++) {
            space.map(batch_va + i * PAGE, batch.lmem + i * PAGE);
            space.map(data_va + i * PAGE, data.lmem + i * PAGE);
        }
    }
    // Runs commands in the ring; false when the engine did not come back to idle.
    bool run(std::vector<uint32_t> commands)
    {
        context.emit(commands);
        m.submit(base, {context.descriptor()});
        return m.event(base) == "1<-idle*" && m.event(base) == "idle<-1";
    }
    bool run_user(std::vector<uint32_t> commands)
    {
        commands.push_back(MI_BATCH_END);
        memcpy(batch.dw, commands.data(), 4 * commands.size());
        return run({MI_BATCH_START | PPGTT, batch_va, 0, MI_NOOP});
    }
    std::vector<uint32_t> store_reg(uint32_t reg, unsigned slot)
    {
        return {MI_SRM | GGTT, reg, data.ggtt + 8 * slot, 0};
    }
    uint32_t gpr(unsigned n) const
    {
        return base + 0x600 + 8 * n;
    }

    uint32_t base = GetParam();
    Machine m;
    Memory batch = m.allocate(4), data = m.allocate(4);
    Space space{m};
    Context context{m, base, 1, &space};
};

class RenderCommands : public Commands
{
};
class CopyCommands : public Commands
{
};

void put(uint32_t *to, const std::vector<uint32_t> &commands)
{
    std::copy(commands.begin(), commands.end(), to);
}

std::vector<uint32_t> operator+(std::vector<uint32_t> a, const std::vector<uint32_t> &b)
{
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<uint32_t> load(uint32_t reg, uint32_t value)
{
    return {MI_LRI1, reg, value};
}
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Commands, ::testing::Values(RCS, BCS),
                         [](const auto &info) { return info.param == RCS ? "rcs0" : "bcs0"; });

INSTANTIATE_TEST_SUITE_P(Engine, RenderCommands, ::testing::Values(RCS),
                         [](const auto &) { return "rcs0"; });
INSTANTIATE_TEST_SUITE_P(Engine, CopyCommands, ::testing::Values(BCS),
                         [](const auto &) { return "bcs0"; });

TEST_P(Commands, StoreQwordsThroughPpgtt)
{
    std::vector<uint32_t> store = {mi(0x20, 1u << 21) | 5, data_va, 0, 1, 2, 3, 4};
    ASSERT_TRUE(run_user(store));
    EXPECT_EQ(memcmp(data.dw, store.data() + 3, 16), 0);
    EXPECT_EQ(data.dw[4], 0u);
}

TEST_P(Commands, StoreReachesSystemMemory)
{
    space.map(0x50000, 0x100000 + 3 * PAGE, false);
    ASSERT_TRUE(run_user({MI_STORE_DWORD, 0x50010, 0, 0x5ca1ab1e}));
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(m.system + 3 * PAGE + 0x10), 0x5ca1ab1eu);
}

TEST_P(Commands, CopyMemMem)
{
    data.dw[3] = 0xfeed;
    ASSERT_TRUE(run_user({mi(0x2e, 3), data_va + 64, 0, data_va + 12, 0}));
    EXPECT_EQ(data.dw[16], 0xfeedu);
}

TEST_P(Commands, RegistersMoveBetweenMemoryAndEachOther)
{
    data.dw[0] = 0x1234;
    ASSERT_TRUE(run_user(std::vector<uint32_t>{mi(0x29, 2), gpr(1), data_va, 0} + // LRM
                         std::vector<uint32_t>{mi(0x2a, 1), gpr(1), gpr(2)} +     // LRR
                         std::vector<uint32_t>{MI_SRM, gpr(2), data_va + 4, 0}));
    EXPECT_EQ(data.dw[1], 0x1234u);
}

TEST_P(Commands, PredicatedBatchStartFollowsResult1)
{
    put(batch.dw + PAGE / 4, {MI_STORE_DWORD, data_va, 0, 1, MI_BATCH_END});
    auto start = std::vector<uint32_t>{MI_BATCH_START | PPGTT | 1u << 15, batch_va + PAGE, 0};
    ASSERT_TRUE(run_user(load(base + 0x418, 1) + load(base + 0x41c, 0) + start));
    EXPECT_EQ(data.dw[0], 0u);
    ASSERT_TRUE(run_user(load(base + 0x418, 0) + load(base + 0x41c, 1) + start));
    EXPECT_EQ(data.dw[0], 1u);
}

TEST_P(Commands, CsMmioBitAddsTheEngineBase)
{
    ASSERT_TRUE(run(load(gpr(3), 5) + std::vector<uint32_t>{mi(0x22, 1) | 1u << 19, 0x618, 77} +
                    store_reg(gpr(3), 0)));
    EXPECT_EQ(data.dw[0], 77u);
}

TEST_P(Commands, MathAddsAndSetsFlags)
{
    auto alu = [](uint32_t op, uint32_t a = 0, uint32_t b = 0) { return op << 20 | a << 10 | b; };
    ASSERT_TRUE(run_user(load(gpr(0), 0xffffffff) + load(gpr(0) + 4, 0xffffffff) + load(gpr(1), 1) +
                         std::vector<uint32_t>{mi(0x1a, 5), alu(0x080, 0x20, 0),
                                               alu(0x080, 0x21, 1), alu(0x100), alu(0x180, 2, 0x31),
                                               alu(0x180, 3, 0x33), alu(0x180, 4, 0x32)} +
                         std::vector<uint32_t>{MI_SRM, gpr(2), data_va, 0, MI_SRM, gpr(3),
                                               data_va + 4, 0, MI_SRM, gpr(4), data_va + 8, 0}));
    EXPECT_EQ(data.dw[0], 0u);
    EXPECT_EQ(data.dw[1], ~0u);
    EXPECT_EQ(data.dw[2], ~0u);
}

TEST_P(Commands, AtomicAddReturnsTheOldValue)
{
    data.dw[0] = 40;
    ASSERT_TRUE(run_user(load(gpr(0), 2) +
                         std::vector<uint32_t>{mi(0x2f, 1) | 7u << 8 | 1u << 16, data_va, 0} +
                         std::vector<uint32_t>{MI_SRM, gpr(4), data_va + 8, 0}));
    EXPECT_EQ(data.dw[0], 42u);
    EXPECT_EQ(data.dw[2], 40u);
}

TEST_P(Commands, AtomicInlineMove)
{
    std::vector<uint32_t> atomic = {mi(0x2f, 9) | 1u << 18 | 4u << 8, data_va, 0, 0xabc};
    atomic.resize(11);
    ASSERT_TRUE(run_user(atomic));
    EXPECT_EQ(data.dw[0], 0xabcu);
}

TEST_P(Commands, SemaphoreComparesEveryWay)
{
    // value in memory 5; each comparison holds, so the batch runs through.
    data.dw[0] = 5;
    std::vector<uint32_t> batch;
    const uint32_t against[] = {4, 5, 6, 5, 5, 4};
    for (uint32_t op = 0; op < 6; op++)
        batch = batch + std::vector<uint32_t>{SEMAPHORE_POLL | op << 12, against[op], data_va, 0};
    EXPECT_TRUE(run_user(batch));
}

TEST_P(Commands, ConditionalEndStopsUnlessMemoryIsGreater)
{
    auto batch = std::vector<uint32_t>{mi(0x36, 2) | 1u << 21, 0,           data_va, 0,
                                       MI_STORE_DWORD,         data_va + 4, 0,       1};
    data.dw[0] = 9;
    ASSERT_TRUE(run_user(batch));
    EXPECT_EQ(data.dw[1], 1u);
    data.dw[0] = data.dw[1] = 0;
    ASSERT_TRUE(run_user(batch));
    EXPECT_EQ(data.dw[1], 0u);
}

TEST_P(Commands, SecondLevelBatchReturns)
{
    put(batch.dw + PAGE / 4, {MI_STORE_DWORD, data_va, 0, 1, MI_BATCH_END});
    ASSERT_TRUE(run_user({MI_BATCH_START | PPGTT | 1u << 22, batch_va + PAGE, 0, MI_STORE_DWORD,
                          data_va + 4, 0, 2}));
    EXPECT_EQ(data.dw[0], 1u);
    EXPECT_EQ(data.dw[1], 2u);
}

TEST_P(Commands, ChainedBatchReturnsToTheRing)
{
    put(batch.dw + PAGE / 4, {MI_STORE_DWORD, data_va, 0, 1, MI_BATCH_END});
    ASSERT_TRUE(
        run_user({MI_BATCH_START | PPGTT, batch_va + PAGE, 0, MI_STORE_DWORD, data_va + 4, 0, 2}));
    EXPECT_EQ(data.dw[0], 1u);
    EXPECT_EQ(data.dw[1], 0u);
}

TEST_P(CopyCommands, FlushWritesItsImmediate)
{
    ASSERT_TRUE(run({mi(0x26, 2) | 1u << 14, data.ggtt | 4, 0, 0x77, MI_NOOP}));
    EXPECT_EQ(data.dw[0], 0x77u);
    ASSERT_TRUE(run({mi(0x26, 2) | 1u << 14 | 1u << 21, 0x34 * 4, 0, 0x78, MI_NOOP}));
    EXPECT_EQ(context.state.dw[0x34], 0x78u);
    ASSERT_TRUE(run({mi(0x26, 2) | 1u << 14 | 1u << 21, 0x100 * 4 | 4, 0, 0x79, MI_NOOP}));
    EXPECT_EQ(m.status_page(base)[0x100], 0x79u);
}

TEST_P(RenderCommands, PipeControlPostSync)
{
    ASSERT_TRUE(run({0x7a000004, 1u << 14 | 1u << 24, data.ggtt, 0, 0x11, 0x22}));
    EXPECT_EQ(data.dw[0], 0x11u);
    EXPECT_EQ(data.dw[1], 0x22u);
    ASSERT_TRUE(run({0x7a000004, 3u << 14 | 1u << 24, data.ggtt, 0, 0, 0}));
    EXPECT_NE(data.dw[0], 0x11u);
    ASSERT_TRUE(run({0x7a000004, 1u << 14 | 1u << 21, 0x34 * 4, 0, 0x33, 0}));
    EXPECT_EQ(context.state.dw[0x34], 0x33u);
    ASSERT_TRUE(run({0x7a000004, 1u << 14 | 1u << 21 | 1u << 24, 0x100 * 4, 0, 0x44, 0}));
    EXPECT_EQ(m.status_page(base)[0x100], 0x44u);
}

TEST_P(Commands, UserBatchCannotWriteThroughTheGgtt)
{
    ASSERT_TRUE(
        run_user({MI_STORE_DWORD | GGTT, data.ggtt, 0, 1, MI_STORE_DWORD, data_va + 4, 0, 2}));
    EXPECT_EQ(data.dw[0], 0u);
    EXPECT_EQ(data.dw[1], 2u);
}

TEST_P(Commands, UserBatchWritesOnlyAllowedRegisters)
{
    m.write(base + 0x4d0, base + 0x54);
    m.write(base + 0x4d4, (base + 0x204) | 1u << 28); // readable only
    ASSERT_TRUE(run_user(load(base + 0x54, 0x11) + load(base + 0x204, 0x22) +
                         load(base + 0x94, 0x33) + load(gpr(5), 0x44)));
    EXPECT_EQ(m.read(base + 0x54), 0x11u);
    EXPECT_EQ(m.read(base + 0x204), 0u);
    EXPECT_EQ(m.read(base + 0x94), 0u);
    EXPECT_EQ(m.read(gpr(5)), 0x44u);
}

TEST_P(Commands, NonPrivSlotCoversItsRange)
{
    m.write(base + 0x4d0, (base + 0x60) | 2); // 16 dwords, aligned down
    ASSERT_TRUE(run_user(load(base + 0x78, 0x11) + load(base + 0x80, 0x22)));
    EXPECT_EQ(m.read(base + 0x78), 0x11u);
    EXPECT_NE(m.read(base + 0x80), 0x22u);
}

TEST_P(Commands, UserBatchCannotChainToTheGgtt)
{
    Memory secret = m.allocate(1);
    put(secret.dw, {MI_STORE_DWORD | GGTT, data.ggtt, 0, 1, MI_BATCH_END});
    space.map(secret.ggtt, data.lmem + PAGE); // the same address in the PPGTT is harmless
    data.dw[PAGE / 4] = MI_BATCH_END;
    ASSERT_TRUE(run_user({MI_BATCH_START, secret.ggtt, 0}));
    EXPECT_EQ(data.dw[0], 0u);
}

TEST_P(Commands, UserBatchCannotSwitchArbitrationOff)
{
    Memory flag = m.allocate(1);
    space.map(0x70000, flag.lmem);
    Context other(m, base, 2);
    other.emit({MI_NOOP, MI_NOOP});
    put(batch.dw, {MI_ARB_OFF, SEMAPHORE_POLL | SAD_NEQ, 0, 0x70000, 0, MI_BATCH_END});
    context.emit({MI_BATCH_START | PPGTT, batch_va, 0, MI_NOOP});
    m.submit(base, {context.descriptor()});
    EXPECT_EQ(m.event(base), "1<-idle*");
    m.submit(base, {other.descriptor()});
    EXPECT_EQ(m.event(base), "2<-1*");
}

TEST_P(Commands, AuxInvalidationPollSeesZero)
{
    uint32_t reg = base == RCS ? 0x4208 : 0x4248;
    EXPECT_TRUE(
        run({mi(0x22, 1) | 1u << 17, reg, 1, mi(0x1c, 3) | 3u << 15 | SAD_EQ, 0, reg, 0, 0}));
}

TEST_P(Commands, StaleTranslationLivesUntilInvalidated)
{
    Memory other = m.allocate(1);
    ASSERT_TRUE(run_user({MI_STORE_DWORD, data_va, 0, 1}));
    Memory flag = m.allocate(1);
    // One long request: store, wait, store again; the page is remapped during the wait.
    put(batch.dw, {MI_STORE_DWORD, data_va, 0, 2, MI_BATCH_END});
    std::vector<uint32_t> start = {MI_BATCH_START | PPGTT, batch_va, 0, MI_NOOP};
    context.emit(start + std::vector<uint32_t>{SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, flag.ggtt, 0} +
                 start);
    m.submit(base, {context.descriptor()});
    ASSERT_TRUE(m.wait([&] { return __atomic_load_n(data.dw, __ATOMIC_ACQUIRE) == 2; }));
    space.map(data_va, other.lmem);
    data.dw[0] = 0;
    __atomic_store_n(flag.dw, 1, __ATOMIC_RELEASE);
    ASSERT_EQ(m.event(base), "1<-idle*");
    ASSERT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(data.dw[0], 2u) << "the old translation was still in the TLB";
    EXPECT_EQ(other.dw[0], 0u);
    m.write(base == RCS ? 0xced8 : 0xcee4, 1);
    ASSERT_TRUE(run(start));
    EXPECT_EQ(other.dw[0], 2u);
}

TEST_P(Commands, RingWrapsInsideACommand)
{
    std::vector<uint32_t> fill(4 * PAGE / 4 - 2, MI_NOOP);
    ASSERT_TRUE(run(fill));
    ASSERT_TRUE(run({MI_STORE_DWORD | GGTT, data.ggtt, 0, 0x600d}));
    EXPECT_EQ(data.dw[0], 0x600du);
}
