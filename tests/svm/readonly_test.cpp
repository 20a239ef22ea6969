/* SPDX-License-Identifier: MIT */
/*
 * Memory that the process may only read: refused, or, where a bind says so, read by the GPU as the
 * process's own copy. Whatever the GPU writes there must stay in the process.
 */
#include "gpu.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace svm
{
namespace
{

constexpr uint32_t kSeed = 0x5eed0000, kWritten = 0xbadc0de;

/* Whole pages of .rodata; not zero, or it would be elsewhere. */
template <size_t... I>
constexpr std::array<uint32_t, sizeof...(I)> counted(std::index_sequence<I...>)
{
    return {{(kSeed + uint32_t(I))...}};
}
alignas(kPage) const auto kConstants = counted(std::make_index_sequence<kPage / 4>());

} // namespace

class ReadOnly : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_SYSTEM))
            GTEST_SKIP() << "no SVM";
        ASSERT_EQ(gpu.enable(I915_SVM_VM_ENABLE), 0);
        file = memfd_create("svm-readonly", MFD_CLOEXEC);
        ASSERT_GE(file, 0);
        std::vector<uint32_t> content(kSize / 4);
        for (size_t i = 0; i < content.size(); i++)
            content[i] = kSeed + uint32_t(i);
        ASSERT_EQ(write(file, content.data(), kSize), ssize_t(kSize));
        ASSERT_EQ(gpu.bind(out.data(), out.size()), 0);
        out.data()[0] = 1;
    }

    void TearDown() override
    {
        if (file >= 0)
            close(file);
    }

    const char *map(int flags, int protection = PROT_READ)
    {
        void *p = mmap(nullptr, kSize, protection, flags, flags & MAP_ANONYMOUS ? -1 : file, 0);
        EXPECT_NE(p, MAP_FAILED);
        return static_cast<const char *>(p);
    }

    void unmap(const char *p)
    {
        munmap(const_cast<char *>(p), kSize);
    }

    int bind(const void *at, size_t size = kSize)
    {
        return gpu.bind(at, size, I915_GEM_VM_BIND_UNSHARE);
    }

    /* What the GPU reads in the first page, by copying it. */
    uint32_t gpuReads(const void *at, size_t dword)
    {
        memset(out.data(), 0xff, kPage);
        EXPECT_EQ(gpu.run(Batch().copyPages(out.data(), at, 1), Ring::kCopy), 0);
        return out.dwords()[dword];
    }

    uint32_t fileHolds(size_t dword)
    {
        uint32_t value = 0;
        EXPECT_EQ(pread(file, &value, 4, off_t(dword * 4)), 4);
        return value;
    }

    static constexpr size_t kSize = 4 * kPage;
    Gpu gpu;
    Memory out{kPage};
    int file = -1;
};

TEST_F(ReadOnly, RefusedUnlessAskedFor)
{
    const char *p = map(MAP_PRIVATE);
    EXPECT_EQ(gpu.bind(p, kSize), EACCES);
    EXPECT_EQ(bind(p), 0);
    unmap(p);
}

TEST_F(ReadOnly, SharedAndProtectedStayRefused)
{
    const char *shared = map(MAP_SHARED), *none = map(MAP_PRIVATE, PROT_NONE);
    EXPECT_EQ(bind(shared), EACCES);
    EXPECT_EQ(bind(none), EACCES);
    const uint32_t handle = gpu.createLocal(kSize, true);
    std::vector<drm_i915_gem_vm_bind_va> va(1);
    va[0].start = reinterpret_cast<uintptr_t>(none);
    va[0].length = kSize;
    va[0].handle = handle;
    va[0].type = I915_GEM_VM_BIND_SVM_OBJ;
    va[0].flags = I915_GEM_VM_BIND_UNSHARE;
    EXPECT_EQ(gpu.bindArray(va), EINVAL) << "an object has no such pages";
    gpu.close(handle);
    unmap(shared);
    unmap(none);
}

TEST_F(ReadOnly, ConstantsOfTheProgram)
{
    ASSERT_EQ(bind(kConstants.data(), kPage), 0);
    EXPECT_EQ(gpuReads(kConstants.data(), 77), kSeed + 77);
    EXPECT_EQ(kConstants[77], kSeed + 77);
}

TEST_F(ReadOnly, PopulateMakesItValidAtOnce)
{
    const char *p = map(MAP_PRIVATE);
    ASSERT_EQ(gpu.bind(p, kSize, I915_GEM_VM_BIND_UNSHARE | I915_GEM_VM_BIND_POPULATE), 0);
    drm_i915_gem_vm_query q;
    ASSERT_EQ(gpu.query(p, kSize, &q), 0);
    EXPECT_EQ(q.bytes_system, kSize);
    unmap(p);
}

