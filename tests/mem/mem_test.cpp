// SPDX-License-Identifier: MIT
#include "gpu_memory.hpp"
#include <atomic>
#include <cerrno>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

namespace
{

constexpr uint64_t kPage = 4096;

struct MemTest : ::testing::Test {
    MemTest() : file(64 * kPage), mem(mem_create(256ull << 20)) {}
    ~MemTest() override { mem_destroy(mem); }
    int map(uint64_t iova, uint64_t pages, uint64_t offset_pages = 0, bool writable = true)
    {
        return mem_dma_map(mem, iova, pages * kPage, file.fd(), offset_pages * kPage, writable);
    }
    uint8_t *host(uint64_t iova, bool write = false)
    {
        return mem_host(mem, MEM_SYSTEM, iova, write, &avail);
    }
    MemFile file;
    struct mem *mem;
    uint64_t avail = 0;
};

using Map = MemTest;
using Unmap = MemTest;
using Lease = MemTest;

TEST_F(Map, ReachesTheFileAtItsOffset)
{
    ASSERT_EQ(map(0x100000, 4, 8), 0);
    file.data()[9 * kPage + 5] = 0x5a;
    uint8_t *p = host(0x101005);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(*p, 0x5a);
    EXPECT_EQ(avail, 3 * kPage - 5);
}

TEST_F(Map, NothingOutside)
{
    ASSERT_EQ(map(0x100000, 4), 0);
    EXPECT_EQ(host(0xfffff), nullptr);
    EXPECT_NE(host(0x100000), nullptr);
    EXPECT_NE(host(0x103fff), nullptr);
    EXPECT_EQ(host(0x104000), nullptr);
}

TEST_F(Map, OverlapIsRefused)
{
    ASSERT_EQ(map(0x100000, 4), 0);
    EXPECT_EQ(map(0x100000, 4), -EEXIST);
    EXPECT_EQ(map(0xff000, 2), -EEXIST);
    EXPECT_EQ(map(0x103000, 2), -EEXIST);
    EXPECT_EQ(map(0x101000, 1), -EEXIST);
    EXPECT_EQ(map(0x104000, 1), 0);
    EXPECT_EQ(map(0xff000, 1), 0);
}

TEST_F(Map, BadRangesAreRefused)
{
    EXPECT_EQ(map(0x100800, 1), -EINVAL);
    EXPECT_EQ(map(0x100000, 0), -EINVAL);
    EXPECT_EQ(map(0xfffffffffffff000, 2), -EINVAL);
    EXPECT_EQ(map(0x100000, 64, 1), -EINVAL) << "the file ends one page too early";
    EXPECT_EQ(mem_dma_map(mem, 0, kPage, file.fd(), 0xfffffffffffff000, true), -EINVAL);
    EXPECT_EQ(mem_dma_map(mem, 0, kPage, file.fd(), 0x800, true), -EINVAL);
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    EXPECT_EQ(mem_dma_map(mem, 0, kPage, fds[0], 0, true), -EINVAL);
    close(fds[0]);
    close(fds[1]);
    EXPECT_EQ(mem_dma_map(mem, 0, kPage, 9999, 0, true), -EBADF);
}

TEST_F(Map, TheLastPageOfTheAddressSpaceWorks)
{
    ASSERT_EQ(map(0xfffffffffffff000, 1), 0);
    EXPECT_NE(host(0xffffffffffffffff), nullptr);
    EXPECT_EQ(avail, 1u);
    EXPECT_EQ(mem_dma_unmap(mem, 0xfffffffffffff000, kPage), 0);
}

TEST_F(Map, ReadOnlyIsNotWritable)
{
    ASSERT_EQ(map(0x100000, 1, 0, false), 0);
    EXPECT_NE(host(0x100000), nullptr);
    EXPECT_EQ(host(0x100000, true), nullptr);
}

TEST_F(Map, WithoutFileIsReservedButUnreachable)
{
    ASSERT_EQ(mem_dma_map(mem, 0x100000, kPage, -1, 0, true), 0);
    EXPECT_EQ(host(0x100000), nullptr);
    EXPECT_EQ(map(0x100000, 1), -EEXIST);
    EXPECT_EQ(mem_dma_unmap(mem, 0x100000, kPage), 0);
}

TEST_F(Map, ManyMappingsAreFoundAndRetiredTablesAreFreed)
{
    for (uint64_t i = 0; i < 600; i++)
        ASSERT_EQ(map((i * 7919 % 600) * 2 * kPage, 1, i % 64), 0);
    for (uint64_t i = 0; i < 600; i++) {
        EXPECT_NE(host(i * 2 * kPage), nullptr);
        EXPECT_EQ(host((i * 2 + 1) * kPage), nullptr);
    }
}

TEST_F(Unmap, WhatIsNotThereIsReported)
{
    EXPECT_EQ(mem_dma_unmap(mem, 0x100000, kPage), -ENOENT);
    ASSERT_EQ(map(0x100000, 1), 0);
    EXPECT_EQ(mem_dma_unmap(mem, 0x101000, kPage), -ENOENT);
    EXPECT_EQ(mem_dma_unmap(mem, 0x100000, 100), -EINVAL);
}

TEST_F(Unmap, CuttingAMappingIsRefusedAndChangesNothing)
{
    ASSERT_EQ(map(0x100000, 4), 0);
    EXPECT_EQ(mem_dma_unmap(mem, 0x100000, kPage), -EINVAL);
    EXPECT_EQ(mem_dma_unmap(mem, 0x101000, 3 * kPage), -EINVAL);
    EXPECT_NE(host(0x100000), nullptr);
    EXPECT_NE(host(0x103000), nullptr);
}

TEST_F(Unmap, OneCallTakesSeveralMappingsAndKeepsNeighbours)
{
    for (uint64_t i = 0; i < 5; i++)
        ASSERT_EQ(map(0x100000 + i * 2 * kPage, 1), 0);
    EXPECT_EQ(mem_dma_unmap(mem, 0x102000, 5 * kPage), 0);
    EXPECT_NE(host(0x100000), nullptr);
    EXPECT_EQ(host(0x102000), nullptr);
    EXPECT_EQ(host(0x104000), nullptr);
    EXPECT_EQ(host(0x106000), nullptr);
    EXPECT_NE(host(0x108000), nullptr);
}

TEST_F(Unmap, AllLeavesNothingAndLocalMemoryStays)
{
    ASSERT_EQ(map(0x100000, 1), 0);
    ASSERT_EQ(map(0x200000, 1), 0);
    mem_dma_unmap_all(mem);
    EXPECT_EQ(host(0x100000), nullptr);
    EXPECT_EQ(host(0x200000), nullptr);
    EXPECT_NE(mem_host(mem, MEM_LOCAL, 0, true, &avail), nullptr);
    EXPECT_EQ(avail, 256ull << 20);
    EXPECT_EQ(mem_host(mem, MEM_LOCAL, 256ull << 20, false, &avail), nullptr);
}

TEST_F(Lease, UnmapWaitsForAnOpenLease)
{
    ASSERT_EQ(map(0x100000, 1), 0);
    mem_lease *lease = mem_lease_create(mem);
    mem_lease_open(lease);
    volatile uint8_t *p = host(0x100000, true);
    ASSERT_NE(p, nullptr);
    EXPECT_FALSE(mem_lease_wanted(lease));
    std::atomic<bool> done{false};
    std::thread writer([&] {
        mem_dma_unmap(mem, 0x100000, kPage);
        done = true;
    });
    while (!mem_lease_wanted(lease))
        std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(done);
    *p = 1; // still mapped: a crash here is the failure
    mem_lease_close(lease);
    mem_lease_open(lease);
    writer.join();
    EXPECT_FALSE(mem_lease_wanted(lease));
    EXPECT_EQ(host(0x100000), nullptr);
    mem_lease_close(lease);
    mem_lease_destroy(lease);
}

TEST_F(Lease, UnmapDoesNotWaitForAClosedOrNewLease)
{
    ASSERT_EQ(map(0x100000, 1), 0);
    mem_lease *idle = mem_lease_create(mem);
    uint32_t before = mem_generation(mem);
    EXPECT_EQ(mem_dma_unmap(mem, 0x100000, kPage), 0);
    EXPECT_NE(mem_generation(mem), before);
    mem_lease_destroy(idle);
}

TEST_F(Lease, HoldersNeverTouchUnmappedMemory)
{
    // A reader hammers the range while the writer maps and unmaps it: an access after
    // munmap would be a SIGSEGV.
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> hits{0};
    std::thread reader([&] {
        mem_lease *lease = mem_lease_create(mem);
        mem_lease_open(lease);
        while (!stop) {
            uint64_t n;
            if (uint8_t *p = mem_host(mem, MEM_SYSTEM, 0x100000, true, &n)) {
                for (int i = 0; i < 100; i++)
                    reinterpret_cast<volatile uint8_t *>(p)[i]++;
                hits++;
            }
            if (mem_lease_wanted(lease)) {
                mem_lease_close(lease);
                mem_lease_open(lease);
            }
        }
        mem_lease_close(lease);
        mem_lease_destroy(lease);
    });
    for (int i = 0; i < 300 || hits == 0; i++) {
        ASSERT_EQ(map(0x100000, 1), 0);
        std::this_thread::yield();
        ASSERT_EQ(mem_dma_unmap(mem, 0x100000, kPage), 0);
    }
    stop = true;
    reader.join();
    EXPECT_GT(hits, 0u);
}

} // namespace
