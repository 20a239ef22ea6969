/* SPDX-License-Identifier: MIT */
/* Programs that use no shared virtual memory: as with NEO alone, on any kernel. */
#include "cl.hpp"

#include <numeric>
#include <vector>

TEST(Plain, BuffersWriteRunRead)
{
    constexpr size_t count = 5000;
    cl_int result;
    std::vector<uint32_t> data(count);
    std::iota(data.begin(), data.end(), 0);
    cl_mem buffer = clCreateBuffer(cl().context, CL_MEM_READ_WRITE, count * 4, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    ASSERT_EQ(clEnqueueWriteBuffer(cl().in_order, buffer, CL_TRUE, 0, count * 4, data.data(), 0,
                                   nullptr, nullptr),
              CL_SUCCESS);
    Kernel increment("increment");
    ASSERT_EQ(clSetKernelArg(increment, 0, sizeof(buffer), &buffer), CL_SUCCESS);
    ASSERT_EQ(increment.run(count), CL_SUCCESS);
    ASSERT_EQ(clEnqueueReadBuffer(cl().in_order, buffer, CL_TRUE, 0, count * 4, data.data(), 0,
                                  nullptr, nullptr),
              CL_SUCCESS);
    for (size_t i = 0; i < count; i++)
        ASSERT_EQ(data[i], i + 1);
    clReleaseMemObject(buffer);
}

TEST(Plain, EventsReportWhatNeoSays)
{
    cl_event marker;
    ASSERT_EQ(clEnqueueMarkerWithWaitList(cl().in_order, 0, nullptr, &marker), CL_SUCCESS);
    EXPECT_EQ(type_of(marker), static_cast<cl_command_type>(CL_COMMAND_MARKER));
    EXPECT_EQ(clWaitForEvents(1, &marker), CL_SUCCESS);
    EXPECT_EQ(clReleaseEvent(marker), CL_SUCCESS);
}
