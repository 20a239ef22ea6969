/* SPDX-License-Identifier: MIT */
/* Pages in device memory: prefetch both ways, CPU touch, and what mm does to them. */
#include "gpu.h"
#include "mirrored.h"
#include "pattern.h"
#include "surroundings.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{

class Devmem : public MirroredDevmem, public testing::WithParamInterface<uint64_t>
{
  protected:
    /* Everything of it to the device, and nothing but that. */
    void toDevice(const Memory &m)
    {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved + p.already, m.size());
    }

    uint64_t localBytes(const Memory &m)
    {
        drm_i915_gem_vm_query q;
        EXPECT_EQ(gpu.run(Batch()), 0);
        EXPECT_EQ(gpu.query(m.data(), m.size(), &q), 0);
        return q.bytes_local;
    }
};

TEST_F(Devmem, PrefetchMovesExactly)
{
    Memory m(2 * kHuge, kHuge);
    fill(m, 1);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved, m.size());
    EXPECT_EQ(localBytes(m), m.size());
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved, 0u);
    EXPECT_EQ(p.already, m.size());
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_SYSTEM, &p), 0);
    EXPECT_EQ(p.moved, m.size());
    EXPECT_EQ(localBytes(m), 0u);
    EXPECT_EQ(wrong(m, 1), 0u);
}

/* Whether a page is young or active is its owner's, not that of whom the device page had before. */
TEST_F(Devmem, PagesForgetTheirFormerOwner)
{
    drm_i915_gem_vm_prefetch p;
    {
        Memory old(64 * kPage);
        memset(old.data(), 1, old.size());
        std::vector<char> copy(old.size());
        /* The kernel's own access is what makes a page young, and then active. */
        for (int i = 0; i < 3; i++) {
            iovec to = {copy.data(), copy.size()}, from = {old.data(), old.size()};
            ASSERT_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0), ssize_t(copy.size()));
        }
        ASSERT_GT(pagesYoung(old.data(), old.size()), 0u);
        ASSERT_EQ(gpu.prefetch(old.data(), old.size(), I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved, old.size());
    }
    Memory m(64 * kPage);
    memset(m.data(), 2, m.size());
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    ASSERT_EQ(p.moved, m.size());
    ASSERT_EQ(m.data()[0], 2);
    EXPECT_EQ(pagesYoung(m.data(), m.size()), 0u);
}

TEST_F(Devmem, LargeLeafForWholeBlocks)
{
    Memory m(2 * kHuge, kHuge);
    fill(m, 1);
    toDevice(m);
    ASSERT_EQ(gpu.run(Batch()), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), m.size(), &q), 0);
    EXPECT_EQ(q.bytes_local, m.size());
    EXPECT_EQ(q.ptes_2m, 2u);
    EXPECT_EQ(q.ptes_4k, 0u);
}

TEST_F(Devmem, GpuAndCpuSeeOneMemory)
{
    Memory m(kHuge, kHuge);
    fill(m, 100);
    for (uint32_t i = 0; i < 4; i++) {
        toDevice(m);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + i * 64, i + 7)), 0);
        EXPECT_EQ(m.dwords()[i * 16], i + 7);
        EXPECT_EQ(localBytes(m), 0u) << "a CPU touch brings back the whole granule";
        m.dwords()[i * 16] = 100 + i * 16;
        EXPECT_EQ(wrong(m, 100), 0u);
    }
}

TEST_P(Devmem, CpuTouchBringsBackTheGranule)
{
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, GetParam()), 0);
    Memory m(2 * kHuge, kHuge);
    fill(m, 5);
    toDevice(m);
    EXPECT_EQ(m.dwords()[(kHuge + 8 * kPage) / 4], 5 + (kHuge + 8 * kPage) / 4);
    EXPECT_EQ(localBytes(m), m.size() - GetParam());
    EXPECT_EQ(wrong(m, 5), 0u);
}
INSTANTIATE_TEST_SUITE_P(Granule, Devmem, testing::Values(kPage, 16 * kPage, 128 * kPage, kHuge));

