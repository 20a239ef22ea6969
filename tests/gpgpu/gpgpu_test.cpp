// SPDX-License-Identifier: MIT
// The GPGPU front end on the host: commands, payload, scheduling, messages, errors.
#include "walk.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

namespace
{
// r10 = index of the work-item: group x times r2.0 (local size) plus lane number.
const std::string Index = "(W) mul (1|M0) r9.0<1>:ud r0.2<0;1,0>:uw r2.0<0;1,0>:uw\n"
                          "    add (8|M0) r10.0<1>:ud r9.0<0;1,0>:ud r1.0<8;8,1>:uw\n"
                          "    shl (8|M0) r11.0<1>:ud r10.0<8;8,1>:ud 2:uw\n";
// Untyped write of r12 to surface 0 at r11; SIMD8, one channel.
const std::string Store = "    send.dc1 (8|M0) null r11 r12 0x40 0x02026E00\n";
// Surface 0, dword 0, is increased by one, once per thread.
const std::string CountThread = "(W) mov (8|M0) r20.0<1>:ud 0:ud\n"
                                "(W) send.dc1 (1|M0) null r20 null 0x0 0x02009500\n";

bool contains(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}
} // namespace

class Workers : public testing::TestWithParam<unsigned>
{
};
INSTANTIATE_TEST_SUITE_P(Walker, Workers, testing::Values(0, 1, 3));

TEST_P(Workers, EveryWorkItemRunsOnce)
{
    Walk w(GetParam());
    Shape s;
    const uint32_t groups = 77, local = 32;

    w.surface(0, BufferVa, 0x10000);
    w.cross({local});
    w.program(Index + "    add (8|M0) r12.0<1>:ud r10.0<8;8,1>:ud 5:uw\n" + Store);
    s.threads = local / 8;
    s.groups[0] = groups;
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t i = 0; i < groups * local; i++)
        ASSERT_EQ(w.result(i), i + 5) << i;
    EXPECT_EQ(w.result(groups * local), 0u);
}

TEST(Walker, ThreeDimensionsCountFromTheirStarts)
{
    Walk w;
    Shape s = {8, 1, {1, 2, 3}, {4, 4, 5}};

    // Slot (z * 8 + y) * 8 + x gets x | y << 8 | z << 16.
    w.surface(0, BufferVa, 0x10000);
    w.cross({0});
    w.program("(W) shl (1|M0) r9.0<1>:ud r0.7<0;1,0>:ud 3:uw\n"
              "(W) add (1|M0) r9.0<1>:ud r9.0<0;1,0>:ud r0.6<0;1,0>:ud\n"
              "(W) shl (1|M0) r9.0<1>:ud r9.0<0;1,0>:ud 3:uw\n"
              "(W) add (1|M0) r9.0<1>:ud r9.0<0;1,0>:ud r0.1<0;1,0>:ud\n"
              "(W) shl (1|M0) r11.0<1>:ud r9.0<0;1,0>:ud 2:uw\n"
              "(W) shl (1|M0) r12.0<1>:ud r0.7<0;1,0>:ud 8:uw\n"
              "(W) or (1|M0) r12.0<1>:ud r12.0<0;1,0>:ud r0.6<0;1,0>:ud\n"
              "(W) shl (1|M0) r12.0<1>:ud r12.0<0;1,0>:ud 8:uw\n"
              "(W) or (1|M0) r12.0<1>:ud r12.0<0;1,0>:ud r0.1<0;1,0>:ud\n"
              "(W) send.dc1 (1|M0) null r11 r12 0x40 0x02026E00\n");
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t z = 0; z < 8; z++)
        for (uint32_t y = 0; y < 8; y++)
            for (uint32_t x = 0; x < 8; x++) {
                bool runs = x >= 1 && x < 4 && y >= 2 && y < 4 && z >= 3 && z < 5;
                ASSERT_EQ(w.result((z * 8 + y) * 8 + x), runs ? x | y << 8 | z << 16 : 0)
                    << x << " " << y << " " << z;
            }
}

