/* SPDX-License-Identifier: MIT */
/* Memory that changes while the GPU works on it; work that never ends; advice; userptr; fences. */
#include "gpu.h"
#include "mirrored.h"
#include "see.h"
#include "surroundings.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <xf86drm.h>

namespace svm
{
namespace
{

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point t)
{
    return std::chrono::duration<double>(Clock::now() - t).count();
}

/* The bound on waiting, for the life of the object. */
class WaitLimit
{
  public:
    explicit WaitLimit(unsigned ms)
    {
        std::ifstream(kPath) >> old_;
        std::ofstream(kPath) << ms;
    }
    ~WaitLimit()
    {
        std::ofstream(kPath) << old_;
    }

  private:
    static constexpr const char *kPath = "/sys/module/i915/parameters/svm_wait_ms";
    unsigned old_ = 10000;
};

/* VMs of this process for which SVM is on. */
unsigned enabledVms()
{
    unsigned n = 0;
    for (const std::string &line : linesOf(debugfs("i915_svm")))
        n += line.find(" of test-svm: enabled") != std::string::npos;
    return n;
}

} // namespace

class Running : public Mirrored
{
};

TEST_F(Running, UnmapWaitsForTheWork)
{
    Memory flag(kPage), victim(kPage), result(kPage);
    memset(flag.data(), 0, kPage);
    victim.dwords()[0] = 1;
    result.dwords()[0] = 0;
    ASSERT_EQ(gpu.run(Batch()), 0);
    const uint32_t work = gpu.submit(Batch()
                                         .waitEqual(flag.data(), 1)
                                         .storeDword(victim.data(), 2)
                                         .storeDword(result.data(), 3));
    std::atomic<bool> released{false};
    std::thread releaser([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        released = true;
        *static_cast<volatile uint32_t *>(flag.dwords()) = 1;
    });
    ASSERT_EQ(madvise(victim.data(), kPage, MADV_DONTNEED), 0);
    EXPECT_TRUE(released) << "the page went while the GPU could still write to it";
    EXPECT_EQ(victim.dwords()[0], 0u);
    releaser.join();
    ASSERT_TRUE(gpu.wait(work));
    EXPECT_EQ(result.dwords()[0], 3u);
    EXPECT_EQ(victim.dwords()[0], 0u);
}

TEST_F(Running, UnrelatedMemoryDoesNotWait)
{
    Memory flag(kPage);
    memset(flag.data(), 0, kPage);
    ASSERT_EQ(gpu.run(Batch()), 0);
    const uint32_t work = gpu.submit(Batch().waitEqual(flag.data(), 1));
    const auto start = Clock::now();
    {
        Memory young(kHuge); /* mapped after the submission: the GPU does not know it */
        memset(young.data(), 1, kHuge);
    }
    EXPECT_LT(secondsSince(start), 5.0);
    EXPECT_TRUE(gpu.busy(work));
    *static_cast<volatile uint32_t *>(flag.dwords()) = 1;
    EXPECT_TRUE(gpu.wait(work));
}

TEST_F(Running, EndlessWorkIsBannedNotWaitedFor)
{
    WaitLimit limit(300);
    Memory flag(kPage), victim(kPage);
    memset(flag.data(), 0, kPage);
    victim.dwords()[0] = 1;
    ASSERT_EQ(gpu.run(Batch()), 0);
    const auto start = Clock::now(); /* khugepaged may come before us, and wait for us */
    gpu.submit(Batch().waitEqual(flag.data(), 1).storeDword(victim.data(), 2));
    ASSERT_EQ(madvise(victim.data(), kPage, MADV_DONTNEED), 0);
    EXPECT_GT(secondsSince(start), 0.25);
    EXPECT_LT(secondsSince(start), 5.0);
    int err = 0;
    for (int i = 0; i < 100 && !err; i++) {
        usleep(50000);
        err = gpu.run(Batch());
    }
    EXPECT_EQ(err, EIO) << "its context is banned";
    EXPECT_EQ(victim.dwords()[0], 0u);
    Gpu other;
    ASSERT_EQ(other.enable(I915_SVM_VM_MIRROR), 0);
    EXPECT_EQ(other.run(Batch().storeDword(victim.data(), 9)), 0) << "others go on";
    EXPECT_EQ(victim.dwords()[0], 9u);
}

