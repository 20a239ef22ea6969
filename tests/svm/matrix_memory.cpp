/* SPDX-License-Identifier: MIT */
/* The memory of a cell: made, placed, compared with its shadow and with the model of its place. */
#include "matrix.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace svm
{
namespace
{

alignas(kHuge) char g_data[kSize];

uint64_t pagesMovedToDevice()
{
    return Counters().device("pages moved to device");
}

} // namespace

void Matrix::SetUp()
{
    const uint32_t caps = capabilities();
    if (!(caps & I915_SVM_CAP_SYSTEM))
        GTEST_SKIP() << "no SVM";
    if (GetParam().where != Where::kSystem && !(caps & I915_SVM_CAP_DEVMEM))
        GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
    ASSERT_EQ(gpu.enable(GetParam().how == How::kMirror ? I915_SVM_VM_MIRROR : I915_SVM_VM_ENABLE),
              0);
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_GRANULE, GetParam().granule), 0);
    /* Where memory is is modelled by the granule alone. */
    ASSERT_EQ(gpu.setParam(I915_GEM_VM_PARAM_SVM_READ_AHEAD, 0), 0);
    const Counters now;
    vm = now.last();
    devicePages = now.device("device pages in use");
}

void Matrix::TearDown()
{
    if (!undo)
        return;
    undo();
    if (ownMapping(GetParam().kind)) {
        EXPECT_EQ(Counters().device("device pages in use"), devicePages)
            << "something was left behind";
    }
}

void Matrix::mapFile(int fd, int flags)
{
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, kSize), 0);
    p = static_cast<char *>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, flags, fd, 0));
    file = fd;
    undo = [this] {
        munmap(p, kSize);
        close(file);
    };
}

/* At the address of its mapping: what the CPU stores there the GPU sees, as with other kinds. */
void Matrix::mapObject()
{
    const uint32_t handle = gpu.createLocal(kSize, true);
    p = static_cast<char *>(gpu.map(handle, kSize));
    ASSERT_EQ(gpu.bindObject(p, kSize, handle, 0), 0);
    undo = [this] { munmap(p, kSize); };
}

