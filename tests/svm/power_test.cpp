/* SPDX-License-Identifier: MIT */
/* Runtime power management: the device is awake while SVM is on, and may sleep otherwise. */
#include "gpu.h"
#include "mirrored.h"
#include "pattern.h"
#include "surroundings.h"

#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{

class Power : public Mirrored
{
  protected:
    void SetUp() override
    {
        Mirrored::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        struct stat st;
        ASSERT_EQ(fstat(gpu.fd(), &st), 0);
        dir_ = "/sys/dev/char/" + std::to_string(major(st.st_rdev)) + ":" +
               std::to_string(minor(st.st_rdev)) + "/device/power/";
        control_ = read("control");
        delay_ = read("autosuspend_delay_ms");
        writeFile(dir_ + "autosuspend_delay_ms", "20");
        writeFile(dir_ + "control", "auto");
    }

    void TearDown() override
    {
        if (delay_.empty())
            return;
        writeFile(dir_ + "control", control_);
        writeFile(dir_ + "autosuspend_delay_ms", delay_);
    }

    std::string read(const char *name) const
    {
        std::string word;
        std::ifstream(dir_ + name) >> word;
        return word;
    }

    void sleepNow() const
    {
        for (int i = 0; i < 1000 && read("runtime_status") != "suspended"; i++)
            usleep(20000);
        ASSERT_EQ(read("runtime_status"), "suspended");
    }

  private:
    std::string dir_, control_, delay_;
};

TEST_F(Power, TheDeviceSleepsWhileSvmIsOff)
{
    Memory m(4 * kPage);
    memset(m.data(), 0, m.size());
    for (uint32_t i = 1; i < 5; i++) {
        ASSERT_EQ(gpu.enable(0), 0);
        ASSERT_NO_FATAL_FAILURE(sleepNow());
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + (i - 1) * kPage, i)), 0);
        EXPECT_EQ(m.dwords()[(i - 1) * kPage / 4], i);
    }
}

/* Asleep it would lose what is written to its page tables, and write to pages that are gone. */
TEST_F(Power, MemoryChangesBetweenUses)
{
    for (uint32_t i = 1; i < 5; i++) {
        Memory m(kHuge, kHuge);
        memset(m.data(), 0, m.size());
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), i)), 0);
        usleep(500000);
        EXPECT_EQ(read("runtime_status"), "active");
        ASSERT_EQ(madvise(m.data(), kPage, MADV_DONTNEED), 0);
        EXPECT_EQ(m.dwords()[0], 0u);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 2 * i)), 0);
        EXPECT_EQ(m.dwords()[0], 2 * i);
        usleep(500000);
    }
}

class PowerDevice : public Power
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        Power::SetUp();
    }

    void move(const Memory &m)
    {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved, m.size());
    }
};

TEST_F(PowerDevice, PagesOutliveSleep)
{
    Memory m(2 * kHuge, kHuge);
    fill(m, 0);
    for (int round = 0; round < 3; round++) {
        ASSERT_NO_FATAL_FAILURE(move(m));
        ASSERT_EQ(gpu.enable(0), 0);
        ASSERT_NO_FATAL_FAILURE(sleepNow());
        ASSERT_EQ(wrong(m, 0), 0u);
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
    }
}

TEST_F(PowerDevice, ForkAndUnmapWhileItSleeps)
{
    for (int round = 0; round < 3; round++) {
        Memory m(kHuge, kHuge);
        memset(m.data(), 5, m.size());
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_NO_FATAL_FAILURE(move(m));
        ASSERT_EQ(gpu.enable(0), 0);
        ASSERT_NO_FATAL_FAILURE(sleepNow());
        const pid_t child = fork();
        if (!child)
            _exit(m.data()[kPage] == 5 ? 0 : 1);
        int status = -1;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        ASSERT_NO_FATAL_FAILURE(sleepNow());
    }
}

} // namespace svm
