/* SPDX-License-Identifier: MIT */
/*
 * The driver leaves the device while processes use SVM, as when it is unbound in sysfs or the
 * device is pulled out, and comes back.
 */
#include "gpu.h"
#include "pattern.h"
#include "surroundings.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

namespace svm
{

namespace
{

const std::string kDriver = "/sys/bus/pci/drivers/i915/";

/* The PCI name of the one device that i915 has; "": none. */
std::string deviceName()
{
    std::string name;
    DIR *dir = opendir(kDriver.c_str());
    if (!dir)
        throw std::runtime_error("no " + kDriver);
    while (const dirent *e = readdir(dir))
        if (strchr(e->d_name, ':'))
            name = e->d_name;
    closedir(dir);
    return name;
}

} // namespace

class Unplug : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_MIRROR))
            GTEST_SKIP() << "no I915_SVM_CAP_MIRROR";
        name_ = deviceName();
        ASSERT_NE(name_, "");
    }

    void TearDown() override
    {
        if (!name_.empty() && deviceName().empty())
            replug();
    }

    void unplug()
    {
        writeFile(kDriver + "unbind", name_);
        ASSERT_EQ(deviceName(), "");
        /* On the debug kernel: SVM maps by single mappings, i915's objects are lists. */
        std::ifstream dump("/sys/kernel/debug/dma-api/dump");
        for (std::string line; std::getline(dump, line);)
            EXPECT_FALSE(line.find(name_) != line.npos && line.find(" single ") != line.npos)
                << line;
    }

    /*
     * i915 gives the first requests of its own 200 ms, and wedges the GPU if that is not enough:
     * for a simulated one on a busy machine it may not be. Then once more.
     */
    void replug()
    {
        for (int i = 0; i < 10; i++) {
            writeFile(kDriver + "bind", name_);
            ASSERT_EQ(deviceName(), name_);
            try {
                Gpu gpu;
                return;
            } catch (const std::runtime_error &wedged) {
                printf("%s: once more\n", wedged.what());
            }
            writeFile(kDriver + "unbind", name_);
        }
        FAIL() << "wedged ten times in a row";
    }

    /* The device and SVM work. */
    void expectWorks()
    {
        Memory m(kHuge, kHuge);
        Gpu gpu;
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        for (uint32_t i = 1; i < 3; i++) {
            ASSERT_EQ(gpu.run(Batch().storeDword(m.data() + i * kPage, i)), 0);
            EXPECT_EQ(m.dwords()[i * kPage / 4], i);
            if (!(capabilities() & I915_SVM_CAP_DEVMEM))
                continue;
            drm_i915_gem_vm_prefetch p;
            ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
            EXPECT_EQ(p.moved, m.size());
        }
    }

  private:
    std::string name_;
};

class UnplugDevice : public Unplug
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        Unplug::SetUp();
    }

    /* A mirror, with all of the memory in the device. */
    static void moveToDevice(Gpu &gpu, const Memory &m)
    {
        drm_i915_gem_vm_prefetch p;
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
        ASSERT_EQ(p.moved, m.size());
    }

    /* As after a hang that no reset cures. */
    static void wedge()
    {
        const std::string debug = "/sys/kernel/debug/dri/" + deviceName() + "/";
        writeFile(debug + "i915_params/reset", "0");
        writeFile(debug + "i915_wedged", "0xffffffff");
        writeFile(debug + "i915_params/reset", "3");
    }
};

/* What a process that touches it gets: a signal, or 0. */
int signalOfTouch(const volatile uint32_t *at)
{
    const pid_t child = fork();
    if (!child)
        _exit(*at == UINT32_MAX);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(Unplug, NothingInUse)
{
    for (int i = 0; i < 3; i++) {
        unplug();
        replug();
        expectWorks();
    }
}

TEST_F(Unplug, OpenVmsOnlyGetErrors)
{
    Memory m(kHuge, kHuge);
    memset(m.data(), 1, m.size());
    {
        Gpu gpu;
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 2)), 0);
        Gpu other;
        ASSERT_EQ(other.enable(I915_SVM_VM_ENABLE), 0);
        ASSERT_EQ(other.bind(m.data(), m.size()), 0);
        unplug();
        drm_i915_gem_vm_prefetch p;
        drm_i915_gem_vm_query q;
        EXPECT_NE(gpu.enable(0), 0);
        EXPECT_NE(other.unbind(m.data(), m.size()), 0);
        EXPECT_NE(other.bind(m.data(), m.size()), 0);
        EXPECT_NE(other.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p), 0);
        EXPECT_NE(other.query(m.data(), m.size(), &q), 0);
        EXPECT_EQ(m.dwords()[0], 2u);
        ASSERT_EQ(madvise(m.data(), m.size(), MADV_DONTNEED), 0);
        EXPECT_EQ(m.dwords()[0], 0u);
        replug(); /* the old files are still open */
        expectWorks();
    }
    expectWorks();
}

