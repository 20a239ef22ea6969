// SPDX-License-Identifier: MIT
#include "copy_engine.hpp"
#include <gtest/gtest.h>
#include <random>
#include <sys/time.h>

namespace
{

constexpr uint64_t kA = 0x100000000, kB = 0x200000000; // mapped: A to LMEM, B to guest RAM
constexpr uint64_t kSize = 4ull << 20;

struct BltTest : ::testing::Test, CopyEngine {
    BltTest()
    {
        mapRange(kA, 32ull << 20, kSize, true);
        mapRange(kB, kRamBase, kSize, false);
        std::mt19937 random(1);
        for (uint64_t i = 0; i < kSize; i++) {
            a()[i] = static_cast<uint8_t>(random());
            b()[i] = static_cast<uint8_t>(random());
        }
        a_before.assign(a(), a() + kSize);
        b_before.assign(b(), b() + kSize);
    }
    uint8_t *a() { return mem_lmem(mem) + (32ull << 20); }
    uint8_t *b() { return ram.data(); }
    std::vector<uint8_t> a_before, b_before;
};
using FastCopy = BltTest;
using BlockCopy = BltTest;
using SrcCopy = BltTest;
using Color = BltTest;
using Command = BltTest;

uint32_t lo(uint64_t v) { return static_cast<uint32_t>(v); }
uint32_t hi(uint64_t v) { return static_cast<uint32_t>(v >> 32); }
uint32_t xy(int x, int y) { return static_cast<uint32_t>(y) << 16 | (static_cast<uint32_t>(x) & 0xffff); }

struct Surface {
    uint64_t base;
    int pitch; // bytes
    int x, y;
    tiling tile = TILING_LINEAR;
};

uint32_t fieldPitch(const Surface &s)
{
    return static_cast<uint32_t>(s.tile == TILING_LINEAR ? s.pitch : s.pitch / 4) & 0xffff;
}

std::vector<uint32_t> fastCopy(const Surface &d, const Surface &s, int w, int h, uint32_t depth)
{
    return {0x50800008u | static_cast<uint32_t>(s.tile) << 20 | static_cast<uint32_t>(d.tile) << 13,
            depth << 24 | fieldPitch(d),
            xy(d.x, d.y),
            xy(d.x + w, d.y + h),
            lo(d.base),
            hi(d.base),
            xy(s.x, s.y),
            fieldPitch(s),
            lo(s.base),
            hi(s.base)};
}

std::vector<uint32_t> srcCopy(const Surface &d, const Surface &s, int w, int h, uint32_t depth,
                              uint32_t rop = 0xcc, uint32_t mask = 3)
{
    return {0x54c00008u | mask << 20 | (s.tile ? 1u << 15 : 0) | (d.tile ? 1u << 11 : 0),
            depth << 24 | rop << 16 | fieldPitch(d),
            xy(d.x, d.y),
            xy(d.x + w, d.y + h),
            lo(d.base),
            hi(d.base),
            xy(s.x, s.y),
            fieldPitch(s),
            lo(s.base),
            hi(s.base)};
}

std::vector<uint32_t> blockCopy(const Surface &d, const Surface &s, int w, int h, uint32_t depth)
{
    auto pitch = [](const Surface &f) {
        return static_cast<uint32_t>((f.tile ? f.pitch / 4 : f.pitch) - 1) | (f.tile ? 1u << 30 : 0);
    };
    return {0x5040000au | depth << 19, pitch(d), xy(d.x, d.y), xy(d.x + w, d.y + h), lo(d.base),
            hi(d.base), 0, xy(s.x, s.y), pitch(s), lo(s.base), hi(s.base), 0};
}

std::vector<uint32_t> colorBlt(const Surface &d, int w, int h, uint32_t depth, uint32_t color,
                               uint32_t rop = 0xf0, uint32_t mask = 3)
{
    return {0x54000005u | mask << 20 | (d.tile ? 1u << 11 : 0),
            depth << 24 | rop << 16 | fieldPitch(d),
            xy(d.x, d.y),
            xy(d.x + w, d.y + h),
            lo(d.base),
            hi(d.base),
            color};
}

// What a copy must have done, byte by byte, the slow way.
void expectCopy(const uint8_t *dst, const std::vector<uint8_t> &dst_before, const Surface &d,
                const std::vector<uint8_t> &src, const Surface &s, int w, int h, int pixel)
{
    std::vector<uint8_t> want = dst_before;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w * pixel; x++)
            want[static_cast<size_t>(tiling_offset(d.tile, d.pitch, d.x * pixel + x, d.y + y))] =
                src[static_cast<size_t>(tiling_offset(s.tile, s.pitch, s.x * pixel + x, s.y + y))];
    ASSERT_EQ(memcmp(dst, want.data(), want.size()), 0);
}

