/* SPDX-License-Identifier: MIT */
/* What the kernel does to memory by itself or at an administrator's wish, while it is bound. */
#include "gpu.h"
#include "mirrored.h"
#include "surroundings.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{
namespace
{

constexpr size_t kPages = 64;
const std::string kKsm = "/sys/kernel/mm/ksm/";

/* KSM at work for the life of the object; what it merged is parted at the end. */
class Merging
{
  public:
    Merging()
    {
        writeFile(kKsm + "sleep_millisecs", "5");
        writeFile(kKsm + "pages_to_scan", "4000");
        writeFile(kKsm + "run", "1");
    }
    ~Merging()
    {
        writeFile(kKsm + "run", "2");
    }
    /* Until so many pages of it are merged. */
    static bool waitFor(const Memory &m, size_t pages)
    {
        for (int i = 0; i < 3000; i++) {
            if (pagesMerged(m.data(), m.size()) >= pages)
                return true;
            usleep(10000);
        }
        return false;
    }
    static void stop()
    {
        writeFile(kKsm + "run", "0");
    }
};

} // namespace

class Mm : public Mirrored
{
};

TEST_F(Mm, MergedPagesPartWhenTheGpuWrites)
{
    Memory a(kPages * kPage), b(kPages * kPage);
    memset(a.data(), 0x5a, a.size());
    memset(b.data(), 0x5a, b.size());
    ASSERT_EQ(gpu.run(Batch()), 0);
    Merging merging;
    ASSERT_EQ(madvise(a.data(), a.size(), MADV_MERGEABLE), 0);
    ASSERT_EQ(madvise(b.data(), b.size(), MADV_MERGEABLE), 0);
    ASSERT_TRUE(Merging::waitFor(a, kPages / 2) && Merging::waitFor(b, kPages / 2));
    Merging::stop();
    ASSERT_EQ(gpu.run(Batch().storeDword(a.data(), 1).storeDword(b.data() + kPage, 2)), 0);
    EXPECT_EQ(pagesMerged(a.data(), a.size()) + pagesMerged(b.data(), b.size()), 0u)
        << "the GPU could write to a shared page";
    EXPECT_EQ(a.dwords()[0], 1u);
    EXPECT_EQ(b.dwords()[0], 0x5a5a5a5au);
    EXPECT_EQ(a.dwords()[kPage / 4], 0x5a5a5a5au);
    EXPECT_EQ(b.dwords()[kPage / 4], 2u);
}

TEST_F(Mm, MergedPagesStayInSystemMemory)
{
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    Memory a(kPages * kPage), b(kPages * kPage);
    memset(a.data(), 0x6b, a.size());
    memset(b.data(), 0x6b, b.size());
    Merging merging;
    ASSERT_EQ(madvise(a.data(), a.size(), MADV_MERGEABLE), 0);
    ASSERT_EQ(madvise(b.data(), b.size(), MADV_MERGEABLE), 0);
    ASSERT_TRUE(Merging::waitFor(a, kPages / 2));
    Merging::stop();
    const size_t merged = pagesMerged(a.data(), a.size());
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(a.data(), a.size(), I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved, (kPages - merged) * kPage);
    /* The same page again in one step is busy with itself. */
    EXPECT_GT(p.failed_type, 0u);
    EXPECT_EQ(p.failed_type + p.failed_busy, merged * kPage);
    EXPECT_EQ(pagesMerged(a.data(), a.size()), merged);
    for (size_t i = 0; i < a.size(); i++)
        ASSERT_EQ(a.data()[i], 0x6b);
}

TEST_F(Mm, SoftOfflineMovesBoundPages)
{
    constexpr int kSoftOffline = 101; /* MADV_SOFT_OFFLINE */
    Memory m(kPages * kPage);
    for (size_t i = 0; i < m.size() / 4; i++)
        m.dwords()[i] = uint32_t(i);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 5 * kPage, 7)), 0);
    ASSERT_EQ(madvise(m.data() + 5 * kPage, kPage, kSoftOffline), 0);
    EXPECT_EQ(m.dwords()[5 * kPage / 4], 7u);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 5 * kPage + 4, 8)), 0);
    EXPECT_EQ(m.dwords()[5 * kPage / 4 + 1], 8u);
    EXPECT_EQ(m.dwords()[5 * kPage / 4 + 2], 5 * kPage / 4 + 2);
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        return;
    /* A page in device memory comes back first. */
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    ASSERT_EQ(p.moved, m.size());
    ASSERT_EQ(madvise(m.data() + 9 * kPage, kPage, kSoftOffline), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 9 * kPage, 10)), 0);
    EXPECT_EQ(m.dwords()[9 * kPage / 4], 10u);
    EXPECT_EQ(m.dwords()[9 * kPage / 4 + 1], 9 * kPage / 4 + 1);
}

