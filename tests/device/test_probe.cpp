// SPDX-License-Identifier: MIT
// The start of an i915 probe, register by register, as far as the answers decide what it does.
#include "machine.hpp"

namespace
{
struct Access {
    char kind;
    uint32_t offset, value;
};

// Constants that i915 refuses to go on without, in the order it reads them.
const Access probe[] = {
    {'R', 0x78000, 0},
    {'R', 0xa188, 0},
    {'R', 0x101010, 0x80},
    {'W', 0xa188, 0xefff0000},
    {'W', 0xa278, 0xefff0000},
    {'R', 0x42300, 0},
    {'R', 0x10100c, 0},
    {'R', 0x130044, 0},
    {'W', 0xa188, 0x10001},
    {'R', 0x130044, 1},
    {'R', 0xa26c, 0},
    {'R', 0x0d00, 0xe},
    {'R', 0x9138, 1},
    {'R', 0x913c, 0x3f},
    {'R', 0x9134, 0},
    {'R', 0x9140, 0xf00ff},
    {'W', 0xa278, 0x10001},
    {'R', 0x0d84, 1},
    {'W', 0x20b0, 0},
    {'R', 0x20b0, 0},
    {'R', 0xcec4, 0},
    {'W', 0x20d0, 0x10001},
    {'R', 0x20d0, 3},
    {'W', 0x220d0, 0x10001},
    {'R', 0x220d0, 3},
    {'W', 0x941c, 1},
    {'R', 0x941c, 0},
    {'W', 0x941c, 1},
    {'R', 0x941c, 0},
    {'W', 0x20d0, 0x10000},
    {'R', 0x120010, 0},
    {'R', 0x138124, 0},
    {'W', 0x138124, 0x8000007e},
    {'R', 0x138124, 0},
    {'R', 0x138128, 1},
    {'W', 0x444f4, 0xffffffff},
    {'R', 0x444f4, 0xffffffff},
    {'W', 0x444f8, 0xffffffff},
    {'R', 0x444f8, 0},
    {'W', 0x444e8, 0xffffffff},
    {'R', 0x444e8, 0},
    {'W', 0x190008, 0x80000000},
    {'R', 0x190008, 0x80000000},
    {'R', 0x145998, 0},
    {'R', 0x145ef0, 0},
    {'W', 0x23a0, 0xffff0b0b},
    {'R', 0x23a0, 0xb0b},
    {'R', 0xc000, 1},
    {'W', 0x209c, 0x1000100},
    {'W', 0x229c, 0x4000400},
    {'R', 0x209c, 0x300},
    {'R', 0x8000, 0},
    {'R', 0x2238, 0},
    {'W', 0x94e4, 0x80000},
    {'R', 0x94e4, 0x80000},
    {'W', 0x9528, 0x200},
    {'R', 0x9528, 0x200},
    {'W', 0x9550, 0x200},
    {'R', 0x9550, 0x200},
    {'R', 0xc050, 0},
    {'R', 0xc340, 0},
    {'W', 0xb020, 0x100030},
    {'R', 0xb020, 0x100030},
    {'W', 0x2080, 0xffffe000},
    {'R', 0x2080, 0xffffe000},
    {'R', 0x20b8, 0},
};
} // namespace

TEST(Probe, AnswersWhatI915Expects)
{
    Machine m;
    for (const Access &access : probe) {
        if (access.kind == 'W')
            m.write(access.offset, access.value);
        else
            EXPECT_EQ(m.read(access.offset), access.value) << std::hex << access.offset;
    }
}
