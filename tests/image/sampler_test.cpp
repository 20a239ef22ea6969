// SPDX-License-Identifier: MIT
// The sampler against the formulas of the OpenCL C specification, "Image addressing and
// filtering", evaluated in double precision.
#include "image_memory.hpp"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace
{

enum Mode { kWrap = 0, kMirror = 1, kClamp = 2, kBorder = 4 };

struct Rgba {
    double c[4];
};

// The specification's view of an image: texels, border colour outside.
struct Reference {
    int w, h, d;
    std::vector<Rgba> texels;
    Rgba border{};

    Rgba at(long x, long y, long z) const
    {
        if (x < 0 || y < 0 || z < 0 || x >= w || y >= h || z >= d)
            return border;
        return texels[static_cast<size_t>((z * h + y) * w + x)];
    }

    // Indices and weight along one axis.
    struct Axis {
        long i0, i1;
        double a;
    };
    static Axis axis(Mode mode, bool normalized, bool linear, float s, int size)
    {
        double u;
        long low = mode == kBorder ? -1 : 0, high = mode == kBorder ? size : size - 1;
        auto clamp = [&](double i) { return static_cast<long>(std::fmin(std::fmax(i, low), high)); };
        if (mode == kWrap) {
            u = (s - std::floor(s)) * size;
            if (!linear) {
                long i = static_cast<long>(std::floor(u));
                return {i > size - 1 ? i - size : i, 0, 0};
            }
            long i0 = static_cast<long>(std::floor(u - 0.5)), i1 = i0 + 1;
            double a = u - 0.5 - std::floor(u - 0.5);
            return {i0 < 0 ? i0 + size : i0, i1 > size - 1 ? i1 - size : i1, a};
        }
        if (mode == kMirror) {
            double t = 2.0 * std::rint(0.5 * s);
            u = std::fabs(s - t) * size;
            if (!linear)
                return {std::min(static_cast<long>(std::floor(u)), size - 1l), 0, 0};
            long i0 = static_cast<long>(std::floor(u - 0.5));
            double a = u - 0.5 - std::floor(u - 0.5);
            return {std::max(i0, 0l), std::min(i0 + 1, size - 1l), a};
        }
        u = normalized ? static_cast<double>(s) * size : s;
        if (!linear)
            return {clamp(std::floor(u)), 0, 0};
        double base = std::floor(u - 0.5);
        return {clamp(base), clamp(base + 1), u - 0.5 - base};
    }

    Rgba sample(Mode mode, bool normalized, bool linear, const float *s, int axes) const
    {
        const int size[3] = {w, h, d};
        Axis a[3] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
        for (int i = 0; i < axes; i++)
            a[i] = axis(mode, normalized, linear, s[i], size[i]);
        Rgba sum{};
        for (int corner = 0; corner < 8; corner++) {
            double weight = 1;
            long at3[3];
            for (int i = 0; i < 3; i++) {
                bool second = corner >> i & 1;
                weight *= second ? a[i].a : 1 - a[i].a;
                at3[i] = second ? a[i].i1 : a[i].i0;
            }
            if (weight == 0)
                continue;
            Rgba t = at(at3[0], at3[1], at3[2]);
            for (int c = 0; c < 4; c++)
                sum.c[c] += weight * t.c[c];
        }
        return sum;
    }
};

struct SamplerTest : ::testing::Test, ImageMemory {
    std::mt19937 random{7};

    // A float surface full of random texels, and what the reference knows about it.
    Reference fill(const image_surface &s)
    {
        Reference ref{static_cast<int>(s.width), static_cast<int>(s.height),
                      s.type == IMAGE_3D ? static_cast<int>(s.depth) : 1, {}, {{0, 0, 0, 0}}};
        for (uint32_t z = 0; z < s.depth; z++)
            for (uint32_t y = 0; y < s.height; y++)
                for (uint32_t x = 0; x < s.width; x++) {
                    uint32_t coord[3] = {x, s.type == IMAGE_1D ? z : y, z};
                    uint64_t va = 0;
                    EXPECT_TRUE(image_texel_address(&s, coord, &va));
                    float t[4];
                    for (float &c : t)
                        c = static_cast<float>(random() % 1000) / 100.0f;
                    memcpy(bytes(va), t, 16);
                    ref.texels.push_back({{t[0], t[1], t[2], t[3]}});
                }
        return ref;
    }
    float anyCoordinate(bool normalized, int size)
    {
        switch (random() % 6) {
        case 0: // exactly on an edge or a centre
            return static_cast<float>(static_cast<int>(random() % 40) - 10) * (normalized ? 0.125f : 0.5f);
        case 1:
            return (random() & 1 ? 1e6f : -1e6f) * static_cast<float>(random() % 100);
        default: {
            float u = static_cast<float>(random() % 100000) / 100000.0f * 4 - 1.5f;
            return normalized ? u : u * static_cast<float>(size);
        }
        }
    }
    void compare(const SurfaceState &state, int axes, Mode mode, bool normalized, bool linear);
};
using Sample = SamplerTest;
using Load = SamplerTest;
using Response = SamplerTest;
using Resinfo = SamplerTest;

void SamplerTest::compare(const SurfaceState &state, int axes, Mode mode, bool normalized, bool linear)
{
    auto s = parse(state);
    ASSERT_TRUE(parsed) << why;
    auto sampler = parse(SamplerState(mode, linear, normalized));
    ASSERT_TRUE(parsed);
    Reference ref = fill(s);
    const int size[3] = {ref.w, ref.h, ref.d};
    for (int round = 0; round < 40; round++) {
        std::vector<std::vector<uint32_t>> params(static_cast<size_t>(axes));
        float coord[16][3];
        for (size_t i = 0; i < params.size(); i++)
            for (unsigned lane = 0; lane < 16; lane++) {
                coord[lane][i] = anyCoordinate(normalized, size[i]);
                params[i].push_back(bitsOf(coord[lane][i]));
            }
        ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz, 16), s, &sampler, params, 16, 8, 0xffff),
                  IMAGE_OK);
        for (unsigned lane = 0; lane < 16; lane++) {
            Rgba want = ref.sample(mode, normalized, linear, coord[lane], axes);
            for (unsigned c = 0; c < 4; c++)
                // Coordinates are scaled in single precision, as the specification allows.
                ASSERT_NEAR(floatOf(out[c * 16 + lane]), want.c[c], linear ? 0.02 : 0)
                    << "mode " << mode << " normalized " << normalized << " linear " << linear
                    << " coordinate " << coord[lane][0] << "," << coord[lane][1] << ","
                    << coord[lane][2];
        }
    }
}

