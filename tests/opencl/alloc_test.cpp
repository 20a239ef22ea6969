/* SPDX-License-Identifier: MIT */
/* clSVMAlloc and clSVMFree. */
#include "cl.hpp"

#include <cstring>

TEST_F(OnSvm, AllocRefusesWhatTheSpecificationSays)
{
    cl_context c = cl().context;
    cl_ulong max = 0;
    clGetDeviceInfo(cl().device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(max), &max, nullptr);
    EXPECT_EQ(clSVMAlloc(nullptr, CL_MEM_READ_WRITE, 64, 0), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_READ_WRITE, 0, 0), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_READ_WRITE, max + 1, 0), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_READ_WRITE, 64, 3), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_READ_WRITE | CL_MEM_READ_ONLY, 64, 0), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_USE_HOST_PTR, 64, 0), nullptr);
    EXPECT_EQ(clSVMAlloc(c, CL_MEM_SVM_ATOMICS, 64, 0), nullptr); /* without fine grain */
    EXPECT_EQ(clSVMAlloc(c, 1ull << 40, 64, 0), nullptr);
    void *atomic = clSVMAlloc(c, CL_MEM_SVM_FINE_GRAIN_BUFFER | CL_MEM_SVM_ATOMICS, 64, 0);
    EXPECT_EQ(atomic != nullptr, static_cast<bool>(cl().svm & CL_DEVICE_SVM_ATOMICS));
    clSVMFree(c, atomic);
}

TEST_F(OnSvm, AllocKeepsSizeAndAlignment)
{
    for (size_t size : {1ul, 4095ul, 4096ul, 4097ul, 1ul << 20, 3ul << 20})
        for (cl_uint alignment : {0u, 1u, 128u, 4096u, 65536u}) {
            auto *p =
                static_cast<char *>(clSVMAlloc(cl().context, CL_MEM_READ_WRITE, size, alignment));
            ASSERT_NE(p, nullptr) << size << " " << alignment;
            EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % (alignment ? alignment : 128), 0u);
            memset(p, 1, size); /* no mapping is needed first: one storage */
            clSVMFree(cl().context, p);
        }
}

TEST_F(OnSvm, EveryAccessFlagIsTaken)
{
    for (cl_svm_mem_flags flags : {CL_MEM_READ_WRITE, CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY})
        for (cl_svm_mem_flags fine : {0, CL_MEM_SVM_FINE_GRAIN_BUFFER}) {
            void *p = clSVMAlloc(cl().context, flags | fine, 100, 0);
            EXPECT_NE(p, nullptr);
            clSVMFree(cl().context, p);
        }
    clSVMFree(cl().context, nullptr);
}

TEST_F(OnSvm, ManyAllocationsLiveTogether)
{
    constexpr int count = 1000;
    static uint32_t *pointers[count];
    for (int i = 0; i < count; i++) {
        pointers[i] = static_cast<uint32_t *>(
            clSVMAlloc(cl().context, CL_MEM_SVM_FINE_GRAIN_BUFFER, 4096, 0));
        ASSERT_NE(pointers[i], nullptr);
        *pointers[i] = i;
    }
    Kernel follow("follow");
    ASSERT_EQ(follow.pointer(0, pointers), CL_SUCCESS);
    ASSERT_EQ(follow.run(count), CL_SUCCESS);
    for (int i = 0; i < count; i++) {
        EXPECT_EQ(*pointers[i], static_cast<uint32_t>(i + 1));
        clSVMFree(cl().context, pointers[i]);
    }
}

TEST_F(OnSvm, AllocationsGoWithTheirContext)
{
    cl_int result;
    cl_context context = clCreateContext(nullptr, 1, &cl().device, nullptr, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    EXPECT_NE(clSVMAlloc(context, CL_MEM_READ_WRITE, 1 << 20, 0), nullptr);
    EXPECT_EQ(clReleaseContext(context), CL_SUCCESS);
}