TEST(Exit, WhileWorkRuns)
{
    if (!(capabilities() & I915_SVM_CAP_MIRROR))
        GTEST_SKIP() << "no SVM";
    WaitLimit limit(300);
    for (int i = 0; i < 3; i++) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (!child) {
            Gpu gpu;
            Memory flag(kPage);
            memset(flag.data(), 0, kPage);
            gpu.enable(I915_SVM_VM_MIRROR);
            gpu.submit(Batch().waitEqual(flag.data(), 1));
            _exit(0);
        }
        const auto start = Clock::now();
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        EXPECT_LT(secondsSince(start), 15.0);
    }
    Gpu gpu;
    EXPECT_EQ(gpu.run(Batch()), 0);
}

TEST_F(Running, AnotherProcessIsRefused)
{
    Memory m(kPage);
    m.dwords()[0] = 1;
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 2)), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        uint32_t handle;
        const bool refused = gpu.trySubmit(Batch(), &handle) == EPERM &&
                             gpu.bind(m.data(), kPage) == EPERM &&
                             gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, kPage) == EPERM &&
                             gpu.enable(I915_SVM_VM_MIRROR) == EPERM;
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 3)), 0);
    EXPECT_EQ(m.dwords()[0], 3u);
}

TEST_F(Running, ManyThreadsSubmit)
{
    constexpr unsigned kThreads = 6, kRounds = 25;
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; t++)
        threads.emplace_back([&, t] {
            Gpu mine;
            if (mine.enable(I915_SVM_VM_MIRROR))
                wrong++;
            for (unsigned r = 0; r < kRounds; r++) {
                Memory m(8 * kPage);
                if (mine.run(Batch().storeDword(m.data() + t * kPage, r + 1)) ||
                    m.dwords()[t * kPage / 4] != r + 1)
                    wrong++;
            }
        });
    for (std::thread &t : threads)
        t.join();
    EXPECT_EQ(wrong, 0u);
}

TEST_F(Running, VmsOfManyThreadsComeAndGo)
{
    constexpr unsigned kThreads = 3, kRounds = 10;
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; t++)
        threads.emplace_back([&] {
            for (unsigned r = 0; r < kRounds; r++) {
                Memory m(kPage);
                Gpu mine;
                if (mine.enable(I915_SVM_VM_MIRROR) ||
                    mine.run(Batch().storeDword(m.data(), r + 1)) || m.dwords()[0] != r + 1)
                    wrong++;
            }
        });
    for (std::thread &t : threads)
        t.join();
    EXPECT_EQ(wrong, 0u);
}

