// SPDX-License-Identifier: MIT
#include "client.h"

#include <dirent.h>

namespace
{
constexpr uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

size_t open_files()
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

class Dma : public Negotiated
{
  protected:
    Reply map(uint64_t address, uint64_t size, const std::vector<int> &fds, uint64_t offset = 0,
              uint32_t flags = rw, uint32_t argsz = sizeof(vfu_dma_map))
    {
        return client_->call(VFU_DMA_MAP,
                             bytes_of(vfu_dma_map{argsz, flags, offset, address, size}), fds);
    }
    Reply unmap(uint64_t address, uint64_t size, uint32_t flags = 0)
    {
        return client_->call(VFU_DMA_UNMAP,
                             bytes_of(vfu_dma_unmap{sizeof(vfu_dma_unmap), flags, address, size}));
    }

    File ram_{1 << 20};
};

TEST_F(Dma, MapsWithAndWithoutFile)
{
    EXPECT_EQ(map(0x100000, 0x80000, {ram_.fd()}, 0x1000).error(), 0);
    EXPECT_EQ(map(0xc0000, 0x1000, {}, 0, VFIO_DMA_MAP_FLAG_READ).error(), 0);
    ASSERT_EQ(dev_->mappings.size(), 2u);
    const auto &m = dev_->mappings[0x100000];
    EXPECT_EQ(m.size, 0x80000u);
    EXPECT_EQ(m.offset, 0x1000u);
    EXPECT_TRUE(m.has_fd);
    EXPECT_TRUE(m.writable);
    EXPECT_FALSE(dev_->mappings[0xc0000].has_fd);
    EXPECT_FALSE(dev_->mappings[0xc0000].writable);
}

TEST_F(Dma, ReplyToMapHasNoPayload)
{
    EXPECT_TRUE(map(0, 0x1000, {ram_.fd()}).payload.empty());
}

TEST_F(Dma, UnmapRepliesWithTheRequest)
{
    ASSERT_EQ(map(0x1000, 0x1000, {ram_.fd()}).error(), 0);
    Reply reply = unmap(0x1000, 0x1000);
    ASSERT_EQ(reply.error(), 0);
    auto echo = value_of<vfu_dma_unmap>(reply.payload);
    EXPECT_EQ(echo.address, 0x1000u);
    EXPECT_EQ(echo.size, 0x1000u);
    EXPECT_TRUE(dev_->mappings.empty());
}

TEST_F(Dma, UnmapAll)
{
    ASSERT_EQ(map(0, 0x1000, {ram_.fd()}).error(), 0);
    ASSERT_EQ(map(0x1000, 0x1000, {ram_.fd()}).error(), 0);
    EXPECT_EQ(unmap(0, 0x1000, VFIO_DMA_UNMAP_FLAG_ALL).error(), EINVAL);
    EXPECT_EQ(dev_->mappings.size(), 2u);
    EXPECT_EQ(unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL).error(), 0);
    EXPECT_TRUE(dev_->mappings.empty());
}

TEST_F(Dma, DeviceErrorsReachTheClient)
{
    ASSERT_EQ(map(0x1000, 0x2000, {ram_.fd()}).error(), 0);
    EXPECT_EQ(map(0x2000, 0x2000, {ram_.fd()}).error(), EEXIST);
    EXPECT_EQ(map(0x8000, 0, {ram_.fd()}).error(), EINVAL);
    EXPECT_EQ(unmap(0x9000, 0x1000).error(), ENOENT);
    EXPECT_EQ(dev_->mappings.size(), 1u);
}

TEST_F(Dma, BadFlagsAndSizesAreErrors)
{
    EXPECT_EQ(map(0, 0x1000, {ram_.fd()}, 0, 0).error(), EINVAL);
    EXPECT_EQ(map(0, 0x1000, {ram_.fd()}, 0, rw | 4).error(), EINVAL);
    EXPECT_EQ(map(0, 0x1000, {ram_.fd()}, 0, rw, sizeof(vfu_dma_map) - 1).error(), EINVAL);
    EXPECT_EQ(unmap(0, 0x1000, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP).error(), EINVAL);
    EXPECT_TRUE(dev_->mappings.empty());
}

