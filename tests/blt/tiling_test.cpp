// SPDX-License-Identifier: MIT
#include "tiling/tiling.h"
#include <gtest/gtest.h>
#include <set>

namespace
{

// Known places in a surface four X tiles or sixteen Y tiles wide (2048 bytes).
TEST(Tiling, XTileCorners)
{
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 0, 0), 0);
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 511, 0), 511);
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 512, 0), 4096);
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 0, 1), 512);
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 511, 7), 4095);
    EXPECT_EQ(tiling_offset(TILING_X, 2048, 0, 8), 4 * 4096);
}

TEST(Tiling, YTileCorners)
{
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 15, 0), 15);
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 16, 0), 512);
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 0, 1), 16);
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 127, 31), 4095);
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 128, 0), 4096);
    EXPECT_EQ(tiling_offset(TILING_Y, 2048, 0, 32), 16 * 4096);
}

// Every byte of the surface has one place and no two share one.
TEST(Tiling, IsAPermutation)
{
    for (tiling t : {TILING_X, TILING_Y}) {
        std::set<int64_t> seen;
        for (int y = 0; y < 64; y++)
            for (int x = 0; x < 1024; x++)
                seen.insert(tiling_offset(t, 1024, x, y));
        EXPECT_EQ(seen.size(), 64u * 1024);
        EXPECT_EQ(*seen.begin(), 0);
        EXPECT_EQ(*seen.rbegin(), 64 * 1024 - 1);
    }
}

TEST(Tiling, RunsAreContiguousAndMaximal)
{
    for (tiling t : {TILING_X, TILING_Y})
        for (int x = 0; x < 1024; x++) {
            int64_t run = static_cast<int64_t>(tiling_run(t, x));
            int64_t start = tiling_offset(t, 2048, x, 3);
            EXPECT_EQ(tiling_offset(t, 2048, x + run - 1, 3), start + run - 1);
            EXPECT_NE(tiling_offset(t, 2048, x + run, 3), start + run);
        }
}

} // namespace
