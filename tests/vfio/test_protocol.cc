// SPDX-License-Identifier: MIT
// Framing, negotiation, errors: what does not depend on the single commands.
#include "client.h"

namespace
{
constexpr uint32_t max_xfer = 64 << 10; // what the server says it takes
constexpr size_t max_message = sizeof(vfu_header) + sizeof(vfu_region_access) + max_xfer;

Bytes get_info()
{
    return bytes_of(vfu_device_info{sizeof(vfu_device_info), 0, 0, 0});
}

TEST_F(Session, NegotiatesVersionAndLimits)
{
    Reply reply = client_->negotiate();

    ASSERT_EQ(reply.error(), 0);
    auto version = value_of<vfu_version>(reply.payload);
    EXPECT_EQ(version.major, 0);
    EXPECT_EQ(version.minor, 1);
    ASSERT_EQ(reply.payload.back(), 0);
    std::string json(reinterpret_cast<char *>(reply.payload.data()) + sizeof(version));
    EXPECT_NE(json.find("\"max_data_xfer_size\":65536"), std::string::npos) << json;
    EXPECT_NE(json.find("\"max_msg_fds\":8"), std::string::npos) << json;
    EXPECT_EQ(finish(), 0);
}

TEST_F(Session, AnswersTheLowerMinor)
{
    EXPECT_EQ(value_of<vfu_version>(client_->negotiate("{}", 0, 0).payload).minor, 0);
    finish();
    start();
    EXPECT_EQ(value_of<vfu_version>(client_->negotiate("{}", 0, 9).payload).minor, 1);
}

TEST_F(Session, TakesAVersionWithoutData)
{
    EXPECT_EQ(client_->call(VFU_VERSION, bytes_of(vfu_version{0, 0})).error(), 0);
}

TEST_F(Session, RefusesAnotherMajorAndHangsUp)
{
    EXPECT_EQ(client_->negotiate("{}", 1, 0).error(), ENOTSUP);
    EXPECT_EQ(wait_end(), -ENOTSUP);
}

TEST_F(Session, RefusesBadJsonAndHangsUp)
{
    EXPECT_EQ(client_->negotiate("{\"capabilities\":").error(), EINVAL);
    EXPECT_EQ(wait_end(), -EINVAL);
}

TEST_F(Session, RefusesVersionDataWithoutNul)
{
    Bytes payload = bytes_of(vfu_version{0, 1});
    payload.push_back('{');
    payload.push_back('}');
    EXPECT_EQ(client_->call(VFU_VERSION, payload).error(), EINVAL);
    EXPECT_EQ(wait_end(), -EINVAL);
}

TEST_F(Session, RefusesAShortVersion)
{
    EXPECT_EQ(client_->call(VFU_VERSION, {0, 0, 0}).error(), EINVAL);
    EXPECT_EQ(wait_end(), -EINVAL);
}

TEST_F(Session, NothingComesBeforeTheVersion)
{
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_INFO, get_info()).error(), EINVAL);
    EXPECT_EQ(wait_end(), -EINVAL);
}

TEST_F(Negotiated, SecondVersionIsAnErrorOnly)
{
    EXPECT_EQ(client_->negotiate().error(), EINVAL);
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_INFO, get_info()).error(), 0);
}

TEST_F(Negotiated, TellsWhatTheDeviceIs)
{
    Reply reply = client_->call(VFU_DEVICE_GET_INFO, get_info());
    auto info = value_of<vfu_device_info>(reply.payload);

    ASSERT_EQ(reply.error(), 0);
    EXPECT_EQ(info.argsz, sizeof(info));
    EXPECT_EQ(info.flags, uint32_t(VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI));
    EXPECT_EQ(info.num_regions, uint32_t(VFIO_PCI_NUM_REGIONS));
    EXPECT_EQ(info.num_irqs, 3u);
}

TEST_F(Negotiated, InfoNeedsRoomForTheReply)
{
    auto small = bytes_of(vfu_device_info{sizeof(vfu_device_info) - 1, 0, 0, 0});
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_INFO, small).error(), EINVAL);
}

TEST_F(Negotiated, ResetReachesTheDevice)
{
    EXPECT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
    EXPECT_EQ(dev_->resets, 1u);
}

