/* SPDX-License-Identifier: MIT */
/* Seeing into SVM: what counters, fdinfo, dumps, trace events and fault messages say is so. */
#include "see.h"

#include "gpu.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{
namespace
{

constexpr size_t k64K = 64u << 10;

/* Below where Linux maps anything by itself. */
const char *const kNowhere = reinterpret_cast<const char *>(0xdead0000);

/* Not canonical. What the fault register keeps are the lower 48 bits. */
char *damaged(const char *p)
{
    return reinterpret_cast<char *>(reinterpret_cast<uintptr_t>(p) | 0x1234ull << 48);
}

std::string hex(const void *p)
{
    char text[20];
    snprintf(text, sizeof(text), "%" PRIxPTR, reinterpret_cast<uintptr_t>(p));
    return text;
}

/* The physical address of a page that is in system memory; the guest's tests are root. */
uint64_t physical(const void *p)
{
    const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entry = 0;
    const off_t at = off_t(reinterpret_cast<uintptr_t>(p) / kPage * sizeof(entry));
    EXPECT_EQ(pread(fd, &entry, sizeof(entry), at), ssize_t(sizeof(entry)));
    close(fd);
    return (entry & ((1ull << 55) - 1)) * kPage;
}

std::string joined(const std::vector<std::string> &lines)
{
    std::string all;
    for (const std::string &line : lines)
        all += line + "\n";
    return all;
}

bool anyWith(const std::vector<std::string> &lines, const std::vector<std::string> &words)
{
    return std::any_of(lines.begin(), lines.end(), [&](const std::string &line) {
        return std::all_of(words.begin(), words.end(),
                           [&](const std::string &w) { return line.find(w) != std::string::npos; });
    });
}

} // namespace

/* Each test under a name of its own, by which debugfs tells its VM from others. */
class See : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_SYSTEM))
            GTEST_SKIP() << "no SVM";
        static unsigned number;
        name_ = "svm-see-" + std::to_string(number++);
        char old[16] = {};
        prctl(PR_GET_NAME, old);
        old_ = old;
        prctl(PR_SET_NAME, name_.c_str());
        gpu_ = std::make_unique<Gpu>();
        ASSERT_EQ(gpu_->enable(I915_SVM_VM_ENABLE), 0);
    }

    void TearDown() override
    {
        gpu_.reset();
        if (!old_.empty())
            prctl(PR_SET_NAME, old_.c_str());
    }

    void bindAndRun(const void *at, size_t length)
    {
        ASSERT_EQ(gpu_->bind(at, length), 0);
        ASSERT_EQ(gpu_->run(Batch()), 0);
    }

    void move(const void *at, size_t length, uint32_t region)
    {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu_->prefetch(at, length, region, &p), 0);
        ASSERT_EQ(p.moved, length);
    }

    Flow flow(const std::string &what)
    {
        return flowOf(partOf(debugfs("i915_svm"), name_), what);
    }

    std::string name_, old_;
    std::unique_ptr<Gpu> gpu_;
};

class SeeDevice : public See
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        See::SetUp();
    }
};

TEST_F(See, CountsMappedAndUnmappedPagesOf4K)
{
    Memory m(8 * kPage);
    madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
    memset(m.data(), 1, m.size());
    const Flow before = deviceFlow("mapped 4K");
    bindAndRun(m.data(), 5 * kPage);
    EXPECT_EQ(flow("mapped 4K").pages, 5u);
    EXPECT_EQ(flow("mapped 4K").bytes, 5 * kPage);
    EXPECT_GT(flow("mapped 4K").ns, 0u);
    EXPECT_GE(deviceFlow("mapped 4K").pages, before.pages + 5);
    ASSERT_EQ(gpu_->unbind(m.data(), 5 * kPage), 0);
    EXPECT_EQ(flow("unmapped 4K").pages, 5u);
    EXPECT_GT(flow("unmapped 4K").ns, 0u);
}

