// SPDX-License-Identifier: MIT
// The copy engine between all kinds of memory.
#include "gpu.hpp"

#include <chrono>

namespace
{
constexpr uint32_t fast_copy = 0x50800008; // XY_FAST_COPY_BLT, 10 dwords
constexpr uint32_t src_copy = 0x54f00008;  // XY_SRC_COPY_BLT, 32 bit, all channels
constexpr uint32_t color = 0x54300005;     // XY_COLOR_BLT, 32 bit
constexpr uint32_t depth_32 = 3u << 24;
constexpr uint32_t pitch = 4096;

class Blit : public ::testing::TestWithParam<std::tuple<Place, Place>>
{
  protected:
    Blit()
    {
        for (uint32_t i = 0; i < bytes / 4; i++)
            source.dw[i] = i * 2654435761u;
    }
    void expect_equal()
    {
        for (uint32_t i = 0; i < bytes / 4; i++)
            ASSERT_EQ(target.dw[i], i * 2654435761u) << i;
    }
    static constexpr uint32_t rows = 64, bytes = rows * pitch;
    Gpu gpu;
    Context context{gpu};
    Object source{gpu, std::get<0>(GetParam()), bytes}, target{gpu, std::get<1>(GetParam()), bytes};
};

std::string title(const ::testing::TestParamInfo<std::tuple<Place, Place>> &info)
{
    return name(std::get<0>(info.param)) + "_to_" + name(std::get<1>(info.param));
}
const auto places = ::testing::Values(Place::local, Place::system, Place::user);
} // namespace

INSTANTIATE_TEST_SUITE_P(Everywhere, Blit, ::testing::Combine(places, places), title);

TEST_P(Blit, FastCopy)
{
    Batch batch(gpu);
    batch
        .emit({fast_copy, depth_32 | pitch, 0, rows << 16 | pitch / 4, target.low(), target.high(),
               0, pitch, source.low(), source.high()})
        .run(context, copy, {&source, &target});
    expect_equal();
}

TEST_P(Blit, SourceCopy)
{
    Batch batch(gpu);
    batch
        .emit({src_copy, depth_32 | 0xccu << 16 | pitch, 0, rows << 16 | pitch / 4, target.low(),
               target.high(), 0, pitch, source.low(), source.high()})
        .run(context, copy, {&source, &target});
    expect_equal();
}

TEST_P(Blit, ColorFillsItsRectangleOnly)
{
    Batch batch(gpu);
    batch
        .emit({color, depth_32 | 0xf0u << 16 | pitch, 2u << 16 | 3, 5u << 16 | 9, target.low(),
               target.high(), 0x11223344})
        .run(context, copy, {&target});
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 16; x++)
            ASSERT_EQ(target.dw[y * pitch / 4 + x],
                      y >= 2 && y < 5 && x >= 3 && x < 9 ? 0x11223344u : 0u)
                << x << "," << y;
}