TEST_F(Running, ClosingLetsGoAtOnce)
{
    Memory m(kPage);
    const unsigned before = enabledVms();
    for (uint32_t round = 1; round <= 5; round++) {
        Gpu other;
        ASSERT_EQ(other.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(other.run(Batch().storeDword(m.data(), round)), 0);
        EXPECT_EQ(m.dwords()[0], round);
        EXPECT_EQ(enabledVms(), before + 1);
    }
    EXPECT_EQ(enabledVms(), before) << "closed, but still a mirror of this process";
}

TEST_F(Running, ClosingLeavesRunningWorkItsMemory)
{
    Memory flag(kPage), m(kPage);
    memset(flag.data(), 0, kPage);
    memset(m.data(), 0, kPage);
    {
        Gpu other;
        ASSERT_EQ(other.enable(I915_SVM_VM_ENABLE), 0);
        ASSERT_EQ(other.bind(flag.data(), kPage), 0);
        ASSERT_EQ(other.bind(m.data(), kPage), 0);
        other.submit(Batch().waitEqual(flag.data(), 1).storeDword(m.data(), 2));
    }
    usleep(100000);
    EXPECT_EQ(m.dwords()[0], 0u);
    *static_cast<volatile uint32_t *>(flag.dwords()) = 1;
    for (int i = 0; i < 200 && *static_cast<volatile uint32_t *>(m.dwords()) != 2; i++)
        usleep(50000);
    EXPECT_EQ(m.dwords()[0], 2u);
}

TEST_F(Running, IdentityUserptrIsServed)
{
    Memory m(4 * kPage);
    memset(m.data(), 0, m.size());
    const std::string vm = Counters().last();
    drm_i915_gem_exec_object2 object = {};
    object.handle = gpu.userptr(m.data(), m.size());
    object.offset = reinterpret_cast<uintptr_t>(m.data());
    object.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    for (uint32_t i = 1; i < 4; i++) {
        uint32_t work = 0;
        ASSERT_EQ(gpu.trySubmit(Batch().storeDword(m.data() + i * kPage, i), &work, Ring::kRender,
                                {object}),
                  0);
        ASSERT_TRUE(gpu.wait(work));
        EXPECT_EQ(m.dwords()[i * kPage / 4], i);
    }
    /* Nothing is pinned: the pages may go and the object serves what comes. */
    ASSERT_EQ(madvise(m.data(), m.size(), MADV_DONTNEED), 0);
    uint32_t work = 0;
    ASSERT_EQ(gpu.trySubmit(Batch().storeDword(m.data(), 5), &work, Ring::kRender, {object}), 0);
    ASSERT_TRUE(gpu.wait(work));
    EXPECT_EQ(m.dwords()[0], 5u);
    EXPECT_EQ(m.dwords()[kPage / 4], 0u);
    EXPECT_EQ(Counters().vm(vm, "userptrs_served"), 4u) << "once for each submission";
}

TEST_F(Running, UserptrElsewhereWorksAsBefore)
{
    Memory m(4 * kPage);
    void *at = mmap(nullptr, 4 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    drm_i915_gem_exec_object2 object = {};
    object.handle = gpu.userptr(m.data(), m.size());
    object.offset = reinterpret_cast<uintptr_t>(at);
    object.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    uint32_t work = 0;
    ASSERT_EQ(gpu.trySubmit(Batch().storeDword(static_cast<char *>(at) + kPage, 8), &work,
                            Ring::kRender, {object}),
              0);
    ASSERT_TRUE(gpu.wait(work));
    EXPECT_EQ(m.dwords()[kPage / 4], 8u);
    munmap(at, 4 * kPage);
}

TEST_F(Running, ObjectsPinnedOnMirroredMemoryAreRefused)
{
    Memory m(4 * kPage);
    m.data()[0] = 1;
    ASSERT_EQ(gpu.run(Batch()), 0);
    drm_i915_gem_exec_object2 object = {};
    object.handle = gpu.createLocal(4 * kPage, false);
    object.offset = reinterpret_cast<uintptr_t>(m.data());
    object.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    uint32_t work = 0;
    EXPECT_EQ(gpu.trySubmit(Batch(), &work, Ring::kRender, {object}), ENOSPC);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 4)), 0);
    EXPECT_EQ(m.dwords()[0], 4u);
}

/* An object that was there first stays, and the mirror takes the rest. */
TEST_F(Running, MirrorTakesThePlaceOfAnObjectThatWent)
{
    Memory m(kHuge, kHuge);
    memset(m.data(), 1, m.size());
    ASSERT_EQ(gpu.enable(0), 0);
    drm_i915_gem_exec_object2 object = {};
    object.handle = gpu.createLocal(kHuge / 2, false);
    object.offset = reinterpret_cast<uintptr_t>(m.data());
    object.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    uint32_t work = 0;
    ASSERT_EQ(gpu.trySubmit(Batch(), &work, Ring::kRender, {object}), 0);
    ASSERT_TRUE(gpu.wait(work));
    ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);

    Batch stores;
    stores.storeDword(m.data(), 7).storeDword(m.data() + kHuge / 2, 8);
    ASSERT_EQ(gpu.run(stores), 0);
    EXPECT_EQ(m.dwords()[0], 0x01010101u) << "the object is there";
    EXPECT_EQ(m.dwords()[kHuge / 8], 8u) << "behind the object";

    gpu.close(object.handle);
    for (int i = 0; i < 100 && m.dwords()[0] != 7; i++) { /* it goes when a worker gets to it */
        usleep(20'000);
        ASSERT_EQ(gpu.run(stores), 0);
    }
    EXPECT_EQ(m.dwords()[0], 7u);
}

