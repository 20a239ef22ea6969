// SPDX-License-Identifier: MIT
// Specialised handlers against the general way, one random instruction at a time.
#include "random_ops.h"

#include <gtest/gtest.h>

static void compareMany(const char *mode, uint64_t first, unsigned count)
{
    unsigned legal = 0, wrong = 0;
    for (uint64_t seed = first; seed < first + count && wrong < 20; seed++) {
        random_op op;
        random_op_compare(seed, mode, &op);
        legal += op.legal;
        wrong += !op.same;
        EXPECT_TRUE(op.same) << op.report;
    }
    EXPECT_GT(legal, count / 4);
}

TEST(Handlers, BestForThisHostMatchesGeneral)
{
    compareMany(nullptr, 1, 300'000);
}

TEST(Handlers, PortableMatchesGeneral)
{
    compareMany("base", 1'000'000, 300'000);
}
