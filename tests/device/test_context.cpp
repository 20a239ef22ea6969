// SPDX-License-Identifier: MIT
// The context image: its layout and what survives a switch.
#include "machine.hpp"

namespace
{
class Image : public ::testing::TestWithParam<uint32_t>
{
  protected:
    void SetUp() override
    {
        m.start_engine(base);
    }
    void run(Context &context, const std::vector<uint32_t> &commands)
    {
        context.emit(commands);
        m.submit(base, {context.descriptor()});
        std::string id = std::to_string(context.id);
        ASSERT_EQ(m.event(base), id + "<-idle*");
        ASSERT_EQ(m.event(base), "idle<-" + id);
    }
    uint32_t gpr(unsigned n) const
    {
        return base + 0x600 + 8 * n;
    }

    uint32_t base = GetParam();
    Machine m;
    Memory out = m.allocate(1);
    Context a{m, base, 1}, b{m, base, 2};
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Image, ::testing::Values(RCS, BCS),
                         [](const auto &info) { return info.param == RCS ? "rcs0" : "bcs0"; });

class RenderImage : public Image
{
};
INSTANTIATE_TEST_SUITE_P(Engine, RenderImage, ::testing::Values(RCS),
                         [](const auto &) { return "rcs0"; });

TEST_P(Image, HasTheRegistersWhereTheDriverLooks)
{
    run(a, {MI_NOOP, MI_NOOP});
    // Places from i915's gt/selftest_lrc.c (live_lrc_fixed): dword of the offset, register.
    const std::pair<uint32_t, uint32_t> places[] = {
        {0x02, 0x244}, {0x04, 0x34},  {0x06, 0x30},  {0x08, 0x38},  {0x0a, 0x3c},
        {0x10, 0x110}, {0x12, 0x1c0}, {0x14, 0x1c4}, {0x16, 0x1c8}, {0x22, 0x3a8},
        {0x60, 0x9c},  {0x70, 0x158}, {0x74, 0x600}};
    for (auto [dword, reg] : places)
        EXPECT_EQ(a.image()[dword], base + reg) << std::hex << dword;
    EXPECT_EQ(a.image()[0x01] & 0xff, 2u * 13 - 1);
    EXPECT_EQ(a.image()[0x51] & 0xff, base == RCS ? 2u * 51 - 1 : 2u * 50 - 1);
    if (base == RCS) {
        EXPECT_EQ(a.image()[0xb6], base + 0x84);
    }
}

TEST_P(Image, RestoreInhibitIsCleared)
{
    ASSERT_EQ(a.image()[0x03] & 1, 1u);
    run(a, {MI_NOOP, MI_NOOP});
    EXPECT_EQ(a.image()[0x03], 0x00090008u);
}

TEST_P(Image, DriverOwnedFieldsAreNotWritten)
{
    a.image()[0x0b] |= 0x2;   // a bit of RING_CTL that the device has no use for
    a.image()[0x25] = 0xdead; // PDP3
    a.emit({SEMAPHORE_POLL | GGTT | SAD_NEQ, 0, out.ggtt, 0});
    m.submit(base, {a.descriptor()});
    ASSERT_EQ(m.event(base), "1<-idle*");
    uint32_t ctl = a.image()[0x0b];
    a.image()[0x07] = 0x1230; // the driver moves the tail while the context runs
    a.image()[0x33] = 0x77000;
    __atomic_store_n(out.dw, 1, __ATOMIC_RELEASE);
    ASSERT_EQ(m.event(base), "idle<-1");
    EXPECT_EQ(a.image()[0x07], 0x1230u);
    EXPECT_EQ(a.image()[0x33], 0x77000u);
    EXPECT_EQ(a.image()[0x25], 0xdeadu);
    EXPECT_EQ(a.image()[0x0b], ctl);
}

TEST_P(Image, GeneralRegistersBelongToTheContext)
{
    run(a, {MI_LRI1, gpr(3), 0xaaaa, MI_NOOP});
    run(b, {MI_LRI1, gpr(3), 0xbbbb, MI_NOOP});
    run(a, {MI_SRM | GGTT, gpr(3), out.ggtt, 0});
    EXPECT_EQ(out.dw[0], 0xaaaau);
    EXPECT_EQ(a.image()[0x74 + 1 + 12], 0xaaaau);
}

TEST_P(Image, InhibitedContextStartsWithDefaults)
{
    run(a, {MI_LRI1, gpr(0), 0x1111, MI_LRI1, base + 0x41c, 0x2222});
    run(b, {MI_SRM | GGTT, gpr(0), out.ggtt, 0, MI_SRM | GGTT, base + 0x41c, out.ggtt + 4, 0});
    EXPECT_EQ(out.dw[0], 0u);
    EXPECT_EQ(out.dw[1], 0u);
}

TEST_P(RenderImage, WhitelistedRegistersBelongToTheContext)
{
    for (uint32_t reg : {0x7010u, 0x7018u, 0x7304u}) {
        run(a, {MI_LRI1, reg, 0xffff5555, MI_NOOP});
        run(b, {MI_LRI1, reg, 0xffffaaaa, MI_NOOP});
        run(a, {MI_SRM | GGTT, reg, out.ggtt, 0});
        EXPECT_EQ(out.dw[0], 0x5555u) << std::hex << reg;
    }
}

TEST_P(Image, ContextTimestampCountsRunningTimeOnly)
{
    run(a, {MI_NOOP, MI_NOOP});
    uint32_t first = a.image()[0x23];
    m.wait([] { return false; }, 50); // 960000 ticks on the wall
    run(a, {MI_SRM | GGTT, base + 0x3a8, out.ggtt, 0});
    EXPECT_GE(out.dw[0], first);
    EXPECT_LT(a.image()[0x23] - first, 400000u);
    EXPECT_GE(a.image()[0x23], out.dw[0]);
}

TEST_P(Image, RestoreBatchesRunInOrder)
{
    Memory wa = m.allocate(2);
    // Indirect: one cache line, no end command; then the per-context batch with one.
    const uint32_t indirect[16] = {MI_STORE_DWORD | GGTT, out.ggtt, 0,   1,
                                   MI_LRI1 | 1u << 19,    0x608,    0x99};
    const uint32_t per_ctx[] = {MI_SRM | GGTT, gpr(1), out.ggtt + 4, 0, MI_BATCH_END};
    std::copy(std::begin(indirect), std::end(indirect), wa.dw);
    std::copy(std::begin(per_ctx), std::end(per_ctx), wa.dw + PAGE / 4);
    a.image()[0x15] = wa.ggtt | 1;
    a.image()[0x17] = 0xd << 6;
    a.image()[0x13] = (wa.ggtt + static_cast<uint32_t>(PAGE)) | 1;
    run(a, {MI_NOOP, MI_NOOP});
    EXPECT_EQ(out.dw[0], 1u);
    EXPECT_EQ(out.dw[1], 0x99u);
}

TEST_P(Image, PageTableRootComesFromPdp0)
{
    Space first(m), second(m);
    Memory one = m.allocate(1), two = m.allocate(1), batch = m.allocate(1);
    Context x(m, base, 5, &first), y(m, base, 6, &second);
    first.map(0x1000, batch.lmem);
    second.map(0x1000, batch.lmem);
    first.map(0x8000, one.lmem);
    second.map(0x8000, two.lmem);
    const uint32_t commands[] = {MI_STORE_DWORD, 0x8000, 0, 0x31, MI_BATCH_END};
    std::copy(std::begin(commands), std::end(commands), batch.dw);
    run(x, {MI_BATCH_START | PPGTT, 0x1000, 0, MI_NOOP});
    EXPECT_EQ(one.dw[0], 0x31u);
    EXPECT_EQ(two.dw[0], 0u);
    run(y, {MI_BATCH_START | PPGTT, 0x1000, 0, MI_NOOP});
    EXPECT_EQ(two.dw[0], 0x31u);
}
