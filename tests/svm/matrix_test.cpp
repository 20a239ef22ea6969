/* SPDX-License-Identifier: MIT */
/*
 * What a process may do to its memory. Every cell checks all bytes against a shadow copy, where
 * the pages are, the account of the prefetch, and the kernel's counters.
 */
#include "matrix.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace svm
{
namespace
{

constexpr int kMadvCollapse = 25; /* Linux 6.1, newer than the C library */

/* The memory changes while the GPU is given work. */
bool contended(Op op)
{
    return op == Op::kForkWrite || op == Op::kThreads || op == Op::kProcesses;
}

int statusOf(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

} // namespace

void Matrix::forked(bool write)
{
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        const bool same = !memcmp(p, shadow.data(), kSize);
        if (write)
            memset(p + kQuarter, 0x77, 64);
        _exit(same ? 0 : 1);
    }
    if (!write || shared(GetParam().kind)) {
        EXPECT_EQ(statusOf(child), 0);
        store({0, kSize / 2, kSize - 4});
    } else {
        /* The GPU writes while the child may still share the pages. */
        ASSERT_EQ(run(Batch().storeDword(p + kSize - 4, 1)), 0);
        EXPECT_EQ(statusOf(child), 0);
        put(kSize - 4, 1);
        store({0});
    }
    gone(0, kSize); /* the child looked at all of it */
    expectPlaced();
    if (write && shared(GetParam().kind))
        memset(&shadow[kQuarter], 0x77, 64);
}

void Matrix::remapped()
{
    void *to = mmap(nullptr, kSize + kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(to, MAP_FAILED);
    char *aligned = static_cast<char *>(to);
    aligned += (kHuge - reinterpret_cast<uintptr_t>(to) % kHuge) % kHuge;
    if (GetParam().how == How::kBind) {
        ASSERT_EQ(gpu.unbind(p, kSize), 0);
    }
    ASSERT_EQ(mremap(p, kSize, kSize, MREMAP_MAYMOVE | MREMAP_FIXED, aligned),
              static_cast<void *>(aligned));
    p = aligned;
    if (GetParam().how == How::kBind) {
        ASSERT_EQ(gpu.bind(p, kSize), 0);
    }
    store({4, kSize / 2 + 8, kSize - 8});
    expectPlaced();
}

void Matrix::dontUnmapped()
{
    char *old = p;
    void *to = mremap(p, kSize, kSize, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
    ASSERT_NE(to, MAP_FAILED);
    /* The old place is bound or mirrored still, and empty. */
    ASSERT_EQ(run(Batch().storeDword(old + kQuarter, 0x11)), 0);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(old + kQuarter), 0x11u);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(old), 0u);
    munmap(old, kSize);
    p = static_cast<char *>(to);
    if (GetParam().how == How::kMirror) {
        store({4, kSize - 8});
        expectPlaced();
    }
}

void Matrix::unmapped(size_t at, bool touch)
{
    if (touch) {
        EXPECT_EQ(p[at], shadow[at]);
        touched(at, at + 1);
    }
    ASSERT_EQ(munmap(p + at, kQuarter), 0);
    gone(at, at + kQuarter);
    std::vector<size_t> rest;
    for (size_t o = 16; o < kSize; o += kQuarter / 2)
        if (o < at || o >= at + kQuarter)
            rest.push_back(o);
    store(rest);
    expectPlaced();
    expectSame(0, at);
    expectSame(at + kQuarter, kSize);
    /* Something new in the hole is found as well. */
    ASSERT_EQ(mmap(p + at, kQuarter, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              static_cast<void *>(p + at));
    memset(&shadow[at], 0, kQuarter);
    store({at, at + kQuarter - 4});
    expectPlaced();
}

void Matrix::protectedFor()
{
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_READ), 0);
    ASSERT_EQ(run(Batch().storeDword(p + kQuarter, 0xbad)), 0);
    store({0, kSize - 4});
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(p + kQuarter, kQuarter, &q), 0);
    EXPECT_EQ(q.bytes_local + q.bytes_system, 0u) << "the GPU could write to read-only memory";
    expectSame();
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_NONE), 0);
    store({8});
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_READ | PROT_WRITE), 0);
    store({kQuarter, 2 * kQuarter - 4});
    expectPlaced();
}

void Matrix::dontNeeded()
{
    store({0});
    ASSERT_EQ(madvise(p + kQuarter, kQuarter, MADV_DONTNEED), 0);
    gone(kQuarter, 2 * kQuarter);
    if (!shared(GetParam().kind))
        memset(&shadow[kQuarter], 0, kQuarter); /* a private file itself was never written */
    store({kQuarter + 8});
    expectPlaced();
}

