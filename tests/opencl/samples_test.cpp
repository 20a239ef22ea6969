/* SPDX-License-Identifier: MIT */
/* Every sample is its own test: it checks its results and says so by its exit code. */
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>

namespace
{
int run(const std::string &command)
{
    int status = system((SAMPLES_DIR "/" + command).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Sample : public ::testing::TestWithParam<const char *>
{
};
} // namespace

TEST_P(Sample, ChecksItself)
{
    EXPECT_EQ(run(GetParam()), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, Sample,
    ::testing::Values("opencl-malloc-list", "opencl-tree", "opencl-stack-static", "opencl-counters",
                      "opencl-oversubscribe", "level-zero-malloc-list", "level-zero-bfs",
                      "level-zero-pipeline",
                      "demo/svm-demo --words 5000 /usr/share/common-licenses/GPL-3"),
    [](const auto &info) {
        std::string name;
        for (const char *c = info.param; *c && *c != ' '; c++)
            name += isalnum(*c) ? *c : '_';
        return name;
    });

TEST(Demo, RefusesBadInputWithAMessage)
{
    EXPECT_EQ(run("demo/svm-demo /nonexistent"), 2);
    EXPECT_EQ(run("demo/svm-demo /dev/null"), 2);
    EXPECT_EQ(run("demo/svm-demo /bin/sh"), 2);
    EXPECT_EQ(run("demo/svm-demo"), 2);
    EXPECT_EQ(run("demo/svm-demo --words 0 /etc/passwd"), 2);
    EXPECT_EQ(run("demo/svm-demo --api cuda /etc/passwd"), 2);
}

int main(int argc, char **argv)
{
    setenv("OCL_ICD_VENDORS", I915SVM_ICD, 0);
    setenv("ZE_ENABLE_ALT_DRIVERS", I915SVM_DRIVER, 0);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