TEST_F(Devmem, AccountOfWhatCannotMove)
{
    Memory m(8 * kPage);
    m.data()[0] = 1;
    m.data()[3 * kPage] = 1;
    ASSERT_EQ(munmap(m.data() + 6 * kPage, kPage), 0);
    ASSERT_NE(mmap(m.data() + 7 * kPage, kPage, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              MAP_FAILED);
    m.data()[7 * kPage] = 1;
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), 8 * kPage, I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved, 2 * kPage);
    EXPECT_EQ(p.absent, 4 * kPage);
    EXPECT_EQ(p.failed_unmapped, kPage);
    EXPECT_EQ(p.failed_type, kPage);
    EXPECT_EQ(p.failed_busy + p.failed_memory + p.already, 0u);
}

TEST_F(Devmem, ManyThreadsTouchOnePage)
{
    constexpr unsigned kThreads = 8, kRounds = 20;
    Memory m(kHuge, kHuge);
    for (unsigned r = 0; r < kRounds; r++) {
        fill(m, r);
        toDevice(m);
        std::atomic<unsigned> ready{0}, bad{0};
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < kThreads; t++)
            threads.emplace_back([&] {
                ready++;
                while (ready < kThreads) {
                }
                bad += *static_cast<volatile uint32_t *>(m.dwords() + 1000) != r + 1000;
            });
        for (std::thread &t : threads)
            t.join();
        EXPECT_EQ(bad, 0u);
    }
}

TEST_F(Devmem, ForkSharesAndParts)
{
    Memory m(kHuge, kHuge);
    fill(m, 9);
    toDevice(m);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        bool ok = wrong(m, 9) == 0;
        m.dwords()[0] = 1234;
        _exit(ok ? 0 : 1);
    }
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 4, 77)), 0);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(m.dwords()[0], 9u);
    EXPECT_EQ(m.dwords()[1], 77u);
    EXPECT_EQ(m.dwords()[2], 11u);
}

TEST_F(Devmem, RemapMovesDevicePages)
{
    Memory m(kHuge, kHuge);
    fill(m, 3);
    toDevice(m);
    void *to = mmap(nullptr, kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(to, MAP_FAILED);
    ASSERT_EQ(mremap(m.data(), kHuge, kHuge, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
    uint32_t *d = static_cast<uint32_t *>(to);
    ASSERT_EQ(gpu.run(Batch().storeDword(d + 1, 55)), 0);
    EXPECT_EQ(d[0], 3u);
    EXPECT_EQ(d[1], 55u);
    EXPECT_EQ(d[kHuge / 4 - 1], 3 + kHuge / 4 - 1);
    munmap(to, kHuge);
}

TEST_F(Devmem, UnmapAndDontneedFreeThem)
{
    for (unsigned i = 0; i < 8; i++) {
        Memory m(4 * kHuge, kHuge);
        fill(m, i);
        toDevice(m);
        ASSERT_EQ(madvise(m.data(), kHuge, MADV_DONTNEED), 0);
        EXPECT_EQ(m.dwords()[0], 0u);
        EXPECT_EQ(m.dwords()[kHuge / 4], i + kHuge / 4);
    }
}

TEST_F(Devmem, CpuCopyModeGivesTheSame)
{
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_COPY, 1), 0);
    Memory m(2 * kHuge, kHuge);
    fill(m, 21);
    toDevice(m);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 22)), 0);
    EXPECT_EQ(m.dwords()[0], 22u);
    m.dwords()[0] = 21;
    EXPECT_EQ(wrong(m, 21), 0u);
}

TEST_F(Devmem, BlitterReadsAndWritesThem)
{
    Memory a(kHuge, kHuge), b(kHuge, kHuge);
    fill(a, 1);
    fill(b, 1 << 20);
    toDevice(a);
    ASSERT_EQ(gpu.run(Batch().copyPages(b.data(), a.data(), 512), Ring::kCopy), 0);
    EXPECT_EQ(wrong(b, 1), 0u);
    EXPECT_EQ(wrong(a, 1), 0u);
}

TEST_F(Devmem, BadPrefetchIsRefused)
{
    Memory m(kPage);
    drm_i915_gem_vm_prefetch p;
    EXPECT_EQ(gpu.prefetch(m.data(), kPage, 7, &p), EINVAL);
    EXPECT_EQ(gpu.prefetch(m.data(), 0, I915_SVM_REGION_LOCAL, &p), EINVAL);
    EXPECT_EQ(gpu.prefetch(reinterpret_cast<void *>(~0ull << 47), kPage, I915_SVM_REGION_LOCAL, &p),
              EINVAL);
}

} // namespace svm
