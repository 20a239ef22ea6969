// SPDX-License-Identifier: MIT
// What single instructions and short programs do, written in IGA's assembler.
#include "eu/eu.h"
#include "iga.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>

namespace
{
const uint64_t Base = 0x4000; // of the code from the instruction base address

class Eu
{
  public:
    explicit Eu(const std::string &text, uint32_t mask = 0xffff)
    {
        static Iga iga;
        auto code = iga.assemble(text + "\n(W) send.ts (8|M0) null r0 null 0x0 0x02000010 {EOT}\n");
        load(code, mask);
    }

    Eu(const std::vector<uint8_t> &code, uint32_t mask = 0xffff)
    {
        load(code, mask);
    }

    ~Eu()
    {
        eu_program_destroy(program);
        eu_thread_destroy(thread);
    }

    Eu &run(eu_stop want = EU_EOT, uint64_t budget = 10000)
    {
        eu_stop got = eu_run(thread, budget);
        EXPECT_EQ(got, want) << thread->error;
        return *this;
    }

    template <class T> void set(unsigned reg, const std::vector<T> &values)
    {
        memcpy(thread->grf[reg], values.data(), values.size() * sizeof(T));
    }

    template <class T> T get(unsigned reg, unsigned index = 0)
    {
        T v;
        memcpy(&v, thread->grf[reg] + index * sizeof(T), sizeof(T));
        return v;
    }

    eu_thread *thread = eu_thread_create();
    bool barrier = false;

  private:
    void load(const std::vector<uint8_t> &code, uint32_t mask)
    {
        program = eu_program_create(code.data(), code.size(), Base);
        env.send = [](eu_thread *, const eu_send *m) {
            return m->sfid == EU_SFID_GTWY ? EU_SEND_BARRIER : EU_SEND_OK;
        };
        env.barrier_done = [](eu_thread *t) { return static_cast<Eu *>(t->opaque)->barrier; };
        env.timestamp = [](void *) { return 77u; };
        eu_start start{};
        start.program = program;
        start.env = &env;
        start.opaque = this;
        start.dispatch_mask = mask;
        start.simd = 16;
        start.denorm_retain = true;
        eu_thread_start(thread, &start);
        memset(thread->grf, 0, sizeof(thread->grf));
        std::vector<int> lanes(16);
        for (int l = 0; l < 16; l++)
            lanes[l] = l;
        set(2, lanes); // r2, r3: 0, 1, ... 15
    }

    eu_program *program = nullptr;
    eu_env env{};
};

// r10, r11 as 16 lanes.
std::vector<int> lanes(Eu &eu, unsigned reg = 10)
{
    std::vector<int> v(16);
    for (unsigned l = 0; l < 16; l++)
        v[l] = eu.get<int>(reg, l);
    return v;
}

template <class F> std::vector<int> expected(F f)
{
    std::vector<int> v(16);
    for (int l = 0; l < 16; l++)
        v[l] = f(l);
    return v;
}
} // namespace

TEST(Operand, PackedImmediates)
{
    Eu eu("(W) mov (8|M0) r10.0<1>:w 0x89ABCDEF:v\n"
          "(W) mov (8|M0) r11.0<1>:uw 0x89ABCDEF:uv\n"
          "(W) mov (4|M0) r12.0<1>:f 0xB0203000:vf\n");
    eu.run();
    for (int l = 0; l < 8; l++) {
        EXPECT_EQ(eu.get<int16_t>(10, l), int16_t(l) - 1 - 2 * l) << l;
        EXPECT_EQ(eu.get<uint16_t>(11, l), 15 - l) << l;
    }
    EXPECT_EQ(eu.get<float>(12, 0), 0.0f);
    EXPECT_EQ(eu.get<float>(12, 1), 1.0f);
    EXPECT_EQ(eu.get<float>(12, 2), 0.5f);
    EXPECT_EQ(eu.get<float>(12, 3), -1.0f);
}

