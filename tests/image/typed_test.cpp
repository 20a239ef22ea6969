// SPDX-License-Identifier: MIT
#include "image_memory.hpp"
#include <gtest/gtest.h>

namespace
{

struct TypedTest : ::testing::Test, ImageMemory {
    // Message type 18:14, slot group 13:12, channels off 11:8.
    static uint32_t desc(uint32_t type, uint32_t off = 0, uint32_t slots = 1)
    {
        return type << 14 | slots << 12 | off << 8;
    }
};
using TypedWrite = TypedTest;
using TypedRead = TypedTest;

const std::vector<uint32_t> kLanes = {0, 1, 2, 3, 4, 5, 6, 7};

TEST_F(TypedWrite, AsTheCompilerWrites2D)
{
    // u, v, then four channels, as in the shipped example: desc 0x02035003.
    auto s = parse(SurfaceState(1, 0xcb, kImageVa, 8, 8).pitch(128).tiled(3));
    std::vector<uint32_t> v(8, 3), r = {10, 11, 12, 13, 14, 15, 16, 17}, g(8, 20), b(8, 30), a(8, 999);
    ASSERT_EQ(send(Kind::Typed, 0x02035003, s, nullptr, {kLanes, v, r, g, b, a}, 8, 0, 0xf5), IMAGE_OK);
    for (unsigned x = 0; x < 8; x++) {
        const uint8_t *t = bytes(kImageVa + static_cast<uint64_t>(tiling_offset(TILING_Y, 128, x * 4, 3)));
        if (0xf5 >> x & 1) {
            EXPECT_EQ(t[0], 10 + x);
            EXPECT_EQ(t[1], 20);
            EXPECT_EQ(t[3], 255) << "saturated";
        } else {
            EXPECT_EQ(t[0] | t[1] | t[2] | t[3], 0) << "lane " << x << " was off";
        }
    }
}

// 16 x 16 texels of level 0, below it level 1, to its right level 2, and level 3 below that.
TEST_F(TypedWrite, MipLevelsHaveTheirPlaces)
{
    const struct { unsigned x, y; } at[4] = {{0, 0}, {0, 16}, {8, 16}, {8, 20}};
    std::vector<uint32_t> zero(8, 0), one(8, 1), two(8, 2);

    for (uint32_t level = 0; level < 4; level++) {
        std::vector<uint32_t> lod(8, level), data(8, 0x100 + level);
        auto coordinate = parse(SurfaceState(1, 0xd7, kImageVa, 16, 16).pitch(128).mips(4));
        auto inState = parse(SurfaceState(1, 0xd7, kImageVa, 16, 16).pitch(128).mips(4, level));
        const uint32_t *row = reinterpret_cast<uint32_t *>(
            bytes(kImageVa + (at[level].y + 1) * 128 + at[level].x * 4));

        ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), coordinate, nullptr, {zero, one, zero, lod, data},
                       8, 0, 1), IMAGE_OK);
        EXPECT_EQ(row[0], 0x100 + level);
        ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), inState, nullptr, {one, one, data}, 8, 0, 1),
                  IMAGE_OK);
        EXPECT_EQ(row[1], 0x100 + level);
        EXPECT_EQ(row[2], 0u);
    }
    // Behind the last level, and outside of one.
    auto s = parse(SurfaceState(1, 0xd7, kImageVa, 16, 16).pitch(128).mips(4));
    std::vector<uint32_t> four(8, 4), three(8, 3), data(8, 0x77);
    ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), s, nullptr, {zero, zero, zero, four, data}, 8, 0, 1),
              IMAGE_OK);
    ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), s, nullptr, {two, zero, zero, three, data}, 8, 0, 1),
              IMAGE_OK);
    for (unsigned i = 0; i < 8192; i += 4)
        ASSERT_NE(*reinterpret_cast<uint32_t *>(bytes(kImageVa + i)), 0x77u) << i;
}

TEST_F(TypedWrite, OutOfBoundsGoesNowhere)
{
    auto s = parse(SurfaceState(1, 0xd7, kImageVa, 4, 4).pitch(16));
    memset(bytes(kImageVa), 0x77, 256);
    std::vector<uint32_t> zero(8, 0), y = {0, 1, 2, 3, 4, 5, 0xffffffff, 0};
    std::vector<uint32_t> x = {0, 0, 0, 0, 0, 0, 0, 4};
    ASSERT_EQ(send(Kind::Typed, desc(13), s, nullptr, {x, y, zero, zero, zero, zero}, 8, 0, 0xff), IMAGE_OK);
    for (unsigned i = 0; i < 256; i++)
        EXPECT_EQ(*bytes(kImageVa + i), i % 16 < 4 && i < 64 ? 0 : 0x77) << i;
}

