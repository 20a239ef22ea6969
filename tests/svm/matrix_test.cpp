/* SPDX-License-Identifier: MIT */
/*
 * What a process may do to its memory, times the kind of memory, times where it is, times how it
 * was bound, times the granule. Every cell checks all bytes against a shadow copy, where the pages
 * are, and the account of the prefetch.
 */
#include "gpu.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{

enum class Kind { kPages, kHugePages, kMalloc, kData, kStack, kSharedAnon, kMemfd, kPrivateFile };
enum class Op {
    kOnce,
    kMany,
    kStride,
    kAlternate,
    kBlit,
    kForkRead,
    kForkWrite,
    kRemap,
    kDontUnmap,
    kUnmapFront,
    kUnmapMiddle,
    kUnmapEnd,
    kUnmapFrontTouched,
    kUnmapMiddleTouched,
    kUnmapEndTouched,
    kProtect,
    kDontNeed,
    kFree,
    kPageOut,
    kCollapse,
    kSplit,
    kThreads,
    kTwoVms,
    kTouch,
};
enum class Where { kSystem, kDevice, kMixed };
enum class How { kMirror, kBind };

struct Cell {
    Kind kind;
    Op op;
    Where where;
    How how;
    uint64_t granule;
};

constexpr const char *kKinds[] = {"Pages", "HugePages",  "Malloc", "Data",
                                  "Stack", "SharedAnon", "Memfd",  "PrivateFile"};
constexpr const char *kOps[] = {
    "Once",
    "Many",
    "Stride",
    "Alternate",
    "Blit",
    "ForkRead",
    "ForkWrite",
    "Remap",
    "DontUnmap",
    "UnmapFront",
    "UnmapMiddle",
    "UnmapEnd",
    "UnmapFrontTouched",
    "UnmapMiddleTouched",
    "UnmapEndTouched",
    "Protect",
    "DontNeed",
    "Free",
    "PageOut",
    "Collapse",
    "Split",
    "Threads",
    "TwoVms",
    "Touch",
};
constexpr const char *kWheres[] = {"System", "Device", "Mixed"};

constexpr size_t kSize = kHuge;
constexpr size_t kQuarter = kSize / 4;

bool anonymous(Kind k)
{
    return k == Kind::kPages || k == Kind::kHugePages || k == Kind::kMalloc || k == Kind::kStack;
}

bool shared(Kind k)
{
    return k == Kind::kSharedAnon || k == Kind::kMemfd;
}

/* Its own mapping, to be cut and moved at will. */
bool ownMapping(Kind k)
{
    return k != Kind::kMalloc && k != Kind::kData && k != Kind::kStack;
}

/* Nobody else's memory within the largest granule: where it is can be told exactly. */
bool alone(Kind k)
{
    return k == Kind::kPages || k == Kind::kHugePages;
}

bool cutsMapping(Op op)
{
    return op >= Op::kRemap && op <= Op::kUnmapEndTouched;
}

bool makesSense(const Cell &c)
{
    if (cutsMapping(c.op) && !ownMapping(c.kind))
        return false;
    if (c.op == Op::kDontUnmap && !alone(c.kind))
        return false;
    if (c.op == Op::kFree && !anonymous(c.kind))
        return false;
    if ((c.op == Op::kCollapse || c.op == Op::kSplit || c.op == Op::kProtect ||
         c.op == Op::kDontNeed || c.op == Op::kPageOut || c.op == Op::kFree) &&
        !ownMapping(c.kind))
        return false;
    if ((c.op == Op::kCollapse || c.op == Op::kSplit || c.op == Op::kTouch) && !alone(c.kind))
        return false;
    if (c.granule != kHuge && (c.where == Where::kSystem || !alone(c.kind)))
        return false;
    return true;
}