void Matrix::freed()
{
    store({0});
    ASSERT_EQ(madvise(p + kQuarter, kQuarter, MADV_FREE), 0);
    store({kQuarter + 8}); /* what the GPU wrote after it must stay, and its page with it */
    expectPlaced();
    EXPECT_EQ(memcmp(p + kQuarter + 8, &shadow[kQuarter + 8], 4), 0);
    memcpy(&shadow[kQuarter], p + kQuarter, kQuarter);
    touched(kQuarter, 2 * kQuarter);
}

void Matrix::pagedOut()
{
    store({0});
    const size_t inRam = pagesPresent(p, kSize);
    ASSERT_EQ(madvise(p, kSize, MADV_PAGEOUT), 0);
    if (alone(GetParam().kind)) {
        EXPECT_EQ(inRam, size_t(std::count(local.begin(), local.end(), false)) -
                             (GetParam().where == Where::kAdvised ? kSize / kPage : 0));
        EXPECT_LE(pagesPresent(p, kSize), inRam / 8) << "something held pages in RAM";
    }
    store({kQuarter, kSize - 4});
    expectPlaced();
}

void Matrix::blitted()
{
    Memory out(kQuarter);
    if (GetParam().how == How::kBind) {
        ASSERT_EQ(gpu.bind(out.data(), kQuarter), 0);
    }
    char *from = p + (kPage - reinterpret_cast<uintptr_t>(p) % kPage) % kPage;
    ASSERT_EQ(run(Batch().copyPages(out.data(), from, kQuarter / kPage), Ring::kCopy), 0);
    EXPECT_EQ(memcmp(out.data(), &shadow[size_t(from - p)], kQuarter), 0);
    expectPlaced();
}

void Matrix::threads()
{
    /* Each CPU thread has a part, the GPU has the last. */
    std::vector<std::thread> all;
    for (unsigned t = 0; t < 3; t++)
        all.emplace_back([this, t] {
            for (unsigned r = 0; r < 4; r++)
                memset(p + t * kQuarter, int(16 * t + r), kQuarter);
        });
    for (unsigned r = 0; r < 4; r++)
        store({3 * kQuarter + 64 * r});
    for (std::thread &t : all)
        t.join();
    for (unsigned t = 0; t < 3; t++)
        memset(&shadow[t * kQuarter], int(16 * t + 3), kQuarter);
    touched(0, 3 * kQuarter);
    expectPlaced();
}

void Matrix::twoVms()
{
    Gpu other;
    ASSERT_EQ(other.enable(I915_SVM_VM_ENABLE), 0);
    ASSERT_EQ(other.bind(p, kSize), 0);
    store({0});
    ASSERT_EQ(other.run(Batch().storeDword(p + 4, 42)), 0);
    put(4, 42);
    store({kSize - 4});
    ASSERT_EQ(other.run(Batch().storeDword(p + kQuarter, 43)), 0);
    put(kQuarter, 43);
    expectPlaced();
}

/* Two children, each with a GPU of its own, write to a quarter of what they inherited. */
void Matrix::processes()
{
    pid_t children[2];
    for (unsigned i = 0; i < 2; i++) {
        children[i] = fork();
        ASSERT_GE(children[i], 0);
        if (children[i])
            continue;
        char *mine = p + (i + 1) * kQuarter;
        Gpu own;
        bool good = !own.enable(I915_SVM_VM_ENABLE) && !own.bind(p, kSize);
        for (uint32_t r = 0; r < 4; r++)
            good = good && !own.run(Batch().storeDword(mine + r * kPage, r + 100 * i));
        for (uint32_t r = 0; r < 4; r++)
            good = good && *reinterpret_cast<uint32_t *>(mine + r * kPage) == r + 100 * i;
        _exit(good ? 0 : 1);
    }
    for (unsigned r = 0; r < 4; r++)
        store({64 * r, kSize - 4 - 64 * r});
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(statusOf(children[i]), 0);
        for (uint32_t r = 0; r < 4 && shared(GetParam().kind); r++)
            put((i + 1) * kQuarter + r * kPage, r + 100 * i);
    }
    store({8});
}

/* A child dies while its GPU waits for a value in the memory; ours stays as it was. */
void Matrix::exiting()
{
    const std::string wait = "/sys/module/i915/parameters/svm_wait_ms";
    const uint64_t usual = readNumber(wait);
    writeFile(wait, "100");
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        uint32_t now;
        memcpy(&now, p, 4);
        Gpu own;
        uint32_t work = 0;
        const bool good =
            !own.enable(I915_SVM_VM_ENABLE) && !own.bind(p, kSize) &&
            !own.trySubmit(Batch().waitEqual(p, now + 1).storeDword(p + kQuarter, now), &work);
        _exit(good ? 0 : 1);
    }
    EXPECT_EQ(statusOf(child), 0);
    writeFile(wait, std::to_string(usual));
    store({4, kQuarter, kSize - 4});
}