TEST_F(TypedWrite, ThreeCoordinatesAndHighSlots)
{
    auto s = parse(SurfaceState(2, 0xd7, kImageVa, 8, 4, 4).pitch(64).qpitch(4));
    std::vector<uint32_t> one(8, 1), two(8, 2), data(8, 0x1234);
    // Instruction of 16 lanes, the high eight of them: bit 9 is the payload's lane 1.
    ASSERT_EQ(send(Kind::Typed, desc(13, 0xe, 2), s, nullptr, {kLanes, one, two, data}, 8, 0, 0x0200),
              IMAGE_OK);
    uint32_t *row = reinterpret_cast<uint32_t *>(bytes(kImageVa + (2 * 4 + 1) * 64));
    EXPECT_EQ(row[0], 0u);
    EXPECT_EQ(row[1], 0x1234u);
}

TEST_F(TypedWrite, FaultNamesTheLane)
{
    auto s = parse(SurfaceState(4, 0xd7, kImageVa + kImageBytes - 8, 8).pitch(4));
    s.width = 8;
    std::vector<uint32_t> data(8, 5);
    ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), s, nullptr, {kLanes, data}, 8, 0, 0xff), IMAGE_FAULT);
    EXPECT_EQ(env.lane, 2);
    EXPECT_EQ(env.fault.va, kImageVa + kImageBytes);
    EXPECT_EQ(env.fault.access, MMU_WRITE);
}

TEST_F(TypedWrite, TexelsMayCrossPages)
{
    auto s = parse(SurfaceState(4, 0x002, kImageVa + 4096 - 8, 8).pitch(16));
    s.width = 2;
    std::vector<uint32_t> u(8, 0), r(8, 1), g(8, 2), b(8, 3), a(8, 4);
    ASSERT_EQ(send(Kind::Typed, desc(13), s, nullptr, {u, r, g, b, a}, 8, 0, 1), IMAGE_OK);
    uint32_t got[4];
    memcpy(got, bytes(kImageVa + 4096 - 8), 16);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(got[i], i + 1);
}

TEST_F(TypedWrite, ErrorsAreTold)
{
    auto srgb = parse(SurfaceState(1, 0xc8, kImageVa, 8, 8).pitch(32));
    std::vector<std::vector<uint32_t>> six(6, kLanes);
    EXPECT_EQ(send(Kind::Typed, desc(13), srgb, nullptr, six, 8, 0, 1), IMAGE_ERROR);
    auto s = parse(SurfaceState(1, 0xcb, kImageVa, 8, 8).pitch(32));
    EXPECT_EQ(send(Kind::Typed, desc(13, 0, 0), s, nullptr, six, 8, 0, 1), IMAGE_ERROR);
    EXPECT_EQ(send(Kind::Typed, desc(13), s, nullptr, {kLanes, kLanes, kLanes, kLanes}, 8, 0, 1),
              IMAGE_ERROR);
    EXPECT_EQ(send(Kind::Typed, desc(6), s, nullptr, six, 8, 0, 1), IMAGE_ERROR);
    EXPECT_GT(strlen(env.error), 0u);
}

TEST_F(TypedRead, ConvertsAndFillsMissingChannels)
{
    auto s = parse(SurfaceState(1, 0x106, kImageVa, 8, 8).pitch(16));
    for (unsigned i = 0; i < 8; i++) {
        bytes(kImageVa + 16)[2 * i] = static_cast<uint8_t>(i * 51 % 256);
        bytes(kImageVa + 16)[2 * i + 1] = 255;
    }
    std::vector<uint32_t> v = {1, 1, 1, 1, 1, 1, 8, 1};
    ASSERT_EQ(send(Kind::Typed, desc(5), s, nullptr, {kLanes, v}, 8, 4, 0x7f), IMAGE_OK);
    EXPECT_EQ(floatOf(out[1]), 0.2f);
    EXPECT_EQ(floatOf(out[8 + 1]), 1.0f);
    EXPECT_EQ(floatOf(out[16 + 1]), 0.0f);
    EXPECT_EQ(floatOf(out[24 + 1]), 1.0f);
    EXPECT_EQ(out[6], 0u) << "out of bounds";
    EXPECT_EQ(out[24 + 6], 0u);
    EXPECT_EQ(out[7], kUntouched) << "lane 7 was off";
}

TEST_F(TypedRead, NullSurfaceReadsZero)
{
    auto s = parse(SurfaceState(7, 0, 0, 1));
    ASSERT_EQ(send(Kind::Typed, desc(5, 0xc), s, nullptr, {kLanes}, 8, 2, 0xff), IMAGE_OK);
    for (uint32_t x : out)
        EXPECT_EQ(x, 0u);
    ASSERT_EQ(send(Kind::Typed, desc(13, 0xe), s, nullptr, {kLanes, kLanes}, 8, 0, 0xff), IMAGE_OK);
}

} // namespace