std::vector<Cell> cells()
{
    std::vector<Cell> all;
    for (int k = 0; k <= int(Kind::kPrivateFile); k++)
        for (int o = 0; o <= int(Op::kTouch); o++)
            for (int w = 0; w <= int(Where::kMixed); w++)
                for (How h : {How::kMirror, How::kBind})
                    for (uint64_t g : {uint64_t(kHuge), uint64_t(16 * kPage), uint64_t(kPage)}) {
                        const Cell c = {Kind(k), Op(o), Where(w), h, g};
                        if (makesSense(c))
                            all.push_back(c);
                    }
    return all;
}

std::string name(const testing::TestParamInfo<Cell> &info)
{
    const Cell &c = info.param;
    return std::string(kKinds[int(c.kind)]) + "_" + kOps[int(c.op)] + "_" + kWheres[int(c.where)] +
           (c.how == How::kMirror ? "_Mirror_" : "_Bind_") +
           (c.granule == kHuge   ? "2M"
            : c.granule == kPage ? "4K"
                                 : "64K");
}

alignas(kHuge) char g_data[kSize];

class Matrix : public testing::TestWithParam<Cell>
{
  protected:
    void SetUp() override
    {
        const uint32_t caps = capabilities();
        if (!(caps & I915_SVM_CAP_SYSTEM))
            GTEST_SKIP() << "no SVM";
        if (GetParam().where != Where::kSystem && !(caps & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        ASSERT_EQ(
            gpu.enable(GetParam().how == How::kMirror ? I915_SVM_VM_MIRROR : I915_SVM_VM_ENABLE),
            0);
        ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, GetParam().granule), 0);
    }

    void TearDown() override
    {
        if (undo)
            undo();
    }

    void allocate(char *stack)
    {
        const Kind kind = GetParam().kind;
        switch (kind) {
        case Kind::kPages:
        case Kind::kHugePages:
            memory = std::make_unique<Memory>(kSize, kHuge);
            p = memory->data();
            madvise(p, kSize, kind == Kind::kPages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
            memory.release(); /* cells cut it as they like; space() unmaps it */
            undo = [this] { munmap(p, kSize); };
            break;
        case Kind::kMalloc:
            p = static_cast<char *>(malloc(kSize));
            undo = [this] { free(p); };
            break;
        case Kind::kData:
            p = g_data;
            break;
        case Kind::kStack:
            p = stack;
            break;
        case Kind::kSharedAnon:
            p = static_cast<char *>(
                mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
            undo = [this] { munmap(p, kSize); };
            break;
        case Kind::kMemfd:
        case Kind::kPrivateFile: {
            const int fd = memfd_create("svm", 0);
            ASSERT_EQ(ftruncate(fd, kSize), 0);
            p = static_cast<char *>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                                         kind == Kind::kMemfd ? MAP_SHARED : MAP_PRIVATE, fd, 0));
            close(fd);
            undo = [this] { munmap(p, kSize); };
            break;
        }
        }
        ASSERT_NE(p, nullptr);
        ASSERT_NE(static_cast<void *>(p), MAP_FAILED);
        shadow.resize(kSize);
        for (size_t i = 0; i < kSize; i += 4)
            put(i, uint32_t(i * 2654435761u));
        memcpy(p, shadow.data(), kSize);
        if (GetParam().how == How::kBind) {
            ASSERT_EQ(gpu.bind(p, kSize), 0);
        }
    }

    void put(size_t offset, uint32_t value)
    {
        memcpy(&shadow[offset], &value, 4);
    }

    /* Move to where the cell wants it, and check the account. */
    void place()
    {
        const Where where = GetParam().where;
        if (where == Where::kSystem)
            return;
        const size_t length = where == Where::kDevice ? kSize : kSize / 2;
        const uintptr_t first = reinterpret_cast<uintptr_t>(p) & ~(kPage - 1);
        const uintptr_t end = (reinterpret_cast<uintptr_t>(p) + length + kPage - 1) & ~(kPage - 1);
        drm_i915_gem_vm_prefetch a;
        ASSERT_EQ(gpu.prefetch(p, length, I915_SVM_REGION_LOCAL, &a), 0);
        EXPECT_EQ(a.moved + a.already + a.failed_unmapped + a.failed_type + a.failed_busy +
                      a.failed_memory + a.absent,
                  end - first);
        EXPECT_EQ(a.failed_unmapped, 0u);
        EXPECT_EQ(a.failed_memory, 0u);
        if (alone(GetParam().kind)) {
            EXPECT_EQ(a.moved, length);
        }
        if (shared(GetParam().kind)) {
            EXPECT_EQ(a.failed_type, length);
        }
        expectLocal(length);
    }