/* One move of each size, each direction. */
TEST_F(SeeDevice, CountsMovesByPageSizeAndDirection)
{
    Memory m(4 * kHuge, kHuge);
    memset(m.data(), 1, m.size());
    const Flow before = deviceFlow("to_device 2M");
    move(m.data(), 2 * kHuge, I915_SVM_REGION_LOCAL);
    move(m.data() + 2 * kHuge + k64K, 3 * k64K, I915_SVM_REGION_LOCAL);
    move(m.data() + 3 * kHuge + kPage, 5 * kPage, I915_SVM_REGION_LOCAL);
    EXPECT_EQ(flow("to_device 2M").pages, 2u);
    EXPECT_EQ(flow("to_device 2M").bytes, 2 * kHuge);
    EXPECT_EQ(flow("to_device 64K").pages, 3u);
    EXPECT_EQ(flow("to_device 64K").bytes, 3 * k64K);
    EXPECT_EQ(flow("to_device 4K").pages, 5u);
    EXPECT_EQ(flow("to_device 4K").bytes, 5 * kPage);
    EXPECT_GT(flow("to_device 2M").ns, 0u);
    EXPECT_GT(flow("to_device 64K").ns, 0u);
    EXPECT_GT(flow("to_device 4K").ns, 0u);
    EXPECT_GE(deviceFlow("to_device 2M").pages, before.pages + 2);
    EXPECT_EQ(flow("to_system 2M").pages, 0u);

    /* Back by a touch, for which the kernel has no VM at hand, and by prefetch. */
    EXPECT_EQ(*static_cast<volatile char *>(m.data()), 1);
    EXPECT_EQ(flow("to_system 2M").pages, 1u);
    move(m.data() + kHuge, kHuge, I915_SVM_REGION_SYSTEM);
    EXPECT_EQ(flow("to_system 2M").pages, 2u);
    EXPECT_EQ(flow("to_system 2M").bytes, 2 * kHuge);
    EXPECT_GT(flow("to_system 2M").ns, 0u);
    move(m.data() + 2 * kHuge + k64K, 3 * k64K, I915_SVM_REGION_SYSTEM);
    EXPECT_EQ(flow("to_system 64K").pages, 3u);
    move(m.data() + 3 * kHuge + kPage, 5 * kPage, I915_SVM_REGION_SYSTEM);
    EXPECT_EQ(flow("to_system 4K").pages, 5u);
}

TEST_F(SeeDevice, CountsLargeMappings)
{
    Memory m(2 * kHuge, kHuge);
    memset(m.data(), 1, m.size());
    move(m.data(), m.size(), I915_SVM_REGION_LOCAL);
    bindAndRun(m.data(), m.size());
    EXPECT_EQ(flow("mapped 2M").pages, 2u);
    EXPECT_EQ(flow("mapped 2M").bytes, m.size());
    ASSERT_EQ(gpu_->unbind(m.data(), m.size()), 0);
    EXPECT_EQ(flow("unmapped 2M").pages, 2u);
}

TEST_F(SeeDevice, FdinfoShowsWhatIsResidentWhere)
{
    const char *const system = "drm-resident-svm-system0", *const local = "drm-resident-svm-local0";
    Memory m(2 * kHuge, kHuge);
    memset(m.data(), 1, m.size());
    bindAndRun(m.data(), m.size());
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), system), m.size());
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), local), 0u);
    move(m.data(), kHuge, I915_SVM_REGION_LOCAL);
    ASSERT_EQ(gpu_->run(Batch()), 0);
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), system), kHuge);
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), local), kHuge);
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), "drm-total-svm-local0"), kHuge);
    ASSERT_EQ(gpu_->unbind(m.data(), m.size()), 0);
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), system), 0u);
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), local), kHuge) << "unbound, but still there";
    munmap(m.data(), m.size());
    EXPECT_EQ(fdinfoBytes(gpu_->fd(), local), 0u);
    ASSERT_NE(mmap(m.data(), m.size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              MAP_FAILED);
}

