/* SPDX-License-Identifier: MIT */
/* Whole-process mirror: every pointer of the process, with no bind. */
#include "gpu.h"
#include "mirrored.h"

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{

class Mirror : public Mirrored
{
};

TEST_F(Mirror, IsReportedByGetparam)
{
    uint64_t value = 0;
    EXPECT_EQ(gpu.getParam(I915_GEM_VM_PARAM_SVM, &value), 0);
    EXPECT_EQ(value, I915_SVM_VM_ENABLE | I915_SVM_VM_MIRROR);
}

TEST_F(Mirror, StoresToMalloc)
{
    std::unique_ptr<uint32_t[]> p(new uint32_t[3]());
    ASSERT_EQ(gpu.run(Batch().storeDword(&p[1], 0x5eed)), 0);
    EXPECT_EQ(p[0], 0u);
    EXPECT_EQ(p[1], 0x5eedu);
    EXPECT_EQ(p[2], 0u);
}

TEST_F(Mirror, StoresToStackAndData)
{
    static volatile uint32_t data = 1;
    volatile uint32_t stack = 1;
    ASSERT_EQ(gpu.run(Batch()
                          .storeDword(const_cast<uint32_t *>(&data), 2)
                          .storeDword(const_cast<uint32_t *>(&stack), 3)),
              0);
    EXPECT_EQ(data, 2u);
    EXPECT_EQ(stack, 3u);
}

TEST_F(Mirror, ReachesWhatWasMappedAfterEnabling)
{
    for (unsigned i = 0; i < 8; i++) {
        Memory m(16 * kPage);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 5 * kPage, i + 1)), 0);
        EXPECT_EQ(m.dwords()[5 * kPage / 4], i + 1);
    }
}

TEST_F(Mirror, FollowsRemapAtTheSameAddress)
{
    Memory m(4 * kPage);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 1)), 0);
    ASSERT_EQ(mmap(m.data(), 4 * kPage, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              m.data());
    EXPECT_EQ(m.dwords()[0], 0u);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + 4, 2)), 0);
    EXPECT_EQ(m.dwords()[0], 0u);
    EXPECT_EQ(m.dwords()[1], 2u);
}

TEST_F(Mirror, PopulateLimitIsAnError)
{
    ASSERT_EQ(gpu.run(Batch()), 0);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT, 1u << 20), 0);
    Memory m(8u << 20);
    EXPECT_EQ(gpu.run(Batch().storeDword(m.data(), 1)), ENOSPC);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT, 16u << 20), 0);
    EXPECT_EQ(gpu.run(Batch().storeDword(m.data(), 1)), 0);
    EXPECT_EQ(m.dwords()[0], 1u);
}

TEST_F(Mirror, ReadOnlyMemoryIsNeverWritten)
{
    Memory m(2 * kPage);
    m.dwords()[0] = 7;
    ASSERT_EQ(mprotect(m.data(), kPage, PROT_READ), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 8).storeDword(m.data() + kPage, 9)), 0);
    EXPECT_EQ(m.dwords()[0], 7u);
    EXPECT_EQ(m.dwords()[kPage / 4], 9u);
    ASSERT_EQ(mprotect(m.data(), kPage, PROT_READ | PROT_WRITE), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 8)), 0);
    EXPECT_EQ(m.dwords()[0], 8u);
}

TEST_F(Mirror, SharedFileMemory)
{
    const int fd = memfd_create("svm", 0);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, 4 * kPage), 0);
    void *p = mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(p, MAP_FAILED);
    ASSERT_EQ(gpu.run(Batch().storeDword(p, 0xfeed)), 0);
    uint32_t got = 0;
    ASSERT_EQ(pread(fd, &got, 4, 0), 4);
    EXPECT_EQ(got, 0xfeedu);
    munmap(p, 4 * kPage);
    close(fd);
}

TEST_F(Mirror, OffMeansOff)
{
    Memory m(kPage);
    m.dwords()[0] = 1;
    ASSERT_EQ(gpu.enable(0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 2)), 0);
    EXPECT_EQ(m.dwords()[0], 1u);
    ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 2)), 0);
    EXPECT_EQ(m.dwords()[0], 2u);
}

} // namespace svm
