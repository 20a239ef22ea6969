// SPDX-License-Identifier: MIT
#include "client.h"

#include <sys/mman.h>

namespace
{
constexpr uint32_t bar0 = VFIO_PCI_BAR0_REGION_INDEX;
constexpr uint32_t bar2 = VFIO_PCI_BAR2_REGION_INDEX;
constexpr uint32_t config = VFIO_PCI_CONFIG_REGION_INDEX;

class Regions : public Negotiated
{
  protected:
    void SetUp() override
    {
        Negotiated::SetUp();
        ASSERT_EQ(client_->write<uint16_t>(config, 4, 2), 0); // memory decoding on
    }

    Reply info(uint32_t index, uint32_t argsz)
    {
        vfio_region_info ask{};
        ask.argsz = argsz;
        ask.index = index;
        return client_->call(VFU_DEVICE_GET_REGION_INFO, bytes_of(ask));
    }
};

TEST_F(Regions, Bar0OffersTheGgttHalfForMapping)
{
    Reply reply = info(bar0, 4096);
    auto all = value_of<vfu_sparse_region_info>(reply.payload);

    ASSERT_EQ(reply.error(), 0);
    EXPECT_EQ(all.info.argsz, sizeof(all));
    EXPECT_EQ(reply.payload.size(), sizeof(all));
    EXPECT_EQ(all.info.size, 16u << 20);
    EXPECT_EQ(all.info.flags, uint32_t(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
                                       VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS));
    EXPECT_EQ(all.info.cap_offset, 32u);
    EXPECT_EQ(all.header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
    EXPECT_EQ(all.header.version, 1);
    EXPECT_EQ(all.header.next, 0u);
    ASSERT_EQ(all.nr_areas, 1u);
    EXPECT_EQ(all.area.offset, 8u << 20);
    EXPECT_EQ(all.area.size, 8u << 20);
    // The client maps the area at the sum of the offsets: the start of the device's file.
    EXPECT_EQ(all.info.offset + all.area.offset, 0u);
    ASSERT_EQ(reply.fds.size(), 1u);
    void *p = mmap(nullptr, all.area.size, PROT_READ | PROT_WRITE, MAP_SHARED, reply.fds[0],
                   all.info.offset + all.area.offset);
    ASSERT_NE(p, MAP_FAILED);
    *static_cast<uint64_t *>(p) = 0x1234;
    uint64_t seen = 0;
    EXPECT_EQ(pread(dg1_ggtt_fd(dev_), &seen, sizeof(seen), 0), (ssize_t)sizeof(seen));
    EXPECT_EQ(seen, 0x1234u);
    munmap(p, all.area.size);
}

TEST_F(Regions, SmallArgszGetsTheSizeNeededAndNoFd)
{
    Reply reply = info(bar0, sizeof(vfio_region_info));
    auto base = value_of<vfio_region_info>(reply.payload);

    ASSERT_EQ(reply.error(), 0);
    EXPECT_EQ(reply.payload.size(), sizeof(base));
    EXPECT_EQ(base.argsz, sizeof(vfu_sparse_region_info));
    EXPECT_EQ(base.cap_offset, 32u) << "QEMU refuses a reply with the flag and no offset";
    EXPECT_TRUE(base.flags & VFIO_REGION_INFO_FLAG_CAPS);
    EXPECT_TRUE(reply.fds.empty());
    EXPECT_EQ(info(bar0, sizeof(base) - 1).error(), EINVAL);
}

TEST_F(Regions, Bar2CanShowLessThanLocalMemory)
{
    constexpr uint64_t shown = lmem_size / 2;

    finish();
    vfio_user_set_lmem_bar(server_, shown);
    start();
    ASSERT_EQ(client_->negotiate().error(), 0);
    ASSERT_EQ(client_->write<uint16_t>(config, 4, 2), 0);
    auto base = value_of<vfio_region_info>(info(bar2, sizeof(vfio_region_info)).payload);
    EXPECT_EQ(base.size, shown);
    EXPECT_EQ(client_->write<uint8_t>(bar2, shown - 1, 1), 0);
    EXPECT_EQ(client_->write<uint8_t>(bar2, shown, 1), EINVAL);
    EXPECT_EQ(client_->write<uint32_t>(config, 0x18, ~0u), 0);
    EXPECT_EQ(client_->read<uint32_t>(config, 0x18) & ~0xfu, uint32_t(-shown));
}

TEST_F(Regions, Bar2IsMappableAsAWhole)
{
    Reply reply = info(bar2, sizeof(vfio_region_info));
    auto base = value_of<vfio_region_info>(reply.payload);

    ASSERT_EQ(reply.error(), 0);
    EXPECT_EQ(base.size, lmem_size);
    EXPECT_EQ(base.offset, 0u);
    EXPECT_EQ(base.flags, uint32_t(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
                                   VFIO_REGION_INFO_FLAG_MMAP));
    ASSERT_EQ(reply.fds.size(), 1u);
}

TEST_F(Regions, OtherRegionsAreEmpty)
{
    for (uint32_t index = 0; index < VFIO_PCI_NUM_REGIONS; index++) {
        if (index == bar0 || index == bar2)
            continue;
        Reply reply = info(index, 4096);
        auto base = value_of<vfio_region_info>(reply.payload);
        EXPECT_EQ(reply.error(), 0);
        EXPECT_EQ(base.size, index == config ? 4096u : 0u) << index;
        EXPECT_TRUE(reply.fds.empty());
        if (index != config) {
            EXPECT_EQ(base.flags, 0u);
        }
    }
    EXPECT_EQ(info(VFIO_PCI_NUM_REGIONS, 4096).error(), EINVAL);
    EXPECT_EQ(info(UINT32_MAX, 4096).error(), EINVAL);
}

TEST_F(Regions, ClientWithoutFdsGetsNoMappings)
{
    finish();
    start();
    ASSERT_EQ(client_->negotiate(R"({"capabilities":{"max_msg_fds":0}})").error(), 0);
    for (uint32_t index : {bar0, bar2}) {
        Reply reply = info(index, 4096);
        auto base = value_of<vfio_region_info>(reply.payload);
        EXPECT_TRUE(reply.fds.empty());
        EXPECT_EQ(base.flags, uint32_t(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE));
        EXPECT_EQ(base.cap_offset, 0u);
        EXPECT_EQ(reply.payload.size(), sizeof(base));
    }
}

TEST_F(Regions, RegisterAccessesKeepTheirSize)
{
    dev_->next_read = 0x1122334455667788;
    EXPECT_EQ(client_->read<uint8_t>(bar0, 0x2001), 0x88);
    EXPECT_EQ(client_->read<uint16_t>(bar0, 0x2002), 0x7788);
    EXPECT_EQ(client_->read<uint32_t>(bar0, 0x2004), 0x55667788u);
    EXPECT_EQ(client_->read<uint64_t>(bar0, 0x2008), 0x1122334455667788u);
    EXPECT_EQ(client_->write<uint8_t>(bar0, 0x3003, 0xab), 0);
    EXPECT_EQ(client_->write<uint64_t>(bar0, 0xfffff8, 0x8899aabbccddeeff), 0);
    ASSERT_EQ(dev_->accesses.size(), 6u);
    const unsigned sizes[] = {1, 2, 4, 8, 1, 8};
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(dev_->accesses[i].size, sizes[i]);
    EXPECT_EQ(dev_->accesses[4].value, 0xabu);
    EXPECT_EQ(dev_->accesses[5].offset, 0xfffff8u);
    EXPECT_EQ(dev_->accesses[5].value, 0x8899aabbccddeeffu);
}

TEST_F(Regions, OddAccessesAreCutIntoAlignedOnes)
{
    EXPECT_EQ(client_->write(bar0, 0x1003, Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}),
              0);
    const FakeAccess expected[] = {
        {true, 0x1003, 0x01, 1},
        {true, 0x1004, 0x05040302, 4},
        {true, 0x1008, 0x0d0c0b0a09080706, 8},
        {true, 0x1010, 0x0e, 1},
    };
    ASSERT_EQ(dev_->accesses.size(), 4u);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(dev_->accesses[i].offset, expected[i].offset);
        EXPECT_EQ(dev_->accesses[i].value, expected[i].value);
        EXPECT_EQ(dev_->accesses[i].size, expected[i].size);
    }
}

