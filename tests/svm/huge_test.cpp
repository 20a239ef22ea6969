/* SPDX-License-Identifier: MIT */
/* Huge pages on their way to device memory and back: they move whole, or not, or page by page. */
#include "gpu.h"
#include "mirrored.h"
#include "pattern.h"
#include "surroundings.h"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{
namespace
{

constexpr size_t kCount = 4, kSize = kCount * kHuge;

/* One number of a file of "name number" lines. */
uint64_t readNamed(const std::string &path, const std::string &name)
{
    std::ifstream f(path);
    std::string word;
    uint64_t value = 0;
    while (f >> word >> value)
        if (word == name)
            return value;
    ADD_FAILURE() << "no " << name << " in " << path;
    return 0;
}

uint64_t splits()
{
    return readNamed("/proc/vmstat", "thp_split_page");
}

/* Bytes of the mapping at an address that huge entries map. */
uint64_t hugeBytes(const void *at)
{
    std::ifstream f("/proc/self/smaps");
    std::string line;
    bool here = false;
    while (std::getline(f, line)) {
        unsigned long from, to, kib;
        if (sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2)
            here = from <= reinterpret_cast<uintptr_t>(at) && reinterpret_cast<uintptr_t>(at) < to;
        else if (here && sscanf(line.c_str(), "AnonHugePages: %lu kB", &kib) == 1)
            return kib << 10;
    }
    ADD_FAILURE() << "no mapping";
    return 0;
}

} // namespace

class Huge : public MirroredDevmem
{
  protected:
    /* Written in huge pages, all of it. */
    static void fillHuge(const Memory &m, uint32_t seed)
    {
        const uint64_t before = readNamed("/proc/vmstat", "thp_fault_alloc");
        ASSERT_EQ(madvise(m.data(), m.size(), MADV_HUGEPAGE), 0);
        fill(m, seed);
        ASSERT_GE(readNamed("/proc/vmstat", "thp_fault_alloc"), before + m.size() / kHuge)
            << "the kernel had no huge pages";
    }

    drm_i915_gem_vm_prefetch move(const Memory &m, uint32_t region)
    {
        drm_i915_gem_vm_prefetch p = {};
        EXPECT_EQ(gpu.prefetch(m.data(), m.size(), region, &p), 0);
        return p;
    }
};

TEST_F(Huge, MovesWithoutASplit)
{
    Memory m(kSize, kHuge);
    fillHuge(m, 1);
    const uint64_t before = splits();
    EXPECT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    EXPECT_EQ(splits(), before);
    EXPECT_EQ(pagesPresent(m.data(), kSize), 0u);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + kHuge, 7)), 0);
    EXPECT_EQ(m.dwords()[kHuge / 4], 7u);
    m.dwords()[kHuge / 4] = patternAt(1, kHuge / 4);
    EXPECT_EQ(wrong(m, 1), 0u);
}

TEST_F(Huge, ComesBackAsAHugePage)
{
    Memory m(kSize, kHuge);
    fillHuge(m, 10);
    ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    EXPECT_EQ(hugeBytes(m.data()), 0u);
    EXPECT_EQ(m.dwords()[kHuge / 4 + 77], patternAt(10, kHuge / 4 + 77));
    EXPECT_EQ(hugeBytes(m.data()), kHuge) << "the one that the CPU touched";
    EXPECT_EQ(move(m, I915_SVM_REGION_SYSTEM).moved, kSize - kHuge);
    EXPECT_EQ(hugeBytes(m.data()), kSize);
    EXPECT_EQ(wrong(m, 10), 0u);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 7)), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(m.data(), kSize, &q), 0);
    EXPECT_EQ(q.ptes_2m, kCount) << "for the GPU, too";
    fill(m, 11);
    EXPECT_EQ(wrong(m, 11), 0u);
}

TEST_F(Huge, SmallPagesComeBackAsAHugePageToo)
{
    Memory m(kHuge, kHuge);
    ASSERT_EQ(madvise(m.data(), kHuge, MADV_NOHUGEPAGE), 0);
    fill(m, 12);
    ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kHuge);
    ASSERT_EQ(madvise(m.data(), kHuge, MADV_HUGEPAGE), 0);
    EXPECT_EQ(wrong(m, 12), 0u);
    EXPECT_EQ(hugeBytes(m.data()), kHuge);
}

