// SPDX-License-Identifier: MIT
// What one context does is not seen by another.
#include "gpu.hpp"

namespace
{
class Isolation : public ::testing::TestWithParam<Engine>
{
  protected:
    uint32_t gpr(unsigned n) const
    {
        return ring_base(engine) + 0x600 + 8 * n;
    }
    Engine engine = GetParam();
    Gpu gpu;
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Engine, Isolation, ::testing::Values(render, copy),
                         [](const auto &info) { return name(info.param); });

TEST_P(Isolation, RegistersBelongToTheirContext)
{
    Context mine(gpu), other(gpu);
    Object out(gpu, Place::local, 4096);
    Batch write(gpu), overwrite(gpu), read(gpu);
    write.emit({MI_LRI1, gpr(5), 0x1234}).run(mine, engine, {});
    overwrite.store_register(gpr(5), out, 0)
        .emit({MI_LRI1, gpr(5), 0x9999})
        .run(other, engine, {&out});
    read.store_register(gpr(5), out, 4).run(mine, engine, {&out});
    EXPECT_EQ(out.dw[0], 0u) << "a fresh context saw another's register";
    EXPECT_EQ(out.dw[1], 0x1234u);
}

TEST_P(Isolation, PrivilegedRegistersStayOutOfReach)
{
    Context context(gpu);
    Object out(gpu, Place::local, 4096);
    uint32_t hwsp = ring_base(engine) + 0x80;
    Batch(gpu).store_register(hwsp, out, 0).run(context, engine, {&out});
    Batch(gpu)
        .emit({MI_LRI1, hwsp, 0x1000})
        .store_register(hwsp, out, 4)
        .run(context, engine, {&out});
    EXPECT_NE(out.dw[0], 0u);
    EXPECT_EQ(out.dw[1], out.dw[0]);
}

TEST_P(Isolation, SameAddressIsOtherMemoryInAnotherVm)
{
    Context a(gpu, Context::own_vm), b(gpu, Context::own_vm);
    Object first(gpu, Place::local, 65536), second(gpu, Place::local, 65536);
    second.va = first.va;
    Batch(gpu).store(first, 64, 1).run(a, engine, {&first});
    Batch(gpu).store(second, 64, 2).run(b, engine, {&second});
    Batch(gpu).store(first, 128, 3).run(a, engine, {&first});
    EXPECT_EQ(first.dw[16], 1u);
    EXPECT_EQ(second.dw[16], 2u);
    EXPECT_EQ(first.dw[32], 3u);
    EXPECT_EQ(second.dw[32], 0u);
}

TEST_P(Isolation, UnboundAddressesReachOnlyScratch)
{
    Context a(gpu, Context::own_vm), b(gpu, Context::own_vm);
    Object secret(gpu, Place::local, 65536), out(gpu, Place::local, 65536);
    Batch(gpu).store(secret, 0, 0x5ec7e7).run(a, engine, {&secret});
    // b has nothing at that address: it reads scratch and what it writes is lost.
    Batch spy(gpu);
    spy.emit({mi(0x2e, 3), out.low(), out.high(), secret.low(), secret.high()})
        .store(secret, 0, 0xbad)
        .run(b, engine, {&out});
    EXPECT_NE(out.dw[0], 0x5ec7e7u);
    EXPECT_EQ(secret.dw[0], 0x5ec7e7u);
}
