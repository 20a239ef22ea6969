// SPDX-License-Identifier: MIT
#include "machine.hpp"

namespace
{
constexpr uint32_t valid = 1u << 31, bcs_class = 3u << 16;
constexpr uint32_t user = 1, context_switch = 1u << 8;

class Interrupts : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        m.start_engine(BCS);
        context.emit({MI_USER_INTERRUPT, MI_NOOP});
    }
    Machine m;
    Context context{m, BCS, 5};
};
} // namespace

TEST_F(Interrupts, UserAndContextSwitchArriveWithIdentity)
{
    m.enable_interrupts();
    m.submit(BCS, {context.descriptor()});
    EXPECT_EQ(m.event(BCS), "5<-idle*");
    EXPECT_EQ(m.event(BCS), "idle<-5");
    ASSERT_TRUE(m.wait([&] { return m.msis > 0; }));
    uint32_t seen = 0;
    for (uint32_t identity : m.serve_interrupts()) {
        EXPECT_EQ(identity & ~0xffffu, valid | bcs_class);
        seen |= identity & 0xffff;
    }
    EXPECT_EQ(seen, user | context_switch);
}

TEST_F(Interrupts, PendingAtEnableIsRaisedAgain)
{
    m.enable_interrupts();
    m.write(0x190008, 0);
    m.submit(BCS, {context.descriptor()});
    EXPECT_EQ(m.event(BCS), "5<-idle*");
    EXPECT_EQ(m.event(BCS), "idle<-5");
    EXPECT_EQ(m.msis, 0);
    m.write(0x190008, 0x80000000);
    EXPECT_EQ(m.msis, 1);
    m.write(0x190008, 0);
    m.write(0x190008, 0x80000000); // not served: still pending
    EXPECT_EQ(m.msis, 2);
}

TEST_F(Interrupts, EngineMaskDropsUserInterrupts)
{
    m.enable_interrupts();
    m.write(BCS + 0xa8, 1);
    m.submit(BCS, {context.descriptor()});
    EXPECT_EQ(m.event(BCS), "5<-idle*");
    EXPECT_EQ(m.event(BCS), "idle<-5");
    uint32_t seen = 0;
    for (uint32_t identity : m.serve_interrupts())
        seen |= identity & 0xffff;
    EXPECT_EQ(seen, context_switch);
}

TEST_F(Interrupts, DisabledEngineStaysSilent)
{
    m.write(0x190008, 0x80000000);
    m.submit(BCS, {context.descriptor()});
    EXPECT_EQ(m.event(BCS), "5<-idle*");
    EXPECT_EQ(m.event(BCS), "idle<-5");
    EXPECT_EQ(m.msis, 0);
    EXPECT_EQ(m.read(0x190018), 0u);
}

TEST_F(Interrupts, ServingClearsEverythingAbove)
{
    m.enable_interrupts();
    m.submit(BCS, {context.descriptor()});
    m.event(BCS);
    m.event(BCS);
    m.serve_interrupts();
    EXPECT_EQ(m.read(0x190018), 0u);
    EXPECT_EQ(m.read(0x190010), 0u);
    EXPECT_EQ(m.read(0x190008), 0x80000000u);
    EXPECT_EQ(m.read(0x190060), 0u);
}