    void expectLocal(uint64_t bytes)
    {
        if (!alone(GetParam().kind))
            return;
        ASSERT_EQ(gpu.run(Batch()), 0);
        drm_i915_gem_vm_query q;
        ASSERT_EQ(gpu.query(p, kSize, &q), 0);
        EXPECT_EQ(q.bytes_local, bytes);
        EXPECT_EQ(q.bytes_local + q.bytes_system + q.bytes_invalid, kSize);
        EXPECT_EQ(q.bytes_invalid, 0u);
        EXPECT_EQ(q.ptes_4k * kPage + q.ptes_64k * 16 * kPage + q.ptes_2m * kHuge, kSize);
    }

    void store(const std::vector<size_t> &offsets)
    {
        Batch b;
        for (size_t o : offsets) {
            const uint32_t v = uint32_t(rng());
            b.storeDword(p + o, v);
            put(o, v);
        }
        ASSERT_EQ(gpu.run(b), 0);
    }

    void expectSame(size_t from = 0, size_t to = kSize)
    {
        size_t wrong = 0, first = 0;
        for (size_t i = from; i < to; i++)
            if (p[i] != shadow[i] && !wrong++)
                first = i;
        EXPECT_EQ(wrong, 0u) << "first at offset " << first;
    }

    void body();
    void forked(bool write);
    void remapped();
    void dontUnmapped();
    void unmapped(size_t at, bool touch);
    void protectedFor();
    void threads();
    void twoVms();

    Gpu gpu;
    char *p = nullptr;
    std::unique_ptr<Memory> memory;
    std::vector<char> shadow;
    std::function<void()> undo;
    std::mt19937 rng{12345};
};

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
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        store({0, kSize / 2, kSize - 4});
    } else {
        /* The GPU writes while the child may still share the pages. */
        int status = -1;
        ASSERT_EQ(gpu.run(Batch().storeDword(p + kSize - 4, 1)), 0);
        ASSERT_EQ(waitpid(child, &status, 0), child);
        put(kSize - 4, 1);
        store({0});
    }
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
}

void Matrix::dontUnmapped()
{
    char *old = p;
    void *to = mremap(p, kSize, kSize, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
    ASSERT_NE(to, MAP_FAILED);
    /* The old place is bound or mirrored still, and empty. */
    ASSERT_EQ(gpu.run(Batch().storeDword(old + kQuarter, 0x11)), 0);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(old + kQuarter), 0x11u);
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(old), 0u);
    munmap(old, kSize);
    p = static_cast<char *>(to);
    if (GetParam().how == How::kMirror)
        store({4, kSize - 8});
}

void Matrix::unmapped(size_t at, bool touch)
{
    if (touch) {
        EXPECT_EQ(p[at], shadow[at]);
    }
    ASSERT_EQ(munmap(p + at, kQuarter), 0);
    std::vector<size_t> rest;
    for (size_t o = 16; o < kSize; o += kQuarter / 2)
        if (o < at || o >= at + kQuarter)
            rest.push_back(o);
    store(rest);
    expectSame(0, at);
    expectSame(at + kQuarter, kSize);
    /* Something new in the hole is found as well. */
    ASSERT_EQ(mmap(p + at, kQuarter, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              static_cast<void *>(p + at));
    memset(&shadow[at], 0, kQuarter);
    store({at, at + kQuarter - 4});
}

void Matrix::protectedFor()
{
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_READ), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(p + kQuarter, 0xbad)), 0);
    store({0, kSize - 4});
    expectSame();
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_NONE), 0);
    store({8});
    ASSERT_EQ(mprotect(p + kQuarter, kQuarter, PROT_READ | PROT_WRITE), 0);
    store({kQuarter, 2 * kQuarter - 4});
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
}