TEST_F(Negotiated, UnknownCommandsAreErrors)
{
    for (uint16_t command : {0, 11, 12, 14, 19, 999, 65535})
        EXPECT_EQ(client_->call(command).error(), EINVAL) << command;
    for (uint16_t command : {VFU_DEVICE_GET_REGION_IO_FDS, VFU_REGION_WRITE_MULTI,
                             VFU_DEVICE_FEATURE, VFU_MIG_DATA_READ, VFU_MIG_DATA_WRITE})
        EXPECT_EQ(client_->call(command).error(), ENOTSUP) << command;
    EXPECT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
}

TEST_F(Negotiated, TooShortPayloadsAreErrors)
{
    const struct {
        uint16_t command;
        size_t size;
    } minimum[] = {
        {VFU_DMA_MAP, sizeof(vfu_dma_map)},
        {VFU_DMA_UNMAP, sizeof(vfu_dma_unmap)},
        {VFU_DEVICE_GET_INFO, sizeof(vfu_device_info)},
        {VFU_DEVICE_GET_REGION_INFO, sizeof(vfio_region_info)},
        {VFU_DEVICE_GET_IRQ_INFO, sizeof(vfio_irq_info)},
        {VFU_DEVICE_SET_IRQS, sizeof(vfio_irq_set)},
        {VFU_REGION_READ, sizeof(vfu_region_access)},
        {VFU_REGION_WRITE, sizeof(vfu_region_access)},
    };

    for (const auto &m : minimum)
        for (size_t size : {size_t(0), size_t(1), m.size - 1})
            EXPECT_EQ(client_->call(m.command, Bytes(size, 0xff)).error(), EINVAL) << m.command;
    EXPECT_EQ(client_->call(VFU_DEVICE_RESET).error(), 0);
}

TEST_F(Negotiated, NoReplyMeansNoReply)
{
    client_->send(VFU_DEVICE_RESET, {}, {}, VFU_FLAGS_NO_REPLY);
    client_->send(999, {}, {}, VFU_FLAGS_NO_REPLY);                       // nor for an error
    EXPECT_EQ(client_->call(VFU_DEVICE_GET_INFO, get_info()).error(), 0); // checks the id
    EXPECT_EQ(dev_->resets, 1u);
}

TEST_F(Negotiated, ErrorReplyIsTheHeaderOnly)
{
    Reply reply = client_->call(999, Bytes(100));
    EXPECT_EQ(reply.header.size, sizeof(vfu_header));
    EXPECT_EQ(reply.header.flags, VFU_TYPE_REPLY | VFU_FLAGS_ERROR);
}

TEST_F(Negotiated, PipelinedRequestsAreAnsweredInOrder)
{
    constexpr unsigned count = 500;
    Bytes all;

    for (unsigned i = 0; i < count; i++) {
        vfu_header header{(uint16_t)(i + 100), VFU_REGION_READ,
                          sizeof(header) + sizeof(vfu_region_access), 0, 0};
        auto at = bytes_of(vfu_region_access{0, VFIO_PCI_CONFIG_REGION_INDEX, 4});
        auto head = bytes_of(header);
        append(all, head);
        append(all, at);
    }
    client_->send_raw(all);
    for (unsigned i = 0; i < count; i++) {
        Reply reply = client_->receive();
        ASSERT_EQ(reply.header.id, i + 100);
        ASSERT_EQ(value_of<uint32_t>(reply.payload, sizeof(vfu_region_access)), 0x49058086u);
    }
}

TEST_F(Negotiated, MessagesMayArriveByteByByte)
{
    vfu_header header{7, VFU_DEVICE_GET_INFO, sizeof(header) + sizeof(vfu_device_info), 0, 0};
    Bytes message = bytes_of(header), payload = get_info();

    append(message, payload);
    for (uint8_t byte : message)
        client_->send_raw({byte});
    Reply reply = client_->receive();
    EXPECT_EQ(reply.header.id, 7);
    EXPECT_EQ(reply.error(), 0);
}

// The second message starts in the middle of what one read returns, and ends in the next.
TEST_F(Negotiated, MessagesMayBeCutAnywhere)
{
    Bytes two;
    for (uint16_t id : {1, 2}) {
        vfu_header header{id, VFU_DEVICE_GET_INFO, sizeof(header) + sizeof(vfu_device_info), 0, 0};
        Bytes message = bytes_of(header), payload = get_info();
        append(two, message);
        append(two, payload);
    }
    for (size_t cut = 1; cut < two.size(); cut++) {
        client_->send_raw(Bytes(two.begin(), two.begin() + cut));
        client_->send_raw(Bytes(two.begin() + cut, two.end()));
        ASSERT_EQ(client_->receive().header.id, 1) << cut;
        ASSERT_EQ(client_->receive().header.id, 2) << cut;
    }
}