TEST_F(FastCopy, AsTheMigrateEngineCopies)
{
    // 64 pages of 1024 dwords.
    Surface d{kB, 4096, 0, 0}, s{kA, 4096, 0, 0};
    ASSERT_EQ(run(fastCopy(d, s, 1024, 64, 3)), CS_DONE);
    expectCopy(b(), b_before, d, a_before, s, 1024, 64, 4);
}

TEST_F(FastCopy, EveryDepthAndTiling)
{
    const uint32_t depths[][2] = {{0, 1}, {1, 2}, {3, 4}, {4, 8}, {5, 16}};
    for (auto [code, pixel] : depths)
        for (tiling dt : {TILING_LINEAR, TILING_X, TILING_Y})
            for (tiling st : {TILING_LINEAR, TILING_X, TILING_Y}) {
                b_before.assign(b(), b() + kSize);
                Surface d{kB, 2048, 5, 9, dt}, s{kA, 4096, 3, 40, st};
                int p = static_cast<int>(pixel);
                ASSERT_EQ(run(fastCopy(d, s, 100, 77, code)), CS_DONE);
                expectCopy(b(), b_before, d, a_before, s, 100, 77, p);
            }
}

TEST_F(FastCopy, UnalignedLinear)
{
    Surface d{kB + 4093, 333, 0, 0}, s{kA + 17, 777, 0, 0};
    ASSERT_EQ(run(fastCopy(d, s, 201, 50, 0)), CS_DONE);
    std::vector<uint8_t> want = b_before;
    for (int y = 0; y < 50; y++)
        memcpy(&want[4093u + 333u * static_cast<unsigned>(y)],
               &a_before[17u + 777u * static_cast<unsigned>(y)], 201);
    EXPECT_EQ(memcmp(b(), want.data(), want.size()), 0);
}

TEST_F(FastCopy, UnsupportedModesAreErrors)
{
    Surface d{kB, 4096, 0, 0}, s{kA, 4096, 0, 0};
    auto dw = fastCopy(d, s, 8, 8, 2);
    EXPECT_EQ(run(dw), CS_ERROR);
    dw = fastCopy(d, s, 8, 8, 3);
    dw[0] |= 3u << 20; // 64 KiB tiles
    EXPECT_EQ(run(dw), CS_ERROR);
    dw = fastCopy({kB, 4096, 0, 0, TILING_Y}, s, 8, 8, 3);
    dw[1] |= 1u << 30; // Yf
    EXPECT_EQ(run(dw), CS_ERROR);
    EXPECT_EQ(run(fastCopy({kB + 64, 4096, 0, 0, TILING_Y}, s, 8, 8, 3)), CS_ERROR);
    EXPECT_EQ(run(fastCopy({kB, 4096 + 64, 0, 0, TILING_Y}, s, 8, 8, 3)), CS_ERROR);
    EXPECT_EQ(errors.size(), 5u);
    EXPECT_EQ(memcmp(b(), b_before.data(), kSize), 0);
}

TEST_F(BlockCopy, AsTheComputeRuntimeCopies)
{
    // The command of the Level Zero capture: 4096 bytes in one row, with these addresses instead.
    Surface d{kB + 100, 4096, 0, 0}, s{kA + 4000, 4096, 0, 0};
    auto dw = blockCopy(d, s, 4096, 1, 0);
    EXPECT_EQ(dw[0], 0x5040000au);
    EXPECT_EQ(dw[1], 0x00000fffu);
    EXPECT_EQ(dw[3], 0x00011000u);
    ASSERT_EQ(run(dw), CS_DONE);
    EXPECT_EQ(memcmp(b() + 100, a() + 4000, 4096), 0);
    EXPECT_EQ(memcmp(b(), b_before.data(), 100), 0);
    EXPECT_EQ(memcmp(b() + 4196, &b_before[4196], 100), 0);
}

TEST_F(BlockCopy, EveryDepthLinearAndY)
{
    const uint32_t depths[][2] = {{0, 1}, {1, 2}, {2, 4}, {3, 8}, {4, 12}, {5, 16}};
    for (auto [code, pixel] : depths)
        for (tiling dt : {TILING_LINEAR, TILING_Y})
            for (tiling st : {TILING_LINEAR, TILING_Y}) {
                Surface d{kB, 2048, 3, 4, dt}, s{kA, 4096, 5, 6, st};
                if (pixel == 12 && (dt || st)) {
                    EXPECT_EQ(run(blockCopy(d, s, 33, 40, code)), CS_ERROR);
                    continue;
                }
                b_before.assign(b(), b() + kSize);
                ASSERT_EQ(run(blockCopy(d, s, 33, 40, code)), CS_DONE);
                expectCopy(b(), b_before, d, a_before, s, 33, 40, static_cast<int>(pixel));
            }
}