// -0x1.5bp-12 * 0x1.b4cp+4 + 1 is 0x1.fb5fff8p-1: by way of a float it would become 0x1.fb8p-1.
TEST(Float, MadOfHalvesIsRoundedOnce)
{
    Eu eu("(W) mov (8|M0) r10.0<1>:hf 0x8D6C:hf\n"
          "(W) mov (8|M0) r11.0<1>:hf 0x4ED3:hf\n"
          "(W) mov (8|M0) r12.0<1>:hf 0x3C00:hf\n"
          "(W) mad (8|M0) r13.0<1>:hf r12.0<8;1>:hf r10.0<8;1>:hf r11.0<1>:hf\n");
    eu.run();
    EXPECT_EQ(eu.get<uint16_t>(13, 0), 0x3BED);
}

// As vISA lays them out: "add (2) r:ud x 0x40:uv" becomes 0x400:uv, lane by lane one word of the
// destination further.
TEST(Operand, PackedImmediatesBelongToWordsOfTheDestination)
{
    Eu eu("(W) mov (2|M0) r10.0<1>:ud 0x400:uv\n"
          "(W) add (4|M0) r11.0<1>:ud r2.0<0;1,0>:uw 0x07050301:uv\n"
          "(W) mov (4|M0) r12.0<2>:w 0x0F0E0D0C:v\n");
    eu.run();
    EXPECT_EQ(eu.get<uint32_t>(10, 0), 0u);
    EXPECT_EQ(eu.get<uint32_t>(10, 1), 4u);
    for (uint32_t l = 0; l < 4; l++) {
        EXPECT_EQ(eu.get<uint32_t>(11, l), eu.get<uint16_t>(2, 0) + 2 * l + 1) << l;
        EXPECT_EQ(eu.get<int16_t>(12, 2 * l), int(l) - 4) << l;
    }
}

TEST(Operand, IndirectOneAddressAndOneForEachRow)
{
    Eu eu("(W) mov (1|M0) a0.0<1>:uw 0x44:uw\n"
          "(W) mov (1|M0) a0.1<1>:uw 0x60:uw\n"
          "(W) mov (4|M0) r10.0<1>:d r[a0.0]<4;4,1>:d\n"
          "(W) mov (8|M0) r11.0<1>:d r[a0.0,4]<4,1>:d\n"
          "(W) mov (4|M0) r[a0.1,288]<1>:d r2.4<4;4,1>:d\n");
    eu.run();
    for (int l = 0; l < 4; l++) {
        EXPECT_EQ(eu.get<int>(10, l), 1 + l);
        EXPECT_EQ(eu.get<int>(11, l), 2 + l);
        EXPECT_EQ(eu.get<int>(11, 4 + l), 9 + l);
        EXPECT_EQ(eu.get<int>(12, l), 4 + l);
    }
}

TEST(Operand, RegionsRepeatAndStride)
{
    Eu eu("(W) mov (8|M0) r10.0<1>:d r2.1<0;2,1>:d\n"
          "(W) mov (8|M0) r11.0<1>:d r2.0<4;2,2>:d\n"
          "(W) mov (4|M0) r12.0<2>:d r2.4<4;4,1>:d\n"
          "(W) mov (8|M0) r13.0<2>:uw r2.0<8;8,1>:d\n");
    eu.run();
    for (int l = 0; l < 8; l++) {
        EXPECT_EQ(eu.get<int>(10, l), 1 + l % 2);
        EXPECT_EQ(eu.get<int>(11, l), l / 2 * 4 + l % 2 * 2);
        EXPECT_EQ(eu.get<int>(12, l), l % 2 ? 0 : 4 + l / 2);
        EXPECT_EQ(eu.get<int>(13, l), l);
    }
}

TEST(Mask, ChannelsOffStayUntouched)
{
    Eu eu("mov (16|M0) r10.0<1>:d 7:d\n(W) mov (16|M0) r12.0<1>:d 8:d\n", 0xa5f0);
    eu.run();
    EXPECT_EQ(lanes(eu), expected([](int l) { return 0xa5f0 >> l & 1 ? 7 : 0; }));
    EXPECT_EQ(lanes(eu, 12), expected([](int) { return 8; }));
}