TEST_F(Sample, EveryModeMatchesTheSpecification)
{
    for (bool linear : {false, true})
        for (bool normalized : {true, false})
            for (Mode mode : {kWrap, kMirror, kClamp, kBorder}) {
                if (!normalized && (mode == kWrap || mode == kMirror))
                    continue; // not allowed together
                // Powers of two: scaling is exact and so is the comparison when nearest.
                compare(SurfaceState(0, 0x000, kImageVa, 16).pitch(256), 1, mode, normalized, linear);
                compare(SurfaceState(1, 0x000, kImageVa, 16, 8).pitch(256).tiled(3), 2, mode, normalized,
                        linear);
                compare(SurfaceState(1, 0x000, kImageVa, 32, 8).pitch(512).tiled(2), 2, mode, normalized,
                        linear);
                compare(SurfaceState(2, 0x000, kImageVa, 8, 4, 4).pitch(256).qpitch(32).tiled(3), 3, mode,
                        normalized, linear);
            }
}

TEST_F(Sample, ArraysRoundTheElementAndClampIt)
{
    auto s = parse(SurfaceState(1, 0x0d8, kImageVa, 4, 4, 3).pitch(16).qpitch(4).array());
    auto sampler = parse(SamplerState(kClamp, false, false));
    for (unsigned z = 0; z < 3; z++)
        for (unsigned i = 0; i < 16; i++)
            reinterpret_cast<float *>(bytes(kImageVa))[z * 16 + i] = static_cast<float>(z);
    std::vector<uint32_t> zero(8, 0), index;
    const float asked[8] = {-5, 0.49f, 0.5f, 0.51f, 1.5f, 2.4f, 7, NAN};
    const float want[8] = {0, 0, 0, 1, 2, 2, 2, 0};
    for (float f : asked)
        index.push_back(bitsOf(f));
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s, &sampler, {zero, zero, index}, 8, 4, 0xff),
              IMAGE_OK);
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(floatOf(out[i]), want[i]) << asked[i];
    // 1D arrays: the element is the second parameter.
    auto s1 = parse(SurfaceState(0, 0x0d8, kImageVa, 4, 1, 3).pitch(16).qpitch(16).array());
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s1, &sampler, {zero, index}, 8, 4, 0xff), IMAGE_OK);
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(floatOf(out[i]), want[i]) << asked[i];
}

TEST_F(Sample, BorderColourKeepsMissingChannels)
{
    const float colour[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    memcpy(bytes(kDynamicBase + 64), colour, 16);
    auto sampler = parse(SamplerState(kBorder, false, false, 64));
    std::vector<uint32_t> outside(8, bitsOf(-3.0f));
    auto rg = parse(SurfaceState(1, 0x085, kImageVa, 4, 4).pitch(32));
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), rg, &sampler, {outside, outside}, 8, 4, 0xff),
              IMAGE_OK);
    EXPECT_EQ(floatOf(out[0]), 0.1f);
    EXPECT_EQ(floatOf(out[8]), 0.2f);
    EXPECT_EQ(floatOf(out[16]), 0.0f);
    EXPECT_EQ(floatOf(out[24]), 1.0f);
    auto rgba = parse(SurfaceState(1, 0x000, kImageVa, 4, 4).pitch(64));
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), rgba, &sampler, {outside, outside}, 8, 4, 0xff),
              IMAGE_OK);
    EXPECT_EQ(floatOf(out[16]), 0.3f);
    EXPECT_EQ(floatOf(out[24]), 0.4f);
}