void Matrix::body()
{
    const Cell &c = GetParam();
    switch (c.op) {
    case Op::kOnce:
        store({kSize / 2 + 4});
        break;
    case Op::kMany: {
        std::vector<size_t> o(256);
        for (size_t &x : o)
            x = rng() % (kSize / 4) * 4;
        store(o);
        break;
    }
    case Op::kStride: {
        std::vector<size_t> o;
        for (size_t x = 0; x < kSize; x += kPage)
            o.push_back(x + x / kPage % 1000 * 4);
        store(o);
        break;
    }
    case Op::kAlternate:
        for (unsigned i = 0; i < 6; i++) {
            store({i * 128});
            const uint32_t v = uint32_t(rng());
            memcpy(p + kSize / 2 + i * kPage, &v, 4);
            put(kSize / 2 + i * kPage, v);
        }
        break;
    case Op::kBlit: {
        Memory out(kQuarter);
        if (c.how == How::kBind) {
            ASSERT_EQ(gpu.bind(out.data(), kQuarter), 0);
        }
        char *from = p + (kPage - reinterpret_cast<uintptr_t>(p) % kPage) % kPage;
        ASSERT_EQ(gpu.run(Batch().copyPages(out.data(), from, kQuarter / kPage), Ring::kCopy), 0);
        EXPECT_EQ(memcmp(out.data(), &shadow[size_t(from - p)], kQuarter), 0);
        break;
    }
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
        store({0});
        ASSERT_EQ(madvise(p + kQuarter, kQuarter, MADV_DONTNEED), 0);
        if (anonymous(c.kind) || c.kind == Kind::kPrivateFile)
            memset(&shadow[kQuarter], 0, kQuarter); /* the file itself was never written */
        store({kQuarter + 8});
        break;
    case Op::kFree:
        store({0});
        ASSERT_EQ(madvise(p + kQuarter, kQuarter, MADV_FREE), 0);
        store({kQuarter + 8}); /* what the GPU wrote after it must stay, and its page with it */
        EXPECT_EQ(memcmp(p + kQuarter + 8, &shadow[kQuarter + 8], 4), 0);
        memcpy(&shadow[kQuarter], p + kQuarter, kQuarter);
        break;
    case Op::kPageOut:
        store({0});
        madvise(p, kSize, MADV_PAGEOUT);
        store({kQuarter, kSize - 4});
        break;
    case Op::kCollapse:
        store({0});
        madvise(p, kSize, 25 /* MADV_COLLAPSE: Linux 6.1, newer than the C library */);
        store({kQuarter, kSize - 4});
        break;
    case Op::kSplit:
        store({0});
        ASSERT_EQ(madvise(p + 100 * kPage, kPage, MADV_DONTNEED), 0);
        memset(&shadow[100 * kPage], 0, kPage);
        store({100 * kPage + 16, 99 * kPage, 101 * kPage});
        break;
    case Op::kThreads:
        threads();
        break;
    case Op::kTwoVms:
        twoVms();
        break;
    case Op::kTouch: {
        EXPECT_EQ(p[5 * kPage], shadow[5 * kPage]);
        const uint64_t placed = c.where == Where::kDevice  ? kSize
                                : c.where == Where::kMixed ? kSize / 2
                                                           : 0;
        expectLocal(placed - std::min(placed, c.granule));
        store({5 * kPage, kSize - 4});
        break;
    }
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
    body();
    if (!HasFatalFailure())
        expectSame();
}

INSTANTIATE_TEST_SUITE_P(All, Matrix, testing::ValuesIn(cells()), name);

} // namespace svm
