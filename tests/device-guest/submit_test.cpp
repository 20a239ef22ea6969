// SPDX-License-Identifier: MIT
#include "gpu.hpp"

#include <sys/mman.h>

namespace
{
class Submit : public ::testing::TestWithParam<std::tuple<Engine, Place>>
{
  protected:
    Engine engine = std::get<0>(GetParam());
    Place place = std::get<1>(GetParam());
    Gpu gpu;
    Context context{gpu};
};

std::string title(const ::testing::TestParamInfo<std::tuple<Engine, Place>> &info)
{
    return name(std::get<0>(info.param)) + "_" + name(std::get<1>(info.param));
}
} // namespace

INSTANTIATE_TEST_SUITE_P(Everywhere, Submit,
                         ::testing::Combine(::testing::Values(render, copy),
                                            ::testing::Values(Place::local, Place::system,
                                                              Place::user)),
                         title);

TEST_P(Submit, StoreDwordArrives)
{
    Object target(gpu, place, 8192);
    Batch batch(gpu);
    batch.store(target, 0, 0xc0ffee).store(target, 8188, 0xdecaf).run(context, engine, {&target});
    EXPECT_EQ(target.dw[0], 0xc0ffeeu);
    EXPECT_EQ(target.dw[2047], 0xdecafu);
    EXPECT_EQ(target.dw[1], 0u);
}

TEST_P(Submit, BatchMayLieAnywhere)
{
    Object target(gpu, Place::local, 4096);
    Batch batch(gpu, place);
    batch.store(target, 16, 5).run(context, engine, {&target});
    EXPECT_EQ(target.dw[4], 5u);
}

TEST_P(Submit, ManyPagesArriveInOrder)
{
    constexpr unsigned pages = 100;
    Object target(gpu, place, pages * 4096);
    Batch batch(gpu, Place::local, 8192);
    for (unsigned i = 0; i < pages; i++)
        batch.store(target, i * 4096ull + i * 4, i + 1);
    batch.run(context, engine, {&target});
    for (unsigned i = 0; i < pages; i++)
        ASSERT_EQ(target.dw[i * 1024 + i], i + 1) << i;
}

TEST_P(Submit, CopyMemMem)
{
    Object source(gpu, place, 4096), target(gpu, Place::local, 4096);
    source.dw[7] = 0x7777;
    Batch batch(gpu);
    batch.emit({mi(0x2e, 3), target.low() + 12, target.high(), source.low() + 28, source.high()})
        .run(context, engine, {&source, &target});
    EXPECT_EQ(target.dw[3], 0x7777u);
}

TEST_P(Submit, SequenceOfBatchesIsOrdered)
{
    Object target(gpu, place, 4096);
    std::vector<std::unique_ptr<Batch>> batches;
    for (uint32_t i = 1; i <= 50; i++) {
        batches.push_back(std::make_unique<Batch>(gpu));
        batches.back()->store(target, 0, i).submit(context, engine, {&target});
    }
    target.wait();
    EXPECT_EQ(target.dw[0], 50u);
}

TEST(Softpin, ObjectsLieAtCpuAddresses)
{
    Gpu gpu;
    Context context(gpu);
    for (Engine engine : {render, copy}) {
        for (Place place : {Place::local, Place::system, Place::user}) {
            Object probe(gpu, place, 65536);
            uint64_t cpu = reinterpret_cast<uintptr_t>(probe.dw);
            probe.va = (cpu + 0xffff) & ~0xffffull; // GPU address = an address of this process
            Batch batch(gpu);
            batch.store(probe, 4096, 0x5171).run(context, engine, {&probe});
            EXPECT_EQ(probe.dw[1024], 0x5171u) << name(place) << " " << std::hex << probe.va;
        }
    }
}

TEST(Softpin, UserPointerIsTheGpuAddress)
{
    Gpu gpu;
    Context context(gpu);
    Object memory(gpu, Place::user, 16384);
    ASSERT_EQ(memory.va, reinterpret_cast<uintptr_t>(memory.dw));
    auto at = reinterpret_cast<uintptr_t>(&memory.dw[100]);
    Batch batch(gpu);
    batch.emit({MI_STORE_DWORD, static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32), 0xabcd})
        .run(context, render, {&memory});
    EXPECT_EQ(memory.dw[100], 0xabcdu);
}

TEST(Softpin, MovedObjectIsFoundAtItsNewAddress)
{
    Gpu gpu;
    Context context(gpu);
    Object object(gpu, Place::local, 65536), other(gpu, Place::local, 65536);
    uint64_t first = object.va;
    Batch(gpu).store(object, 0, 1).run(context, render, {&object});
    object.va = first + (1ull << 33);
    other.va = first; // the old address means something else now: stale translations would show
    Batch batch(gpu);
    batch.store(object, 0, 2).store(other, 0, 3).run(context, render, {&object, &other});
    EXPECT_EQ(object.dw[0], 2u);
    EXPECT_EQ(other.dw[0], 3u);
}