TEST(Mask, ChannelOffsetPicksMaskAndFlagBits)
{
    Eu eu("(W) mov (1|M0) f0.0<1>:uw 0x0F00:uw\n"
          "(f0.0) mov (8|M8) r10.0<1>:d 5:d\n",
          0x5500);
    eu.run();
    for (int l = 0; l < 8; l++)
        EXPECT_EQ(eu.get<int>(10, l), (l == 0 || l == 2) ? 5 : 0) << l;
}

TEST(Predicate, Groups)
{
    Eu eu("(W) mov (1|M0) f0.0<1>:uw 0x0FF1:uw\n"
          "(f0.0.any4h) mov (16|M0) r10.0<1>:d 1:d\n"
          "(f0.0.all4h) mov (16|M0) r12.0<1>:d 1:d\n"
          "(~f0.0.any8h) mov (16|M0) r14.0<1>:d 1:d\n"
          "(f0.0.all16h) mov (16|M0) r16.0<1>:d 1:d\n"
          "(f0.0.any2h) mov (16|M0) r18.0<1>:d 1:d\n");
    eu.run();
    EXPECT_EQ(lanes(eu, 10), expected([](int l) { return l < 12; }));
    EXPECT_EQ(lanes(eu, 12), expected([](int l) { return l >= 4 && l < 12; }));
    EXPECT_EQ(lanes(eu, 14), expected([](int) { return 0; }));
    EXPECT_EQ(lanes(eu, 16), expected([](int) { return 0; }));
    EXPECT_EQ(lanes(eu, 18), expected([](int l) { return l < 2 || (l >= 4 && l < 12); }));
}

TEST(Flag, CompareSetsOnlyEnabledChannels)
{
    Eu eu("(W) mov (1|M0) f0.0<1>:uw 0xFFFF:uw\n"
          "cmp (16|M0) (lt)f0.0 null<1>:d r2.0<8;8,1>:d 4:w\n"
          "(W) mov (1|M0) r10.0<1>:uw f0.0<0;1,0>:uw\n",
          0x00ff);
    eu.run();
    EXPECT_EQ(eu.get<uint16_t>(10), 0xff0f);
}

TEST(Flag, NotANumberCompares)
{
    Eu eu("cmp (8|M0) (un)f0.0 null<1>:f r4.0<8;8,1>:f 1.0:f\n"
          "(W) mov (1|M0) r10.0<1>:uw f0.0<0;1,0>:uw\n"
          "cmp (8|M0) (ne)f0.0 null<1>:f r4.0<8;8,1>:f 1.0:f\n"
          "(W) mov (1|M0) r10.1<1>:uw f0.0<0;1,0>:uw\n"
          "sel (8|M0) (lt)f0.0 r11.0<1>:f r4.0<8;8,1>:f 1.0:f\n");
    eu.set<float>(4, {NAN, 0.5f, 1.0f, 2.0f, NAN, -1.0f, INFINITY, 1.0f});
    eu.run();
    EXPECT_EQ(eu.get<uint16_t>(10, 0) & 0xff, 0x11);
    EXPECT_EQ(eu.get<uint16_t>(10, 1) & 0xff, 0x7b);
    const float want[] = {1, 0.5f, 1, 1, 1, -1, 1, 1};
    for (int l = 0; l < 8; l++)
        EXPECT_EQ(eu.get<float>(11, l), want[l]) << l;
}

