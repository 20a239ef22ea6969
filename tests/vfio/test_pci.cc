// SPDX-License-Identifier: MIT
#include <cstdint>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>

extern "C" {
#include "pci.h"
}

namespace
{
class Pci : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        pci_init(&pci_, 2ull << 30);
    }
    template <typename T> T get(uint32_t offset)
    {
        T value;
        pci_read(&pci_, offset, &value, sizeof(value));
        return value;
    }
    template <typename T> unsigned put(uint32_t offset, T value)
    {
        return pci_write(&pci_, offset, &value, sizeof(value));
    }
    uint32_t find(uint8_t id) // a capability, walking the list
    {
        unsigned steps = 0;
        for (uint32_t at = get<uint8_t>(PCI_CAPABILITY_LIST); at; at = get<uint8_t>(at + 1)) {
            EXPECT_LT(++steps, 48u);
            EXPECT_EQ(at % 4, 0u);
            if (get<uint8_t>(at) == id)
                return at;
        }
        ADD_FAILURE() << "no capability " << (int)id;
        return 0;
    }

    pci_config pci_{};
};

TEST_F(Pci, IsADg1)
{
    EXPECT_EQ(get<uint16_t>(PCI_VENDOR_ID), 0x8086);
    EXPECT_EQ(get<uint16_t>(PCI_DEVICE_ID), 0x4905);
    EXPECT_EQ(get<uint32_t>(PCI_CLASS_REVISION), 0x03800001u);
    EXPECT_EQ(get<uint8_t>(PCI_HEADER_TYPE), 0);
    EXPECT_EQ(get<uint8_t>(PCI_INTERRUPT_PIN), 0);
    EXPECT_EQ(get<uint16_t>(0x50) >> 6 & 3, 3); // GGMS: 8 MiB of GGTT
    EXPECT_EQ(get<uint32_t>(0xfc), 0u);         // ASLS: no OpRegion
}

TEST_F(Pci, BarsTellTheirSizes)
{
    for (uint32_t bar = PCI_BASE_ADDRESS_0; bar <= PCI_BASE_ADDRESS_5; bar += 4)
        put<uint32_t>(bar, ~0u);
    EXPECT_EQ(get<uint64_t>(PCI_BASE_ADDRESS_0), ~((16ull << 20) - 1) | 4);
    EXPECT_EQ(get<uint64_t>(PCI_BASE_ADDRESS_2), ~((2ull << 30) - 1) | 0xc);
    EXPECT_EQ(get<uint64_t>(PCI_BASE_ADDRESS_4), 0u);
    put<uint32_t>(PCI_ROM_ADDRESS, ~0u);
    EXPECT_EQ(get<uint32_t>(PCI_ROM_ADDRESS), 0u);
}

TEST_F(Pci, BarKeepsItsAddress)
{
    put<uint64_t>(PCI_BASE_ADDRESS_2, 0x1280000000);
    EXPECT_EQ(get<uint64_t>(PCI_BASE_ADDRESS_2), 0x128000000cu);
}