TEST_F(Running, AdviceMovesAndKeeps)
{
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    Memory m(2 * kHuge, kHuge);
    memset(m.data(), 3, m.size());
    ASSERT_EQ(
        gpu.advise(m.data(), kHuge, I915_SVM_ADVISE_PREFERRED_LOCATION, I915_SVM_REGION_LOCAL), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 7)), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), m.size(), &q), 0);
    EXPECT_EQ(q.bytes_local, kHuge);
    EXPECT_EQ(m.dwords()[0], 7u);

    ASSERT_EQ(gpu.advise(m.data(), m.size(), I915_SVM_ADVISE_GRANULE, kPage), 0);
    drm_i915_gem_vm_prefetch p;
    ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
    EXPECT_EQ(p.moved + p.already, m.size());
    ASSERT_EQ(gpu.advise(m.data(), kHuge, I915_SVM_ADVISE_PREFERRED_LOCATION, ~0ull), 0);
    EXPECT_EQ(m.data()[kHuge + 5], 3);
    ASSERT_EQ(gpu.run(Batch()), 0);
    ASSERT_EQ(gpu.query(m.data() + kHuge, kHuge, &q), 0);
    EXPECT_EQ(q.bytes_local, kHuge - kPage) << "one page came back";

    EXPECT_EQ(gpu.advise(m.data(), kPage, I915_SVM_ADVISE_GRANULE, 5), EINVAL);
    EXPECT_EQ(gpu.advise(m.data(), kPage, 9, 0), EINVAL);
    EXPECT_EQ(gpu.advise(m.data(), 0, I915_SVM_ADVISE_KEEP_IN_PLACE, 1), EINVAL);
}

TEST_F(Running, BindWaitsAndSignalsFences)
{
    Memory m(kPage);
    m.data()[0] = 0;
    uint32_t binary = 0, timeline = 0;
    ASSERT_EQ(drmSyncobjCreate(gpu.fd(), 0, &binary), 0);
    ASSERT_EQ(drmSyncobjCreate(gpu.fd(), 0, &timeline), 0);
    ASSERT_EQ(gpu.enable(I915_SVM_VM_ENABLE), 0);
    std::vector<drm_i915_gem_vm_bind_va> va(1);
    va[0].start = reinterpret_cast<uintptr_t>(m.data());
    va[0].length = kPage;
    va[0].type = I915_GEM_VM_BIND_SVM_BUFFER;
    ASSERT_EQ(gpu.bindArray(va, nullptr,
                            {{binary, I915_GEM_VM_BIND_FENCE_SIGNAL, 0},
                             {timeline, I915_GEM_VM_BIND_FENCE_SIGNAL, 5}}),
              0);
    EXPECT_EQ(drmSyncobjWait(gpu.fd(), &binary, 1, 0, 0, nullptr), 0);
    uint64_t point = 5;
    EXPECT_EQ(drmSyncobjTimelineWait(gpu.fd(), &timeline, &point, 1, 0, 0, nullptr), 0);
    va[0].flags = I915_GEM_VM_BIND_UNBIND;
    EXPECT_EQ(gpu.bindArray(va, nullptr, {{timeline, I915_GEM_VM_BIND_FENCE_WAIT, 5}}), 0);
    EXPECT_EQ(gpu.bindArray(va, nullptr, {{timeline, I915_GEM_VM_BIND_FENCE_WAIT, 6}}), EINVAL)
        << "a point that nobody has promised";
    EXPECT_EQ(gpu.bindArray(va, nullptr, {{4711, I915_GEM_VM_BIND_FENCE_WAIT, 0}}), ENOENT);
    EXPECT_EQ(gpu.bindArray(va, nullptr, {{binary, 0, 0}}), EINVAL);
}

} // namespace svm
