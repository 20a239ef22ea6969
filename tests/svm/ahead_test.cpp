/* SPDX-License-Identifier: MIT */
/* A CPU that goes through device memory in order is brought more and more of it at once. */
#include "gpu.h"
#include "mirrored.h"
#include "pattern.h"
#include "surroundings.h"

#include <atomic>
#include <cerrno>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{

class ReadAhead : public MirroredDevmem
{
  protected:
    static constexpr size_t kCount = 24, kSize = kCount * kHuge;

    void SetUp() override
    {
        MirroredDevmem::SetUp();
        if (IsSkipped())
            return;
        fill(m, 1);
        toDevice();
    }

    void toDevice()
    {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu.prefetch(m.data(), kSize, I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved + p.already, kSize);
    }

    void touch(size_t huge)
    {
        const size_t i = (huge * kHuge + 3 * kPage) / 4;
        EXPECT_EQ(m.dwords()[i], patternAt(1, i));
    }

    /* Which of the huge pages are in device memory, as a string of D and S. */
    std::string places()
    {
        std::string s;
        EXPECT_EQ(gpu.run(Batch()), 0);
        for (size_t i = 0; i < kCount; i++) {
            drm_i915_gem_vm_query q;
            EXPECT_EQ(gpu.query(m.data() + i * kHuge, kHuge, &q), 0);
            s += q.bytes_local == kHuge ? 'D' : q.bytes_local ? '?' : 'S';
        }
        return s;
    }

    static uint64_t touches()
    {
        return Counters().device("CPU touches of device pages");
    }

    Memory m{kSize, kHuge};
};

TEST_F(ReadAhead, GrowsWithTouchesInARow)
{
    touch(0);
    EXPECT_EQ(places(), "SDDDDDDDDDDDDDDDDDDDDDDD");
    touch(1);
    EXPECT_EQ(places(), "SSSSSSSSSDDDDDDDDDDDDDDD") << "the second brings eight times as much";
    touch(9);
    EXPECT_EQ(places(), "SSSSSSSSSSSSSSSSSSSSSSSS") << "the third as much as there is";
    EXPECT_EQ(wrong(m, 1), 0u);
}

TEST_F(ReadAhead, IsForWhatFollowsOnly)
{
    touch(5);
    touch(4);
    touch(20);
    touch(7);
    EXPECT_EQ(places(), "DDDDSSDSDDDDDDDDDDDDSDDD");
}

TEST_F(ReadAhead, PassesOverWhatIsThereAlready)
{
    drm_i915_gem_vm_prefetch p;
    for (size_t i = 0; i < kCount; i += 16)
        ASSERT_EQ(gpu.prefetch(m.data() + i * kHuge, kHuge, I915_SVM_REGION_SYSTEM, &p), 0);
    const uint64_t before = touches();
    EXPECT_EQ(wrong(m, 1), 0u);
    EXPECT_LE(touches() - before, 6u);
    EXPECT_EQ(places(), std::string(kCount, 'S'));
}

TEST_F(ReadAhead, IsLimited)
{
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, 2 * kHuge), 0);
    touch(0);
    touch(1);
    touch(3);
    EXPECT_EQ(places(), "SSSSSDDDDDDDDDDDDDDDDDDD");
}

TEST_F(ReadAhead, CanBeTurnedOff)
{
    uint64_t value = 0;
    ASSERT_EQ(gpu.getParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, &value), 0);
    EXPECT_EQ(value, 64u << 20);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, 0), 0);
    const uint64_t before = touches();
    EXPECT_EQ(wrong(m, 1), 0u);
    EXPECT_EQ(touches() - before, kCount);
    EXPECT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, I915_SVM_READ_AHEAD_MAX + 1), EINVAL);
    EXPECT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, I915_SVM_READ_AHEAD_MAX), 0);
}

TEST_F(ReadAhead, LeavesWhatIsKeptInPlace)
{
    /* Advice is for moves that come after it. */
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), kSize, I915_SVM_REGION_SYSTEM, &p), 0);
    ASSERT_EQ(gpu.advise(m.data() + 4 * kHuge, 2 * kHuge, I915_SVM_ADVISE_KEEP_IN_PLACE, 1), 0);
    toDevice();
    touch(0);
    touch(1);
    EXPECT_EQ(places(), "SSSSDDSSSDDDDDDDDDDDDDDD");
    EXPECT_EQ(wrong(m, 1), 0u);
}

TEST_F(ReadAhead, SmallGranulesGrowToo)
{
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), kSize, I915_SVM_REGION_SYSTEM, &p), 0);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, kPage), 0);
    toDevice();
    const uint64_t before = touches();
    EXPECT_EQ(wrong(m, 1), 0u);
    EXPECT_LE(touches() - before, 6u) << "4K, and up to 32K, 256K, 2M, 18M, the end";
}

/* Several go through the same memory, somebody moves it back, somebody drops parts of it. */
TEST_F(ReadAhead, MeetsOthers)
{
    for (unsigned round = 0; round < 6; round++) {
        std::atomic<bool> stop{false};
        std::atomic<size_t> bad{0};
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 2; t++)
            threads.emplace_back([&, t] {
                for (size_t i = t * 7 * kHuge / 4; i < kSize / 4; i += kPage / 2) {
                    const uint32_t d = *static_cast<volatile uint32_t *>(m.dwords() + i);
                    bad += d != patternAt(1, i) && d != 0;
                }
            });
        threads.emplace_back([&] {
            drm_i915_gem_vm_prefetch p;
            for (unsigned i = 0; !stop; i++)
                gpu.prefetch(m.data() + i % 3 * 8 * kHuge, 8 * kHuge, I915_SVM_REGION_LOCAL, &p);
        });
        for (size_t i = 0; i < 8; i++)
            ASSERT_EQ(madvise(m.data() + (i * 37 + round) % (kSize / kPage) * kPage, kPage,
                              MADV_DONTNEED),
                      0);
        threads[0].join();
        threads[1].join();
        stop = true;
        threads[2].join();
        EXPECT_EQ(bad, 0u) << "round " << round;
    }
}

} // namespace svm