TEST_F(Regions, AccessesOutsideAreErrors)
{
    const struct {
        uint32_t region;
        uint64_t offset;
        uint32_t count;
    } bad[] = {
        {bar0, 16 << 20, 1},
        {bar0, (16 << 20) - 4, 8},
        {bar0, UINT64_MAX, 1},
        {bar0, UINT64_MAX, 2},
        {bar2, lmem_size, 1},
        {bar2, lmem_size - 1, 2},
        {config, 4096, 1},
        {config, 4093, 4},
        {VFIO_PCI_ROM_REGION_INDEX, 0, 1},
        {9, 0, 1},
        {UINT32_MAX, 0, 1},
        {bar2, 0, (64 << 10) + 1},
        {bar2, 0, UINT32_MAX},
    };

    for (const auto &b : bad) {
        Bytes at = bytes_of(vfu_region_access{b.offset, b.region, b.count});
        EXPECT_EQ(client_->call(VFU_REGION_READ, at).error(), EINVAL) << b.region << b.offset;
        if (b.count > 8)
            continue;
        at.resize(at.size() + b.count);
        EXPECT_EQ(client_->call(VFU_REGION_WRITE, at).error(), EINVAL) << b.region << b.offset;
    }
    EXPECT_TRUE(dev_->accesses.empty());
}

