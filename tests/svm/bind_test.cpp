/* SPDX-License-Identifier: MIT */
/* VM_BIND of CPU ranges: what it accepts, what it refuses, and that binds last. */
#include "gpu.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include <gtest/gtest.h>

namespace svm
{

class Bind : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_SYSTEM))
            GTEST_SKIP() << "no I915_SVM_CAP_SYSTEM";
        ASSERT_EQ(gpu.enable(I915_SVM_VM_ENABLE), 0);
    }

    void expectStore(char *at)
    {
        static uint32_t value = 0x1000;
        value++;
        uint32_t got = 0;
        ASSERT_EQ(gpu.run(Batch().storeDword(at, value)), 0);
        memcpy(&got, at, 4);
        EXPECT_EQ(got, value);
    }

    void expectNoStore(char *at)
    {
        uint32_t before = 0, after = 0;
        memcpy(&before, at, 4);
        ASSERT_EQ(gpu.run(Batch().storeDword(at, before + 1)), 0);
        memcpy(&after, at, 4);
        EXPECT_EQ(after, before);
    }

    Gpu gpu;
};

TEST(Capability, NamesWhatIsThere)
{
    if (!haveGpu())
        GTEST_SKIP() << "no GPU";
    const uint32_t caps = capabilities();
    EXPECT_TRUE(caps & I915_SVM_CAP_SYSTEM);
    EXPECT_TRUE(caps & I915_SVM_CAP_MIRROR);
    EXPECT_FALSE(caps & I915_SVM_CAP_READONLY) << "Gen12 has no read-only entries";
    EXPECT_FALSE(caps & I915_SVM_CAP_FAULTS) << "Gen12 has no recoverable faults";
}

TEST(NotEnabled, BindIsRefused)
{
    if (!haveGpu())
        GTEST_SKIP() << "no GPU";
    Gpu gpu;
    Memory m(kPage);
    EXPECT_EQ(gpu.bind(m.data(), kPage), EOPNOTSUPP);
}

TEST_F(Bind, OnlyWhatIsBoundIsReached)
{
    Memory m(8 * kPage);
    memset(m.data(), 0, m.size());
    ASSERT_EQ(gpu.bind(m.data() + 2 * kPage, 3 * kPage), 0);
    expectStore(m.data() + 2 * kPage);
    expectStore(m.data() + 5 * kPage - 4);
    expectNoStore(m.data() + 2 * kPage - 4);
    expectNoStore(m.data() + 5 * kPage);
}

TEST_F(Bind, RoundsOutwards)
{
    Memory m(4 * kPage);
    ASSERT_EQ(gpu.bind(m.data() + kPage + 100, 1), 0);
    expectStore(m.data() + kPage);
    expectStore(m.data() + 2 * kPage - 4);
    expectNoStore(m.data());
}

TEST_F(Bind, PartialUnbindKeepsNeighbours)
{
    Memory m(16 * kPage);
    ASSERT_EQ(gpu.bind(m.data(), m.size()), 0);
    expectStore(m.data() + 8 * kPage);
    ASSERT_EQ(gpu.unbind(m.data() + 6 * kPage, 4 * kPage), 0);
    expectNoStore(m.data() + 6 * kPage);
    expectNoStore(m.data() + 10 * kPage - 4);
    expectStore(m.data());
    expectStore(m.data() + 6 * kPage - 4);
    expectStore(m.data() + 10 * kPage);
    expectStore(m.data() + 16 * kPage - 4);
    ASSERT_EQ(gpu.bind(m.data() + 6 * kPage, 4 * kPage), 0);
    expectStore(m.data() + 8 * kPage);
}

TEST_F(Bind, PartialUnbindSplitsAHugeLeaf)
{
    Memory m(kHuge, kHuge);
    madvise(m.data(), kHuge, MADV_HUGEPAGE);
    memset(m.data(), 1, kHuge);
    ASSERT_EQ(gpu.bind(m.data(), kHuge), 0);
    expectStore(m.data());
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), 0, &q), 0);
    const uint64_t pages = q.ptes_4k + q.ptes_64k * 16 + q.ptes_2m * 512;
    EXPECT_EQ(pages, 512u);
    ASSERT_EQ(gpu.unbind(m.data() + kHuge / 2, kPage), 0);
    expectNoStore(m.data() + kHuge / 2);
    expectStore(m.data() + kHuge / 2 - 4);
    expectStore(m.data() + kHuge / 2 + kPage);
    ASSERT_EQ(gpu.query(m.data(), 0, &q), 0);
    EXPECT_EQ(q.ptes_2m, 0u);
}