TEST(Integer, CarryAndBorrowInAccumulator)
{
    Eu eu("addc (8|M0) r10.0<1>:ud r4.0<8;8,1>:ud r5.0<8;8,1>:ud {AccWrEn}\n"
          "mov (8|M0) r11.0<1>:ud acc0.0<8;8,1>:ud\n"
          "subb (8|M0) r12.0<1>:ud r4.0<8;8,1>:ud r5.0<8;8,1>:ud {AccWrEn}\n"
          "mov (8|M0) r13.0<1>:ud acc0.0<8;8,1>:ud\n");
    eu.set<uint32_t>(4, {0xffffffff, 1, 0x80000000, 5, 0, 7, 0xfffffffe, 9});
    eu.set<uint32_t>(5, {1, 1, 0x80000000, 6, 0, 8, 1, 3});
    eu.run();
    const uint32_t sum[] = {0, 2, 0, 11, 0, 15, 0xffffffff, 12}, carry[] = {1, 0, 1, 0, 0, 0, 0, 0};
    const uint32_t borrow[] = {0, 0, 0, 1, 0, 1, 0, 0};
    for (int l = 0; l < 8; l++) {
        EXPECT_EQ(eu.get<uint32_t>(10, l), sum[l]);
        EXPECT_EQ(eu.get<uint32_t>(11, l), carry[l]);
        EXPECT_EQ(eu.get<uint32_t>(13, l), borrow[l]);
    }
}

TEST(Integer, ProductOfTwoDoublewords)
{
    Eu eu("mul (8|M0) acc0.0<1>:d r4.0<8;8,1>:d r5.0<2;1,0>:uw\n"
          "mach (8|M0) r10.0<1>:d r4.0<8;8,1>:d r5.0<8;8,1>:d {AccWrEn}\n"
          "mov (8|M0) r11.0<1>:ud acc0.0<8;8,1>:ud\n"
          "mul (8|M0) acc0.0<1>:d r4.0<8;8,1>:d r5.0<2;1,0>:uw\n"
          "mach (8|M0) r12.0<1>:d r4.0<8;8,1>:d r5.0<8;8,1>:d\n");
    const std::vector<int> a{-1, 2, 0x7fffffff, -0x7fffffff, 123456789, -5, 3, 0};
    const std::vector<int> b{-1, -3, 0x7fffffff, 0x7fffffff, 987654321, 70000, -70000, 9};
    eu.set(4, a);
    eu.set(5, b);
    eu.run();
    for (int l = 0; l < 8; l++) {
        int64_t product = int64_t(a[l]) * b[l];
        EXPECT_EQ(eu.get<int>(10, l), int(product >> 32)) << l;
        EXPECT_EQ(eu.get<int>(11, l), int(product)) << l;
        EXPECT_EQ(eu.get<int>(12, l), int(product)) << l;
    }
}

TEST(Integer, BitFields)
{
    Eu eu("(W) bfe (1|M0) r10.0<1>:ud 8:uw r4.0<0;0>:ud r4.1<0>:ud\n"
          "(W) bfe (1|M0) r10.2<1>:d 8:w r4.0<0;0>:d r4.1<0>:d\n"
          "(W) bfi1 (1|M0) r10.4<1>:ud r4.2<0;1,0>:ud r4.0<0;1,0>:ud\n"
          "(W) bfrev (1|M0) r10.5<1>:ud r4.1<0;1,0>:ud\n"
          "(W) fbh (1|M0) r10.6<1>:ud r4.1<0;1,0>:d\n"
          "(W) dp4a (1|M0) r11.0<1>:d r4.2<0;0>:d r4.1<0;0>:d r4.1<0>:ud\n");
    eu.set<uint32_t>(4, {4, 0xf0000f81, 3});
    eu.run();
    EXPECT_EQ(eu.get<uint32_t>(10, 0), 0xf8u);
    EXPECT_EQ(eu.get<int>(10, 2), -8);
    EXPECT_EQ(eu.get<uint32_t>(10, 4), 0x70u);
    EXPECT_EQ(eu.get<uint32_t>(10, 5), 0x81f0000fu);
    EXPECT_EQ(eu.get<uint32_t>(10, 6), 4u);
    EXPECT_EQ(eu.get<int>(11), 3 + -127 * 129 + 15 * 15 + 0 + -16 * 240);
}