TEST(Walker, RightMaskCutsTheLastThreadOnly)
{
    Walk w;
    Shape s;

    w.surface(0, BufferVa, 0x10000);
    w.cross({16});
    w.program(Index + "    mov (8|M0) r12.0<1>:ud 9:ud\n" + Store);
    s.threads = 2;
    s.rightMask = 0x7;
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t i = 0; i < 16; i++)
        EXPECT_EQ(w.result(i), i < 11 ? 9u : 0u) << i;
}

TEST(Walker, IndirectDispatchTakesDimensionsFromRegisters)
{
    Walk w;
    Shape s;

    w.surface(0, BufferVa, 0x10000);
    w.cross({0});
    w.program(CountThread);
    s.indirect = true;
    s.groups[0] = 1000; // not looked at
    w.gpu.registers = {{0x2500, 3}, {0x2504, 2}, {0x2508, 4}};
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(0), 24u);
    w.gpu.registers[0x2504] = 0;
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(0), 24u);
}

TEST(Walker, PayloadComesFromCurbeWhenThereIsNoIndirectData)
{
    Walk w;
    Shape s;
    const uint32_t curbe = 0x2000;

    w.surface(0, BufferVa, 0x10000);
    w.cross({8});
    w.program(Index + "    mov (8|M0) r12.0<1>:ud r2.1<0;1,0>:ud\n" + Store);
    auto command = w.prepare(s);
    w.gpu.put(DynamicHeap + curbe, uint32_t(8));
    w.gpu.put(DynamicHeap + curbe + 4, uint32_t(0xabcd));
    for (uint16_t l = 0; l < 8; l++)
        w.gpu.put(DynamicHeap + curbe + 32 + 2 * l, l);
    ASSERT_EQ(w.gpu.execute({0x70010002, 0, 64, curbe}), Machine::Done);
    command[2] = 0;
    ASSERT_EQ(w.gpu.execute(command), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(7), 0xabcdu);
}

TEST(Walker, RefusesWhatDoesNotFit)
{
    Walk w;
    Shape s;
    w.program("");
    auto good = w.prepare(s);

    auto bad = good;
    bad[4] |= 3u << 30;
    EXPECT_EQ(w.gpu.execute(bad), Machine::Error);
    EXPECT_TRUE(contains(w.gpu.lastError(), "SIMD size")) << w.gpu.lastError();
    bad = good;
    bad[4] |= 1; // two threads wide, one in the descriptor
    EXPECT_EQ(w.gpu.execute(bad), Machine::Error);
    bad = good;
    bad[2] = 8; // the payload needs a register
    EXPECT_EQ(w.gpu.execute(bad), Machine::Error);
    EXPECT_TRUE(contains(w.gpu.lastError(), "payload")) << w.gpu.lastError();
    EXPECT_EQ(w.gpu.execute({0x7105000d, 0}), Machine::Error); // shorter than its layout
    EXPECT_EQ(w.gpu.execute(good), Machine::Done) << w.gpu.lastError();
}

TEST(Walker, RewrittenCodeIsNoticed)
{
    Walk w;
    Shape s;

    w.surface(0, BufferVa, 0x10000);
    w.cross({8});
    for (uint32_t value : {3, 4, 3}) {
        w.program(Index + "    mov (8|M0) r12.0<1>:ud " + std::to_string(value) + ":ud\n" + Store);
        ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
        EXPECT_EQ(w.result(0), value);
    }
}

