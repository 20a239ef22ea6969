// SPDX-License-Identifier: MIT
// Thread groups that wait for each other, more of them than there are host threads.
#include "walk.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

namespace
{
// Atomic increment of surface 0's dword at the byte offset in r20.
const std::string Increment = "(W) send.dc1 (1|M0) null r20 null 0x0 0x02009500\n";
const std::string AtZero = "(W) mov (8|M0) r20.0<1>:ud 0:ud\n";
// Poll that dword until it is at least r22.0; r23 counts the attempts.
const std::string WaitForIt = "(W) mov (8|M0) r23.0<1>:ud 0:ud\n"
                              "poll:\n"
                              "(W) add (1|M0) r23.0<1>:ud r23.0<0;1,0>:ud 1:uw\n"
                              "(W) send.dc1 (8|M0) r21 r20 null 0x0 0x02106E00\n"
                              "(W) cmp (1|M0) (lt)f0.0 null<1>:ud r21.0<0;1,0>:ud r22.0<0;1,0>:ud\n"
                              "(W&f0.0) jmpi (1|M0) poll\n";
const std::string AllGroups = "(W) mov (8|M0) r22.0<1>:ud r2.0<0;1,0>:ud\n";
// Another dword counts those who came through.
const std::string CountThrough = "(W) mov (8|M0) r20.0<1>:ud 64:ud\n" + Increment;
constexpr size_t Through = 16;
} // namespace

class WaitingGroups : public testing::TestWithParam<unsigned>
{
  protected:
    Walk w{GetParam()};
    Shape s;
    void use(uint32_t groups, uint32_t threads = 1)
    {
        w.surface(0, BufferVa, 0x1000);
        w.cross({groups * threads});
        s.groups[0] = groups;
        s.threads = threads;
    }
    // Reset the engine if the walker runs for longer than any of these does.
    Machine::Result runFor(std::chrono::milliseconds time)
    {
        auto command = w.prepare(s);
        std::atomic<bool> over{false};
        std::thread watchdog([&] {
            for (auto passed = time; !over && passed.count() > 0; passed = passed - Step)
                std::this_thread::sleep_for(Step);
            w.gpu.stopReset();
        });
        auto result = w.gpu.execute(command);
        over = true;
        watchdog.join();
        w.gpu.stopNone();
        return result;
    }
    static constexpr std::chrono::milliseconds Step{5}, Long{120000}, Short{100};
};
INSTANTIATE_TEST_SUITE_P(Walker, WaitingGroups, testing::Values(0, 1, 3));

TEST_P(WaitingGroups, MeetAtABarrierOfAll)
{
    use(100);
    w.program(AtZero + Increment + AllGroups + WaitForIt + CountThrough);
    ASSERT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(0), 100u);
    EXPECT_EQ(w.result(Through), 100u);
}

TEST_P(WaitingGroups, OfManyThreadsMeetTwice)
{
    const std::string again = "(W) shl (8|M0) r22.0<1>:ud r2.0<0;1,0>:ud 1:uw\n";
    std::string second = WaitForIt;

    second.replace(second.find("poll:"), 5, "more:");
    second.replace(second.rfind("poll"), 4, "more");
    use(12, 32);
    w.program(AtZero + Increment + AllGroups + WaitForIt + Increment + again + second +
              CountThrough);
    ASSERT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(Through), 12u * 32);
}

TEST_P(WaitingGroups, EachWaitsForTheNext)
{
    // Group g waits for the count n - 1 - g, which the groups behind it make.
    use(150);
    w.program(AtZero +
              "(W) add (8|M0) r22.0<1>:d r2.0<0;1,0>:d -1:w\n"
              "(W) add (8|M0) r22.0<1>:d r22.0<0;1,0>:d -r0.1<0;1,0>:d\n" +
              WaitForIt + AtZero + Increment + CountThrough);
    ASSERT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(Through), 150u);
}