/* A broken page costs itself, not its neighbours. In a child: touching it is deadly. */
TEST(Poison, LeavesTheRestUsable)
{
    constexpr int kPoison = 100; /* MADV_HWPOISON */
    if (!(capabilities() & I915_SVM_CAP_MIRROR))
        GTEST_SKIP() << "no SVM";
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        signal(SIGBUS, [](int) {}); /* tells of the page as it breaks */
        Memory m(16 * kPage);
        memset(m.data(), 1, m.size());
        Gpu gpu;
        bool good = !gpu.enable(I915_SVM_VM_MIRROR) && !gpu.run(Batch());
        good = good && !madvise(m.data() + 4 * kPage, kPage, kPoison);
        for (uint32_t i = 1; i < 4; i++)
            good = good && !gpu.run(Batch()
                                        .storeDword(m.data() + 3 * kPage, i)
                                        .storeDword(m.data() + 4 * kPage, i)
                                        .storeDword(m.data() + 5 * kPage, i));
        good = good && m.dwords()[3 * kPage / 4] == 3 && m.dwords()[5 * kPage / 4] == 3;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

/* Half in device memory, half huge in RAM: contiguous by 64 KiB, but not all of one kind. */
TEST_F(Mm, BlocksOfTwoKindsGet64KLeaves)
{
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    Memory m(kHuge, kHuge);
    madvise(m.data(), kHuge, MADV_HUGEPAGE);
    memset(m.data(), 1, kHuge);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), kHuge / 2, I915_SVM_REGION_LOCAL, &p), 0);
    ASSERT_EQ(p.moved, kHuge / 2);
    Batch b;
    for (size_t o = 0; o < kHuge; o += 16 * kPage)
        b.storeDword(m.data() + o + 5 * kPage, uint32_t(o));
    ASSERT_EQ(gpu.run(b), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), kHuge, &q), 0);
    EXPECT_EQ(q.bytes_local, kHuge / 2);
    EXPECT_EQ(q.ptes_64k, 32u);
    EXPECT_EQ(q.ptes_2m + q.ptes_4k, 0u);
    for (size_t o = 0; o < kHuge; o += 16 * kPage)
        EXPECT_EQ(m.dwords()[(o + 5 * kPage) / 4], o);
}

TEST_F(Mm, AHoleBringsNoNeighbourBack)
{
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    Memory m(kHuge, kHuge);
    memset(m.data(), 1, kHuge);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), kHuge, I915_SVM_REGION_LOCAL, &p), 0);
    ASSERT_EQ(madvise(m.data(), kPage, MADV_DONTNEED), 0);
    const uint64_t before = Counters().device("CPU touches of device pages");
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 3)), 0);
    EXPECT_EQ(Counters().device("CPU touches of device pages"), before);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), kHuge, &q), 0);
    EXPECT_EQ(q.bytes_local, kHuge - kPage);
    EXPECT_EQ(m.dwords()[0], 3u);
}

/*
 * Notifiers come and go with what is bound in their 64 MiB, while others change that memory. The
 * debug kernel sees use after free; any kernel sees a hang or wrong bytes.
 */
TEST(Lifetime, ChunksGoWhileTheirMemoryChanges)
{
    if (!(capabilities() & I915_SVM_CAP_SYSTEM))
        GTEST_SKIP() << "no SVM";
    constexpr unsigned kChunks = 4, kRounds = 150;
    constexpr size_t kChunk = 64u << 20;
    Memory space(kChunks * kChunk, kChunk, MAP_NORESERVE);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    std::thread changer([&] {
        for (unsigned i = 0; !stop; i++) {
            char *at = space.data() + i % kChunks * kChunk;
            at[kPage] = 1;
            madvise(at, 8 * kPage, i & 8 ? MADV_DONTNEED : MADV_PAGEOUT);
            mprotect(at + 2 * kPage, kPage, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
        }
    });
    std::thread binder([&] {
        Gpu gpu;
        for (unsigned r = 0; r < kRounds; r++) {
            wrong += gpu.enable(I915_SVM_VM_ENABLE) != 0;
            for (unsigned c = 0; c < kChunks; c++)
                wrong += gpu.bind(space.data() + c * kChunk, 2 * kPage) != 0;
            wrong += gpu.run(Batch()) != 0;
            if (r & 1)
                wrong += gpu.enable(0) != 0; /* unbinds everything */
            else
                for (unsigned c = 0; c < kChunks; c++)
                    wrong += gpu.unbind(space.data() + c * kChunk, 2 * kPage) != 0;
        }
    });
    binder.join();
    stop = true;
    changer.join();
    EXPECT_EQ(wrong, 0u);
}

} // namespace svm
