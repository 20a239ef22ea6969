// SPDX-License-Identifier: MIT
#include "gpu_memory.hpp"
#include <gtest/gtest.h>
#include <string>

namespace
{

struct MmuTest : ::testing::Test, GpuMemory {
    uint8_t *lmem(uint64_t addr) { return mem_lmem(mem) + addr; }
};
using Walk = MmuTest;
using Tlb = MmuTest;
using Ggtt = MmuTest;

constexpr uint64_t kVa = 0x7f1234567000;

TEST_F(Walk, SmallPageInLocalMemory)
{
    map4K(kVa, 0x2000000, true);
    EXPECT_EQ(at(kVa + 0x123, MMU_WRITE), lmem(0x2000123));
}

TEST_F(Walk, SmallPageInSystemMemory)
{
    map4K(kVa, kRamBase + 0x5000, false);
    ram.data()[0x5abc] = 77;
    uint8_t *p = at(kVa + 0xabc);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(*p, 77);
}

TEST_F(Walk, PatBitSevenOfAPteIsNotPageSize)
{
    *entry(kVa, 0) = 0x2000000 | kPresent | kLocal | 0x80;
    EXPECT_EQ(at(kVa), lmem(0x2000000));
}

TEST_F(Walk, TwoMegabyteLeaf)
{
    map2M(0x40000000, 0x4000000, true);
    EXPECT_EQ(at(0x40000000), lmem(0x4000000));
    EXPECT_EQ(at(0x401ffff8), lmem(0x41ffff8));
    EXPECT_EQ(at(0x40200000), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NOT_PRESENT);
    EXPECT_EQ(fault.level, 1);
}

TEST_F(Walk, SixtyFourKilobytePagesUseEverySixteenthEntry)
{
    map4K(0x50000000, 0x3000000, true); // entry 0 of the page table
    map4K(0x50010000, 0x3050000, true); // entry 16
    *entry(0x50000000, 1) |= kIps64K;
    EXPECT_EQ(at(0x5000f123), lmem(0x300f123));
    EXPECT_EQ(at(0x5001a000), lmem(0x305a000));
}

TEST_F(Walk, NotPresentNamesLevelAndEntry)
{
    *entry(kVa, 0) = 0xabc000;
    EXPECT_EQ(at(kVa, MMU_WRITE), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NOT_PRESENT);
    EXPECT_EQ(fault.level, 0);
    EXPECT_EQ(fault.entry, 0xabc000u);
    EXPECT_EQ(fault.va, kVa);
    EXPECT_EQ(fault.access, MMU_WRITE);
    EXPECT_FALSE(fault.ggtt);
    EXPECT_EQ(at(0x1000), nullptr);
    EXPECT_EQ(fault.level, 3);
}

TEST_F(Walk, LeafOutsideMemoryFaults)
{
    map4K(kVa, kLmemSize, true);
    EXPECT_EQ(at(kVa), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);
    map4K(kVa + 4096, 0x1000, false);
    EXPECT_EQ(at(kVa + 4096), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);
}

TEST_F(Walk, TableOutsideLocalMemoryFaults)
{
    *entry(kVa, 2) = kLmemSize | kPresent;
    EXPECT_EQ(at(kVa), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);
    EXPECT_EQ(fault.level, 2);
    tlb_set_root(tlb, kLmemSize + 4096);
    EXPECT_EQ(at(kVa), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);
}

TEST_F(Walk, NoRootIsAFault)
{
    tlb_set_root(tlb, 0);
    EXPECT_EQ(at(kVa), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_SPACE);
}

TEST_F(Walk, CanonicalFormsAreTheSamePage)
{
    map4K(0xffffff000000, 0x2000000, true);
    EXPECT_EQ(at(0xffffff000010), lmem(0x2000010));
    EXPECT_EQ(at(0xffffffffff000010), lmem(0x2000010));
    EXPECT_EQ(at(0x0001ffffff000010), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_RANGE);
    map4K(0x1000, 0x2000000, true);
    EXPECT_EQ(at(0xffff000000001000), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_RANGE);
}

TEST_F(Walk, TableThatPointsAtItselfEnds)
{
    *table(kRoot) = kRoot | kPresent;
    // Four levels of the same entry: the page table itself is mapped as system memory.
    EXPECT_EQ(at(0), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);
    EXPECT_EQ(fault.entry, kRoot);
}

TEST_F(Tlb, IsStaleUntilInvalidated)
{
    map4K(kVa, 0x2000000, true);
    EXPECT_EQ(at(kVa), lmem(0x2000000));
    map4K(kVa, 0x2001000, true);
    EXPECT_EQ(at(kVa), lmem(0x2000000)) << "the TLB noticed a change that nobody announced";
    *entry(kVa, 0) = 0;
    EXPECT_EQ(at(kVa), lmem(0x2000000));
    map4K(kVa, 0x2001000, true);
    mmu_invalidate(mmu, ENGINE_RCS0);
    EXPECT_EQ(at(kVa), lmem(0x2000000)) << "the other engine's invalidation is not ours";
    mmu_invalidate(mmu, ENGINE_BCS0);
    EXPECT_EQ(at(kVa), lmem(0x2001000));
}

TEST_F(Tlb, LargeLeavesAreStaleToo)
{
    map2M(0x40000000, 0x4000000, true);
    EXPECT_EQ(at(0x40000000), lmem(0x4000000));
    map2M(0x40000000, 0x6000000, true);
    EXPECT_EQ(at(0x40100000), lmem(0x4100000)) << "another page of the cached leaf";
    mmu_invalidate(mmu, ENGINE_BCS0);
    EXPECT_EQ(at(0x40100000), lmem(0x6100000));
}

TEST_F(Tlb, RootsAreKeptApart)
{
    constexpr uint64_t other = 0x8000000;
    map4K(kVa, 0x2000000, true);
    *entry(kVa, 0, other) = 0x3000000 | kPresent | kLocal;
    EXPECT_EQ(at(kVa), lmem(0x2000000));
    tlb_set_root(tlb, other);
    EXPECT_EQ(tlb_root(tlb), other);
    EXPECT_EQ(at(kVa), lmem(0x3000000));
    tlb_set_root(tlb, kRoot);
    EXPECT_EQ(at(kVa), lmem(0x2000000));
}

TEST_F(Tlb, ManyRootsNeverMix)
{
    constexpr unsigned n = 100;
    for (unsigned i = 0; i < n; i++)
        *entry(kVa, 0, 0x8000000 + i * 4096) = (0x3000000 + i * 4096) | kPresent | kLocal;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < n; i++) {
            tlb_set_root(tlb, 0x8000000 + i * 4096);
            ASSERT_EQ(at(kVa), lmem(0x3000000 + i * 4096));
        }
}