TEST(Float, RoundingModes)
{
    // cr0.0 bits 5:4: nearest, up, down, to zero
    for (unsigned mode = 0; mode < 4; mode++) {
        Eu eu("(W) or (1|M0) cr0.0<1>:ud cr0.0<0;1,0>:ud r4.7<0;1,0>:ud\n"
              "(W) add (2|M0) r10.0<1>:f r4.0<2;2,1>:f r4.2<2;2,1>:f\n"
              "(W) mov (2|M0) r11.0<1>:hf r4.4<2;2,1>:f\n");
        const float third = 1.0f / 3;
        uint32_t bits = mode << 4;
        float as;
        memcpy(&as, &bits, 4);
        eu.set<float>(4, {1, -1, 0x1p-30f, -0x1p-30f, third, -third, 0, as});
        eu.run();
        const float up = mode == 1 ? 1 + 0x1p-23f : 1, down = mode == 2 ? -1 - 0x1p-23f : -1;
        EXPECT_EQ(eu.get<float>(10, 0), up) << mode;
        EXPECT_EQ(eu.get<float>(10, 1), down) << mode;
        EXPECT_EQ(eu.get<uint16_t>(11, 0), mode == 1 ? 0x3556 : 0x3555) << mode;
        EXPECT_EQ(eu.get<uint16_t>(11, 1), mode == 2 ? 0xb556 : 0xb555) << mode;
    }
}

TEST(Float, DenormalsFlushedUnlessRetained)
{
    for (bool retain : {true, false}) {
        Eu eu(retain ? "(W) add (1|M0) r10.0<1>:f r4.0<0;1,0>:f r4.0<0;1,0>:f\n"
                     : "(W) and (1|M0) cr0.0<1>:ud cr0.0<0;1,0>:ud 0xFFFFFF7F:ud\n"
                       "(W) add (1|M0) r10.0<1>:f r4.0<0;1,0>:f r4.0<0;1,0>:f\n"
                       "(W) mov (1|M0) r10.1<1>:f r4.0<0;1,0>:f\n");
        eu.set<float>(4, {0x1p-140f});
        eu.run();
        EXPECT_EQ(eu.get<float>(10), retain ? 0x1p-139f : 0.0f);
        if (!retain) {
            EXPECT_EQ(eu.get<float>(10, 1), 0x1p-140f); // moves copy bits
        }
    }
}

TEST(Float, SaturationAndModifiers)
{
    Eu eu("add (8|M0) (sat)r10.0<1>:f r4.0<8;8,1>:f -r4.0<0;1,0>:f\n"
          "mul (8|M0) r11.0<1>:f -(abs)r4.0<8;8,1>:f 2.0:f\n"
          "mov (8|M0) r12.0<1>:ub r4.0<8;8,1>:f\n");
    eu.set<float>(4, {0.25f, 3, -7, 0.5f, NAN, 300, INFINITY, -INFINITY});
    eu.run();
    const float sat[] = {0, 1, 0, 0.25f, 0, 1, 1, 0};
    const uint8_t byte[] = {0, 3, 0, 0, 0, 255, 255, 0};
    for (int l = 0; l < 8; l++) {
        EXPECT_EQ(eu.get<float>(10, l), sat[l]) << l;
        EXPECT_EQ(eu.get<uint8_t>(12, l), byte[l]) << l;
    }
    EXPECT_EQ(eu.get<float>(11, 2), -14.0f);
}

TEST(Flow, IfElseDiverges)
{
    Eu eu("cmp (16|M0) (lt)f0.0 null<1>:d r2.0<8;8,1>:d 5:w\n"
          "(f0.0) if (16|M0) ELSE END\n"
          "mov (16|M0) r10.0<1>:d 1:d\n"
          "cmp (16|M0) (lt)f0.1 null<1>:d r2.0<8;8,1>:d 2:w\n"
          "(f0.1) if (16|M0) INNER INNER\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 10:w\n"
          "INNER:\nendif (16|M0) ELSEINS\n"
          "ELSEINS:\nelse (16|M0) END END\n"
          "ELSE:\nmov (16|M0) r10.0<1>:d 2:d\n"
          "END:\nendif (16|M0) OUT\nOUT:\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 100:w\n");
    eu.run();
    EXPECT_EQ(lanes(eu), expected([](int l) { return l < 2 ? 111 : l < 5 ? 101 : 102; }));
}