TEST(Barrier, EveryThreadSeesWhatTheOthersWrote)
{
    for (uint32_t threads : {2, 5, 64}) {
        Walk w(2);
        Shape s;
        const uint32_t local = 8 * threads, groups = 9;

        w.surface(0, BufferVa, 0x100000);
        w.cross({local});
        // slm[lane] = lane + group * 1000; barrier; out[i] = slm[local - 1 - lane]
        w.program(Index +
                  "    shl (8|M0) r13.0<1>:ud r1.0<8;8,1>:uw 2:uw\n"
                  "(W) mul (1|M0) r14.0<1>:ud r0.2<0;1,0>:uw 1000:uw\n"
                  "    add (8|M0) r15.0<1>:ud r14.0<0;1,0>:ud r1.0<8;8,1>:uw\n"
                  "    send.dc1 (8|M0) null r13 r15 0x40 0x02026EFE\n"
                  "(W) mov (8|M0) r16.0<1>:ud r0.0<8;8,1>:ud\n"
                  "(W) send.gtwy (1|M0) null r16 null 0x0 0x02000004\n"
                  "(W) sync.bar null\n"
                  "(W) add (1|M0) r17.0<1>:d r2.0<0;1,0>:d -1:w\n"
                  "    add (8|M0) r18.0<1>:d r17.0<0;1,0>:d -r1.0<8;8,1>:uw\n"
                  "    shl (8|M0) r18.0<1>:ud r18.0<8;8,1>:ud 2:uw\n"
                  "    send.dc1 (8|M0) r12 r18 null 0x0 0x02106EFE\n" +
                  Store);
        s.threads = threads;
        s.groups[0] = groups;
        s.slmCode = 4;
        s.barrier = true;
        ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
        for (uint32_t i = 0; i < groups * local; i++)
            ASSERT_EQ(w.result(i), i / local * 1000 + local - 1 - i % local) << threads << " " << i;
    }
}

TEST(Barrier, ThreadsThatNeverArriveAreReported)
{
    Walk w;
    Shape s;

    // Thread 0 (lane number 0 in its first lane) ends without the barrier.
    w.cross({0});
    w.program("(W) cmp (1|M0) (eq)f0.0 null<1>:uw r1.0<0;1,0>:uw 0:uw\n"
              "(W&f0.0) jmpi (1|M0) skip\n"
              "(W) mov (8|M0) r16.0<1>:ud r0.0<8;8,1>:ud\n"
              "(W) send.gtwy (1|M0) null r16 null 0x0 0x02000004\n"
              "(W) sync.bar null\n"
              "skip:\n");
    s.threads = 3;
    s.barrier = true;
    EXPECT_EQ(w.run(s), Machine::Error);
    EXPECT_TRUE(contains(w.gpu.lastError(), "barrier never completes, 2 of 3"))
        << w.gpu.lastError();
}

TEST(Preemption, EveryGroupRunsOnceThroughManyStops)
{
    Walk w(1);
    Shape s;
    std::vector<uint8_t> image;
    unsigned preempted = 0;
    Machine::Result r;

    w.surface(0, BufferVa, 0x1000);
    w.cross({0});
    w.program(CountThread + "(W) mov (1|M0) r30.0<1>:ud 300:ud\n"
                            "again:\n"
                            "(W) add (1|M0) (gt)f0.0 r30.0<1>:d r30.0<0;1,0>:d -1:w\n"
                            "(W&f0.0) jmpi (1|M0) again\n");
    s.groups[0] = 5000;
    auto command = w.prepare(s);
    {
        Stopper stopper(w.gpu);
        do {
            w.gpu.stopNone();
            r = w.gpu.execute(command);
            if (r == Machine::Preempted) {
                preempted++;
                w.gpu.save(image); // another context comes and goes
                w.gpu.reset();
                w.gpu.restore(image);
            }
        } while (r == Machine::Preempted);
    }
    EXPECT_EQ(r, Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(0), 5000u);
    EXPECT_GT(preempted, 0u);
}

TEST(Preemption, ResetStopsAnEndlessKernel)
{
    Walk w(2);
    Shape s;

    w.cross({0});
    w.program("again:\n(W) jmpi (1|M0) again\n");
    s.groups[0] = 100;
    auto command = w.prepare(s);
    std::thread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        w.gpu.stopReset();
    });
    EXPECT_EQ(w.gpu.execute(command), Machine::Stopped);
    stopper.join();
    w.gpu.stopNone();
    w.program("");
    EXPECT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
}

