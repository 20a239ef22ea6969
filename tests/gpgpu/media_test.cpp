// SPDX-License-Identifier: MIT
// The media pipe on the host: block messages on 2D surfaces, MEDIA_OBJECT, older state commands.
#include "walk.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>

namespace
{
constexpr uint32_t Pitch = 64;
constexpr uint64_t SourceVa = BufferVa, TargetVa = BufferVa + 0x10000;
constexpr uint32_t MediaObject = 0x71000000, CurbeLoad = 0x70010002;
// RENDER_SURFACE_STATE, DG1 PRM vol 2d.
constexpr uint32_t Surface2d = 1u << 29, FormatR8Uint = 0x143, FormatR32Uint = 0xd7;
constexpr uint32_t SelectRgba = 4u << 25 | 5u << 22 | 6u << 19 | 7u << 16;

class Media : public testing::Test
{
  protected:
    Media()
    {
        for (uint32_t i = 0; i < 0x1000; i++)
            w.gpu.put(SourceVa + i, source(i % Pitch, i / Pitch));
    }

    static uint8_t source(uint32_t x, uint32_t y)
    {
        return uint8_t(x + 3 * y + 1);
    }

    uint8_t target(uint32_t x, uint32_t y) const
    {
        return w.gpu.get<uint8_t>(TargetVa + y * Pitch + x);
    }

    // The width counts doublewords, whatever the format.
    void image(unsigned bti, uint64_t va, uint32_t width, uint32_t height, uint32_t format)
    {
        w.surface(bti, va, 4); // its place in the binding table
        const uint32_t state[16] = {Surface2d | format << 18 | 1u << 16 | 1u << 14,
                                    0,
                                    (height - 1) << 16 | (width - 1),
                                    Pitch - 1,
                                    0,
                                    0,
                                    0,
                                    SelectRgba,
                                    uint32_t(va),
                                    uint32_t(va >> 32)};
        w.gpu.write(SurfaceHeap + 0x1000 + 64 * bti, state, sizeof(state));
    }

    // Reads a block of surface 0 and writes it to surface 1; 256 bytes pass through r30 to r37.
    static std::string copy(int fromX, int fromY, int toX, int toY, unsigned width, unsigned height)
    {
        unsigned pitch = 4;
        while (pitch < width)
            pitch *= 2;
        const unsigned regs = (pitch * height + 31) / 32;
        std::ostringstream s;
        auto header = [&](int x, int y) {
            s << "(W) mov (8|M0) r20.0<1>:ud 0:ud\n(W) mov (1|M0) r20.0<1>:d " << x
              << ":d\n(W) mov (1|M0) r20.1<1>:d " << y << ":d\n(W) mov (1|M0) r20.2<1>:ud "
              << ((height - 1) << 16 | (width - 1)) << ":ud\n";
        };
        header(fromX, fromY);
        s << std::hex << "(W) send.dc1 (16|M0) r30 r20 null 0x0 0x" << (0x02090000 | regs << 20)
          << "\n"
          << std::dec;
        header(toX, toY);
        s << std::hex << "(W) send.dc1 (16|M0) null r20 r30 0x" << regs * 0x40 << " 0x020a8001\n";
        return s.str();
    }

    Walk w;
};
} // namespace

TEST_F(Media, BlocksOfEveryShapeKeepTheirRows)
{
    image(0, SourceVa, 16, 64, FormatR8Uint);
    image(1, TargetVa, 16, 64, FormatR8Uint);
    for (unsigned width : {1, 3, 4, 8, 12, 16, 20, 32, 64})
        for (unsigned height : {1, 2, 4}) {
            for (uint32_t i = 0; i < 0x1000; i++)
                w.gpu.put(TargetVa + i, uint8_t(0xee));
            w.program(copy(0, 5, 0, 7, width, height));
            ASSERT_EQ(w.run(Shape()), Machine::Done) << w.gpu.lastError();
            for (uint32_t y = 0; y < 16; y++)
                for (uint32_t x = 0; x < 64; x++) {
                    const bool in = y >= 7 && y < 7 + height && x < width;
                    ASSERT_EQ(target(x, y), in ? source(x, y - 2) : 0xee)
                        << width << "x" << height << " at " << x << "," << y;
                }
        }
}

