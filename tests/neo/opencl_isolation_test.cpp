// SPDX-License-Identifier: MIT
// A kernel that misbehaves costs its own process; one that runs beside it does not notice.
#include "cl.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cl;

// What the other process does: started by the tests below, not by itself.
TEST(OpenClIsolation, DISABLED_Misbehave)
{
    const char *how = getenv("SVM_MISBEHAVE");
    ASSERT_TRUE(how);
    Buffer b(4096);
    Kernel k("kernel void k(global int *a, ulong where) { global int *p = (global int *)where;"
             "  if (where == 1) while (a[0] == 0) a[1] += 1; else p[get_global_id(0)] = 7; }");
    cl_ulong where = strcmp(how, "endless") == 0 ? 1 : 0x123456789000ull;
    int zero = 0;
    CL_CHECK(
        clEnqueueFillBuffer(Device::get().queue, b.mem, &zero, 4, 0, 4096, 0, nullptr, nullptr));
    k(b, where).run({64});
    clFinish(Device::get().queue);
}

static int misbehave(const char *how, int killAfterSeconds)
{
    char filter[] = "--gtest_filter=OpenClIsolation.DISABLED_Misbehave";
    char disabled[] = "--gtest_also_run_disabled_tests", self[] = "/proc/self/exe";
    char *argv[] = {self, filter, disabled, nullptr};
    int status = 0;
    pid_t child;

    setenv("SVM_MISBEHAVE", how, 1);
    if (posix_spawn(&child, self, nullptr, nullptr, argv, environ))
        return -1;
    for (int i = 0; i < killAfterSeconds * 10; i++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        usleep(100000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return status;
}

static void workOn()
{
    const size_t n = 4096;
    Buffer b(std::vector<int>(n, 20));
    Kernel("kernel void k(global int *a) { a[get_global_id(0)] += 1; }")(b).run({n});
    EXPECT_EQ(b.read<int>(n), std::vector<int>(n, 21));
}

TEST(OpenClIsolation, DanglingPointer)
{
    workOn();
    misbehave("dangling", 60);
    workOn();
}

// The guest's i915 has patience for minutes, because slow kernels are no hangs here.
class Impatience
{
  public:
    Impatience()
    {
        for (auto &s : settings) {
            std::ifstream(folder + s.name) >> s.old;
            std::ofstream(folder + s.name) << s.fresh;
        }
    }
    ~Impatience()
    {
        for (auto &s : settings)
            std::ofstream(folder + s.name) << s.old;
    }
    bool works() const
    {
        int now = 0;
        std::ifstream(folder + settings[0].name) >> now;
        return now == settings[0].fresh;
    }

  private:
    const std::string folder = "/sys/class/drm/card0/engine/rcs0/";
    struct {
        const char *name;
        int fresh, old;
    } settings[2] = {{"preempt_timeout_ms", 640, 0}, {"heartbeat_interval_ms", 2500, 0}};
};

TEST(OpenClIsolation, EndlessKernelOfAKilledProcess)
{
    workOn();
    Impatience impatience;
    if (!impatience.works())
        GTEST_SKIP() << "i915's timeouts cannot be set here";
    misbehave("endless", 12);
    workOn();
}
