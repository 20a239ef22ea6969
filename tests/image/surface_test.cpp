// SPDX-License-Identifier: MIT
// Surface states as Intel's compute runtime 22.43 writes them for DG1, and refusals.
#include "image_memory.hpp"
#include <gtest/gtest.h>

namespace
{

struct SurfaceTest : ::testing::Test, ImageMemory {
    image_surface parseRaw(const Dwords16 &dw)
    {
        image_surface s;
        parsed = image_surface_parse(dw.data(), &s, &why);
        return s;
    }
    uint64_t address(const image_surface &s, uint32_t u, uint32_t v, uint32_t r)
    {
        uint32_t coord[3] = {u, v, r};
        uint64_t va = 0;
        EXPECT_TRUE(image_texel_address(&s, coord, &va));
        return va;
    }
};
using RuntimeState = SurfaceTest;
using Refused = SurfaceTest;
using Address = SurfaceTest;

TEST_F(RuntimeState, Image1DArray)
{
    // 1239 texels, 5 elements, RGBA8: elements follow each other after 1280 texels.
    auto s = parseRaw({0x131d4000, 0x0a000140, 0x000004d6, 0x008013ff, 0x00000200, 0, 0, 0x09770000,
                       0xc2f60000, 0x00007f02});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(s.type, IMAGE_1D);
    EXPECT_TRUE(s.array);
    EXPECT_EQ(s.width, 1239u);
    EXPECT_EQ(s.depth, 5u);
    EXPECT_EQ(s.tiling, TILING_LINEAR);
    EXPECT_EQ(image_texel_bytes(&s), 4u);
    EXPECT_EQ(address(s, 7, 2, 0), 0x7f02c2f60000 + 2 * 5120 + 28);
}

TEST_F(RuntimeState, Image2DSingleChannelFloat)
{
    auto s = parseRaw({0x23617000, 0x0a000000, 0x002004d8, 0x0000137f, 0, 0, 0, 0x08070000, 0xc2f00000,
                       0x00007f02});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(s.width, 1241u);
    EXPECT_EQ(s.height, 33u);
    EXPECT_EQ(s.depth, 1u);
    EXPECT_EQ(s.tiling, TILING_Y);
    EXPECT_EQ(s.pitch, 0x1380u);
    EXPECT_EQ(s.select[0], 4);
    EXPECT_EQ(s.select[1], 0);
    EXPECT_EQ(s.select[2], 0);
    EXPECT_EQ(s.select[3], 7);
    EXPECT_EQ(address(s, 4, 1, 0), 0x7f02c2f00000u + 512 + 16);
    EXPECT_EQ(address(s, 0, 32, 0), 0x7f02c2f00000u + 32 * 0x1380);
}

TEST_F(RuntimeState, Image2DArrayAnd3D)
{
    auto s = parseRaw({0x32117000, 0x0a000009, 0x002004da, 0x004026ff, 0x00000100, 0, 0, 0x09770000,
                       0xc2db0000, 0x00007f02});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(s.depth, 3u);
    EXPECT_EQ(s.slice, 36u);
    EXPECT_EQ(address(s, 0, 28, 1), 0x7f02c2db0000u + 64 * 0x2700);
    s = parseRaw({0x433d7000, 0x0a000010, 0x002204dc, 0x00c0137f, 0x00000300, 0, 0, 0x09470000, 0xc2b70000,
                  0x00007f02});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(s.type, IMAGE_3D);
    EXPECT_EQ(s.depth, 7u);
    EXPECT_EQ(s.slice, 64u);
    EXPECT_EQ(address(s, 0, 0, 6), 0x7f02c2b70000u + 6 * 64 * 0x1380);
}

TEST_F(RuntimeState, Image1DBuffer)
{
    auto s = parseRaw({0x80014000, 0x0a000000, 0x00070067, 0x0000000f, 0, 0, 0, 0x09770000, 0xc29a0000,
                       0x00007f02});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(s.type, IMAGE_BUFFER);
    EXPECT_EQ(s.width, 1000u);
    EXPECT_EQ(address(s, 999, 12345, 6789), 0x7f02c29a0000u + 999 * 16);
    uint32_t coord[3] = {1000, 0, 0};
    uint64_t va;
    EXPECT_FALSE(image_texel_address(&s, coord, &va));
}

TEST_F(Address, BoundsOfEveryAxis)
{
    auto s = parse(SurfaceState(1, 0xd8, kImageVa, 10, 20, 3).pitch(64).qpitch(20).array());
    ASSERT_TRUE(parsed);
    uint64_t va;
    for (auto [u, v, r, inside] : {std::tuple{9u, 19u, 2u, true}, {10u, 0u, 0u, false},
                                   {0u, 20u, 0u, false}, {0u, 0u, 3u, false},
                                   {0xffffffffu, 0u, 0u, false}}) {
        uint32_t coord[3] = {u, v, r};
        EXPECT_EQ(image_texel_address(&s, coord, &va), inside);
    }
}

TEST_F(Address, OffsetsAndMinimumElement)
{
    SurfaceState state(1, 0xd8, kImageVa, 10, 20, 3);
    state.pitch(64).qpitch(20).array();
    state.dw[4] = 5u << 18;
    state.dw[5] = 1u << 25 | 1u << 21;
    auto s = parse(state);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(address(s, 1, 2, 1), kImageVa + (6 * 20 + 2 + 4) * 64 + (1 + 4) * 4);
}

TEST_F(Refused, WhatIsNotModelled)
{
    const SurfaceState good(1, 0xd8, kImageVa, 10, 20);
    struct Case {
        unsigned dw;
        uint32_t bits;
    };
    for (Case c : {Case{0, 1u << 29 | 1u << 30}, // cube
                   Case{0, 1u << 12},            // W tiles
                   Case{0, 1u << 11},            // interlaced
                   Case{0, 0x120u << 18},        // no such format
                   Case{4, 1u << 3},             // multisampled
                   Case{5, 1u << 18},            // Yf
                   Case{6, 5}}) {                // compressed
        SurfaceState bad = good;
        bad.pitch(64);
        bad.dw[c.dw] |= c.bits;
        parse(bad);
        EXPECT_FALSE(parsed) << "dword " << c.dw << " bits " << c.bits;
        EXPECT_NE(why, nullptr);
    }
    parse(SurfaceState(1, 0xd8, kImageVa + 64, 10, 20).pitch(128).tiled(3));
    EXPECT_FALSE(parsed);
    parse(SurfaceState(1, 0xd8, kImageVa, 10, 20).pitch(64).tiled(3));
    EXPECT_FALSE(parsed);
    parse(SurfaceState(7, 0x1ff, 0, 1));
    EXPECT_TRUE(parsed) << "null surfaces have no format";
}

} // namespace
