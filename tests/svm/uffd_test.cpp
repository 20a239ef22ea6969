/* SPDX-License-Identifier: MIT */
/* Memory that user space fills or moves itself, by userfaultfd. */
#include "gpu.h"
#include "mirrored.h"
#include "surroundings.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{
namespace
{

/* Linux 6.8, newer than the headers. */
struct UffdMove {
    uint64_t dst, src, len, mode;
    int64_t move;
};
constexpr unsigned long kUffdMove = _IOWR(UFFDIO, 0x05, UffdMove);
constexpr uint64_t kFeatureMove = 1u << 16;

class Uffd
{
  public:
    explicit Uffd(uint64_t features) : fd_(int(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)))
    {
        uffdio_api api = {UFFD_API, features, 0};
        good_ = fd_ >= 0 && !ioctl(fd_, UFFDIO_API, &api);
    }
    ~Uffd()
    {
        close(fd_);
    }
    bool good() const
    {
        return good_;
    }
    bool watch(void *at, size_t length)
    {
        uffdio_register r = {};
        r.range = {reinterpret_cast<uintptr_t>(at), length};
        r.mode = UFFDIO_REGISTER_MODE_MISSING;
        return !ioctl(fd_, UFFDIO_REGISTER, &r);
    }
    void leave(void *at, size_t length)
    {
        uffdio_range r = {reinterpret_cast<uintptr_t>(at), length};
        ioctl(fd_, UFFDIO_UNREGISTER, &r);
    }
    bool fill(void *at, const void *from, size_t length)
    {
        uffdio_copy c = {};
        c.dst = reinterpret_cast<uintptr_t>(at);
        c.src = reinterpret_cast<uintptr_t>(from);
        c.len = length;
        return !ioctl(fd_, UFFDIO_COPY, &c);
    }
    /* 0 or an error number. */
    int move(void *to, void *from, size_t length)
    {
        UffdMove m = {reinterpret_cast<uintptr_t>(to), reinterpret_cast<uintptr_t>(from), length, 0,
                      0};
        return ioctl(fd_, kUffdMove, &m) ? errno : 0;
    }

  private:
    int fd_;
    bool good_;
};

} // namespace

class Userfault : public Mirrored
{
  protected:
    /* UFFDIO_MOVE of so many pieces, to and fro, while all of it is prefetched both ways. */
    void moveAndPrefetch(int advice, size_t count, size_t piece, unsigned rounds)
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        const size_t pages = count * piece / kPage;
        Memory a(count * piece, kHuge), b(count * piece, kHuge);
        for (Memory *m : {&a, &b}) {
            madvise(m->data(), m->size(), advice);
            madvise(m->data(), m->size(), MADV_DONTFORK);
        }
        for (size_t i = 0; i < pages; i++)
            a.dwords()[i * kPage / 4] = uint32_t(i + 1);
        Uffd uffd(kFeatureMove);
        ASSERT_TRUE(uffd.good());
        ASSERT_TRUE(uffd.watch(a.data(), a.size()));
        ASSERT_TRUE(uffd.watch(b.data(), b.size()));
        std::atomic<bool> stop{false};
        std::atomic<unsigned> moved{0};
        std::thread mover([&] {
            for (unsigned r = 0; !stop; r++)
                for (size_t i = 0; i < count && !stop; i++) {
                    char *from = a.data() + i * piece, *to = b.data() + i * piece;
                    moved += !uffd.move(r & 1 ? from : to, r & 1 ? to : from, piece);
                }
        });
        uint64_t migrated = 0;
        for (unsigned r = 0; r < rounds; r++)
            for (Memory *m : {&a, &b}) {
                drm_i915_gem_vm_prefetch p;
                EXPECT_EQ(gpu.prefetch(m->data(), m->size(),
                                       r & 1 ? I915_SVM_REGION_SYSTEM : I915_SVM_REGION_LOCAL, &p),
                          0);
                migrated += p.moved;
            }
        stop = true;
        mover.join();
        EXPECT_GT(moved, 0u);
        EXPECT_GT(migrated, 0u);
        uffd.leave(a.data(), a.size());
        uffd.leave(b.data(), b.size());
        /* Every page is in exactly one of the two places. */
        for (size_t i = 0; i < pages; i++)
            ASSERT_EQ(a.dwords()[i * kPage / 4] + b.dwords()[i * kPage / 4], i + 1) << "page " << i;
    }
};

/* A submission cannot wait for user space: what is missing is left out, and found once filled. */
TEST_F(Userfault, MissingPagesAreReachedOnceFilled)
{
    Memory m(4 * kPage), from(kPage);
    memset(from.data(), 0x21, kPage);
    Uffd uffd(0);
    ASSERT_TRUE(uffd.good());
    ASSERT_TRUE(uffd.watch(m.data(), m.size()));
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + kPage, 1)), 0);
    ASSERT_TRUE(uffd.fill(m.data() + kPage, from.data(), kPage));
    EXPECT_EQ(m.dwords()[kPage / 4], 0x21212121u);
    ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + kPage, 2)), 0);
    EXPECT_EQ(m.dwords()[kPage / 4], 2u);
    EXPECT_EQ(m.dwords()[kPage / 4 + 1], 0x21212121u);
}

/* Moving takes the locks of pages inside a notifier's section: prefetch must not wait for one. */
TEST_F(Userfault, MovesAndPrefetchesGetOn)
{
    moveAndPrefetch(MADV_NOHUGEPAGE, 1024, kPage, 8);
}

/* A huge page on its way to the device is waited for, not taken for something else. */
TEST_F(Userfault, HugePagesMoveAndMigrate)
{
    moveAndPrefetch(MADV_HUGEPAGE, 4, kHuge, 16);
}

} // namespace svm