TEST(Faults, NameKernelLaneAndAddress)
{
    Walk w;
    Shape s;
    const uint64_t nowhere = 0x123400000000;

    // A64 write of lane n to nowhere + n * 4096; lane 0's page exists.
    w.gpu.map(nowhere, 4096);
    w.cross({uint32_t(nowhere), uint32_t(nowhere >> 32)});
    w.program("    mov (8|M0) r10.0<2>:ud r1.0<8;8,1>:uw\n"
              "    shl (8|M0) r10.0<2>:ud r10.0<8;4,2>:ud 12:uw\n"
              "    mov (8|M0) r10.1<2>:ud r2.1<0;1,0>:ud\n"
              "    mov (8|M0) r12.0<1>:ud 1:ud\n"
              "    send.dc1 (8|M0) null r10 r12 0x40 0x040681FF\n",
              0x1000);
    EXPECT_EQ(w.run(s, 0x1000), Machine::Error);
    ASSERT_EQ(w.gpu.errors.size(), 1u);
    EXPECT_TRUE(contains(w.gpu.lastError(), "kernel 0x1000")) << w.gpu.lastError();
    EXPECT_TRUE(contains(w.gpu.lastError(), "lane 1")) << w.gpu.lastError();
    EXPECT_TRUE(contains(w.gpu.lastError(), "123400001000")) << w.gpu.lastError();
    EXPECT_EQ(w.gpu.get<uint32_t>(nowhere), 1u); // lanes before it had their turn
}

TEST(Faults, IllegalInstructionAndMissingCode)
{
    Walk w;
    Shape s;
    uint64_t zero[4] = {};

    w.gpu.write(CodeHeap, zero, sizeof(zero));
    EXPECT_EQ(w.run(s), Machine::Error);
    EXPECT_TRUE(contains(w.gpu.lastError(), "illegal")) << w.gpu.lastError();
    EXPECT_EQ(w.run(s, 0x100000), Machine::Error); // nothing mapped there
    EXPECT_TRUE(contains(w.gpu.lastError(), "code fetch")) << w.gpu.lastError();
}

TEST(Surfaces, BoundsCutReadsAndWrites)
{
    Walk w;
    Shape s;

    // Surface 1 is read at the lane's offset, surface 0 written: each ends after 5 dwords.
    w.surface(0, BufferVa, 20);
    w.surface(1, BufferVa + 0x1000, 20);
    for (uint32_t i = 0; i < 16; i++) {
        w.gpu.put(BufferVa + 4 * i, 77u);
        w.gpu.put(BufferVa + 0x1000 + 4 * i, 100 + i);
    }
    w.cross({8});
    w.program(Index +
              "    send.dc1 (8|M0) r12 r11 null 0x0 0x02106E01\n"
              "    mov (8|M0) r13.0<1>:ud r12.0<8;8,1>:ud\n" +
              Store +
              "    add (8|M0) r11.0<1>:ud r11.0<8;8,1>:ud 0x100:uw\n"
              "(W) mov (8|M0) r12.0<1>:ud r13.0<8;8,1>:ud\n"
              "    send.dc1 (8|M0) null r11 r12 0x40 0x02026E02\n");
    w.surface(2, BufferVa, 0x1000);
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t i = 0; i < 8; i++) {
        EXPECT_EQ(w.result(i), i < 5 ? 100 + i : 77u) << i;
        EXPECT_EQ(w.result(0x40 + i), i < 5 ? 100 + i : 0u) << i;
    }
}