TEST_F(Bind, OverlapIsRefused)
{
    Memory m(8 * kPage);
    ASSERT_EQ(gpu.bind(m.data(), 4 * kPage), 0);
    EXPECT_EQ(gpu.bind(m.data() + 3 * kPage, 2 * kPage), EEXIST);
    EXPECT_EQ(gpu.bind(m.data() + 4 * kPage, 2 * kPage), 0);
}

TEST_F(Bind, BadRangesAreRefused)
{
    Memory m(4 * kPage);
    EXPECT_EQ(gpu.bind(m.data(), 0), EINVAL);
    EXPECT_EQ(gpu.bind(m.data(), SIZE_MAX), EINVAL);
    EXPECT_EQ(gpu.bind(reinterpret_cast<void *>(0xffff800000000000ull), kPage), EINVAL);
    EXPECT_EQ(gpu.bind(reinterpret_cast<void *>(~0ull), 1), EINVAL);
    EXPECT_EQ(gpu.bind(m.data(), kPage, 1u << 31), EINVAL);
    EXPECT_EQ(gpu.bind(m.data(), kPage, I915_GEM_VM_BIND_READONLY), EOPNOTSUPP);
    munmap(m.data() + kPage, kPage);
    EXPECT_EQ(gpu.bind(m.data(), 4 * kPage), EFAULT);
    mprotect(m.data(), kPage, PROT_READ);
    EXPECT_EQ(gpu.bind(m.data(), kPage), EACCES);
}

TEST_F(Bind, ArrayStopsAtTheFirstFailure)
{
    Memory m(8 * kPage);
    std::vector<drm_i915_gem_vm_bind_va> vas(4);
    for (unsigned i = 0; i < 4; i++) {
        vas[i].start = reinterpret_cast<uintptr_t>(m.data() + 2 * i * kPage);
        vas[i].length = kPage;
        vas[i].type = I915_GEM_VM_BIND_SVM_BUFFER;
    }
    vas[2].rsvd = 1;
    uint32_t done = 0;
    EXPECT_EQ(gpu.bindArray(vas, &done), EINVAL);
    EXPECT_EQ(done, 2u);
    expectStore(m.data() + 2 * kPage);
    expectNoStore(m.data() + 4 * kPage);
}

TEST_F(Bind, LastsThroughDontneed)
{
    Memory m(64 * kPage);
    memset(m.data(), 0xaa, m.size());
    ASSERT_EQ(gpu.bind(m.data(), m.size()), 0);
    expectStore(m.data());
    ASSERT_EQ(madvise(m.data(), m.size(), MADV_DONTNEED), 0);
    EXPECT_EQ(m.dwords()[1], 0u);
    expectStore(m.data() + 4);
    EXPECT_EQ(m.dwords()[0], 0u);
}

TEST_F(Bind, LastsThroughUnmapAndMapAgain)
{
    Memory m(4 * kPage);
    ASSERT_EQ(gpu.bind(m.data(), m.size()), 0);
    expectStore(m.data());
    ASSERT_EQ(munmap(m.data() + kPage, kPage), 0);
    expectStore(m.data());
    ASSERT_EQ(mmap(m.data() + kPage, kPage, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              m.data() + kPage);
    expectStore(m.data() + kPage);
}

TEST_F(Bind, QueryTellsWhatIsThere)
{
    Memory m(8 * kPage);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), 0, &q), 0);
    EXPECT_EQ(q.type, ~0u);
    ASSERT_EQ(gpu.bind(m.data() + kPage, 4 * kPage), 0);
    ASSERT_EQ(gpu.query(m.data() + 2 * kPage, 0, &q), 0);
    EXPECT_EQ(q.type, uint32_t(I915_GEM_VM_BIND_SVM_BUFFER));
    EXPECT_EQ(q.start, reinterpret_cast<uintptr_t>(m.data() + kPage));
    EXPECT_EQ(q.length, 4 * kPage);
    EXPECT_EQ(q.bytes_invalid, 4 * kPage);
    expectStore(m.data() + kPage);
    ASSERT_EQ(gpu.query(m.data() + 2 * kPage, 0, &q), 0);
    EXPECT_EQ(q.bytes_system, 4 * kPage);
    EXPECT_EQ(q.bytes_invalid, 0u);
}

} // namespace svm
