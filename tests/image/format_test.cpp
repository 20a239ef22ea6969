// SPDX-License-Identifier: MIT
#include "image_memory.hpp"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace
{

std::array<uint32_t, 4> decode(unsigned code, std::vector<uint8_t> bytes)
{
    bytes.resize(TEXEL_BYTES_MAX);
    std::array<uint32_t, 4> rgba{};
    image_format_decode(image_format_find(code), bytes.data(), rgba.data());
    return rgba;
}

std::vector<uint8_t> encode(unsigned code, std::array<uint32_t, 4> rgba, unsigned mask = 0xf,
                            uint8_t before = 0)
{
    const image_format *f = image_format_find(code);
    std::vector<uint8_t> bytes(f->bytes, before);
    image_format_encode(f, rgba.data(), mask, bytes.data());
    return bytes;
}

std::array<uint32_t, 4> floats(float r, float g, float b, float a)
{
    return {bitsOf(r), bitsOf(g), bitsOf(b), bitsOf(a)};
}

const std::array<uint32_t, 4> kOneAlpha = floats(0, 0, 0, 1);

TEST(Format, ChannelOrders)
{
    EXPECT_EQ(decode(0x0cb, {1, 2, 3, 4}), (std::array<uint32_t, 4>{1, 2, 3, 4}));
    EXPECT_EQ(decode(0x0c0, {0, 0, 255, 255}), floats(1, 0, 0, 1)); // BGRA
    EXPECT_EQ(decode(0x106, {255, 0}), floats(1, 0, 0, 1));
    EXPECT_EQ(decode(0x144, {255}), floats(0, 0, 0, 1));
    EXPECT_EQ(decode(0x146, {255}), floats(1, 1, 1, 1));
    EXPECT_EQ(decode(0x146, {0}), kOneAlpha);
    EXPECT_EQ(decode(0x145, {0}), floats(0, 0, 0, 0));
    EXPECT_EQ(decode(0x143, {9}), (std::array<uint32_t, 4>{9, 0, 0, 1})) << "integer one";
    EXPECT_EQ(decode(0x0e9, {255, 0, 0, 7}), floats(0, 0, 1, 1)) << "the X byte is not alpha";
}

TEST(Format, PackedOnes)
{
    EXPECT_EQ(decode(0x100, {0x00, 0xf8}), floats(1, 0, 0, 1)); // 565: red on top
    EXPECT_EQ(decode(0x100, {0xe0, 0x07}), floats(0, 1, 0, 1));
    EXPECT_EQ(decode(0x102, {0x1f, 0x80}), floats(0, 0, 1, 1));
    EXPECT_EQ(decode(0x0c4, {0xff, 0x03, 0x00, 0xc0}), (std::array<uint32_t, 4>{1023, 0, 0, 3}));
    // 11/11/10 floats: 1.0 has exponent 15.
    uint32_t one = 15u << 6 | 15u << (11 + 6) | 15u << (22 + 5);
    EXPECT_EQ(decode(0x0d3, {static_cast<uint8_t>(one), static_cast<uint8_t>(one >> 8),
                             static_cast<uint8_t>(one >> 16), static_cast<uint8_t>(one >> 24)}),
              floats(1, 1, 1, 1));
}

TEST(Format, SignedValues)
{
    EXPECT_EQ(decode(0x0ca, {0xff, 0x80, 0x7f, 0}),
              (std::array<uint32_t, 4>{0xffffffff, 0xffffff80, 0x7f, 0}));
    EXPECT_EQ(decode(0x0c9, {0x80, 0x81, 0x7f, 0}), floats(-1, -1, 1, 0)) << "-128 is -1 as well";
    EXPECT_EQ(decode(0x10c, {0x00, 0x80}), (std::array<uint32_t, 4>{0xffff8000, 0, 0, 1}));
}

TEST(Format, SrgbCurve)
{
    auto rgba = decode(0x0c8, {0, 188, 255, 128});
    EXPECT_EQ(rgba[0], 0u);
    EXPECT_NEAR(floatOf(rgba[1]), 0.50289, 1e-4);
    EXPECT_EQ(floatOf(rgba[2]), 1.0f);
    EXPECT_NEAR(floatOf(rgba[3]), 128 / 255.0, 1e-6) << "alpha is linear";
}

TEST(Format, EveryHalfSurvivesTheRoundTrip)
{
    for (unsigned h = 0; h < 65536; h++) {
        float f = image_half_to_float(static_cast<uint16_t>(h));
        if (std::isnan(f)) {
            EXPECT_GT(h & 0x3ff, 0u);
            EXPECT_EQ(h & 0x7c00, 0x7c00u);
            EXPECT_TRUE(std::isnan(image_half_to_float(image_float_to_half(f))));
            continue;
        }
        double want = (h & 0x7c00) == 0x7c00
                          ? std::numeric_limits<double>::infinity()
                          : std::ldexp((h & 0x3ff) + ((h & 0x7c00) ? 1024 : 0),
                                       std::max(1, static_cast<int>(h >> 10 & 31)) - 25);
        ASSERT_EQ(std::fabs(f), want);
        ASSERT_EQ(image_float_to_half(f), h);
    }
}

TEST(Format, HalfRoundsToNearestEven)
{
    // Between any two neighbouring halves: just below the middle down, above up, the middle to even.
    for (unsigned h = 0; h < 0x7bff; h++) {
        float low = image_half_to_float(static_cast<uint16_t>(h));
        float high = image_half_to_float(static_cast<uint16_t>(h + 1));
        float middle = (low + high) / 2; // exact
        ASSERT_EQ(image_float_to_half(middle), h & 1 ? h + 1 : h);
        ASSERT_EQ(image_float_to_half(std::nextafterf(middle, 0)), h);
        ASSERT_EQ(image_float_to_half(std::nextafterf(middle, 1e9f)), h + 1);
    }
    EXPECT_EQ(image_float_to_half(65519.0f), 0x7bff);
    EXPECT_EQ(image_float_to_half(65520.0f), 0x7c00);
    EXPECT_EQ(image_float_to_half(-1e30f), 0xfc00);
    EXPECT_EQ(image_float_to_half(1e-30f), 0);
}

TEST(Format, NormalizedWritesClampAndRound)
{
    EXPECT_EQ(encode(0x140, floats(1.5f, 0, 0, 0))[0], 255);
    EXPECT_EQ(encode(0x140, floats(-1, 0, 0, 0))[0], 0);
    EXPECT_EQ(encode(0x140, floats(NAN, 0, 0, 0))[0], 0);
    EXPECT_EQ(encode(0x140, floats(0.5f, 0, 0, 0))[0], 128) << "127.5 goes to even";
    EXPECT_EQ(encode(0x141, floats(-2, 0, 0, 0))[0], 0x81);
    EXPECT_EQ(encode(0x141, floats(0.25f, 0, 0, 0))[0], 32);
    for (unsigned i = 0; i < 256; i++) {
        EXPECT_EQ(encode(0x140, decode(0x140, {static_cast<uint8_t>(i)}))[0], i);
    }
    for (unsigned i = 0; i < 65536; i++) {
        std::vector<uint8_t> raw = {static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)};
        ASSERT_EQ(encode(0x10a, decode(0x10a, raw)), raw);
    }
}