TEST(Flow, LoopRunsEachChannelItsOwnTimes)
{
    Eu eu("mov (16|M0) r12.0<1>:d 0:d\n"
          "LOOP:\n"
          "add (16|M0) r12.0<1>:d r12.0<8;8,1>:d 1:w\n"
          "and (16|M0) (eq)f1.0 null<1>:d r12.0<8;8,1>:d 1:w\n"
          "(f1.0) cont (16|M0) WH WH\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 1:w\n"
          "cmp (16|M0) (gt)f0.1 null<1>:d r12.0<8;8,1>:d 8:w\n"
          "(f0.1) break (16|M0) WH W\n"
          "WH:\n"
          "cmp (16|M0) (lt)f0.0 null<1>:d r12.0<8;8,1>:d r2.0<8;8,1>:d\n"
          "W:\n(f0.0) while (16|M0) LOOP\n"
          "mov (16|M0) r14.0<1>:d 1:d\n");
    // channels that continue wait at WH, those that break behind W
    eu.run();
    EXPECT_EQ(lanes(eu, 14), expected([](int) { return 1; }));
    EXPECT_EQ(lanes(eu), expected([](int l) {
                  int n = 0, odd = 0;
                  do {
                      n++;
                      if (n % 2 == 0)
                          continue;
                      odd++;
                      if (n > 8)
                          break;
                  } while (n < l);
                  return odd;
              }));
}

TEST(Flow, GotoJoinsWhereItSays)
{
    Eu eu("cmp (16|M0) (lt)f0.0 null<1>:d r2.0<8;8,1>:d 4:w\n"
          "(f0.0) goto (16|M0) J1 J2\n"
          "cmp (16|M0) (lt)f0.0 null<1>:d r2.0<8;8,1>:d 8:w\n"
          "(f0.0) goto (16|M0) J1 J1\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 1:w\n"
          "J1:\njoin (16|M0) J2\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 10:w\n"
          "J2:\njoin (16|M0) OUT\nOUT:\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 100:w\n");
    eu.run();
    EXPECT_EQ(lanes(eu), expected([](int l) { return l < 4 ? 100 : l < 8 ? 110 : 111; }));
}

TEST(Flow, PredicatedCallReturnsToBothKindsOfChannels)
{
    Eu eu("cmp (16|M0) (ge)f0.0 null<1>:d r2.0<8;8,1>:d 8:w\n"
          "(f0.0) call (16|M0) r20.0 F\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 1:w\n"
          "call (16|M0) r20.0 F\n"
          "(W) jmpi (1|M0) END\n"
          "F:\nadd (16|M0) r10.0<1>:d r10.0<8;8,1>:d 100:w\n"
          "cmp (16|M0) (eq)f1.0 null<1>:d r2.0<8;8,1>:d 9:w\n"
          "(f1.0) ret (16|M0) r20.0\n"
          "add (16|M0) r10.0<1>:d r10.0<8;8,1>:d 1000:w\n"
          "ret (16|M0) r20.0\n"
          "END:\nnop\n");
    eu.run();
    EXPECT_EQ(lanes(eu), expected([](int l) {
                  int once = l == 9 ? 100 : 1100;
                  return 1 + once + (l >= 8 ? once : 0);
              }));
    EXPECT_EQ(eu.get<uint32_t>(20, 0), Base + 4 * 16); // the way back of the last call
    EXPECT_EQ(eu.get<uint32_t>(20, 1), 0xffffu);
}

TEST(Flow, IndirectJumpIsRelativeToItself)
{
    Eu eu("(W) mov (1|M0) r20.0<1>:d 32:d\n"
          "(W) jmpi (1|M0) r20.0\n"
          "(W) mov (1|M0) r10.0<1>:d 1:d\n"
          "(W) mov (1|M0) r10.1<1>:d 2:d\n");
    eu.run();
    EXPECT_EQ(eu.get<int>(10, 0), 0);
    EXPECT_EQ(eu.get<int>(10, 1), 2);
}