TEST_F(BlockCopy, OffsetsMoveTheRectangles)
{
    Surface d{kB, 2048, 3, 4}, s{kA, 2048, 5, 6};
    auto dw = blockCopy(d, s, 20, 20, 2);
    dw[6] = 7 | 9u << 16;
    dw[11] = 1 | 2u << 16;
    ASSERT_EQ(run(dw), CS_DONE);
    expectCopy(b(), b_before, {kB, 2048, 10, 13}, a_before, {kA, 2048, 6, 8}, 20, 20, 4);
}

TEST_F(BlockCopy, OverlapMovesAsIfThroughACopy)
{
    for (int dy : {-3, 0, 3})
        for (int dx : {-5, 5}) {
            b_before.assign(b(), b() + kSize);
            Surface d{kB, 1024, 40 + dx, 40 + dy}, s{kB, 1024, 40, 40};
            ASSERT_EQ(run(blockCopy(d, s, 100, 60, 2)), CS_DONE);
            expectCopy(b(), b_before, d, b_before, s, 100, 60, 4);
        }
}

TEST_F(SrcCopy, TilesAreXUnlessTheRegisterSaysY)
{
    for (uint32_t bits = 0; bits < 4; bits++) {
        b_before.assign(b(), b() + kSize);
        swctrl = bits;
        Surface d{kB, 2048, 8, 8, bits & 2 ? TILING_Y : TILING_X};
        Surface s{kA, 2048, 1, 2, bits & 1 ? TILING_Y : TILING_X};
        ASSERT_EQ(run(srcCopy(d, s, 64, 40, 3)), CS_DONE);
        expectCopy(b(), b_before, d, a_before, s, 64, 40, 4);
    }
}

TEST_F(SrcCopy, NegativePitchFlips)
{
    Surface s{kA + 4096ull * 9, -4096, 0, 0};
    ASSERT_EQ(run(srcCopy({kB, 4096, 0, 0}, s, 16, 10, 3)), CS_DONE);
    for (unsigned y = 0; y < 10; y++)
        EXPECT_EQ(memcmp(b() + 4096 * y, a() + 4096 * (9 - y), 64), 0);
}

TEST_F(SrcCopy, RasterOperations)
{
    // Invert, and, or, xor, nor, destination, black, white: known by their truth tables.
    const std::pair<uint32_t, uint8_t (*)(uint8_t, uint8_t)> ops[] = {
        {0x33, [](uint8_t s, uint8_t) { return static_cast<uint8_t>(~s); }},
        {0x88, [](uint8_t s, uint8_t d) { return static_cast<uint8_t>(s & d); }},
        {0xee, [](uint8_t s, uint8_t d) { return static_cast<uint8_t>(s | d); }},
        {0x66, [](uint8_t s, uint8_t d) { return static_cast<uint8_t>(s ^ d); }},
        {0x11, [](uint8_t s, uint8_t d) { return static_cast<uint8_t>(~(s | d)); }},
        {0xaa, [](uint8_t, uint8_t d) { return d; }},
        {0x00, [](uint8_t, uint8_t) { return uint8_t{0}; }},
        {0xff, [](uint8_t, uint8_t) { return uint8_t{255}; }},
    };
    for (auto [rop, f] : ops) {
        b_before.assign(b(), b() + kSize);
        ASSERT_EQ(run(srcCopy({kB, 512, 0, 0}, {kA, 512, 0, 0}, 128, 8, 3, rop)), CS_DONE);
        for (unsigned i = 0; i < 512 * 8; i++)
            ASSERT_EQ(b()[i], f(a_before[i], b_before[i])) << "rop " << rop << " byte " << i;
    }
}

TEST_F(SrcCopy, WriteMasksKeepChannels)
{
    for (uint32_t mask = 0; mask < 4; mask++) {
        b_before.assign(b(), b() + kSize);
        ASSERT_EQ(run(srcCopy({kB, 64, 0, 0}, {kA, 64, 0, 0}, 16, 1, 3, 0xcc, mask)), CS_DONE);
        for (unsigned i = 0; i < 64; i++) {
            bool written = i % 4 == 3 ? mask & 2 : mask & 1;
            EXPECT_EQ(b()[i], written ? a_before[i] : b_before[i]);
        }
    }
}