TEST(Surfaces, AnAnswerMayCoverItsAddresses)
{
    Walk w;
    Shape s;

    // 16 lanes read dwords 15 to 0; the first half of the answer replaces the second's addresses.
    // The read before it has the surface's state fetched, after which messages may go a quicker
    // way.
    w.surface(0, BufferVa, 0x1000);
    w.surface(1, BufferVa + 0x1000, 0x1000);
    for (uint32_t i = 0; i < 16; i++)
        w.gpu.put(BufferVa + 0x1000 + 4 * i, 0xfffff000 + i);
    w.program("(W) mov (8|M0) r30.0<1>:w 0x01234567:v\n"
              "(W) mul (8|M0) r21.0<1>:d r30.0<8;8,1>:w 4:w\n"
              "(W) add (8|M0) r20.0<1>:d r21.0<8;8,1>:d 32:w\n"
              "(W) send.dc1 (8|M0) r40 r21 null 0x0 0x02106E01\n"
              "(W) send.dc1 (16|M0) r21 r20 null 0x0 0x04205E01\n"
              "(W) mov (8|M0) r30.0<1>:w 0x76543210:v\n"
              "(W) mul (8|M0) r11.0<1>:d r30.0<8;8,1>:w 4:w\n"
              "(W) send.dc1 (8|M0) null r11 r21 0x40 0x02026E00\n"
              "(W) add (8|M0) r11.0<1>:d r11.0<8;8,1>:d 32:w\n"
              "(W) send.dc1 (8|M0) null r11 r22 0x40 0x02026E00\n");
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t i = 0; i < 16; i++)
        EXPECT_EQ(w.result(i), 0xfffff000 + 15 - i) << i;
}

TEST(Scratch, EveryRunningThreadHasItsOwn)
{
    Walk w(1);
    Shape s;
    const uint32_t groups = 6, threads = 4, local = 8 * threads;

    w.surface(0, BufferVa, 0x10000);
    w.cross({local});
    w.scratch(0); // 1 KiB per thread
    w.program(Index +
              "    add (8|M0) r40.0<1>:ud r10.0<8;8,1>:ud 3:uw\n"
              "(W) mov (8|M0) r41.0<1>:ud r0.0<8;8,1>:ud\n"
              "(W) send.dc0 (8|M0) null r41 r40 0x40 0x020E0004\n"
              "(W) mov (8|M0) r16.0<1>:ud r0.0<8;8,1>:ud\n"
              "(W) send.gtwy (1|M0) null r16 null 0x0 0x02000004\n"
              "(W) sync.bar null\n"
              "(W) send.dc0 (8|M0) r12 r41 null 0x0 0x021C0004\n" +
              Store);
    s.threads = threads;
    s.groups[0] = groups;
    s.barrier = true;
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    for (uint32_t i = 0; i < groups * local; i++)
        ASSERT_EQ(w.result(i), i + 3) << i;
}

TEST(Commands, UnknownOnesAreErrorsAndStateOfThe3dPipeIsNot)
{
    Machine m;

    EXPECT_EQ(m.execute({0x78100007, 0, 0, 0, 0, 0, 0, 0, 0}), Machine::Done); // 3DSTATE_VS
    EXPECT_EQ(m.execute({0x7b000005, 0, 0, 0, 0, 0, 0}), Machine::Error);      // 3DPRIMITIVE
    EXPECT_TRUE(contains(m.lastError(), "not implemented")) << m.lastError();
}

TEST(Commands, L3ControlWritesAfterItsFlush)
{
    Machine m;
    m.map(0x10000, 0x1000);
    // HDC flush, range: as NEO's barrier over memory ranges has it
    EXPECT_EQ(m.execute({0x7d800405, 0, 0, 0, 0, 0x20000000, 0}), Machine::Done);
    EXPECT_EQ(m.execute({0x7d904405, 0x10008, 0, 0x11223344, 0x55667788, 0, 0}), Machine::Done);
    EXPECT_EQ(m.get<uint64_t>(0x10008), 0x5566778811223344u);
    EXPECT_EQ(m.execute({0x7d804405, 0x90008, 0, 1, 0, 0, 0}), Machine::Error); // not mapped
    EXPECT_EQ(m.execute({0x7da04405, 0x10008, 0, 1, 0, 0, 0}), Machine::Error); // GGTT
    EXPECT_EQ(m.execute({0x7d804401, 0x10008, 0}), Machine::Error);             // too short
    EXPECT_EQ(m.get<uint64_t>(0x10008), 0x5566778811223344u);
}

