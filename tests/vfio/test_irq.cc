// SPDX-License-Identifier: MIT
#include "client.h"

#include <fcntl.h>
#include <sys/eventfd.h>

namespace
{
constexpr uint32_t config = VFIO_PCI_CONFIG_REGION_INDEX;
constexpr uint32_t msi = VFIO_PCI_MSI_IRQ_INDEX;
constexpr uint32_t set_eventfd = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
constexpr uint32_t trigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;

class Irq : public Negotiated
{
  protected:
    void SetUp() override
    {
        Negotiated::SetUp();
        event_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    void TearDown() override
    {
        Negotiated::TearDown();
        close(event_);
    }

    int set(uint32_t index, uint32_t flags, uint32_t start, uint32_t count,
            const std::vector<int> &fds = {}, const Bytes &data = {})
    {
        vfio_irq_set s{};
        s.argsz = sizeof(s) + data.size();
        s.flags = flags;
        s.index = index;
        s.start = start;
        s.count = count;
        Bytes payload = bytes_of(s);
        append(payload, data);
        return client_->call(VFU_DEVICE_SET_IRQS, payload, fds).error();
    }
    uint64_t signals() // since the last call
    {
        uint64_t n = 0;
        return read(event_, &n, sizeof(n)) == sizeof(n) ? n : 0;
    }
    void enable(bool master = true, bool message = true)
    {
        ASSERT_EQ(client_->write<uint16_t>(config, 4, master ? 6 : 2), 0);
        ASSERT_EQ(client_->write<uint16_t>(config, 0xac + 2, message), 0);
    }
    void raise()
    {
        dev_->config.raise_msi(dev_->config.opaque);
    }

    int event_ = -1;
};

TEST_F(Irq, OnlyOneMsiIsOffered)
{
    for (uint32_t index = 0; index < 3; index++) {
        vfio_irq_info ask{sizeof(ask), 0, index, 0};
        Reply reply = client_->call(VFU_DEVICE_GET_IRQ_INFO, bytes_of(ask));
        auto info = value_of<vfio_irq_info>(reply.payload);
        ASSERT_EQ(reply.error(), 0);
        EXPECT_EQ(info.index, index);
        EXPECT_EQ(info.count, index == msi ? 1u : 0u);
        if (index == msi) {
            EXPECT_TRUE(info.flags & VFIO_IRQ_INFO_EVENTFD);
        }
    }
    vfio_irq_info beyond{sizeof(beyond), 0, 3, 0};
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_IRQ_INFO, bytes_of(beyond)).error(), EINVAL);
    vfio_irq_info small{sizeof(small) - 1, 0, 0, 0};
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_IRQ_INFO, bytes_of(small)).error(), EINVAL);
}

TEST_F(Irq, RaisedMsiSignalsTheEventfd)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    EXPECT_EQ(signals(), 0u);
    raise();
    EXPECT_EQ(signals(), 1u);
    raise();
    raise();
    EXPECT_EQ(signals(), 2u);
}

TEST_F(Irq, NotEnabledMeansLost)
{
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    raise();
    enable();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, BusMasterIsNeeded)
{
    enable(false);
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, NothingIsSentInD3)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    ASSERT_EQ(client_->write<uint16_t>(config, 0xd4, 3), 0);
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, MaskHoldsItBackAndShowsItPending)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    ASSERT_EQ(client_->write<uint32_t>(config, 0xac + 0x10, 1), 0);
    EXPECT_EQ(client_->read<uint32_t>(config, 0xac + 0x14), 0u);
    raise();
    raise();
    EXPECT_EQ(signals(), 0u);
    EXPECT_EQ(client_->read<uint32_t>(config, 0xac + 0x14), 1u);
    ASSERT_EQ(client_->write<uint32_t>(config, 0xac + 0x10, 0), 0);
    EXPECT_EQ(signals(), 1u);
    EXPECT_EQ(client_->read<uint32_t>(config, 0xac + 0x14), 0u);
}

// QEMU enables MSI in configuration space first and sends the eventfd then.
TEST_F(Irq, RaisedBeforeTheEventfdArrivesIsKept)
{
    enable();
    raise();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    EXPECT_EQ(signals(), 1u);
}

TEST_F(Irq, EventfdIsTakenAway)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {}), 0);
    raise();
    EXPECT_EQ(signals(), 0u);
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    signals();
    ASSERT_EQ(set(msi, trigger, 0, 0), 0); // disables all of the kind
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, EndOfSessionTakesTheEventfd)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    finish();
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, ResetDisables)
{
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    ASSERT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, ClientMayTriggerIt)
{
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {event_}), 0);
    EXPECT_EQ(set(msi, trigger, 0, 1), 0);
    EXPECT_EQ(signals(), 1u);
    const uint32_t by_bool = VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER;
    EXPECT_EQ(set(msi, by_bool, 0, 1, {}, {0}), 0);
    EXPECT_EQ(signals(), 0u);
    EXPECT_EQ(set(msi, by_bool, 0, 1, {}, {1}), 0);
    EXPECT_EQ(signals(), 1u);
    EXPECT_EQ(set(msi, by_bool, 0, 1), EINVAL);
}

TEST_F(Irq, BadRequestsAreErrors)
{
    EXPECT_EQ(set(3, trigger, 0, 0), EINVAL);
    EXPECT_EQ(set(UINT32_MAX, trigger, 0, 0), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd, 0, 2, {event_}), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd, 1, 1, {event_}), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd, 1, UINT32_MAX, {event_}), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd, 0, 0), EINVAL);
    EXPECT_EQ(set(msi, trigger, 1, 0), EINVAL);
    EXPECT_EQ(set(msi, trigger, 0, 1, {event_}), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd | VFIO_IRQ_SET_DATA_NONE, 0, 1, {event_}), EINVAL);
    EXPECT_EQ(set(msi, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1), EINVAL);
    EXPECT_EQ(set(msi, set_eventfd | 1u << 31, 0, 1, {event_}), EINVAL);
    EXPECT_EQ(set(msi, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 0, 1), ENOTSUP);
    EXPECT_EQ(set(VFIO_PCI_INTX_IRQ_INDEX, set_eventfd, 0, 1, {event_}), EINVAL);
    EXPECT_EQ(set(VFIO_PCI_INTX_IRQ_INDEX, trigger, 0, 0), 0);
    enable();
    raise();
    EXPECT_EQ(signals(), 0u);
}

TEST_F(Irq, ArgszMustFitTheMessage)
{
    vfio_irq_set s{};
    s.argsz = sizeof(s) + 1;
    s.flags = trigger;
    s.index = msi;
    EXPECT_EQ(client_->call(VFU_DEVICE_SET_IRQS, bytes_of(s)).error(), EINVAL);
    s.argsz = sizeof(s) - 1;
    EXPECT_EQ(client_->call(VFU_DEVICE_SET_IRQS, bytes_of(s)).error(), EINVAL);
}

// The device's threads must not be stopped by what the client sends for an eventfd.
TEST_F(Irq, FullPipeForAnEventfdDoesNotBlock)
{
    int ends[2];

    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    Bytes junk(4096);
    while (write(ends[1], junk.data(), junk.size()) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0); // a write would block from here on
    enable();
    ASSERT_EQ(set(msi, set_eventfd, 0, 1, {ends[1]}), 0);
    raise();
    close(ends[0]);
    close(ends[1]);
    EXPECT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
}
} // namespace
