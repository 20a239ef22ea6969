/* SPDX-License-Identifier: MIT */
/* The layer on a kernel without SVM: what userptr can give, and NEO's own answers else. */
#include "cl.hpp"

#include <cstring>

TEST_F(OnStock, SaysWhatItHas)
{
    EXPECT_TRUE(cl().svm & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
    EXPECT_TRUE(cl().svm & CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
    EXPECT_FALSE(cl().svm & CL_DEVICE_SVM_FINE_GRAIN_SYSTEM);
}

TEST_F(OnStock, MallocPointersAreRefusedByNeo)
{
    Memory memory = make(Kind::Malloc, 64);
    Kernel increment("increment");
    EXPECT_EQ(increment.pointer(0, memory.get()), CL_INVALID_ARG_VALUE);
    cl_bool yes = CL_TRUE;
    EXPECT_EQ(clSetKernelExecInfo(increment, CL_KERNEL_EXEC_INFO_SVM_FINE_GRAIN_SYSTEM, sizeof(yes),
                                  &yes),
              CL_INVALID_OPERATION);
}

TEST_F(OnStock, FineGrainBuffersAreOneStorage)
{
    constexpr uint32_t count = 4096;
    Memory memory = make(Kind::Fine, count * 4);
    auto *data = static_cast<uint32_t *>(memory.get());
    for (uint32_t i = 0; i < count; i++)
        data[i] = i;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), CL_SUCCESS);
    ASSERT_EQ(increment.run(count), CL_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        ASSERT_EQ(data[i], i + 1);
    ASSERT_EQ(increment.run(count), CL_SUCCESS);
    EXPECT_EQ(data[count - 1], count + 1);
}

TEST_F(OnStock, CoarseGrainBuffersAreNeos)
{
    Memory memory = make(Kind::Coarse, 4096);
    auto *data = static_cast<uint32_t *>(memory.get());
    cl_command_queue queue = cl().in_order;
    ASSERT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_WRITE, data, 4096, 0, nullptr, nullptr),
              CL_SUCCESS);
    memset(data, 0, 4096);
    ASSERT_EQ(clEnqueueSVMUnmap(queue, data, 0, nullptr, nullptr), CL_SUCCESS);
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, data), CL_SUCCESS);
    ASSERT_EQ(increment.run(1024), CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, data, 4096, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(data[1023], 1u);
    ASSERT_EQ(clEnqueueSVMUnmap(queue, data, 0, nullptr, nullptr), CL_SUCCESS);
    EXPECT_EQ(clFinish(queue), CL_SUCCESS);
}

TEST_F(OnStock, BuffersOverFineGrainMemoryAreThatMemory)
{
    constexpr size_t size = 65536;
    Memory memory = make(Kind::Fine, size);
    auto *data = static_cast<uint32_t *>(memory.get());
    memset(data, 0, size);
    cl_int result;
    cl_mem buffer =
        clCreateBuffer(cl().context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, size, data, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    Kernel increment("increment");
    ASSERT_EQ(clSetKernelArg(increment, 0, sizeof(cl_mem), &buffer), CL_SUCCESS);
    ASSERT_EQ(increment.run(size / 4), CL_SUCCESS);
    EXPECT_EQ(data[0], 1u);
    EXPECT_EQ(data[size / 4 - 1], 1u);
    uint32_t got = 0;
    ASSERT_EQ(
        clEnqueueReadBuffer(cl().in_order, buffer, CL_TRUE, size - 4, 4, &got, 0, nullptr, nullptr),
        CL_SUCCESS);
    EXPECT_EQ(got, 1u);
    EXPECT_EQ(clReleaseMemObject(buffer), CL_SUCCESS);
}