TEST_F(See, FdinfoSaysNothingOfSvmWithoutIt)
{
    Gpu other;
    EXPECT_THROW(fdinfoBytes(other.fd(), "drm-resident-svm-system0"), std::runtime_error);
}

/*
 * A pointer whose upper bits were damaged: the one way to a fault that scratch does not hide. The
 * blitter looks at all 64 bits.
 */
TEST_F(See, GpuFaultIsToldExactly)
{
    Memory m(2 * kPage);
    madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
    memset(m.data(), 1, m.size());
    bindAndRun(m.data(), m.size());
    KernelLog log;
    gpu_->run(Batch().copyPages(damaged(m.data()), m.data() + kPage, 1), Ring::kCopy);
    const std::string said = log.waitFor("GPU fault");
    EXPECT_NE(said.find("at " + hex(m.data()) + " on bcs0"), std::string::npos) << said;
    EXPECT_NE(said.find("by " + name_ + "[" + std::to_string(getpid()) + "]"), std::string::npos)
        << said;
    EXPECT_NE(said.find("bound to the process, 4K page of system memory"), std::string::npos)
        << said;
}

TEST_F(See, GpuFaultWhereNothingIsBound)
{
    Memory m(kPage);
    m.data()[0] = 1;
    bindAndRun(m.data(), m.size());
    KernelLog log;
    gpu_->run(Batch().copyPages(m.data(), damaged(kNowhere), 1), Ring::kCopy);
    const std::string said = log.waitFor("GPU fault");
    EXPECT_NE(said.find("at 0000dead0000 on bcs0"), std::string::npos) << said;
    EXPECT_NE(said.find("nothing is bound there"), std::string::npos) << said;
}

TEST_F(See, TracesBindAndUnbind)
{
    Memory m(kPage);
    m.data()[0] = 1;
    const std::string range = "buffer [" + hex(m.data()) + ", " + hex(m.data() + kPage) + ")";
    Trace bind("i915_svm_bind");
    ASSERT_EQ(gpu_->bind(m.data(), kPage), 0);
    EXPECT_TRUE(anyWith(bind.lines(), {"i915_svm_bind", range})) << joined(bind.lines());
    Trace unbind("i915_svm_unbind");
    ASSERT_EQ(gpu_->unbind(m.data(), kPage), 0);
    EXPECT_TRUE(anyWith(unbind.lines(), {"i915_svm_unbind", range})) << joined(unbind.lines());
}

TEST_F(See, TracesValidateAndInvalidate)
{
    Memory m(2 * kHuge, kHuge);
    madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
    memset(m.data(), 1, 3 * kPage);
    ASSERT_EQ(gpu_->bind(m.data(), 3 * kPage), 0);
    Trace validate("i915_svm_validate");
    ASSERT_EQ(gpu_->run(Batch()), 0);
    EXPECT_TRUE(anyWith(validate.lines(), {"block=" + hex(m.data()), "pages=3", "leaf=4K"}))
        << joined(validate.lines());
    Trace invalidate("i915_svm_invalidate");
    ASSERT_EQ(madvise(m.data() + kPage, kPage, MADV_DONTNEED), 0);
    EXPECT_TRUE(anyWith(invalidate.lines(),
                        {"[" + hex(m.data() + kPage) + ", " + hex(m.data() + 2 * kPage) + ")"}))
        << joined(invalidate.lines());
}

