/* SPDX-License-Identifier: MIT */
/* Memory that goes to swap or to disk while the GPU has it bound: what the GPU wrote must go too.
 */
#include "gpu.h"
#include "see.h"
#include "surroundings.h"

#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{

class Swap : public testing::Test
{
  protected:
    static constexpr size_t kPages = 128;

    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_MIRROR))
            GTEST_SKIP() << "no SVM";
        needSwap();
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
        for (size_t i = 0; i < kPages; i++)
            at(i) = uint32_t(i);
    }

    volatile uint32_t &at(size_t page)
    {
        return m.dwords()[page * kPage / 4];
    }

    void gpuAdds(uint32_t n)
    {
        Batch b;
        for (size_t i = 0; i < kPages; i++)
            b.storeDword(m.data() + i * kPage, uint32_t(i) + n);
        ASSERT_EQ(gpu.run(b), 0);
    }

    /* Nothing of ours may hold them; the kernel itself may hold a few for a moment. */
    void pageOut()
    {
        ASSERT_EQ(madvise(m.data(), m.size(), MADV_PAGEOUT), 0);
        ASSERT_LE(pagesPresent(m.data(), m.size()), kPages / 4);
        /* As long as they are written, who wants them gets them back, but they neither move nor go
         * again. */
        waitForWriteback();
    }

    void expectAdded(uint32_t n)
    {
        size_t wrong = 0;
        for (size_t i = 0; i < kPages; i++)
            wrong += at(i) != i + n;
        EXPECT_EQ(wrong, 0u) << "pages lost what the GPU wrote";
    }

    Memory m{kPages * kPage};
    Gpu gpu;
};

class SwapDevice : public Swap
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        Swap::SetUp();
    }
};

TEST_F(Swap, BoundPagesGoAndComeBack)
{
    for (uint32_t n = 1; n < 4; n++) {
        gpuAdds(n);
        pageOut();
        expectAdded(n);
    }
}

/* Read from swap, a page is clean and its copy in swap still good: unless the GPU writes to it. */
TEST_F(Swap, GpuWritesToCleanPagesStay)
{
    pageOut();
    expectAdded(0);
    gpuAdds(1000);
    pageOut();
    expectAdded(1000);
}

TEST_F(Swap, GpuWritesAfterMadvFreeStay)
{
    gpuAdds(1);
    ASSERT_EQ(madvise(m.data(), m.size(), MADV_FREE), 0);
    gpuAdds(2);
    ASSERT_EQ(madvise(m.data(), m.size(), MADV_PAGEOUT), 0);
    expectAdded(2);
}

TEST_F(SwapDevice, SwappedPagesPrefetch)
{
    pageOut();
    drm_i915_gem_vm_prefetch a;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.moved + a.failed_busy, m.size());
    EXPECT_GE(a.moved, m.size() / 2) << "the kernel holds all that was in swap";
    gpuAdds(5);
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.moved + a.already + a.failed_busy, m.size());
    gpuAdds(6);
    expectAdded(6);
}

/* What was never touched stays that way beside what was swapped out. */
TEST_F(SwapDevice, PrefetchTellsSwappedFromAbsent)
{
    constexpr size_t kHole = 16;
    ASSERT_EQ(madvise(m.data(), kHole * kPage, MADV_DONTNEED), 0);
    pageOut();
    drm_i915_gem_vm_prefetch a;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.absent, kHole * kPage);
    EXPECT_EQ(a.moved + a.failed_busy, m.size() - kHole * kPage);
    EXPECT_EQ(pagesPresent(m.data(), kHole * kPage), 0u);
}

/* A file's pages that nobody touched are in no swap: they are not read, or copied, to be moved. */
TEST_F(SwapDevice, PrefetchLeavesUntouchedFilesAlone)
{
    pageOut();
    const int fd = memfd_create("file", 0);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, kHuge), 0);
    void *p = mmap(nullptr, kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ASSERT_NE(p, MAP_FAILED);
    drm_i915_gem_vm_prefetch a;
    ASSERT_EQ(gpu.prefetch(p, kHuge, I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.absent, kHuge);
    munmap(p, kHuge);
    close(fd);
}

TEST_F(SwapDevice, ReadOnlyPagesPrefetchToo)
{
    pageOut();
    ASSERT_EQ(mprotect(m.data(), m.size(), PROT_READ), 0);
    drm_i915_gem_vm_prefetch a;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.absent, 0u);
    EXPECT_EQ(a.moved + a.failed_busy, m.size());
    expectAdded(0);
    ASSERT_EQ(mprotect(m.data(), m.size(), PROT_READ | PROT_WRITE), 0);
}

/* Huge pages beside what is swapped out are not split for it. */
TEST_F(SwapDevice, PrefetchKeepsHugePagesWhole)
{
    Memory two(2 * kHuge, kHuge);
    ASSERT_EQ(madvise(two.data(), two.size(), MADV_HUGEPAGE), 0);
    memset(two.data(), 1, kHuge); /* the other one is absent */
    pageOut();
    const uint64_t before = deviceFlow("to_device 2M").pages;
    drm_i915_gem_vm_prefetch a;
    ASSERT_EQ(gpu.prefetch(two.data(), two.size(), I915_SVM_REGION_LOCAL, &a), 0);
    EXPECT_EQ(a.moved, kHuge);
    EXPECT_EQ(a.absent, kHuge);
    EXPECT_EQ(deviceFlow("to_device 2M").pages, before + 1);
}

/* Write-back cleans the page behind the GPU's back; what it writes next must reach the disk too. */
TEST(Disk, GpuWritesReachIt)
{
    if (!(capabilities() & I915_SVM_CAP_MIRROR))
        GTEST_SKIP() << "no SVM";
    needDisk();
    const std::string path = std::string(kDisk) + "/written";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, 16 * kPage), 0);
    char *p =
        static_cast<char *>(mmap(nullptr, 16 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    ASSERT_NE(static_cast<void *>(p), MAP_FAILED);
    Gpu gpu;
    ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
    for (uint32_t i = 1; i < 4; i++) {
        ASSERT_EQ(gpu.run(Batch().storeDword(p + 3 * kPage, i).storeDword(p + 9 * kPage, i + 9)),
                  0);
        ASSERT_EQ(fsync(fd), 0);
        uint32_t got[2] = {};
        writeFile("/proc/sys/vm/drop_caches", "1"); /* mapped pages stay */
        ASSERT_EQ(gpu.run(Batch().storeDword(p + 3 * kPage, i + 100)), 0);
        munmap(p, 16 * kPage);
        ASSERT_EQ(fsync(fd), 0);
        writeFile("/proc/sys/vm/drop_caches", "1");
        ASSERT_EQ(pread(fd, &got[0], 4, 3 * kPage), 4);
        ASSERT_EQ(pread(fd, &got[1], 4, 9 * kPage), 4);
        EXPECT_EQ(got[0], i + 100);
        EXPECT_EQ(got[1], i + 9);
        ASSERT_EQ(mmap(p, 16 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
                  static_cast<void *>(p));
    }
    munmap(p, 16 * kPage);
    close(fd);
}

} // namespace svm