TEST_F(ReadOnly, GpuWritesStayInTheProcess)
{
    const char *p = map(MAP_PRIVATE), *other = map(MAP_SHARED);
    ASSERT_EQ(bind(p), 0);
    EXPECT_EQ(gpuReads(p, 5), kSeed + 5);
    ASSERT_EQ(gpu.run(Batch().storeDword(p + 20, kWritten)), 0);
    EXPECT_EQ(fileHolds(5), kSeed + 5);
    EXPECT_EQ(reinterpret_cast<const uint32_t *>(other)[5], kSeed + 5);
    EXPECT_EQ(reinterpret_cast<const uint32_t *>(p)[5], kWritten);
    unmap(p);
    unmap(other);
}

/* Pages that were read, and are therefore all the same one page of zeros. */
TEST_F(ReadOnly, ZeroPageIsNotWritten)
{
    const char *p = map(MAP_PRIVATE | MAP_ANONYMOUS), *other = map(MAP_PRIVATE | MAP_ANONYMOUS);
    EXPECT_EQ(*static_cast<const volatile uint32_t *>(static_cast<const void *>(p)), 0u);
    EXPECT_EQ(*static_cast<const volatile uint32_t *>(static_cast<const void *>(other)), 0u);
    ASSERT_EQ(bind(p), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(p, kWritten)), 0);
    EXPECT_EQ(*reinterpret_cast<const volatile uint32_t *>(p), kWritten);
    EXPECT_EQ(*reinterpret_cast<const volatile uint32_t *>(other), 0u);
    unmap(p);
    unmap(other);
}

/* The copies are shared with the child from fork() on: the GPU needs new ones. */
TEST_F(ReadOnly, ForkedChildDoesNotSeeWhatTheGpuWrites)
{
    const char *p = map(MAP_PRIVATE);
    ASSERT_EQ(bind(p), 0);
    EXPECT_EQ(gpuReads(p, 9), kSeed + 9);
    int go[2];
    ASSERT_EQ(pipe(go), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (!child) {
        char c;
        const bool told = read(go[0], &c, 1) == 1;
        _exit(told && reinterpret_cast<const volatile uint32_t *>(p)[9] == kSeed + 9 ? 0 : 1);
    }
    EXPECT_EQ(gpu.run(Batch().storeDword(p + 36, kWritten)), 0);
    EXPECT_EQ(reinterpret_cast<const volatile uint32_t *>(p)[9], kWritten);
    EXPECT_EQ(write(go[1], "x", 1), 1);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the child saw the GPU's write";
    close(go[0]);
    close(go[1]);
    unmap(p);
}

TEST_F(ReadOnly, DroppedCopiesComeBackAsTheFile)
{
    const char *p = map(MAP_PRIVATE);
    ASSERT_EQ(bind(p), 0);
    ASSERT_EQ(gpu.run(Batch().storeDword(p, kWritten)), 0);
    ASSERT_EQ(madvise(const_cast<char *>(p), kSize, MADV_DONTNEED), 0);
    EXPECT_EQ(gpuReads(p, 0), kSeed);
    EXPECT_EQ(fileHolds(0), kSeed);
    unmap(p);
}

TEST_F(ReadOnly, BecomesWritableAndReadOnlyAgain)
{
    const char *p = map(MAP_PRIVATE);
    ASSERT_EQ(bind(p), 0);
    EXPECT_EQ(gpuReads(p, 1), kSeed + 1);
    ASSERT_EQ(mprotect(const_cast<char *>(p), kSize, PROT_READ | PROT_WRITE), 0);
    const_cast<char *>(p)[0] = 0x77;
    EXPECT_EQ(gpuReads(p, 0) & 0xff, 0x77u);
    ASSERT_EQ(mprotect(const_cast<char *>(p), kSize, PROT_READ), 0);
    EXPECT_EQ(gpuReads(p, 0) & 0xff, 0x77u);
    EXPECT_EQ(fileHolds(0), kSeed);
    unmap(p);
}

/* The mirror leaves such memory out; a bind in the same VM lets it in. */
TEST_F(ReadOnly, BesideTheMirror)
{
    Gpu mirrored;
    ASSERT_EQ(mirrored.enable(I915_SVM_VM_MIRROR), 0);
    const char *p = map(MAP_PRIVATE);
    ASSERT_EQ(mirrored.bind(p, kSize, I915_GEM_VM_BIND_UNSHARE), 0);
    ASSERT_EQ(mirrored.run(Batch().copyPages(out.data(), p, 1), Ring::kCopy), 0);
    EXPECT_EQ(out.dwords()[3], kSeed + 3);
    unmap(p);
}

} // namespace svm