TEST_F(SeeDevice, TracesMigrateAndFault)
{
    Memory m(kHuge, kHuge);
    memset(m.data(), 1, m.size());
    Trace migrate("i915_svm_migrate");
    move(m.data(), m.size(), I915_SVM_REGION_LOCAL);
    EXPECT_TRUE(anyWith(migrate.lines(), {"to device start=" + hex(m.data()), "moved=512"}))
        << joined(migrate.lines());
    Trace fault("i915_svm_fault");
    EXPECT_EQ(*static_cast<volatile char *>(m.data() + 7 * kPage), 1);
    EXPECT_TRUE(anyWith(fault.lines(), {"i915_svm_fault: address=" + hex(m.data() + 7 * kPage)}))
        << joined(fault.lines());
    EXPECT_TRUE(anyWith(fault.lines(), {"to system start=" + hex(m.data()), "moved=512"}))
        << joined(fault.lines());
}

TEST_F(See, TracesGpuFault)
{
    Memory m(kPage);
    m.data()[0] = 1;
    bindAndRun(m.data(), m.size());
    Trace fault("i915_svm_gpu_fault");
    gpu_->run(Batch().copyPages(m.data(), damaged(kNowhere), 1), Ring::kCopy);
    EXPECT_TRUE(anyWith(fault.lines(), {"address=dead0000", "engine=bcs0", "context=" + name_}))
        << joined(fault.lines());
}

TEST_F(See, PagesDumpShowsSystemMemoryWhereItIs)
{
    Memory m(2 * kHuge, kHuge);
    madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
    memset(m.data() + kPage, 1, kPage);
    bindAndRun(m.data() + kPage, kPage);
    const std::vector<std::string> part = partOf(debugfs("i915_svm_pages"), name_);
    char line[100];
    snprintf(line, sizeof(line), "  %012" PRIxPTR "-%012" PRIxPTR "  4K system %" PRIx64,
             reinterpret_cast<uintptr_t>(m.data() + kPage),
             reinterpret_cast<uintptr_t>(m.data() + 2 * kPage), physical(m.data() + kPage));
    EXPECT_NE(std::find(part.begin(), part.end(), line), part.end()) << line << joined(part);
}

TEST_F(SeeDevice, PagesDumpShowsSizesAndKinds)
{
    Memory m(3 * kHuge, kHuge);
    memset(m.data(), 1, m.size());
    move(m.data(), kHuge, I915_SVM_REGION_LOCAL);
    bindAndRun(m.data(), kHuge);
    const std::vector<std::string> part = partOf(debugfs("i915_svm_pages"), name_);
    EXPECT_TRUE(anyWith(part, {hex(m.data()) + "-" + hex(m.data() + kHuge) + "  2M local"}))
        << joined(part);
}

/* "[index] first page number: value", one tab more for each level below the directory. */
TEST_F(See, EntriesDumpHasTheFormOfTheRfc)
{
    Memory m(2 * kHuge, kHuge);
    madvise(m.data(), m.size(), MADV_NOHUGEPAGE);
    memset(m.data() + 3 * kPage, 1, kPage);
    bindAndRun(m.data() + 3 * kPage, kPage);
    const std::vector<std::string> part = partOf(debugfs("i915_svm_entries"), name_);
    const uintptr_t page = reinterpret_cast<uintptr_t>(m.data()) / kPage;
    char table[60], entry[60];
    snprintf(table, sizeof(table), "\t\t[%u] %" PRIxPTR ": ", unsigned(page / 512 % 512), page);
    snprintf(entry, sizeof(entry), "\t\t\t[3] %" PRIxPTR ": ", page + 3);
    EXPECT_TRUE(anyWith(part, {table})) << table << joined(part);
    bool found = false;
    for (const std::string &line : part)
        if (!line.compare(0, strlen(entry), entry)) {
            const uint64_t value = strtoull(line.c_str() + strlen(entry), nullptr, 16);
            EXPECT_EQ(value & 0x3ffffffff000, physical(m.data() + 3 * kPage));
            EXPECT_EQ(value & 3, 3u) << "present and writable";
            found = true;
        }
    EXPECT_TRUE(found) << entry << joined(part);
}

} // namespace svm