TEST_F(Negotiated, HeaderSmallerThanItselfEndsTheSession)
{
    for (int64_t size : {0, 1, 15}) {
        client_->send(VFU_DEVICE_RESET, {}, {}, 0, size);
        EXPECT_EQ(client_->receive().error(), EINVAL);
        EXPECT_TRUE(client_->receive().closed);
        EXPECT_EQ(wait_end(), -EINVAL);
        start();
        ASSERT_EQ(client_->negotiate().error(), 0);
    }
}

TEST_F(Negotiated, OversizeMessageEndsTheSession)
{
    for (int64_t size : {int64_t(max_message) + 1, int64_t(UINT32_MAX)}) {
        client_->send(VFU_REGION_WRITE, {}, {}, 0, size);
        EXPECT_EQ(client_->receive().error(), EMSGSIZE);
        EXPECT_TRUE(client_->receive().closed);
        EXPECT_EQ(wait_end(), -EMSGSIZE);
        start();
        ASSERT_EQ(client_->negotiate().error(), 0);
    }
}

TEST_F(Negotiated, LargestMessageIsTaken)
{
    ASSERT_EQ(client_->write<uint16_t>(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2), 0);
    Bytes data(max_xfer);
    for (size_t i = 0; i < data.size(); i++)
        data[i] = i * 7;
    EXPECT_EQ(client_->write(VFIO_PCI_BAR2_REGION_INDEX, 4096, data), 0);
    EXPECT_EQ(client_->read(VFIO_PCI_BAR2_REGION_INDEX, 4096, max_xfer), data);
}

TEST_F(Negotiated, RepliesFromTheClientEndTheSession)
{
    client_->send(VFU_DEVICE_RESET, {}, {}, VFU_TYPE_REPLY);
    EXPECT_TRUE(client_->receive().closed);
    EXPECT_EQ(wait_end(), -EPROTO);
}

TEST_F(Negotiated, UnknownMessageTypeEndsTheSession)
{
    client_->send(VFU_DEVICE_RESET, {}, {}, 2);
    EXPECT_TRUE(client_->receive().closed);
    EXPECT_EQ(wait_end(), -EPROTO);
}

TEST_F(Negotiated, DisconnectBetweenMessagesIsOrderly)
{
    EXPECT_EQ(finish(), 0);
}

TEST_F(Negotiated, DisconnectInsideTheHeaderIsAnError)
{
    client_->send_raw(Bytes(5));
    EXPECT_EQ(finish(), -EPIPE);
}

TEST_F(Negotiated, DisconnectInsideThePayloadIsAnError)
{
    client_->send(VFU_DEVICE_GET_INFO, Bytes(4), {}, 0, 32);
    EXPECT_EQ(finish(), -EPIPE);
}

TEST_F(Negotiated, DisconnectBeforeTheReplyIsNoTrouble)
{
    for (int i = 0; i < 100; i++)
        client_->send(VFU_DEVICE_GET_INFO, get_info());
    finish();
    start();
    EXPECT_EQ(client_->negotiate().error(), 0);
}

TEST_F(Negotiated, EndOfSessionResetsTheDeviceAndTakesTheMemory)
{
    File ram(1 << 20);
    vfu_dma_map map{sizeof(map), VFIO_DMA_MAP_FLAG_READ, 0, 0, 1 << 20};

    ASSERT_EQ(client_->call(VFU_DMA_MAP, bytes_of(map), {ram.fd()}).error(), 0);
    ASSERT_EQ(client_->write<uint16_t>(VFIO_PCI_CONFIG_REGION_INDEX, 4, 6), 0);
    finish();
    EXPECT_EQ(dev_->resets, 1u);
    EXPECT_TRUE(dev_->mappings.empty());
    EXPECT_TRUE(dev_->reset_before_unmap_all);
    start();
    ASSERT_EQ(client_->negotiate().error(), 0);
    EXPECT_EQ(client_->read<uint16_t>(VFIO_PCI_CONFIG_REGION_INDEX, 4), 0);
}

TEST_F(Negotiated, FloodOfErrorsDoesNotFloodTheLog)
{
    for (int i = 0; i < 1000; i++)
        ASSERT_EQ(client_->call(999).error(), EINVAL);
    finish();
    fflush(log_);
    EXPECT_LT(ftell(log_), 8000);
}
} // namespace
