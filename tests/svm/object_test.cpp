/* SPDX-License-Identifier: MIT */
/* VM_BIND of objects: parts, aliases, and that they follow their memory without being listed. */
#include "gpu.h"

#include <cerrno>
#include <cstring>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{

class Object : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_RUNTIME))
            GTEST_SKIP() << "no I915_SVM_CAP_RUNTIME";
        ASSERT_EQ(gpu.enable(I915_SVM_VM_ENABLE), 0);
        void *p =
            mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ASSERT_NE(p, MAP_FAILED);
        space = static_cast<char *>(p);
    }
    void TearDown() override
    {
        if (space)
            munmap(space, kSpace);
    }

    uint32_t load(uint32_t handle, size_t size, size_t offset)
    {
        uint32_t *p = static_cast<uint32_t *>(gpu.map(handle, size));
        const uint32_t value = p[offset / 4];
        munmap(p, size);
        return value;
    }

    /* Where the memory bound at an address is now. */
    uint64_t localBytes(const void *at, size_t length)
    {
        drm_i915_gem_vm_query q;
        EXPECT_EQ(gpu.run(Batch()), 0);
        EXPECT_EQ(gpu.query(at, length, &q), 0);
        EXPECT_EQ(q.type, uint32_t(I915_GEM_VM_BIND_SVM_OBJ));
        EXPECT_EQ(q.bytes_invalid, 0u);
        return q.bytes_local;
    }

    static constexpr size_t kSpace = 64u << 20;
    Gpu gpu;
    char *space = nullptr; /* GPU addresses that no CPU memory has */
};

TEST_F(Object, NeedsNotBeListed)
{
    const uint32_t bo = gpu.createLocal(kHuge, false);
    ASSERT_EQ(gpu.bindObject(space, kHuge, bo, 0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(space + 0x1000, 11)), 0);
    EXPECT_EQ(load(bo, kHuge, 0x1000), 11u);
}

TEST_F(Object, PartsAndAliases)
{
    const uint32_t bo = gpu.createLocal(kHuge, false);
    ASSERT_EQ(gpu.bindObject(space, 4 * kPage, bo, 8 * kPage), 0);
    ASSERT_EQ(gpu.bindObject(space + kHuge, 4 * kPage, bo, 8 * kPage), 0);
    ASSERT_EQ(gpu.bindObject(space + 2 * kHuge + kPage, kPage, bo, 11 * kPage), 0);
    ASSERT_EQ(gpu.run(Batch()
                          .storeDword(space, 1)
                          .storeDword(space + kHuge + 4, 2)
                          .storeDword(space + 2 * kHuge + kPage + 8, 3)),
              0);
    EXPECT_EQ(load(bo, kHuge, 8 * kPage), 1u);
    EXPECT_EQ(load(bo, kHuge, 8 * kPage + 4), 2u);
    EXPECT_EQ(load(bo, kHuge, 11 * kPage + 8), 3u);
}

TEST_F(Object, PartialUnbindKeepsNeighbours)
{
    const uint32_t bo = gpu.createLocal(kHuge, false);
    ASSERT_EQ(gpu.bindObject(space, kHuge, bo, 0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(space + 100 * kPage, 1)), 0);
    ASSERT_EQ(gpu.unbind(space + 100 * kPage, kPage), 0);
    ASSERT_EQ(gpu.run(Batch()
                          .storeDword(space + 99 * kPage, 2)
                          .storeDword(space + 100 * kPage, 3)
                          .storeDword(space + 101 * kPage, 4)),
              0);
    EXPECT_EQ(load(bo, kHuge, 99 * kPage), 2u);
    EXPECT_EQ(load(bo, kHuge, 100 * kPage), 1u);
    EXPECT_EQ(load(bo, kHuge, 101 * kPage), 4u);
}

TEST_F(Object, LivesWithoutItsHandle)
{
    const uint32_t bo = gpu.createLocal(kHuge, false);
    char *map = static_cast<char *>(gpu.map(bo, kHuge));
    ASSERT_EQ(gpu.bindObject(space, kHuge, bo, 0), 0);
    gpu.close(bo);
    ASSERT_EQ(gpu.run(Batch().storeDword(space, 5)), 0);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(map), 5u);
    munmap(map, kHuge);
}

TEST_F(Object, CpuTouchMovesItAndPrefetchBack)
{
    const uint32_t bo = gpu.createLocal(kHuge, true);
    ASSERT_EQ(gpu.bindObject(space, kHuge, bo, 0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(space + 64, 6)), 0);
    EXPECT_EQ(localBytes(space, kHuge), kHuge);
    EXPECT_EQ(load(bo, kHuge, 64), 6u);
    EXPECT_EQ(localBytes(space, kHuge), 0u) << "the CPU's touch moves it to system memory";
    ASSERT_EQ(gpu.run(Batch().storeDword(space + 68, 7)), 0);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(space, kHuge, I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved, kHuge);
    EXPECT_EQ(localBytes(space, kHuge), kHuge);
    EXPECT_EQ(load(bo, kHuge, 64), 6u);
    EXPECT_EQ(load(bo, kHuge, 68), 7u);
}

