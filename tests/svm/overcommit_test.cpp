/* SPDX-License-Identifier: MIT */
/*
 * More memory than the device has: pages give way to pages, pages to objects and objects to pages.
 * Run it with little local memory: it takes four times of what there is.
 */
#include "gpu.h"
#include "surroundings.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <xf86drm.h>

namespace svm
{
namespace
{

enum class Kind { kPages, kHugePages, kMalloc };
enum class Op { kStores, kTouches, kFork, kUnmaps, kAdvised, kObjects, kBoundObjects };

struct Cell {
    Kind kind;
    Op op;
    unsigned factor; /* of local memory */
    uint64_t granule;
    bool cpuCopies;
};

constexpr const char *kKinds[] = {"Pages", "HugePages", "Malloc"};
constexpr const char *kOps[] = {"Stores",  "Touches", "Fork",        "Unmaps",
                                "Advised", "Objects", "BoundObjects"};
constexpr size_t kPiece = 4 * kHuge;
constexpr size_t kStride = 16 * kPage; /* of the words that are looked at */

/* What sees pages only, and what takes long, with one kind of memory. */
std::vector<Cell> cells()
{
    std::vector<Cell> all;
    for (unsigned factor : {2, 4})
        for (int o = 0; o <= int(Op::kBoundObjects); o++) {
            all.push_back({Kind::kPages, Op(o), factor, kHuge, false});
            all.push_back({Kind::kPages, Op(o), factor, kHuge, true});
            if (factor != 2)
                continue;
            for (Kind k : {Kind::kHugePages, Kind::kMalloc})
                all.push_back({k, Op(o), factor, kHuge, false});
            if (o != int(Op::kFork))
                all.push_back({Kind::kPages, Op(o), factor, kPage, false});
        }
    return all;
}

std::string cellName(const testing::TestParamInfo<Cell> &info)
{
    const Cell &c = info.param;
    return std::string(kKinds[int(c.kind)]) + "_" + kOps[int(c.op)] + "_" +
           std::to_string(c.factor) + "x_" + (c.granule == kHuge ? "2M" : "4K") +
           (c.cpuCopies ? "_CpuCopies" : "_Blitter");
}

} // namespace

class Overcommit : public testing::TestWithParam<Cell>
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        const Cell &c = GetParam();
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, c.granule), 0);
        ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_COPY, c.cpuCopies), 0);
        const uint64_t local = gpu.localMemory().probed_size;
        ASSERT_GT(local, 0u);
        ASSERT_LE(local, 256u << 20) << "too much local memory for this test: see its head";
        pieces = c.factor * local / kPiece;
        devicePages = Counters().device("device pages in use");
        allocate(pieces * kPiece);
        for (size_t o = 0; o < pieces * kPiece; o += kPage)
            at(0)[o + 8] = 1; /* all of it is there */
        for (size_t i = 0; i < pieces; i++)
            for (size_t o = 0; o < kPiece; o += kStride)
                word(i, o) = expected(i, o);
    }

    void TearDown() override
    {
        if (data && GetParam().kind == Kind::kMalloc)
            free(data);
        memory.reset();
        EXPECT_EQ(Counters().device("device pages in use"), devicePages);
    }

    void allocate(size_t size)
    {
        if (GetParam().kind == Kind::kMalloc) {
            data = static_cast<char *>(malloc(size));
            return;
        }
        memory = std::make_unique<Memory>(size, kHuge);
        madvise(memory->data(), size,
                GetParam().kind == Kind::kPages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    }

    char *at(size_t piece, size_t offset = 0) const
    {
        return (memory ? memory->data() : data) + piece * kPiece + offset;
    }
    volatile uint32_t &word(size_t piece, size_t offset) const
    {
        return *reinterpret_cast<uint32_t *>(at(piece, offset));
    }
    uint32_t expected(size_t piece, size_t offset) const
    {
        return uint32_t(piece << 20 | offset / kPage) + gpuWrote[piece];
    }

    void toDevice(size_t piece)
    {
        drm_i915_gem_vm_prefetch a;
        ASSERT_EQ(gpu.prefetch(at(piece), kPiece, I915_SVM_REGION_LOCAL, &a), 0);
        /* Somebody gives way: there is room. The first page of malloc() may be shared with others.
         */
        EXPECT_GE(a.moved + a.already + a.failed_busy, kPiece);
        EXPECT_GT(a.moved + a.already, kPiece / 2);
    }

    void gpuWrites(size_t piece)
    {
        gpuWrote[piece]++;
        Batch b;
        for (size_t o = 0; o < kPiece; o += kStride)
            b.storeDword(at(piece, o), expected(piece, o));
        ASSERT_EQ(gpu.run(b), 0);
    }

    void expectSame(size_t piece) const
    {
        size_t wrong = 0;
        for (size_t o = 0; o < kPiece; o += kStride)
            wrong += word(piece, o) != expected(piece, o);
        ASSERT_EQ(wrong, 0u) << "piece " << piece;
    }

    void forkAndLook()
    {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (!child) {
            size_t wrong = 0;
            for (size_t i = 0; i < pieces; i++)
                for (size_t o = 0; o < kPiece; o += kStride)
                    wrong += word(i, o) != expected(i, o);
            _exit(wrong != 0);
        }
        gpuWrites(pieces - 1);
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }

    void objects(bool bound);
    void body();

    Gpu gpu;
    size_t pieces = 0;
    uint64_t devicePages = 0;
    std::unique_ptr<Memory> memory;
    char *data = nullptr;
    uint32_t gpuWrote[1024] = {};
};