TEST_F(Color, AsTheMigrateEngineClears)
{
    ASSERT_EQ(run(colorBlt({kB, 4096, 0, 0}, 1024, 16, 3, 0xdeadbeef)), CS_DONE);
    for (unsigned i = 0; i < 16 * 1024; i++)
        ASSERT_EQ(reinterpret_cast<uint32_t *>(b())[i], 0xdeadbeefu);
    EXPECT_EQ(memcmp(b() + 65536, &b_before[65536], 4096), 0);
}

TEST_F(Color, MisalignedPatternStaysInStep)
{
    ASSERT_EQ(run(colorBlt({kB + 4095, 3000, 1, 0}, 700, 3, 3, 0x04030201)), CS_DONE);
    for (unsigned y = 0; y < 3; y++)
        for (unsigned i = 0; i < 2800; i++)
            ASSERT_EQ(b()[4095 + 4 + y * 3000 + i], 1 + i % 4);
}

TEST_F(Color, PatternRasterOperations)
{
    ASSERT_EQ(run(colorBlt({kB, 64, 0, 0}, 16, 1, 3, 0x0f0f0f0f, 0x5a)), CS_DONE); // P xor D
    for (unsigned i = 0; i < 64; i++)
        EXPECT_EQ(b()[i], b_before[i] ^ 0x0f);
}

TEST_F(Color, FastColorEveryDepth)
{
    const uint32_t depths[][2] = {{0, 1}, {1, 2}, {2, 4}, {3, 8}, {4, 12}, {5, 16}};
    for (auto [code, pixel] : depths) {
        std::vector<uint32_t> dw = {0x51000009u | code << 19, 2047, xy(2, 3), xy(52, 9), lo(kB), hi(kB),
                                    0, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c};
        b_before.assign(b(), b() + kSize);
        ASSERT_EQ(run(dw), CS_DONE);
        for (unsigned y = 0; y < 12; y++)
            for (unsigned x = 0; x < 1000; x++) {
                bool inside = y >= 3 && y < 9 && x >= 2 * pixel && x < 52 * pixel;
                ASSERT_EQ(b()[y * 2048 + x], inside ? x % pixel : b_before[y * 2048 + x]);
            }
    }
}

TEST_F(Command, EmptyRectanglesDoNothing)
{
    EXPECT_EQ(run(fastCopy({kB, 4096, 8, 8}, {kA, 4096, 0, 0}, 0, 5, 3)), CS_DONE);
    EXPECT_EQ(run(fastCopy({kB, 4096, 8, 8}, {kA, 4096, 0, 0}, 5, -3, 3)), CS_DONE);
    EXPECT_EQ(memcmp(b(), b_before.data(), kSize), 0);
}

TEST_F(Command, FaultsAreReportedWithAddress)
{
    EXPECT_EQ(run(fastCopy({kB, 4096, 0, 0}, {0x300000000, 4096, 0, 0}, 8, 8, 3)), CS_ERROR);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_EQ(faults[0].va, 0x300000000u);
    EXPECT_EQ(faults[0].access, MMU_READ);
    EXPECT_EQ(run(colorBlt({kB + kSize - 4096, 4096, 0, 0}, 1024, 2, 3, 0)), CS_ERROR);
    ASSERT_EQ(faults.size(), 2u);
    EXPECT_EQ(faults[1].va, kB + kSize);
    EXPECT_EQ(faults[1].access, MMU_WRITE);
}

TEST_F(Command, IllegalAndShortOnesAreErrors)
{
    EXPECT_EQ(run({0x56800008, 0, 0, 0, 0, 0, 0, 0, 0, 0}), CS_ERROR); // MEM_COPY: not on Gen12.10
    auto dw = fastCopy({kB, 4096, 0, 0}, {kA, 4096, 0, 0}, 8, 8, 3);
    dw.pop_back();
    EXPECT_EQ(run(dw), CS_ERROR);
    EXPECT_EQ(blt_execute(&env, dw.data(), 0), CS_ERROR);
    auto clipped = srcCopy({kB, 4096, 0, 0}, {kA, 4096, 0, 0}, 8, 8, 3);
    clipped[1] |= 1u << 30;
    EXPECT_EQ(run(clipped), CS_ERROR);
    EXPECT_EQ(errors.size(), 4u);
}

TEST_F(Command, ResetStopsAHugeBlit)
{
    // Pitch 0: 32767 rows of 131068 bytes, all over the same memory; many seconds of work.
    stop = CS_STOP_RESET;
    EXPECT_EQ(run(colorBlt({kB, 0, 0, 0}, 32767, 32767, 3, 0)), CS_STOPPED);
    stop = CS_STOP_PREEMPT;
    EXPECT_EQ(run(colorBlt({kB, 4096, 0, 0}, 1024, 1000, 3, 0)), CS_DONE);
}

} // namespace