TEST(Format, IntegerWritesSaturate)
{
    EXPECT_EQ(encode(0x143, {300, 0, 0, 0})[0], 255);
    EXPECT_EQ(encode(0x142, {300, 0, 0, 0})[0], 127);
    EXPECT_EQ(encode(0x142, {static_cast<uint32_t>(-300), 0, 0, 0})[0], 128);
    EXPECT_EQ(encode(0x0d6, {0x80000000, 0, 0, 0}), (std::vector<uint8_t>{0, 0, 0, 128}));
}

TEST(Format, MaskedWritesKeepTheRest)
{
    EXPECT_EQ(encode(0x0cb, {1, 2, 3, 4}, 0x5, 0xee), (std::vector<uint8_t>{1, 0xee, 3, 0xee}));
    EXPECT_EQ(encode(0x100, floats(0, 1, 0, 0), 0x2, 0xff), (std::vector<uint8_t>{0xff, 0xff}));
    EXPECT_EQ(encode(0x100, floats(0, 0, 0, 0), 0x2, 0xff), (std::vector<uint8_t>{0x1f, 0xf8}));
}

TEST(Format, SharedBitsTakeTheFirstChannel)
{
    EXPECT_EQ(encode(0x146, floats(1, 0, 0, 0))[0], 255);
    EXPECT_EQ(encode(0x145, floats(1, 0, 0, 0))[0], 255);
    EXPECT_EQ(encode(0x144, floats(1, 1, 1, 0))[0], 0);
}

// Whatever bits memory holds: decoded and encoded again, they are the same (NaNs aside).
TEST(Format, EveryFormatRoundTrips)
{
    unsigned formats = 0;
    for (unsigned code = 0; code < 0x200; code++) {
        const image_format *f = image_format_find(code);
        if (!f || f->kind == KIND_SRGB)
            continue;
        formats++;
        ASSERT_EQ(f->code, code);
        for (unsigned seed = 0; seed < 200; seed++) {
            std::vector<uint8_t> raw(f->bytes);
            uint32_t x = seed * 2654435761u + code;
            for (auto &b : raw) {
                x = x * 1664525 + 1013904223;
                b = static_cast<uint8_t>(x >> 24);
            }
            auto rgba = decode(code, raw);
            bool odd = false; // not-a-numbers and the most negative SNORM are not canonical
            for (unsigned c = 0; c < 4; c++)
                if (f->bits[c] && (f->kind == KIND_FLOAT ? std::isnan(floatOf(rgba[c]))
                                   : f->kind == KIND_SNORM && floatOf(rgba[c]) == -1.0f))
                    odd = true;
            if (!odd) {
                ASSERT_EQ(encode(code, rgba, 0xf), encode(code, decode(code, encode(code, rgba))))
                    << std::hex << code;
                std::vector<uint8_t> again(raw);
                image_format_encode(f, rgba.data(), 0xf, again.data());
                ASSERT_EQ(again, raw) << std::hex << code;
            }
        }
    }
    EXPECT_GT(formats, 60u);
}

} // namespace