/* Nobody asked for one, somebody forbade it, or not all of it is there or alike. */
TEST_F(Huge, ComesBackInPagesWhereThatIsRight)
{
    const std::vector<std::pair<const char *, std::function<void(char *)>>> why = {
        {"MADV_NOHUGEPAGE", [](char *p) { EXPECT_EQ(madvise(p, kHuge, MADV_NOHUGEPAGE), 0); }},
        {"a hole", [](char *p) { EXPECT_EQ(madvise(p + 9 * kPage, kPage, MADV_DONTNEED), 0); }},
        {"a page touched before", [](char *p) { p[100 * kPage] = 1; }},
        {"another mapping", [](char *p) { EXPECT_EQ(mprotect(p, kPage, PROT_READ), 0); }},
    };
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, kPage), 0);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, 0), 0);
    for (const auto &[name, make] : why) {
        Memory m(kHuge, kHuge);
        fillHuge(m, 13);
        ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kHuge);
        make(m.data());
        move(m, I915_SVM_REGION_SYSTEM);
        EXPECT_EQ(hugeBytes(m.data() + kPage), 0u) << name;
        for (size_t i = 0; i < kHuge / 4; i += kPage / 4)
            if (i != 9 * kPage / 4 && i != 100 * kPage / 4) {
                ASSERT_EQ(m.dwords()[i], patternAt(13, i)) << name;
            }
    }
}

/* What came back belongs to the process alone, as before; a child gets copies. */
TEST_F(Huge, ForkAfterItCameBack)
{
    Memory m(kSize, kHuge);
    fillHuge(m, 14);
    ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    ASSERT_EQ(move(m, I915_SVM_REGION_SYSTEM).moved, kSize);
    ASSERT_EQ(hugeBytes(m.data()), kSize);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        bool ok = wrong(m, 14) == 0;
        fill(m, 15);
        _exit(ok && wrong(m, 15) == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(wrong(m, 14), 0u);
    fill(m, 16);
    EXPECT_EQ(wrong(m, 16), 0u);
}

/* Then it is like any huge page: parts of it go, move, are swapped and split. */
TEST_F(Huge, IsSplitAfterItCameBack)
{
    Memory m(kSize, kHuge);
    fillHuge(m, 17);
    ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    ASSERT_EQ(move(m, I915_SVM_REGION_SYSTEM).moved, kSize);
    ASSERT_EQ(munmap(m.data() + kHuge, 3 * kPage), 0);
    ASSERT_EQ(mprotect(m.data() + 2 * kHuge, 5 * kPage, PROT_READ), 0);
    ASSERT_EQ(madvise(m.data(), kPage, MADV_DONTNEED), 0);
    needSwap();
    ASSERT_EQ(madvise(m.data() + 3 * kHuge, kHuge, MADV_PAGEOUT), 0);
    for (size_t i = 0; i < kSize / 4; i += 512) {
        const size_t at = i * 4;
        if (at >= kHuge && at < kHuge + 3 * kPage)
            continue;
        ASSERT_EQ(m.dwords()[i], at < kPage ? 0 : patternAt(17, i)) << "dword " << i;
    }
}

TEST_F(Huge, MovesWhenOnlyReadable)
{
    Memory m(kSize, kHuge);
    fillHuge(m, 2);
    ASSERT_EQ(mprotect(m.data(), kSize, PROT_READ), 0);
    EXPECT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    EXPECT_EQ(wrong(m, 2), 0u);
    EXPECT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
    ASSERT_EQ(mprotect(m.data(), kSize, PROT_READ | PROT_WRITE), 0);
    fill(m, 3);
    EXPECT_EQ(wrong(m, 3), 0u);
}

TEST_F(Huge, PinnedStaysAndMovesLater)
{
    Memory m(kHuge, kHuge);
    fillHuge(m, 4);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    iovec io = {m.data() + 5 * kPage, kPage};
    ASSERT_EQ(vmsplice(ends[1], &io, 1, 0), ssize_t(kPage)); /* the pipe holds the page itself */
    const drm_i915_gem_vm_prefetch p = move(m, I915_SVM_REGION_LOCAL);
    EXPECT_LT(p.moved, kHuge);
    EXPECT_EQ(p.moved + p.failed_busy, kHuge);
    EXPECT_EQ(wrong(m, 4), 0u);
    close(ends[0]);
    close(ends[1]);
    move(m, I915_SVM_REGION_SYSTEM);
    EXPECT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kHuge);
    EXPECT_EQ(wrong(m, 4), 0u);
}