TEST(Special, ChannelEnablesIpAndTime)
{
    Eu eu("(W) mov (1|M0) r10.0<1>:ud ce0.0<0;1,0>:ud\n"
          "(W) mov (1|M0) r10.1<1>:ud ip.0<0;1,0>:ud\n"
          "(W) mov (1|M0) r10.2<1>:ud tm0.0<0;1,0>:ud\n"
          "(W) mov (1|M0) r10.3<1>:ud sr0.2<0;1,0>:ud\n",
          0x0f0f);
    eu.run();
    EXPECT_EQ(eu.get<uint32_t>(10, 0), 0x0f0fu);
    EXPECT_EQ(eu.get<uint32_t>(10, 1), Base + 16);
    EXPECT_EQ(eu.get<uint32_t>(10, 2), 77u);
    EXPECT_EQ(eu.get<uint32_t>(10, 3), 0x0f0fu);
}

TEST(Stop, BarrierWaitsAndGoesOn)
{
    Eu eu("(W) send.gtwy (1|M0) null r4 null 0x0 0x02000004\n"
          "(W) sync.bar null\n"
          "(W) mov (1|M0) r10.0<1>:d 1:d\n");
    eu.run(EU_WAIT_BARRIER).run(EU_WAIT_BARRIER);
    EXPECT_EQ(eu.get<int>(10), 0);
    eu.barrier = true;
    eu.run();
    EXPECT_EQ(eu.get<int>(10), 1);
}

TEST(Stop, BudgetEndsEndlessLoop)
{
    Eu eu("L:\n(W) add (1|M0) r10.0<1>:d r10.0<0;1,0>:d 1:w\n(W) jmpi (1|M0) L\n");
    eu.run(EU_BUDGET, 1000).run(EU_BUDGET, 1000);
    EXPECT_EQ(eu.get<int>(10), 1000);
    EXPECT_EQ(eu.thread->instructions, 2000u);
}

TEST(Stop, DoublePrecisionIsRefusedByName)
{
    Eu eu("(W) mov (1|M0) r11.0<1>:d 1:d\nmov (4|M0) r10.0<1>:df r4.0<4;4,1>:df\n");
    eu.run(EU_ERROR);
    EXPECT_EQ(eu.get<int>(11), 1);
    EXPECT_STREQ(eu.thread->error, "double precision, which this hardware does not have at +0x10: "
                                   "mov (4|M0) r10.0<1>:df r4.0<4;4,1>:df");
}

TEST(Stop, RunningOffTheEndAndJumpingOutside)
{
    Eu zeros(std::vector<uint8_t>(32));
    zeros.run(EU_ERROR);
    EXPECT_NE(std::string(zeros.thread->error).find("illegal"), std::string::npos);
    std::vector<uint8_t> nops(32);
    nops[0] = nops[16] = 0x60;
    Eu off(nops);
    off.run(EU_ERROR);
    EXPECT_NE(std::string(off.thread->error).find("left the code at +0x20"), std::string::npos);
    Eu jump("(W) mov (1|M0) r20.0<1>:d 0x7FFFFFF8:d\n(W) jmpi (1|M0) r20.0\n");
    jump.run(EU_ERROR);
}

TEST(Extent, EndsWithTheLastReachableInstruction)
{
    Iga iga;
    auto code =
        iga.assemble("(W) jmpi (1|M0) B\nA:\n(W) send.ts (8|M0) null r0 null 0x0 0x02000010 "
                     "{EOT}\nB:\n(W) jmpi (1|M0) A\n");
    size_t bytes = code.size();
    bool more = true;
    ASSERT_EQ(bytes, 48u);
    code.resize(256);
    EXPECT_EQ(eu_code_extent(code.data(), code.size(), &more), bytes);
    EXPECT_FALSE(more);
    EXPECT_EQ(eu_code_extent(code.data(), 16, &more), 16u);
    EXPECT_TRUE(more);
}