TEST_F(Regions, WriteCountMustMatchTheData)
{
    for (uint32_t count : {0u, 3u, 5u, UINT32_MAX}) {
        Bytes payload = bytes_of(vfu_region_access{0x2000, bar0, count});
        payload.resize(payload.size() + 4);
        EXPECT_EQ(client_->call(VFU_REGION_WRITE, payload).error(), EINVAL) << count;
    }
    EXPECT_TRUE(dev_->accesses.empty());
}

TEST_F(Regions, LocalMemoryIsReachedByMessagesToo)
{
    Bytes data{1, 2, 3, 4, 5};
    uint8_t seen[5] = {};

    EXPECT_EQ(client_->write(bar2, lmem_size - 5, data), 0);
    EXPECT_EQ(pread(dg1_lmem_fd(dev_), seen, 5, lmem_size - 5), 5);
    EXPECT_EQ(Bytes(seen, seen + 5), data);
    EXPECT_EQ(client_->read(bar2, lmem_size - 5, 5), data);
}

TEST_F(Regions, NobodyAnswersWhileMemoryDecodingIsOff)
{
    ASSERT_EQ(client_->write<uint16_t>(config, 4, 0), 0);
    EXPECT_EQ(client_->read<uint32_t>(bar0, 0x2000), UINT32_MAX);
    EXPECT_EQ(client_->read<uint32_t>(bar2, 0), UINT32_MAX);
    EXPECT_EQ(client_->write<uint32_t>(bar0, 0x2000, 1), 0);
    EXPECT_EQ(client_->write<uint32_t>(bar2, 0, 1), 0);
    EXPECT_TRUE(dev_->accesses.empty());
    ASSERT_EQ(client_->write<uint16_t>(config, 4, 2), 0);
    EXPECT_EQ(client_->read<uint32_t>(bar2, 0), 0u);
}

TEST_F(Regions, NobodyAnswersInD3)
{
    ASSERT_EQ(client_->write<uint16_t>(config, 0xd4, 3), 0);
    EXPECT_EQ(client_->read<uint32_t>(bar0, 0x2000), UINT32_MAX);
    ASSERT_EQ(client_->write<uint16_t>(config, 0xd4, 0), 0);
    dev_->next_read = 5;
    EXPECT_EQ(client_->read<uint32_t>(bar0, 0x2000), 5u);
    EXPECT_EQ(dev_->resets, 0u) << "NoSoftRst: D3hot keeps the state";
}

TEST_F(Regions, FunctionLevelResetResetsDeviceAndConfig)
{
    ASSERT_EQ(client_->write<uint16_t>(config, 0x78, 0x8000), 0);
    EXPECT_EQ(dev_->resets, 1u);
    EXPECT_EQ(client_->read<uint16_t>(config, 4), 0);
    EXPECT_EQ(client_->read<uint16_t>(config, 0x78) & 0x8000, 0);
    ASSERT_EQ(client_->write<uint16_t>(config, 0x78, 0x2810), 0);
    EXPECT_EQ(dev_->resets, 1u);
}
} // namespace
