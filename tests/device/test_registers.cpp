// SPDX-License-Identifier: MIT
#include "machine.hpp"

extern "C" {
#include "device/regs.h"
}

TEST(Registers, TableIsSortedWithoutOverlap)
{
    struct reg_file *regs = regs_create();
    ASSERT_NE(regs, nullptr);
    EXPECT_TRUE(regs_table_is_sane(regs));
    regs_destroy(regs);
}

TEST(Registers, FusesLeaveOnlyRenderAndCopy)
{
    Machine m;
    EXPECT_EQ(m.read(0x9138) & 0xff, 1u);
    EXPECT_EQ(m.read(0x913c), 0x3fu);
    EXPECT_EQ(m.read(0x9140), 0x000f00ffu);
    m.write(0x9140, 0);
    EXPECT_EQ(m.read(0x9140), 0x000f00ffu);
}

TEST(Registers, UnknownReadsZeroAndIsReported)
{
    Machine m;
    m.write(0x7abcd0, 5);
    EXPECT_EQ(m.read(0x7abcd0), 0u);
    char *text = nullptr;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    dg1_report(m.dev, out);
    fclose(out);
    EXPECT_NE(std::string(text).find("7abcd0: 1 reads, 1 writes"), std::string::npos) << text;
    free(text);
}

TEST(Registers, ForcewakeAcknowledgesItsOwnBits)
{
    Machine m;
    m.write(0xa188, 0x00010001);
    EXPECT_EQ(m.read(0x130044), 1u);
    EXPECT_EQ(m.read(0x0d84), 0u);
    m.write(0xa188, 0x80008000);
    EXPECT_EQ(m.read(0x130044), 0x8001u);
    m.write(0xa188, 0x00010000);
    EXPECT_EQ(m.read(0x130044), 0x8000u);
}

TEST(Registers, MaskedWritesTouchOnlyEnabledBits)
{
    Machine m;
    m.write(0x20c4, 0x00ff0055);
    m.write(0x20c4, 0xff00ff00);
    EXPECT_EQ(m.read(0x20c4), 0xff55u);
}

TEST(Registers, MemoryLayoutFollowsTheSize)
{
    Machine m;
    uint64_t gsm = dg1_mmio_read(m.dev, 0x108100, 8), dsm = dg1_mmio_read(m.dev, 0x1080c0, 8);
    EXPECT_GE(dsm, gsm + (8u << 20));
    EXPECT_LT(dsm, Machine::lmem_size);
    uint64_t reserved = dg1_mmio_read(m.dev, 0x1082c0, 8);
    EXPECT_GE(reserved & ~0xfffffull, dsm);
}

TEST(Registers, PcodeReportsMemoryInitialised)
{
    Machine m;
    m.write(0x138128, 0);
    m.write(0x138124, 0x8000007e);
    EXPECT_EQ(m.read(0x138124), 0u);
    EXPECT_EQ(m.read(0x138128) & 1, 1u);
    m.write(0x138124, 0x8000001a);
    EXPECT_EQ(m.read(0x138124), 1u); // illegal command, not busy
}

TEST(Registers, TimestampTicksAt19MHz)
{
    Machine m;
    auto start = std::chrono::steady_clock::now();
    uint32_t first = m.read(RCS + 0x358);
    m.wait([] { return false; }, 50);
    uint32_t ticks = m.read(RCS + 0x358) - first;
    auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::steady_clock::now() - start);
    EXPECT_NEAR(ticks, static_cast<double>(ns.count()) * 0.0192, 19200.0);
}

TEST(Registers, TimestampStartsAtPowerOn)
{
    Machine m;
    EXPECT_EQ(m.read(BCS + 0x35c), 0u);
    EXPECT_LT(m.read(BCS + 0x358), 10 * 19200000u);
}

TEST(Registers, SelfClearingRequestsReadZero)
{
    Machine m;
    for (uint32_t reg : {0x4208u, 0x4248u, 0xced8u, 0xcee4u, 0xceecu}) {
        m.write(reg, 1);
        EXPECT_EQ(m.read(reg), 0u) << std::hex << reg;
    }
}

TEST(Registers, OddSizesReachTheRightBytes)
{
    Machine m;
    m.write(0x94e4, 0x11223344);
    EXPECT_EQ(dg1_mmio_read(m.dev, 0x94e5, 1), 0x33u);
    EXPECT_EQ(dg1_mmio_read(m.dev, 0x94e6, 2), 0x1122u);
    dg1_mmio_write(m.dev, 0x94e6, 0xabcd, 2);
    EXPECT_EQ(m.read(0x94e4), 0xabcd3344u);
    EXPECT_EQ(dg1_mmio_read(m.dev, 0x94e5, 2), UINT64_MAX); // misaligned
    EXPECT_EQ(dg1_mmio_read(m.dev, DG1_BAR0_SIZE, 4), UINT64_MAX);
}

TEST(Registers, GgttEntriesAreReachableThroughBar0)
{
    Machine m;
    dg1_mmio_write(m.dev, DG1_GGTT_OFFSET + 8 * 7, 0x123456789003ull, 8);
    EXPECT_EQ(m.ggtt[7], 0x123456789003ull);
    EXPECT_EQ(dg1_mmio_read(m.dev, DG1_GGTT_OFFSET + 8 * 7 + 4, 4), 0x1234u);
}

TEST(Registers, Rc6ResidencyGrowsOnlyWhileAsleep)
{
    Machine m;
    m.write(0xa090, 0x40000);
    m.write(0xa094, 0x40000);
    uint32_t asleep = m.read(0x138108);
    m.wait([] { return false; }, 20);
    EXPECT_GT(m.read(0x138108), asleep + 5000); // 20 ms are 15625 units
    m.write(0xa188, 0x00010001);
    uint32_t awake = m.read(0x138108);
    m.wait([] { return false; }, 20);
    EXPECT_EQ(m.read(0x138108), awake);
}