TEST_F(Sample, SelectsRearrangeChannels)
{
    auto s = parse(SurfaceState(1, 0x0cb, kImageVa, 4, 4).pitch(16).select(6, 0, 1, 4));
    auto sampler = parse(SamplerState(kClamp, false, false));
    const uint8_t texel[4] = {11, 22, 33, 44};
    memcpy(bytes(kImageVa), texel, 4);
    std::vector<uint32_t> zero(8, 0);
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s, &sampler, {zero, zero}, 8, 4, 1), IMAGE_OK);
    EXPECT_EQ(out[0], 33u);
    EXPECT_EQ(out[8], 0u);
    EXPECT_EQ(out[16], 1u);
    EXPECT_EQ(out[24], 11u);
}

TEST_F(Sample, LodAndGradientParametersComeInTheirPlaces)
{
    auto s = parse(SurfaceState(1, 0x0d8, kImageVa, 4, 4).pitch(16));
    auto sampler = parse(SamplerState(kClamp, false, false));
    for (unsigned i = 0; i < 16; i++)
        reinterpret_cast<float *>(bytes(kImageVa))[i] = static_cast<float>(i);
    std::vector<uint32_t> x(8, bitsOf(2.5f)), y(8, bitsOf(1.5f)), junk(8, bitsOf(0.25f));
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleL), s, &sampler, {junk, x, y}, 8, 1, 1), IMAGE_OK);
    EXPECT_EQ(floatOf(out[0]), 6.0f);
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleD), s, &sampler, {x, junk, junk, y, junk, junk}, 8, 1, 1),
              IMAGE_OK);
    EXPECT_EQ(floatOf(out[0]), 6.0f);
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSample), s, &sampler, {x, y}, 8, 1, 1), IMAGE_OK);
    EXPECT_EQ(floatOf(out[0]), 6.0f);
}

TEST_F(Sample, HeaderOffsetsMoveTexels)
{
    auto s = parse(SurfaceState(1, 0x0d8, kImageVa, 4, 4).pitch(16));
    auto sampler = parse(SamplerState(kClamp, false, false));
    for (unsigned i = 0; i < 16; i++)
        reinterpret_cast<float *>(bytes(kImageVa))[i] = static_cast<float>(i);
    std::vector<uint32_t> x(8, bitsOf(1.5f)), y(8, bitsOf(1.5f));
    uint32_t header[8] = {0, 0, 0xf20, 0, 0, 0, 0, 0}; // u - 1, v + 2
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s, &sampler, {x, y}, 8, 4, 1, header), IMAGE_OK);
    EXPECT_EQ(floatOf(out[0]), 12.0f);
}

TEST_F(Load, CoordinatesLodAndBounds)
{
    auto s = parse(SurfaceState(2, 0x0d7, kImageVa, 4, 4, 4).pitch(16).qpitch(4));
    for (unsigned i = 0; i < 64; i++)
        reinterpret_cast<uint32_t *>(bytes(kImageVa))[i] = 100 + i;
    std::vector<uint32_t> u = {1, 4, 0, 0, 0, 0xffffffff, 3, 1}, v = {2, 0, 4, 0, 0, 0, 3, 2};
    std::vector<uint32_t> r = {3, 0, 0, 4, 0, 0, 3, 3}, lod = {0, 0, 0, 0, 1, 0, 0, 0};
    const uint32_t want[8] = {100 + 48 + 8 + 1, 0, 0, 0, 0, 0, 163, 157};
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kLd), s, nullptr, {u, v, lod, r}, 8, 4, 0xff), IMAGE_OK);
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(out[i], want[i]) << i;
    EXPECT_EQ(out[24], 1u) << "alpha that the format lacks";
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kLdLz), s, nullptr, {u, v, r}, 8, 1, 0xff), IMAGE_OK);
    EXPECT_EQ(out[0], want[0]);
    EXPECT_EQ(out[4], 100u) << "no lod here";
}