TEST_F(Huge, LockedMovesAndIsLockedAgain)
{
    Memory m(kHuge, kHuge);
    fillHuge(m, 5);
    ASSERT_EQ(mlock(m.data(), kHuge), 0);
    const drm_i915_gem_vm_prefetch p = move(m, I915_SVM_REGION_LOCAL);
    EXPECT_EQ(p.moved + p.failed_busy, kHuge);
    EXPECT_EQ(wrong(m, 5), 0u);
    ASSERT_EQ(munlock(m.data(), kHuge), 0);
    EXPECT_EQ(wrong(m, 5), 0u);
}

TEST_F(Huge, ForkBeforeAndAfterTheMove)
{
    for (const bool before : {true, false}) {
        Memory m(kSize, kHuge);
        fillHuge(m, 6);
        int go[2];
        ASSERT_EQ(pipe(go), 0);
        if (!before) {
            ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);
        }
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (!child) {
            char c;
            bool ok = read(go[0], &c, 1) == 1 && wrong(m, 6) == 0;
            fill(m, 8);
            _exit(ok && wrong(m, 8) == 0 ? 0 : 1);
        }
        if (before) {
            const drm_i915_gem_vm_prefetch p = move(m, I915_SVM_REGION_LOCAL);
            EXPECT_EQ(p.moved + p.failed_busy, kSize);
        }
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 77)), 0);
        ASSERT_EQ(write(go[1], "", 1), 1);
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        EXPECT_EQ(m.dwords()[0], 77u);
        m.dwords()[0] = patternAt(6, 0);
        EXPECT_EQ(wrong(m, 6), 0u);
        close(go[0]);
        close(go[1]);
    }
}

/* One moves all the time, one drops pages and whole huge pages: each page is old or zero. */
TEST_F(Huge, PartsAreDroppedWhileItMoves)
{
    for (unsigned round = 0; round < 12; round++) {
        Memory m(kSize, kHuge);
        fillHuge(m, 100 + round);
        std::vector<char> dropped(kSize / kPage);
        std::atomic<bool> stop{false};
        std::thread mover([&] {
            for (unsigned i = 0; !stop; i++)
                move(m, i % 2 ? I915_SVM_REGION_SYSTEM : I915_SVM_REGION_LOCAL);
        });
        unsigned random = 12345 + round;
        for (unsigned i = 0; i < 60; i++) {
            random = random * 1103515245 + 12345;
            const bool whole = i % 20 == 19;
            const size_t page = whole ? (random >> 16) % kCount * (kHuge / kPage)
                                      : (random >> 8) % (kSize / kPage - 3);
            const size_t n = whole ? kHuge / kPage : 1 + (random >> 4) % 3;
            ASSERT_EQ(madvise(m.data() + page * kPage, n * kPage, MADV_DONTNEED), 0);
            memset(dropped.data() + page, 1, n);
        }
        stop = true;
        mover.join();
        size_t bad = 0;
        for (size_t i = 0; i < kSize / 4; i++)
            bad += m.dwords()[i] != (dropped[i * 4 / kPage] ? 0 : patternAt(100 + round, i));
        ASSERT_EQ(bad, 0u) << "round " << round;
    }
}

/* Two move the same pages, against each other, while a third reads: nobody hangs or loses any. */
TEST_F(Huge, ThreadsMoveOneRangeAgainstEachOther)
{
    for (unsigned round = 0; round < 8; round++) {
        Memory m(kSize, kHuge);
        fillHuge(m, 200 + round);
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 2; t++)
            threads.emplace_back([&, t] {
                for (unsigned i = 0; i < 10; i++)
                    move(m, (i + t) % 3 ? I915_SVM_REGION_LOCAL : I915_SVM_REGION_SYSTEM);
            });
        std::atomic<size_t> bad{0};
        threads.emplace_back([&] {
            for (size_t i = 0; i < kSize / 4; i += kHuge / 16)
                bad += m.dwords()[i] != patternAt(200 + round, i);
        });
        for (std::thread &t : threads)
            t.join();
        EXPECT_EQ(bad, 0u);
        ASSERT_EQ(wrong(m, 200 + round), 0u) << "round " << round;
    }
}