TEST_F(UnplugDevice, PagesComeBack)
{
    Memory m(8 * kHuge, kHuge);
    fill(m, 0);
    Gpu gpu;
    ASSERT_NO_FATAL_FAILURE(moveToDevice(gpu, m));
    ASSERT_EQ(pagesPresent(m.data(), m.size()), 0u);
    const pid_t child = fork();
    if (!child) {
        while (m.dwords()[0] == 0)
            ;
        _exit(0);
    }
    unplug();
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_EQ(pagesPresent(m.data(), m.size()), m.size() / kPage);
    ASSERT_EQ(wrong(m, 0), 0u);
    replug();
    expectWorks();
}

/* The CPU copies what it reaches; what it does not is lost, and nobody takes it for data. */
TEST_F(UnplugDevice, WhatAWedgedGpuHoldsComesBackOrRaisesSigbus)
{
    Memory m(8 * kHuge, kHuge);
    bool reached;
    fill(m, 0);
    {
        Gpu gpu;
        const drm_i915_memory_region_info local = gpu.localMemory();
        /* Memory beyond the BAR is taken first. */
        reached = local.probed_cpu_visible_size == local.probed_size;
        ASSERT_NO_FATAL_FAILURE(moveToDevice(gpu, m));
        wedge();
        if (!reached) {
            EXPECT_EQ(signalOfTouch(m.dwords()), SIGBUS) << "before the driver left";
        }
    }
    unplug();
    if (reached) {
        EXPECT_EQ(pagesPresent(m.data(), m.size()), m.size() / kPage);
        EXPECT_EQ(wrong(m, 0), 0u);
    } else {
        for (size_t at = 0; at < m.size(); at += kHuge + kPage)
            EXPECT_EQ(signalOfTouch(m.dwords() + at / 4), SIGBUS) << at;
    }
    replug();
    expectWorks();
    /* What is let go can be used again. */
    ASSERT_EQ(madvise(m.data(), m.size(), MADV_DONTNEED), 0);
    EXPECT_EQ(m.dwords()[kHuge / 4], 0u);
    fill(m, 1);
    EXPECT_EQ(wrong(m, 1), 0u);
    expectWorks();
}

TEST_F(UnplugDevice, WorkDoesNotKeepPages)
{
    Memory flag(kPage), m(2 * kHuge, kHuge);
    memset(flag.data(), 0, kPage);
    fill(m, 0);
    {
        Gpu gpu;
        ASSERT_NO_FATAL_FAILURE(moveToDevice(gpu, m));
        gpu.submit(Batch().waitEqual(flag.data(), 1).storeDword(m.data(), 2));
        unplug();
        EXPECT_EQ(pagesPresent(m.data(), m.size()), m.size() / kPage);
        EXPECT_EQ(wrong(m, 0), 0u);
    }
    replug();
    *static_cast<volatile uint32_t *>(flag.dwords()) = 1;
    expectWorks();
    EXPECT_EQ(wrong(m, 0), 0u) << "work of before reached memory";
}

TEST_F(UnplugDevice, WhilePagesMoveBothWays)
{
    for (int round = 0; round < 5; round++) {
        Memory m(4 * kHuge, kHuge);
        fill(m, 0);
        std::atomic<bool> stop{false};
        std::atomic<unsigned> misread{0}, moves{0};
        Gpu gpu;
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        std::thread mover([&] {
            drm_i915_gem_vm_prefetch p;
            while (!gpu.prefetch(m.data(), m.size(), I915_SVM_REGION_LOCAL, &p))
                moves++;
        });
        std::thread toucher([&] {
            for (size_t i = 0; !stop; i = (i + 1013) % (m.size() / 4))
                misread += *static_cast<volatile uint32_t *>(m.dwords() + i) != uint32_t(i);
        });
        usleep(200000);
        unplug();
        mover.join();
        stop = true;
        toucher.join();
        EXPECT_GT(moves, 0u);
        EXPECT_EQ(misread, 0u);
        ASSERT_EQ(wrong(m, 0), 0u);
        replug();
    }
    expectWorks();
}

TEST_F(Unplug, WhileWorkRuns)
{
    Memory flag(kPage), m(kPage);
    memset(flag.data(), 0, kPage);
    memset(m.data(), 0, kPage);
    {
        Gpu gpu;
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
        ASSERT_EQ(gpu.run(Batch().storeDword(m.data(), 1)), 0);
        gpu.submit(Batch().waitEqual(flag.data(), 1).storeDword(m.data(), 2));
        unplug();
        EXPECT_EQ(m.dwords()[0], 1u);
    }
    replug();
    *static_cast<volatile uint32_t *>(flag.dwords()) = 1;
    expectWorks();
    EXPECT_EQ(m.dwords()[0], 1u) << "work of before reached memory";
}

} // namespace svm