/* Contents that the kernel may drop are dropped when it needs the memory, not moved about. */
TEST_F(Object, PrefetchLeavesWhatMayBeDropped)
{
    for (const uint32_t region : {I915_SVM_REGION_LOCAL, I915_SVM_REGION_SYSTEM}) {
        const uint32_t bo = gpu.createLocal(kHuge, true);
        ASSERT_EQ(gpu.bindObject(space, kHuge, bo, 0), 0);
        ASSERT_EQ(gpu.run(Batch().storeDword(space, 6)), 0);
        if (region == I915_SVM_REGION_LOCAL) {
            EXPECT_EQ(load(bo, kHuge, 0), 6u);
        }
        drm_i915_gem_madvise advice = {bo, I915_MADV_DONTNEED, 0};
        ASSERT_EQ(ioctl(gpu.fd(), DRM_IOCTL_I915_GEM_MADVISE, &advice), 0);
        drm_i915_gem_vm_prefetch p;
        EXPECT_EQ(gpu.prefetch(space, kHuge, region, &p), 0);
        EXPECT_EQ(p.moved, 0u);
        EXPECT_EQ(p.failed_type, kHuge);
        advice.madv = I915_MADV_WILLNEED;
        ASSERT_EQ(ioctl(gpu.fd(), DRM_IOCTL_I915_GEM_MADVISE, &advice), 0);
        EXPECT_EQ(gpu.unbind(space, kHuge), 0);
        gpu.close(bo);
    }
}

/* What is bound often is found again for each bind, not by all that were before it. */
TEST_F(Object, ManyBindsOfOnePageMoveWithIt)
{
    constexpr size_t kBinds = 8192;
    const uint32_t bo = gpu.createLocal(kPage, true);
    std::vector<drm_i915_gem_vm_bind_va> vas(kBinds);
    for (size_t i = 0; i < kBinds; i++) {
        vas[i].start = reinterpret_cast<uintptr_t>(space + i * kPage);
        vas[i].length = kPage;
        vas[i].type = I915_GEM_VM_BIND_SVM_OBJ;
        vas[i].handle = bo;
    }
    ASSERT_EQ(gpu.bindArray(vas), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(space + (kBinds - 1) * kPage, 7)), 0);
    EXPECT_EQ(load(bo, kPage, 0), 7u);
    ASSERT_EQ(gpu.run(Batch().storeDword(space, 8)), 0);
    EXPECT_EQ(load(bo, kPage, 0), 8u);
}

TEST_F(Object, BadBindsAreRefused)
{
    const uint32_t bo = gpu.createLocal(kHuge, false);
    EXPECT_EQ(gpu.bindObject(space, kPage, 12345, 0), ENOENT);
    EXPECT_EQ(gpu.bindObject(space, kHuge, bo, kPage), EINVAL);
    EXPECT_EQ(gpu.bindObject(space, kPage, bo, ~0ull & ~(kPage - 1)), EINVAL);
    EXPECT_EQ(gpu.bindObject(space + 1, kPage, bo, 0), EINVAL);
    EXPECT_EQ(gpu.bindObject(space, kPage - 1, bo, 0), EINVAL);
    EXPECT_EQ(gpu.bindObject(space, kPage, bo, 17), EINVAL);
    EXPECT_EQ(gpu.bindObject(reinterpret_cast<void *>(1ull << 47), kPage, bo, 0), EINVAL);
}

TEST_F(Object, BesideCpuMemoryInOneBlock)
{
    Memory m(kHuge, kHuge);
    memset(m.data(), 0, kHuge);
    ASSERT_EQ(gpu.bind(m.data(), 16 * kPage), 0);
    const uint32_t bo = gpu.createLocal(kHuge, false);
    ASSERT_EQ(gpu.bindObject(m.data() + 16 * kPage, 16 * kPage, bo, 0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 1).storeDword(m.data() + 16 * kPage, 2)), 0);
    EXPECT_EQ(m.dwords()[0], 1u);
    EXPECT_EQ(m.dwords()[16 * kPage / 4], 0u);
    EXPECT_EQ(load(bo, kHuge, 0), 2u);
    ASSERT_EQ(madvise(m.data(), 16 * kPage, MADV_DONTNEED), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 4, 3).storeDword(m.data() + 16 * kPage + 4, 4)),
              0);
    EXPECT_EQ(m.dwords()[0], 0u);
    EXPECT_EQ(m.dwords()[1], 3u);
    EXPECT_EQ(load(bo, kHuge, 4), 4u);
}

} // namespace svm
