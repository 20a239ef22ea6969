/* SPDX-License-Identifier: MIT */
/* A GPU whose VM mirrors the whole process: every pointer is valid in every submission. */
#ifndef SVM_TEST_MIRRORED_H
#define SVM_TEST_MIRRORED_H

#include <gtest/gtest.h>

#include "gpu.h"

namespace svm
{

class Mirrored : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_MIRROR))
            GTEST_SKIP() << "no I915_SVM_CAP_MIRROR";
        ASSERT_EQ(gpu.enable(I915_SVM_VM_MIRROR), 0);
    }
    Gpu gpu;
};

/* One that has memory of its own, to which pages move. */
class MirroredDevmem : public Mirrored
{
  protected:
    void SetUp() override
    {
        if (!(capabilities() & I915_SVM_CAP_DEVMEM))
            GTEST_SKIP() << "no I915_SVM_CAP_DEVMEM";
        Mirrored::SetUp();
    }
};

} // namespace svm

#endif