TEST_F(Dma, MoreFilesThanTheCommandTakesAreAnError)
{
    EXPECT_EQ(map(0, 0x1000, {ram_.fd(), ram_.fd()}).error(), EINVAL);
    EXPECT_EQ(client_->call(VFU_DEVICE_RESET, {}, {ram_.fd()}).error(), EINVAL);
    EXPECT_TRUE(dev_->mappings.empty());
    EXPECT_EQ(map(0, 0x1000, {ram_.fd()}).error(), 0);
}

TEST_F(Dma, MoreFilesThanAMessageMayHaveEndTheSession)
{
    size_t before = open_files();

    client_->send(VFU_DMA_MAP, bytes_of(vfu_dma_map{sizeof(vfu_dma_map), rw, 0, 0, 0x1000}),
                  std::vector<int>(9, ram_.fd()));
    EXPECT_TRUE(client_->receive().closed);
    EXPECT_EQ(wait_end(), -EPROTO);
    EXPECT_LE(open_files(), before);
}

TEST_F(Dma, NoFileIsLeaked)
{
    ASSERT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
    size_t before = open_files();

    for (int i = 0; i < 100; i++) {
        map(0, 0x1000, {ram_.fd()});
        unmap(0, 0x1000);
        map(0, 0, {ram_.fd()});
        map(0, 0x1000, {ram_.fd(), ram_.fd(), ram_.fd()});
        client_->call(999, {}, {ram_.fd()});
    }
    EXPECT_EQ(open_files(), before);
}

TEST_F(Dma, FileOfAnUnfinishedMessageIsClosed)
{
    ASSERT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
    size_t before = open_files();

    client_->send(VFU_DMA_MAP, Bytes(8), {ram_.fd()}, 0, 48);
    EXPECT_EQ(finish(), -EPIPE);
    EXPECT_EQ(open_files(), before - 2); // both ends of the connection
}

// Each file must go to its own message, however many arrive at once.
TEST_F(Dma, FilesStayWithTheirMessagesInAPipeline)
{
    Bytes reset = bytes_of(vfu_header{1, VFU_DEVICE_RESET, sizeof(vfu_header), 0, 0});

    for (uint64_t i = 0; i < 64; i++) {
        bool with = i % 3 != 0;
        client_->send(VFU_DMA_MAP,
                      bytes_of(vfu_dma_map{sizeof(vfu_dma_map), rw, 0, i << 12, 0x1000}),
                      with ? std::vector<int>{ram_.fd()} : std::vector<int>{});
        client_->send_raw(reset);
    }
    for (int i = 0; i < 128; i++)
        ASSERT_EQ(client_->receive().error(), 0) << i;
    for (uint64_t i = 0; i < 64; i++)
        EXPECT_EQ(dev_->mappings[i << 12].has_fd, i % 3 != 0) << i;
}

TEST_F(Dma, FileMayComeWithTheHeaderOrWithThePayload)
{
    vfu_header header{1, VFU_DMA_MAP, sizeof(header) + sizeof(vfu_dma_map), 0, 0};
    Bytes first = bytes_of(vfu_dma_map{sizeof(vfu_dma_map), rw, 0, 0, 0x1000});
    Bytes second = bytes_of(vfu_dma_map{sizeof(vfu_dma_map), rw, 0, 0x1000, 0x1000});

    client_->send_raw(bytes_of(header), {ram_.fd()});
    client_->send_raw(first);
    EXPECT_EQ(client_->receive().error(), 0);
    client_->send_raw(bytes_of(header));
    client_->send_raw(second, {ram_.fd()});
    EXPECT_EQ(client_->receive().error(), 0);
    EXPECT_TRUE(dev_->mappings[0].has_fd);
    EXPECT_TRUE(dev_->mappings[0x1000].has_fd);
}
} // namespace