TEST_F(Tlb, FaultsAreNotCached)
{
    EXPECT_EQ(at(kVa), nullptr);
    map4K(kVa, 0x2000000, true);
    EXPECT_EQ(at(kVa), lmem(0x2000000));
}

TEST_F(Tlb, HostPointersFollowRemappedGuestMemory)
{
    map4K(kVa, kRamBase, false);
    ram.data()[0] = 1;
    ASSERT_NE(at(kVa), nullptr);
    mem_lease_close(lease);
    ASSERT_EQ(mem_dma_unmap(mem, kRamBase, 32ull << 20), 0);
    mem_lease_open(lease);
    EXPECT_EQ(at(kVa), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NO_MEMORY);

    MemFile other(4096);
    other.data()[0] = 2;
    ASSERT_EQ(mem_dma_map(mem, kRamBase, 4096, other.fd(), 0, false), 0);
    *entry(kVa, 0) = 0; // the translation itself must still be the cached one
    uint8_t *p = at(kVa);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(*p, 2);
    EXPECT_EQ(at(kVa, MMU_WRITE), nullptr) << "the new mapping is read-only";
}

TEST_F(Tlb, ManyPagesSurviveConflicts)
{
    constexpr unsigned pages = 5000;
    mapRange(0x10000000, 0x2000000, pages * 4096ull, true);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < pages; i++) {
            unsigned page = i * 1237u % pages;
            ASSERT_EQ(at(0x10000000 + page * 4096ull), lmem(0x2000000 + page * 4096ull));
        }
}

TEST_F(Tlb, CopiesCrossPages)
{
    map4K(kVa, 0x2000000, true);
    map4K(kVa + 4096, 0x5000000, true);
    std::string text(600, 'x');
    text += "end";
    ASSERT_TRUE(tlb_write(tlb, kVa + 4000, text.data(), text.size(), &fault));
    EXPECT_EQ(*lmem(0x2000000 + 4095), 'x');
    EXPECT_EQ(memcmp(lmem(0x5000000 + 4000 + 600 - 4096), "end", 3), 0);
    std::string back(text.size(), 0);
    ASSERT_TRUE(tlb_read(tlb, kVa + 4000, back.data(), back.size(), &fault));
    EXPECT_EQ(back, text);
    EXPECT_FALSE(tlb_read(tlb, kVa + 8000, back.data(), back.size(), &fault));
    EXPECT_EQ(fault.va, kVa + 8192);
}

TEST_F(Ggtt, EntryBitsAndImmediateEffect)
{
    mmu_ggtt(mmu)[5] = 0x2000000 | 1 | 2;
    EXPECT_EQ(tlb_ggtt_ptr(tlb, 0x5010, MMU_WRITE, &fault), lmem(0x2000010));
    // Bit 1 is LM here, not bit 11; and no invalidation is needed.
    mmu_ggtt(mmu)[5] = kRamBase | 1;
    uint32_t value = 0x12345678;
    ASSERT_TRUE(tlb_ggtt_write(tlb, 0x5020, &value, 4, &fault));
    EXPECT_EQ(memcmp(ram.data() + 0x20, &value, 4), 0);
    value = 0;
    ASSERT_TRUE(tlb_ggtt_read(tlb, 0x5020, &value, 4, &fault));
    EXPECT_EQ(value, 0x12345678u);
}

TEST_F(Ggtt, Faults)
{
    EXPECT_EQ(tlb_ggtt_ptr(tlb, 0x7000, MMU_READ, &fault), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_NOT_PRESENT);
    EXPECT_TRUE(fault.ggtt);
    EXPECT_EQ(tlb_ggtt_ptr(tlb, 1ull << 32, MMU_READ, &fault), nullptr);
    EXPECT_EQ(fault.why, MMU_FAULT_RANGE);
    char text[200];
    EXPECT_NE(std::string(mmu_fault_text(&fault, text, sizeof(text))).find("0x100000000"),
              std::string::npos);
}

} // namespace