TEST(Commands, AForeignImageMeansDefaults)
{
    Walk w;
    Shape s;
    std::vector<uint8_t> image;

    w.program("");
    w.gpu.save(image);
    w.gpu.restore(std::vector<uint8_t>(image.size(), 0xff));
    std::vector<uint8_t> again;
    w.gpu.save(again);
    EXPECT_NE(again, image);
    // Bases are zero now: a walker without new state finds no code.
    w.gpu.restore(image);
    auto command = w.prepare(s);
    w.gpu.restore(std::vector<uint8_t>(image.size(), 0));
    EXPECT_EQ(w.gpu.execute(command), Machine::Error);
}

struct AtomicCase {
    const char *name;
    unsigned op;
    uint32_t old, source, second, result, returned;
};

class Atomics : public testing::TestWithParam<AtomicCase>
{
};

// One lane, 32 bits, surface 0, with return value: untyped atomic, SIMD8.
TEST_P(Atomics, OnOneDword)
{
    const AtomicCase &c = GetParam();
    Walk w;
    Shape s;
    unsigned sources = c.op == 14 ? 2 : c.op == 5 || c.op == 6 || c.op == 15 ? 0 : 1;
    char send[128];

    snprintf(send, sizeof(send), "(W) send.dc1 (1|M0) r30 r20 %s 0x%x 0x%08x\n",
             sources ? "r21" : "null", sources << 6, 0x0210b000 | c.op << 8);
    w.surface(0, BufferVa, 0x1000);
    w.cross({c.source, c.second});
    w.gpu.put(BufferVa + 64, c.old);
    w.program(std::string("(W) mov (8|M0) r20.0<1>:ud 64:ud\n"
                          "(W) mov (8|M0) r21.0<1>:ud r2.0<0;1,0>:ud\n"
                          "(W) mov (8|M0) r22.0<1>:ud r2.1<0;1,0>:ud\n") +
              send +
              "(W) mov (8|M0) r11.0<1>:ud 0:ud\n"
              "(W) mov (8|M0) r12.0<1>:ud r30.0<0;1,0>:ud\n"
              "(W) send.dc1 (1|M0) null r11 r12 0x40 0x02026E00\n");
    ASSERT_EQ(w.run(s), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(16), c.result);
    EXPECT_EQ(w.result(0), c.returned);
}
INSTANTIATE_TEST_SUITE_P(
    Messages, Atomics,
    testing::Values(
        AtomicCase{"and", 1, 0xf0f0, 0xff00, 0, 0xf000, 0xf0f0},
        AtomicCase{"or", 2, 0xf0f0, 0x0f00, 0, 0xfff0, 0xf0f0},
        AtomicCase{"xor", 3, 0xff, 0xf0, 0, 0x0f, 0xff}, AtomicCase{"mov", 4, 1, 2, 0, 2, 1},
        AtomicCase{"inc", 5, 7, 0, 0, 8, 7}, AtomicCase{"dec", 6, 0, 0, 0, ~0u, 0},
        AtomicCase{"add", 7, 5, ~1u, 0, 3, 5}, AtomicCase{"sub", 8, 5, 7, 0, ~1u, 5},
        AtomicCase{"revsub", 9, 5, 7, 0, 2, 5}, AtomicCase{"imax", 10, ~0u, 3, 0, 3, ~0u},
        AtomicCase{"imin", 11, 3, ~0u, 0, ~0u, 3}, AtomicCase{"umax", 12, 3, ~0u, 0, ~0u, 3},
        AtomicCase{"umin", 13, ~0u, 3, 0, 3, ~0u}, AtomicCase{"cmpwr hit", 14, 4, 4, 9, 9, 4},
        AtomicCase{"cmpwr miss", 14, 5, 4, 9, 5, 5}, AtomicCase{"predec", 15, 5, 0, 0, 4, 4}));