TEST_F(Load, FaultNamesTheLane)
{
    auto s = parse(SurfaceState(1, 0x0d7, kImageVa + kImageBytes - 4096, 16, 80).pitch(64));
    std::vector<uint32_t> u(8, 0), v = {0, 1, 2, 64, 0, 0, 0, 0};
    EXPECT_EQ(send(Kind::Sampler, samplerDesc(kLdLz), s, nullptr, {u, v}, 8, 4, 0xff), IMAGE_FAULT);
    EXPECT_EQ(env.lane, 3);
    EXPECT_EQ(env.fault.va, kImageVa + kImageBytes);
    // The same with that lane off.
    EXPECT_EQ(send(Kind::Sampler, samplerDesc(kLdLz), s, nullptr, {u, v}, 8, 4, 0xf7), IMAGE_OK);
}

TEST_F(Response, MaskedChannelsTakeNoRoom)
{
    auto s = parse(SurfaceState(1, 0x0cb, kImageVa, 4, 4).pitch(16));
    const uint8_t texel[4] = {11, 22, 33, 44};
    memcpy(bytes(kImageVa), texel, 4);
    std::vector<uint32_t> zero(16, 0);
    uint32_t header[8] = {0, 0, 0x7000, 0, 0, 0, 0, 0}; // only alpha, as for read_imageui().w
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kLdLz, 16), s, nullptr, {zero, zero}, 16, 2, 0xffff, header),
              IMAGE_OK);
    for (unsigned lane = 0; lane < 16; lane++)
        EXPECT_EQ(out[lane], 44u);
    // Without header a short response is the first channels.
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kLdLz, 16), s, nullptr, {zero, zero}, 16, 2, 0x7fff), IMAGE_OK);
    EXPECT_EQ(out[14], 11u);
    EXPECT_EQ(out[15], kUntouched);
}

TEST_F(Response, SixteenBits)
{
    auto s = parse(SurfaceState(1, 0x000, kImageVa, 16, 4).pitch(256));
    auto sampler = parse(SamplerState(kClamp, false, false));
    const float texel[4] = {0.5f, -2.0f, 1e9f, 1.0f / 3};
    memcpy(bytes(kImageVa), texel, 16);
    std::vector<uint32_t> zero(16, 0);
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz, 16) | 1u << 30, s, &sampler, {zero, zero}, 16, 4,
                   0xffff),
              IMAGE_OK);
    const uint16_t *half = reinterpret_cast<const uint16_t *>(out.data());
    EXPECT_EQ(half[15], 0x3800);
    EXPECT_EQ(half[16], 0xc000);
    EXPECT_EQ(half[32], 0x7c00);
    EXPECT_EQ(half[48 + 15], 0x3555);
    // SIMD8: each channel in the lower half of a register of its own.
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz, 8) | 1u << 30, s, &sampler, {zero, zero}, 8, 4, 0xff),
              IMAGE_OK);
    half = reinterpret_cast<const uint16_t *>(out.data());
    EXPECT_EQ(half[7], 0x3800);
    EXPECT_EQ(half[8], 0xabab);
    EXPECT_EQ(half[16], 0xc000);
}

TEST_F(Response, UnsupportedMessagesAreErrors)
{
    auto s = parse(SurfaceState(1, 0x000, kImageVa, 16, 4).pitch(256));
    auto sampler = parse(SamplerState(kClamp, false, false));
    std::vector<std::vector<uint32_t>> two(2, std::vector<uint32_t>(8, 0));
    EXPECT_EQ(send(Kind::Sampler, samplerDesc(8), s, &sampler, two, 8, 4, 1), IMAGE_ERROR); // gather4
    EXPECT_EQ(send(Kind::Sampler, kSampleLz << 12, s, &sampler, two, 8, 4, 1), IMAGE_ERROR); // SIMD4x2
    EXPECT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s, nullptr, two, 8, 4, 1), IMAGE_ERROR);
    auto cube = parse(SamplerState(3, false, true));
    EXPECT_EQ(send(Kind::Sampler, samplerDesc(kSampleLz), s, &cube, two, 8, 4, 1), IMAGE_ERROR);
    EXPECT_TRUE(image_message_samples(samplerDesc(kSampleLz)));
    EXPECT_FALSE(image_message_samples(samplerDesc(kLdLz)));
    EXPECT_FALSE(image_message_samples(samplerDesc(kResinfo)));
}

TEST_F(Resinfo, TellsTheSize)
{
    auto s = parse(SurfaceState(1, 0x000, kImageVa, 16, 5, 3).pitch(256).qpitch(8).array());
    std::vector<uint32_t> lod(8, 0);
    lod[1] = 1;
    ASSERT_EQ(send(Kind::Sampler, samplerDesc(kResinfo), s, nullptr, {lod}, 8, 4, 0xff), IMAGE_OK);
    EXPECT_EQ(out[0], 16u);
    EXPECT_EQ(out[8], 5u);
    EXPECT_EQ(out[16], 3u);
    EXPECT_EQ(out[24], 1u);
    EXPECT_EQ(out[1], 0u) << "no such level";
}

} // namespace