TEST_F(Pci, IdentityIsReadOnly)
{
    pci_config before = pci_;
    put<uint64_t>(PCI_VENDOR_ID, 0xffff'0000'ffff'ffff); // status: nothing to clear either
    put<uint32_t>(PCI_CLASS_REVISION, ~0u);
    put<uint32_t>(0x50, ~0u);
    EXPECT_EQ(memcmp(before.bytes, pci_.bytes, sizeof(pci_.bytes)), 0);
}

TEST_F(Pci, HasTheCapabilities)
{
    uint32_t express = find(PCI_CAP_ID_EXP), pm = find(PCI_CAP_ID_PM), msi = find(PCI_CAP_ID_MSI);

    EXPECT_EQ(get<uint16_t>(express + PCI_EXP_FLAGS), 2); // version 2, endpoint
    EXPECT_TRUE(get<uint32_t>(express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
    EXPECT_EQ(get<uint16_t>(pm + PCI_PM_PMC) & PCI_PM_CAP_VER_MASK, 3);
    EXPECT_EQ(get<uint16_t>(msi + PCI_MSI_FLAGS), PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
    EXPECT_EQ(get<uint32_t>(0x100), 0u); // no extended capabilities
}

TEST_F(Pci, PowerStateKeepsToWhatIsOffered)
{
    uint32_t ctrl = find(PCI_CAP_ID_PM) + PCI_PM_CTRL;

    put<uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
    put<uint16_t>(ctrl, 3);
    EXPECT_EQ(get<uint16_t>(ctrl) & 3, 3);
    EXPECT_FALSE(pci_memory_enabled(&pci_));
    put<uint16_t>(ctrl, 1); // D1, D2 are not offered
    EXPECT_EQ(get<uint16_t>(ctrl) & 3, 3);
    put<uint16_t>(ctrl, 0);
    put<uint16_t>(ctrl, 2);
    EXPECT_EQ(get<uint16_t>(ctrl) & 3, 0);
    EXPECT_TRUE(pci_memory_enabled(&pci_));
    EXPECT_TRUE(get<uint16_t>(ctrl) & PCI_PM_CTRL_NO_SOFT_RESET);
}

TEST_F(Pci, FunctionLevelResetIsAskedForByItsBitOnly)
{
    uint32_t devctl = find(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;

    EXPECT_TRUE(put<uint16_t>(devctl, PCI_EXP_DEVCTL_BCR_FLR) & PCI_EVENT_RESET);
    EXPECT_TRUE(put<uint8_t>(devctl + 1, 0x80) & PCI_EVENT_RESET);
    EXPECT_TRUE(put<uint64_t>(devctl - 4, 0x8000ull << 32) & PCI_EVENT_RESET);
    EXPECT_FALSE(put<uint16_t>(devctl, 0x7fff) & PCI_EVENT_RESET);
    EXPECT_FALSE(put<uint8_t>(devctl, 0x80) & PCI_EVENT_RESET);
    EXPECT_FALSE(put<uint32_t>(devctl - 4, ~0u) & PCI_EVENT_RESET);
    EXPECT_EQ(get<uint16_t>(devctl) & PCI_EXP_DEVCTL_BCR_FLR, 0);
}

TEST_F(Pci, ConditionsForMsi)
{
    uint32_t msi = find(PCI_CAP_ID_MSI);

    EXPECT_FALSE(pci_msi_enabled(&pci_));
    EXPECT_TRUE(put<uint16_t>(PCI_COMMAND, PCI_COMMAND_MASTER) & PCI_EVENT_MSI);
    EXPECT_FALSE(pci_msi_enabled(&pci_));
    EXPECT_TRUE(put<uint16_t>(msi + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE) & PCI_EVENT_MSI);
    EXPECT_TRUE(pci_msi_enabled(&pci_));
    EXPECT_FALSE(pci_msi_masked(&pci_));
    EXPECT_TRUE(put<uint32_t>(msi + PCI_MSI_MASK_64, ~0u) & PCI_EVENT_MSI);
    EXPECT_TRUE(pci_msi_masked(&pci_));
    EXPECT_EQ(get<uint32_t>(msi + PCI_MSI_MASK_64), 1u); // one vector, one bit
    EXPECT_FALSE(put<uint8_t>(PCI_INTERRUPT_LINE, 5) & PCI_EVENT_MSI);
}

TEST_F(Pci, ResetForgetsWhatWasWritten)
{
    pci_config fresh = pci_;

    for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at += 4)
        put<uint32_t>(at, 0x5a5a5a5a);
    EXPECT_NE(memcmp(fresh.bytes, pci_.bytes, sizeof(pci_.bytes)), 0);
    pci_reset(&pci_);
    EXPECT_EQ(memcmp(fresh.bytes, pci_.bytes, sizeof(pci_.bytes)), 0);
}
} // namespace