TEST_P(WaitingGroups, KeepTheirSharedMemoryAndScratch)
{
    const uint32_t groups = 6;

    // Each stores its number in SLM and scratch, waits for all, and adds up what it finds.
    use(groups);
    s.slmCode = 7;
    w.scratch(0);
    w.program("(W) mov (8|M0) r41.0<1>:ud r0.0<8;8,1>:ud\n"
              "(W) mov (8|M0) r40.0<1>:ud r0.1<0;1,0>:ud\n" +
              AtZero +
              "(W) send.dc1 (8|M0) null r20 r40 0x40 0x02026EFE\n"
              "(W) send.dc0 (8|M0) null r41 r40 0x40 0x020E0004\n" +
              Increment + AllGroups + WaitForIt +
              "(W) send.dc1 (8|M0) r50 r20 null 0x0 0x02106EFE\n"
              "(W) send.dc0 (8|M0) r51 r41 null 0x0 0x021C0004\n"
              "(W) add (8|M0) r52.0<1>:ud r50.0<8;8,1>:ud r51.0<8;8,1>:ud\n"
              "(W) shl (8|M0) r53.0<1>:ud r0.1<0;1,0>:ud 2:uw\n"
              "(W) add (8|M0) r53.0<1>:ud r53.0<8;8,1>:ud 64:uw\n"
              "(W) send.dc1 (1|M0) null r53 r52 0x40 0x02026E00\n");
    ASSERT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    for (uint32_t g = 0; g < groups; g++)
        EXPECT_EQ(w.result(Through + g), 2 * g) << g;
}

TEST_P(WaitingGroups, ArePreemptedOnlyWhenNoneWaits)
{
    std::vector<uint8_t> image;
    Machine::Result r;

    // Eight meet at a time: group g waits for the count (g / 8 + 1) * 8.
    use(800);
    w.program(AtZero + Increment +
              "(W) shr (8|M0) r22.0<1>:ud r0.1<0;1,0>:ud 3:uw\n"
              "(W) add (8|M0) r22.0<1>:ud r22.0<8;8,1>:ud 1:uw\n"
              "(W) shl (8|M0) r22.0<1>:ud r22.0<8;8,1>:ud 3:uw\n" +
              WaitForIt + CountThrough);
    auto command = w.prepare(s);
    {
        Stopper stopper(w.gpu);
        do {
            w.gpu.stopNone();
            r = w.gpu.execute(command);
            w.gpu.save(image);
            EXPECT_EQ(w.result(0), w.result(Through)); // whoever began has ended
            w.gpu.reset();
            w.gpu.restore(image);
        } while (r == Machine::Preempted);
    }
    EXPECT_EQ(r, Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(Through), 800u);
}

TEST_P(WaitingGroups, ForMoreThanTheHardwareHoldsAreReset)
{
    // Two groups of 56 threads fill a dual subslice, of which there are six.
    use(13, 56);
    w.program(AtZero + Increment + AllGroups + WaitForIt + CountThrough);
    EXPECT_EQ(runFor(Short), Machine::Stopped);
    EXPECT_LE(w.result(0), 12u * 56);
    EXPECT_EQ(w.result(Through), 0u);
    use(12, 56); // and the next walker finds everything in order
    w.gpu.put(BufferVa, 0u);
    EXPECT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    EXPECT_EQ(w.result(Through), 12u * 56);
}

TEST_P(WaitingGroups, SeeWhatTheCpuWrites)
{
    use(3);
    w.cross({1000});
    w.program(AtZero + Increment + AllGroups + WaitForIt + CountThrough);
    std::thread cpu([&] {
        auto *p = reinterpret_cast<uint32_t *>(w.gpu.host(BufferVa));
        while (__atomic_load_n(p, __ATOMIC_SEQ_CST) != 3)
            std::this_thread::yield();
        __atomic_store_n(p, 1000u, __ATOMIC_SEQ_CST);
    });
    EXPECT_EQ(runFor(Long), Machine::Done) << w.gpu.lastError();
    cpu.join();
    EXPECT_EQ(w.result(Through), 3u);
}