TEST_F(Media, OutsideReadsTheEdgeAndTakesNoWrite)
{
    image(0, SourceVa, 4, 8, FormatR8Uint);
    image(1, TargetVa, 4, 8, FormatR8Uint);
    w.program(copy(-4, -2, 0, 0, 16, 4) + copy(12, 6, 8, 4, 16, 4));
    ASSERT_EQ(w.run(Shape()), Machine::Done) << w.gpu.lastError();
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 16; x++)
            EXPECT_EQ(target(x, y), source(std::max(x - 4, 0), std::max(y - 2, 0)));
    for (int y = 4; y < 9; y++)
        for (int x = 8; x < 32; x++)
            EXPECT_EQ(target(x, y),
                      x < 16 && y < 8 ? source(std::min(x + 4, 15), std::min(y + 2, 7)) : 0);
}

TEST_F(Media, LargerTexelsCountInBytes)
{
    image(0, SourceVa, 4, 8, FormatR32Uint); // 16 bytes wide
    image(1, TargetVa, 16, 8, FormatR32Uint);
    w.program(copy(8, 0, 4, 1, 16, 2));
    ASSERT_EQ(w.run(Shape()), Machine::Done) << w.gpu.lastError();
    for (uint32_t x = 0; x < 16; x++)
        EXPECT_EQ(target(4 + x, 1), source(x < 8 ? 8 + x : 12 + x % 4, 0));
}

TEST_F(Media, BadBlocksAreErrors)
{
    image(0, SourceVa, 16, 64, FormatR8Uint);
    image(1, TargetVa, 64, 64, FormatR32Uint);
    w.program(copy(0, 0, 2, 0, 16, 1)); // a third of a texel
    EXPECT_EQ(w.run(Shape()), Machine::Error);
    w.program("(W) mov (8|M0) r20.0<1>:ud 0x3f003f:ud\n"
              "(W) send.dc1 (16|M0) r30 r20 null 0x0 0x02890000\n"); // 64 x 64 bytes
    EXPECT_EQ(w.run(Shape()), Machine::Error);
    w.surface(0, BufferVa, 0x100);
    w.program(copy(0, 0, 0, 0, 16, 1));
    EXPECT_EQ(w.run(Shape()), Machine::Error);
}

TEST_F(Media, ObjectsGetConstantsIndirectAndInlineData)
{
    w.surface(0, BufferVa, 0x1000);
    // r1 constants, r2 indirect data, r3 inline data: their sums, each lane to dword "lane".
    w.program("(W) add (8|M0) r12.0<1>:ud r1.0<8;8,1>:ud r2.0<8;8,1>:ud\n"
              "(W) add (8|M0) r12.0<1>:ud r12.0<8;8,1>:ud r3.0<8;8,1>:ud\n"
              "(W) mov (8|M0) r10.0<1>:uw 0x76543210:uv\n"
              "(W) shl (8|M0) r11.0<1>:ud r10.0<8;8,1>:uw 2:uw\n"
              "(W) send.dc1 (8|M0) null r11 r12 0x40 0x02026E00\n");
    w.prepare(Shape()); // descriptor 0: one register of constants
    const uint32_t curbe = 0x2000, indirect = 0x800;
    for (uint32_t i = 0; i < 8; i++) {
        w.gpu.put(DynamicHeap + curbe + 4 * i, 100 * i);
        w.gpu.put(IndirectHeap + indirect + 4 * i, 10000 + i);
    }
    ASSERT_EQ(w.gpu.execute({CurbeLoad, 0, 64, curbe}), Machine::Done);
    std::vector<uint32_t> object = {MediaObject | 6, 0, 32, indirect, 0, 0, 1000000, 2000000};
    ASSERT_EQ(w.gpu.execute(object), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(0), 1010000u);
    EXPECT_EQ(w.result(1), 2010101u);
    EXPECT_EQ(w.result(7), 10707u);

    object[2] |= 1u << 31; // would spawn children
    EXPECT_EQ(w.gpu.execute(object), Machine::Error);
    object[2] = 200 * 32; // more than the registers hold
    EXPECT_EQ(w.gpu.execute(object), Machine::Error);
    EXPECT_EQ(w.gpu.execute({MediaObject, 0, 0}), Machine::Error);
}

TEST_F(Media, ShortStateBaseAddressLeavesBindlessBasesAlone)
{
    std::vector<uint32_t> bases(19);
    bases[0] = 0x61010011;
    bases[4] = uint32_t(SurfaceHeap) | 1;
    EXPECT_EQ(w.gpu.execute(bases), Machine::Done) << w.gpu.lastError();
    bases.resize(16);
    bases[0] = 0x6101000e;
    EXPECT_EQ(w.gpu.execute(bases), Machine::Done) << w.gpu.lastError();
    bases.resize(15);
    EXPECT_EQ(w.gpu.execute(bases), Machine::Error);
}