/*
 * Who touches a page of what another thread is bringing back waits for it without a reference to
 * it: nothing but the end of the migration can tell him.
 */
TEST_F(Huge, WhoWaitsForAPageOfItGoesOn)
{
    for (unsigned round = 0; round < 50; round++) {
        Memory m(kSize, kHuge);
        fillHuge(m, 300 + round);
        ASSERT_EQ(move(m, I915_SVM_REGION_LOCAL).moved, kSize);

        constexpr size_t kThreads = 4;
        std::atomic<size_t> ready{0}, done{0}, bad{0};
        std::vector<std::thread> threads;
        for (size_t t = 0; t < kThreads; t++)
            threads.emplace_back([&, t] {
                const size_t i = t * (kHuge / 4 / kThreads) + t;
                ready++;
                while (ready < kThreads)
                    ;
                bad += m.dwords()[i] != patternAt(300 + round, i);
                done++;
            });
        for (unsigned ms = 0; ms < 60000 && done < kThreads; ms++)
            usleep(1000);
        if (done < kThreads) {
            for (std::thread &t : threads)
                t.detach();
            FAIL() << kThreads - done << " threads wait for ever, round " << round;
        }
        for (std::thread &t : threads)
            t.join();
        ASSERT_EQ(bad, 0u) << "round " << round;
    }
}

/* A cgroup pays for device pages as for the huge page before, and gets all of it back. */
TEST_F(Huge, TheChargeGoesAlongAndComesBack)
{
    const std::string root = "/sys/fs/cgroup", group = root + "/svm-huge";
    writeFile(root + "/cgroup.subtree_control", "+memory");
    const uint64_t dying = readNamed(root + "/cgroup.stat", "nr_dying_descendants");
    for (unsigned i = 0; i < 3; i++) {
        ASSERT_EQ(mkdir(group.c_str(), 0755), 0);
        int done[2], leave[2];
        ASSERT_EQ(pipe(done), 0);
        ASSERT_EQ(pipe(leave), 0);
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (!child) {
            writeFile(group + "/cgroup.procs", std::to_string(getpid()));
            Gpu own;
            Memory m(kSize, kHuge);
            drm_i915_gem_vm_prefetch p = {};
            char c = 1;
            if (own.enable(I915_SVM_VM_MIRROR) == 0) {
                fillHuge(m, 9);
                if (own.prefetch(m.data(), kSize, I915_SVM_REGION_LOCAL, &p) == 0)
                    c = p.moved == kSize ? 0 : 2;
            }
            if (write(done[1], &c, 1) == 1 && read(leave[0], &c, 1) == 1)
                c = wrong(m, 9) ? 1 : 0;
            _exit(c);
        }
        char c = 3;
        ASSERT_EQ(read(done[0], &c, 1), 1);
        EXPECT_EQ(c, 0);
        EXPECT_GE(readNumber(group + "/memory.current"), kSize);
        ASSERT_EQ(write(leave[1], "", 1), 1);
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        for (const int fd : {done[0], done[1], leave[0], leave[1]})
            close(fd);
        uint64_t left = kSize;
        for (int k = 0; k < 500 && left >= kHuge; k++) {
            usleep(10000);
            left = readNumber(group + "/memory.current");
        }
        EXPECT_LT(left, kHuge);
        ASSERT_EQ(rmdir(group.c_str()), 0);
    }
    uint64_t now = dying + 1;
    for (int k = 0; k < 1000 && now > dying; k++) {
        writeFile("/proc/sys/vm/drop_caches", "3");
        usleep(10000);
        now = readNamed(root + "/cgroup.stat", "nr_dying_descendants");
    }
    EXPECT_LE(now, dying) << "a cgroup that is gone is still paid for";
}

} // namespace svm
