/* SPDX-License-Identifier: MIT */
/* Local memory runs out: in a guest whose GPU has little of it. */
#include "see.h"

#include "gpu.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <sys/prctl.h>

#include <gtest/gtest.h>

namespace svm
{

class Pressure : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        ASSERT_EQ(prctl(PR_SET_NAME, "svm-pressure"), 0);
        gpu_ = std::make_unique<Gpu>();
        ASSERT_EQ(gpu_->enable(I915_SVM_VM_ENABLE), 0);
    }

    uint64_t resident()
    {
        return fdinfoBytes(gpu_->fd(), "drm-resident-svm-local0");
    }

    std::unique_ptr<Gpu> gpu_;
};

/* Objects that the GPU uses push device pages out: which is traced, counted, and loses nothing. */
TEST_F(Pressure, ObjectsPushDevicePagesOut)
{
    constexpr size_t kObject = 32u << 20, kMost = 64;
    const std::string where = readFile("/proc/self/comm");
    Memory m(kHuge, kHuge);
    for (size_t i = 0; i < m.size() / 4; i++)
        m.dwords()[i] = uint32_t(i);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu_->prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    ASSERT_EQ(p.moved, m.size());
    ASSERT_EQ(resident(), m.size());

    Trace evict("i915_svm_evict");
    Memory at(kObject, kHuge); /* addresses only */
    std::vector<uint32_t> objects;
    while (resident() && objects.size() < kMost) {
        objects.push_back(gpu_->createLocal(kObject, false));
        ASSERT_EQ(gpu_->bindObject(at.data(), kObject, objects.back(), 0), 0);
        ASSERT_EQ(gpu_->run(Batch().storeDword(at.data(), 1)), 0);
        ASSERT_EQ(gpu_->unbind(at.data(), kObject), 0);
    }
    EXPECT_EQ(resident(), 0u);

    const std::vector<std::string> lines = evict.lines();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string &line) {
        return line.find("i915_svm_evict: ") != std::string::npos &&
               line.find("moved=512") != std::string::npos;
    }));
    const Flow back =
        flowOf(partOf(debugfs("i915_svm"), where.substr(0, where.size() - 1)), "to_system 2M");
    EXPECT_EQ(back.pages, 1u);
    EXPECT_GT(back.ns, 0u);
    for (uint32_t o : objects)
        gpu_->close(o);
    for (size_t i = 0; i < m.size() / 4; i++)
        ASSERT_EQ(m.dwords()[i], uint32_t(i));
}

/* Pages that the user wants kept in place go when nothing else is left, though they were first. */
TEST_F(Pressure, PagesToKeepAreEvictedLast)
{
    constexpr size_t kObject = 32u << 20, kMost = 64;
    Memory keep(kHuge, kHuge), other(kHuge, kHuge), at(kObject, kHuge);
    memset(keep.data(), 1, keep.size());
    memset(other.data(), 2, other.size());
    ASSERT_EQ(gpu_->advise(keep.data(), keep.size(), I915_SVM_ADVISE_KEEP_IN_PLACE, 1), 0);
    for (const Memory *m : {&keep, &other}) {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu_->prefetch(m->data(), m->size(), I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved, m->size());
    }

    std::vector<uint32_t> objects;
    while (resident() > kHuge && objects.size() < kMost) {
        objects.push_back(gpu_->createLocal(kObject, false));
        ASSERT_EQ(gpu_->bindObject(at.data(), kObject, objects.back(), 0), 0);
        ASSERT_EQ(gpu_->run(Batch().storeDword(at.data(), 1)), 0);
        ASSERT_EQ(gpu_->unbind(at.data(), kObject), 0);
    }
    EXPECT_EQ(resident(), keep.size());

    ASSERT_EQ(gpu_->bind(keep.data(), keep.size()), 0);
    ASSERT_EQ(gpu_->run(Batch()), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu_->query(keep.data(), keep.size(), &q), 0);
    EXPECT_EQ(q.bytes_local, keep.size());
    for (uint32_t o : objects)
        gpu_->close(o);
    EXPECT_EQ(other.data()[4711], 2);
    EXPECT_EQ(keep.data()[4711], 1);
}

} // namespace svm