/* Objects with contents take turns with pages. */
void Overcommit::objects(bool bound)
{
    constexpr size_t kCount = 4;
    uint32_t handle[kCount];
    volatile uint32_t *map[kCount];
    char *space = static_cast<char *>(mmap(nullptr, kCount * kPiece, PROT_NONE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (size_t i = 0; i < kCount; i++) {
        handle[i] = gpu.createLocal(kPiece, true);
        map[i] = static_cast<uint32_t *>(gpu.map(handle[i], kPiece));
        for (size_t o = 0; o < kPiece; o += kStride)
            map[i][o / 4] = uint32_t(i << 24 | o);
        if (bound) {
            ASSERT_EQ(gpu.bindObject(space + i * kPiece, kPiece, handle[i], 0), 0);
        }
    }
    for (size_t i = 0; i < pieces; i++) {
        toDevice(i);
        if (bound) {
            const size_t n = i % kCount;
            ASSERT_EQ(gpu.run(Batch().storeDword(space + n * kPiece + 4, uint32_t(i))), 0);
            EXPECT_EQ(map[n][1], i);
        }
        gpuWrites(i);
    }
    for (size_t i = 0; i < kCount; i++) {
        size_t wrong = 0;
        for (size_t o = 0; o < kPiece; o += kStride)
            wrong += map[i][o / 4] != (i << 24 | o);
        EXPECT_EQ(wrong, 0u) << "object " << i;
        munmap(const_cast<uint32_t *>(map[i]), kPiece);
        gpu.close(handle[i]);
    }
    if (bound) {
        EXPECT_EQ(gpu.unbind(space, kCount * kPiece), 0);
    }
    munmap(space, kCount * kPiece);
}

void Overcommit::body()
{
    switch (GetParam().op) {
    case Op::kStores:
        for (unsigned round = 0; round < 2; round++)
            for (size_t i = 0; i < pieces; i++) {
                toDevice(i);
                gpuWrites(i);
            }
        break;
    case Op::kTouches:
        for (size_t i = 0; i < pieces; i++) {
            toDevice(i);
            gpuWrites(i);
            expectSame(i / 2);
        }
        break;
    case Op::kFork:
        for (size_t i = 0; i < pieces; i++)
            toDevice(i);
        forkAndLook();
        break;
    case Op::kUnmaps:
        for (size_t i = 0; i < pieces; i++) {
            toDevice(i);
            if (i % 3)
                continue;
            /* malloc() does not start at a page. */
            ASSERT_EQ(madvise(at(i) + (kPage - reinterpret_cast<uintptr_t>(at(i)) % kPage) % kPage,
                              kPiece - kPage, MADV_DONTNEED),
                      0);
            for (size_t o = 0; o < kPiece; o += kStride)
                word(i, o) = expected(i, o);
        }
        break;
    case Op::kAdvised:
        /* As much as there is: not all of it can follow the advice at once. */
        ASSERT_EQ(gpu.advise(at(0), pieces * kPiece, I915_SVM_ADVISE_PREFERRED_LOCATION,
                             I915_SVM_REGION_LOCAL),
                  0);
        for (size_t i = 0; i < pieces; i++)
            gpuWrites(i);
        break;
    case Op::kObjects:
    case Op::kBoundObjects:
        objects(GetParam().op == Op::kBoundObjects);
        break;
    }
}

TEST_P(Overcommit, LosesNothing)
{
    ASSERT_LE(pieces, sizeof(gpuWrote) / sizeof(gpuWrote[0]));
    const uint64_t before = Counters().device("pages evicted");
    body();
    if (HasFatalFailure())
        return;
    if (GetParam().op != Op::kTouches && GetParam().op != Op::kUnmaps) {
        EXPECT_GT(Counters().device("pages evicted"), before) << "nobody had to give way";
    }
    for (size_t i = 0; i < pieces && !HasFatalFailure(); i++)
        expectSame(i);
}

/* One bound, one listed, each more than half of local memory, and neither may live elsewhere. */
TEST(OvercommitObjects, ThatDoNotFitTogetherAreRefused)
{
    if (!(capabilities() & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    Gpu gpu;
    ASSERT_EQ(gpu.enable(I915_SVM_VM_ENABLE), 0);
    const size_t size = gpu.localMemory().probed_size * 5 / 8 / kHuge * kHuge;
    void *p =
        mmap(nullptr, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(p, MAP_FAILED);
    char *space = static_cast<char *>(p);
    const uint32_t bound = gpu.createLocal(size, false);
    ASSERT_EQ(gpu.bindObject(space, size, bound, 0), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(space, 7)), 0);

    drm_i915_gem_exec_object2 listed = {};
    listed.handle = gpu.createLocal(size, false);
    listed.offset = reinterpret_cast<uintptr_t>(space + size);
    listed.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    uint32_t handle = 0;
    EXPECT_EQ(gpu.trySubmit(Batch(), &handle, Ring::kRender, {listed}), ENOSPC);

    gpu.close(listed.handle);
    ASSERT_EQ(gpu.run(Batch().storeDword(space + 4, 8)), 0);
    const uint32_t *map = static_cast<uint32_t *>(gpu.map(bound, kPage));
    EXPECT_EQ(map[0], 7u) << "what it held was lost";
    EXPECT_EQ(map[1], 8u);
    munmap(const_cast<uint32_t *>(map), kPage);
    munmap(space, 2 * size);
}

INSTANTIATE_TEST_SUITE_P(All, Overcommit, testing::ValuesIn(cells()), cellName);

} // namespace svm