void Matrix::body()
{
    const Cell &c = GetParam();
    switch (c.op) {
    case Op::kOnce:
        store({kSize / 2 + 4});
        expectPlaced();
        break;
    case Op::kMany: {
        std::vector<size_t> o(256);
        for (size_t &x : o)
            x = rng() % (kSize / 4) * 4;
        store(o);
        expectPlaced();
        break;
    }
    case Op::kStride: {
        std::vector<size_t> o;
        for (size_t x = 0; x < kSize; x += kPage)
            o.push_back(x + x / kPage % 1000 * 4);
        store(o);
        expectPlaced();
        break;
    }
    case Op::kAlternate:
        for (unsigned i = 0; i < 6; i++) {
            store({i * 128});
            const size_t at = kSize / 2 + i * kPage;
            const uint32_t v = uint32_t(rng());
            memcpy(p + at, &v, 4);
            put(at, v);
            touched(at, at + 4);
        }
        expectPlaced();
        break;
    case Op::kBlit:
        blitted();
        break;
    case Op::kForkRead:
    case Op::kForkWrite:
        forked(c.op == Op::kForkWrite);
        break;
    case Op::kRemap:
        remapped();
        break;
    case Op::kDontUnmap:
        dontUnmapped();
        break;
    case Op::kUnmapFront:
    case Op::kUnmapFrontTouched:
        unmapped(0, c.op == Op::kUnmapFrontTouched);
        break;
    case Op::kUnmapMiddle:
    case Op::kUnmapMiddleTouched:
        unmapped(kQuarter, c.op == Op::kUnmapMiddleTouched);
        break;
    case Op::kUnmapEnd:
    case Op::kUnmapEndTouched:
        unmapped(3 * kQuarter, c.op == Op::kUnmapEndTouched);
        break;
    case Op::kProtect:
        protectedFor();
        break;
    case Op::kDontNeed:
        dontNeeded();
        break;
    case Op::kFree:
        freed();
        break;
    case Op::kPageOut:
        needSwap();
        pagedOut();
        break;
    case Op::kCollapse:
        store({0});
        madvise(p, kSize, kMadvCollapse); /* may bring device pages back, or refuse */
        store({kQuarter, kSize - 4});
        break;
    case Op::kSplit:
        store({0});
        ASSERT_EQ(madvise(p + 100 * kPage, kPage, MADV_DONTNEED), 0);
        memset(&shadow[100 * kPage], 0, kPage);
        gone(100 * kPage, 101 * kPage);
        store({100 * kPage + 16, 99 * kPage, 101 * kPage});
        expectPlaced();
        break;
    case Op::kThreads:
        threads();
        break;
    case Op::kTwoVms:
        twoVms();
        break;
    case Op::kTouch:
        EXPECT_EQ(p[5 * kPage], shadow[5 * kPage]);
        touched(5 * kPage, 5 * kPage + 1);
        expectPlaced();
        store({5 * kPage, kSize - 4});
        break;
    case Op::kProcesses:
        processes();
        break;
    case Op::kExit:
        exiting();
        break;
    }
}

TEST_P(Matrix, Holds)
{
    char *stack = nullptr;
    if (GetParam().kind == Kind::kStack)
        stack = static_cast<char *>(__builtin_alloca(kSize));
    allocate(stack);
    if (HasFatalFailure())
        return;
    place();
    if (HasFatalFailure())
        return;
    const Counters before;
    const uint64_t runsBefore = runs;
    body();
    if (HasFatalFailure())
        return;
    const Counters after;
    /* A submission is tried again when its memory moves meanwhile; the kernel may do that, too. */
    const uint64_t submits = after.vm(vm, "submits") - before.vm(vm, "submits") -
                             (after.vm(vm, "submit_retries") - before.vm(vm, "submit_retries"));
    if (contended(GetParam().op)) {
        EXPECT_GE(submits, runs - runsBefore);
    } else {
        EXPECT_EQ(submits, runs - runsBefore);
    }
    EXPECT_EQ(after.vm(vm, "bans"), 0u);
    expectSame();
    /* The CPU has looked at everything: nothing can be in device memory. */
    EXPECT_EQ(queryAll().bytes_local, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, Matrix, testing::ValuesIn(cells()), cellName);

} // namespace svm