void Matrix::allocate(char *stack)
{
    const Kind kind = GetParam().kind;
    switch (kind) {
    case Kind::kPages:
    case Kind::kHugePages: {
        void *space = mmap(nullptr, 2 * kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(space, MAP_FAILED);
        char *at = static_cast<char *>(space);
        at += (kHuge - reinterpret_cast<uintptr_t>(at) % kHuge) % kHuge;
        p = static_cast<char *>(mmap(at, kSize, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
        madvise(p, kSize, kind == Kind::kPages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
        undo = [this, space] {
            munmap(space, 2 * kSize);
            munmap(p, kSize); /* it may have moved */
        };
        break;
    }
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
        mapFile(memfd_create("svm", 0), MAP_SHARED);
        break;
    case Kind::kPrivateFile:
    case Kind::kFile:
        needDisk();
        mapFile(open(kDisk, O_TMPFILE | O_RDWR, 0600),
                kind == Kind::kFile ? MAP_SHARED : MAP_PRIVATE);
        break;
    case Kind::kHugetlb:
        needHugePages(8); /* a few processes with a copy each */
        p = static_cast<char *>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
        undo = [this] { munmap(p, kSize); };
        break;
    case Kind::kObject:
        mapObject();
        break;
    }
    ASSERT_NE(p, nullptr);
    ASSERT_NE(static_cast<void *>(p), MAP_FAILED);
    shadow.resize(kSize);
    local.resize(kSize / kPage);
    for (size_t i = 0; i < kSize; i += 4)
        put(i, uint32_t(i * 2654435761u));
    memcpy(p, shadow.data(), kSize);
    if (GetParam().how == How::kBind && kind != Kind::kObject) {
        ASSERT_EQ(gpu.bind(p, kSize), 0);
    }
}

void Matrix::expectAccount(const drm_i915_gem_vm_prefetch &a, size_t length)
{
    const Kind kind = GetParam().kind;
    const uintptr_t first = reinterpret_cast<uintptr_t>(p) & ~(kPage - 1);
    const uintptr_t end = (reinterpret_cast<uintptr_t>(p) + length + kPage - 1) & ~(kPage - 1);

    EXPECT_EQ(a.moved + a.already + a.failed_unmapped + a.failed_type + a.failed_busy +
                  a.failed_memory + a.absent,
              end - first);
    EXPECT_EQ(a.failed_unmapped, 0u);
    EXPECT_EQ(a.failed_memory, 0u);
    if (alone(kind) || kind == Kind::kObject) {
        EXPECT_EQ(a.moved, length);
    }
    if (shared(kind) || kind == Kind::kHugetlb) {
        EXPECT_EQ(a.failed_type, length);
    }
}

void Matrix::place()
{
    const Cell &c = GetParam();
    drm_i915_gem_vm_prefetch a;
    if (c.where == Where::kSystem) {
        if (c.kind == Kind::kObject) {
            ASSERT_EQ(gpu.prefetch(p, kSize, I915_SVM_REGION_SYSTEM, &a), 0);
            EXPECT_EQ(a.moved + a.already, kSize);
        }
        expectLocal(0);
        return;
    }
    if (c.where == Where::kAdvised) {
        ASSERT_EQ(gpu.advise(p, kSize, I915_SVM_ADVISE_PREFERRED_LOCATION, I915_SVM_REGION_LOCAL),
                  0);
        expectLocal(kSize);
        return;
    }
    const size_t length = c.where == Where::kDevice ? kSize : kSize / 2;
    const uint64_t before = pagesMovedToDevice();
    ASSERT_EQ(gpu.prefetch(p, length, I915_SVM_REGION_LOCAL, &a), 0);
    expectAccount(a, length);
    if (c.kind != Kind::kObject) {
        EXPECT_EQ(pagesMovedToDevice() - before, a.moved / kPage);
    }
    if (alone(c.kind) || c.kind == Kind::kObject)
        std::fill_n(local.begin(), length / kPage, true);
    expectPlaced();
}

bool Matrix::modelled() const
{
    const Cell &c = GetParam();
    return (alone(c.kind) || c.kind == Kind::kObject) && c.where != Where::kAdvised;
}

void Matrix::touched(size_t from, size_t to)
{
    /* An object goes as a whole. */
    const size_t granule = GetParam().kind == Kind::kObject ? kSize : GetParam().granule;
    for (size_t page = from / kPage; page < (to + kPage - 1) / kPage; page++)
        if (local[page])
            gone(page * kPage / granule * granule, (page * kPage / granule + 1) * granule);
}

void Matrix::gone(size_t from, size_t to)
{
    std::fill(local.begin() + long(from / kPage), local.begin() + long(std::min(to, kSize) / kPage),
              false);
}

void Matrix::expectPlaced()
{
    if (modelled())
        expectLocal(uint64_t(std::count(local.begin(), local.end(), true)) * kPage);
}

void Matrix::expectLocal(uint64_t bytes)
{
    if (!alone(GetParam().kind) && GetParam().kind != Kind::kObject)
        return;
    ASSERT_EQ(run(Batch()), 0);
    const drm_i915_gem_vm_query q = queryAll();
    EXPECT_EQ(q.bytes_local, bytes);
    EXPECT_EQ(q.ptes_4k * kPage + q.ptes_64k * 16 * kPage + q.ptes_2m * kHuge,
              q.bytes_local + q.bytes_system);
}

drm_i915_gem_vm_query Matrix::queryAll()
{
    const uint64_t end = reinterpret_cast<uintptr_t>(p) + kSize;
    uint64_t at = reinterpret_cast<uintptr_t>(p);
    drm_i915_gem_vm_query sum = {};
    while (at < end) {
        drm_i915_gem_vm_query q;
        EXPECT_EQ(gpu.query(reinterpret_cast<void *>(at), end - at, &q), 0);
        sum.bytes_local += q.bytes_local;
        sum.bytes_system += q.bytes_system;
        sum.ptes_4k += q.ptes_4k;
        sum.ptes_64k += q.ptes_64k;
        sum.ptes_2m += q.ptes_2m;
        at = std::max<uint64_t>(at + kPage, q.start + q.length);
    }
    return sum;
}

void Matrix::put(size_t offset, uint32_t value)
{
    memcpy(&shadow[offset], &value, 4);
}

int Matrix::run(const Batch &batch, Ring ring)
{
    runs++;
    return gpu.run(batch, ring);
}

void Matrix::store(const std::vector<size_t> &offsets)
{
    Batch b;
    for (size_t o : offsets) {
        const uint32_t v = uint32_t(rng());
        b.storeDword(p + o, v);
        put(o, v);
    }
    ASSERT_EQ(run(b), 0);
}

void Matrix::expectSame(size_t from, size_t to)
{
    size_t wrong = 0, first = 0;
    for (size_t i = from; i < to; i++)
        if (p[i] != shadow[i] && !wrong++)
            first = i;
    EXPECT_EQ(wrong, 0u) << "first at offset " << first;
    if (from < to)
        touched(from, to);
}

} // namespace svm
