/* SPDX-License-Identifier: MIT */
/* clEnqueueSVM*: each class of memory x each kind of queue. */
#include "cl.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <tuple>

namespace
{
using Case = std::tuple<Kind, bool>;

class EnqueueSvm : public OnSvm, public ::testing::WithParamInterface<Case>
{
  protected:
    static constexpr size_t kSize = 16384;

    void SetUp() override
    {
        OnSvm::SetUp();
        if (IsSkipped())
            return;
        queue = std::get<1>(GetParam()) ? cl().out_of_order : cl().in_order;
        memory = make(std::get<0>(GetParam()), kSize);
        bytes = static_cast<unsigned char *>(memory.get());
        memset(bytes, 0, kSize);
    }
    void expect_done(cl_event event, cl_command_type type)
    {
        EXPECT_EQ(clWaitForEvents(1, &event), CL_SUCCESS);
        EXPECT_EQ(type_of(event), type);
        EXPECT_EQ(status_of(event), CL_COMPLETE);
        EXPECT_EQ(clReleaseEvent(event), CL_SUCCESS);
    }

    cl_command_queue queue = nullptr;
    Memory memory;
    unsigned char *bytes = nullptr;
};

std::string case_name(const ::testing::TestParamInfo<Case> &info)
{
    return std::string(name_of(std::get<0>(info.param))) +
           (std::get<1>(info.param) ? "OutOfOrder" : "InOrder");
}
} // namespace

INSTANTIATE_TEST_SUITE_P(Memory, EnqueueSvm,
                         ::testing::Combine(::testing::Values(Kind::Coarse, Kind::Fine,
                                                              Kind::Malloc, Kind::Stack,
                                                              Kind::Shared, Kind::Host),
                                            ::testing::Bool()),
                         case_name);

TEST_P(EnqueueSvm, Fill)
{
    /* malloc() promises 16 bytes of alignment only, a fill needs that of its pattern. */
    auto *bytes = reinterpret_cast<unsigned char *>(
        (reinterpret_cast<uintptr_t>(this->bytes) + 127) & ~uintptr_t(127));
    for (size_t pattern_size : {1ul, 4ul, 16ul, 128ul}) {
        unsigned char pattern[128];
        for (size_t i = 0; i < pattern_size; i++)
            pattern[i] = static_cast<unsigned char>(i + pattern_size);
        cl_event event;
        ASSERT_EQ(
            clEnqueueSVMMemFill(queue, bytes, pattern, pattern_size, 4096, 0, nullptr, &event),
            CL_SUCCESS);
        expect_done(event, CL_COMMAND_SVM_MEMFILL);
        for (size_t i = 0; i < 4096; i++)
            ASSERT_EQ(bytes[i], pattern[i % pattern_size]) << i;
        EXPECT_EQ(bytes[4096], 0);
    }
}

TEST_P(EnqueueSvm, CopyFromAndToMalloc)
{
    Memory other = make(Kind::Malloc, kSize);
    auto *source = static_cast<unsigned char *>(other.get());
    for (size_t i = 0; i < kSize; i++)
        source[i] = static_cast<unsigned char>(i * 7);
    cl_event event;
    ASSERT_EQ(clEnqueueSVMMemcpy(queue, CL_FALSE, bytes, source, kSize, 0, nullptr, &event),
              CL_SUCCESS);
    expect_done(event, CL_COMMAND_SVM_MEMCPY);
    EXPECT_EQ(memcmp(bytes, source, kSize), 0);
    memset(source, 0, kSize);
    ASSERT_EQ(clEnqueueSVMMemcpy(queue, CL_TRUE, source + 3, bytes + 5, 1001, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(memcmp(bytes + 5, source + 3, 1001), 0);
    EXPECT_EQ(source[2], 0);
    EXPECT_EQ(source[1004], 0);
}

TEST_P(EnqueueSvm, MapAndUnmapAroundAKernel)
{
    cl_event event;
    ASSERT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_WRITE, bytes, kSize, 0, nullptr, &event),
              CL_SUCCESS);
    expect_done(event, CL_COMMAND_SVM_MAP);
    memset(bytes, 0, kSize);
    ASSERT_EQ(clEnqueueSVMUnmap(queue, bytes, 0, nullptr, &event), CL_SUCCESS);
    expect_done(event, CL_COMMAND_SVM_UNMAP);
    Kernel increment("increment");
    size_t count = kSize / 4;
    ASSERT_EQ(increment.pointer(0, bytes), CL_SUCCESS);
    cl_event ran;
    ASSERT_EQ(
        clEnqueueNDRangeKernel(queue, increment, 1, nullptr, &count, nullptr, 0, nullptr, &ran),
        CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, bytes, kSize, 1, &ran, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(status_of(ran), CL_COMPLETE);
    for (size_t i = 0; i < count; i++)
        ASSERT_EQ(reinterpret_cast<uint32_t *>(bytes)[i], 1u);
    ASSERT_EQ(clEnqueueSVMUnmap(queue, bytes, 0, nullptr, nullptr), CL_SUCCESS);
    clReleaseEvent(ran);
    EXPECT_EQ(clFinish(queue), CL_SUCCESS);
}

TEST_P(EnqueueSvm, MigrateBothWaysKeepsTheData)
{
    for (size_t i = 0; i < kSize; i++)
        bytes[i] = static_cast<unsigned char>(i * 3);
    const void *pointers[] = {bytes};
    const size_t sizes[] = {kSize};
    for (cl_mem_migration_flags flags :
         {cl_mem_migration_flags(0), cl_mem_migration_flags(CL_MIGRATE_MEM_OBJECT_HOST)}) {
        cl_event event;
        ASSERT_EQ(clEnqueueSVMMigrateMem(queue, 1, pointers, sizes, flags, 0, nullptr, &event),
                  CL_SUCCESS);
        expect_done(event, CL_COMMAND_SVM_MIGRATE_MEM);
        Kernel increment("increment");
        ASSERT_EQ(increment.pointer(0, bytes), CL_SUCCESS);
        ASSERT_EQ(increment.run(1, queue), CL_SUCCESS);
    }
    EXPECT_EQ(*reinterpret_cast<uint32_t *>(bytes), 0x09060300u + 2);
    for (size_t i = 4; i < kSize; i++)
        ASSERT_EQ(bytes[i], static_cast<unsigned char>(i * 3));
}

TEST_P(EnqueueSvm, CommandsWaitForTheirEvents)
{
    cl_int result;
    cl_event gate = clCreateUserEvent(cl().context, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    const void *pointers[] = {bytes};
    const size_t sizes[] = {kSize};
    const unsigned char pattern = 0x5a;
    cl_event events[4];
    ASSERT_EQ(clEnqueueSVMMemFill(queue, bytes, &pattern, 1, kSize, 1, &gate, &events[0]),
              CL_SUCCESS);
    ASSERT_EQ(
        clEnqueueSVMMap(queue, CL_FALSE, CL_MAP_READ, bytes, kSize, 1, &events[0], &events[1]),
        CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMMigrateMem(queue, 1, pointers, sizes, 0, 1, &events[1], &events[2]),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMUnmap(queue, bytes, 1, &events[2], &events[3]), CL_SUCCESS);
    for (cl_event event : events)
        EXPECT_GT(status_of(event), CL_COMPLETE);
    EXPECT_EQ(bytes[0], 0);
    ASSERT_EQ(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    ASSERT_EQ(clWaitForEvents(4, events), CL_SUCCESS);
    EXPECT_EQ(bytes[0], 0x5a);
    EXPECT_EQ(bytes[kSize - 1], 0x5a);
    EXPECT_EQ(type_of(events[2]), static_cast<cl_command_type>(CL_COMMAND_SVM_MIGRATE_MEM));
    for (cl_event event : events)
        clReleaseEvent(event);
    clReleaseEvent(gate);
}

TEST_P(EnqueueSvm, ErrorsAreThoseOfTheSpecification)
{
    const void *pointers[] = {bytes};
    const size_t sizes[] = {kSize};
    const unsigned char pattern[128] = {};
    void *nowhere = reinterpret_cast<void *>(0x1000);
    EXPECT_EQ(clEnqueueSVMMemFill(queue, nowhere, pattern, 4, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemFill(queue, bytes + 1, pattern, 4, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemFill(queue, bytes, pattern, 4, 63, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemFill(queue, bytes, pattern, 3, 63, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemcpy(queue, CL_TRUE, bytes, nowhere, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMemcpy(queue, CL_TRUE, nullptr, bytes, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    for (size_t distance : {0, 1, 63}) {
        EXPECT_EQ(
            clEnqueueSVMMemcpy(queue, CL_TRUE, bytes, bytes + distance, 64, 0, nullptr, nullptr),
            CL_MEM_COPY_OVERLAP);
        EXPECT_EQ(cl().copy(queue, CL_TRUE, bytes + distance, bytes, 64, 0, nullptr, nullptr),
                  CL_MEM_COPY_OVERLAP);
    }
    EXPECT_EQ(clEnqueueSVMMemcpy(queue, CL_TRUE, bytes, bytes + 64, 64, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, bytes, 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_TRUE, 1 << 30, bytes, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, nullptr, 64, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMUnmap(queue, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 0, pointers, sizes, 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, nullptr, sizes, 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, pointers, sizes, 1 << 20, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    const void *unmapped[] = {nowhere}, *null[] = {nullptr};
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, unmapped, sizes, 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, null, nullptr, 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMigrateMem(nullptr, 1, pointers, sizes, 0, 0, nullptr, nullptr),
              CL_INVALID_COMMAND_QUEUE);
    EXPECT_EQ(clEnqueueSVMFree(queue, 0, const_cast<void **>(pointers), nullptr, nullptr, 0,
                               nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, bytes, 64, 1, nullptr, nullptr),
              CL_INVALID_EVENT_WAIT_LIST);
}

TEST_P(EnqueueSvm, EventsOfAnotherContextAreRefused)
{
    cl_int result;
    const void *pointers[] = {bytes};
    const size_t sizes[] = {kSize};
    cl_context other = clCreateContext(nullptr, 1, &cl().device, nullptr, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    cl_event foreign = clCreateUserEvent(other, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    ASSERT_EQ(clSetUserEventStatus(foreign, CL_COMPLETE), CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, bytes, 64, 1, &foreign, nullptr),
              CL_INVALID_CONTEXT);
    EXPECT_EQ(clEnqueueSVMUnmap(queue, bytes, 1, &foreign, nullptr), CL_INVALID_CONTEXT);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, pointers, sizes, 0, 1, &foreign, nullptr),
              CL_INVALID_CONTEXT);
    EXPECT_EQ(clEnqueueSVMFree(queue, 0, nullptr, nullptr, nullptr, 1, &foreign, nullptr),
              CL_INVALID_CONTEXT);
    clReleaseEvent(foreign);
    clReleaseContext(other);
}

TEST_P(EnqueueSvm, PartsOfAllocationsMigrateFromQueueToQueue)
{
    cl_int result;
    cl_command_queue other =
        clCreateCommandQueueWithProperties(cl().context, cl().device, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    const unsigned char pattern = 0x11;
    const void *parts[] = {bytes + 1, bytes + 100, bytes + 101, bytes + 4097};
    const size_t sizes[] = {1, 13, 3, 5000};
    size_t count = kSize / 4;
    cl_event filled, there, ran, back;
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, bytes), CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMMemFill(queue, bytes, &pattern, 1, kSize, 0, nullptr, &filled),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueSVMMigrateMem(other, 4, parts, sizes, 0, 1, &filled, &there), CL_SUCCESS);
    ASSERT_EQ(
        clEnqueueNDRangeKernel(other, increment, 1, nullptr, &count, nullptr, 1, &there, &ran),
        CL_SUCCESS);
    ASSERT_EQ(
        clEnqueueSVMMigrateMem(queue, 4, parts, sizes, CL_MIGRATE_MEM_OBJECT_HOST, 1, &ran, &back),
        CL_SUCCESS);
    /* Waiting for the last one has to set all of them going. */
    ASSERT_EQ(clWaitForEvents(1, &back), CL_SUCCESS);
    for (size_t i = 0; i < count; i++)
        ASSERT_EQ(reinterpret_cast<uint32_t *>(bytes)[i], 0x11111112u) << i;
    for (cl_event event : {filled, there, ran, back})
        clReleaseEvent(event);
    clReleaseCommandQueue(other);
}

TEST_F(OnSvm, EnqueueFreeTakesNothingAndNull)
{
    void *null[] = {nullptr};
    for (cl_uint count : {0u, 1u}) {
        cl_event freed;
        ASSERT_EQ(clEnqueueSVMFree(cl().in_order, count, count ? null : nullptr, nullptr, nullptr,
                                   0, nullptr, &freed),
                  CL_SUCCESS);
        EXPECT_EQ(clWaitForEvents(1, &freed), CL_SUCCESS);
        EXPECT_EQ(type_of(freed), static_cast<cl_command_type>(CL_COMMAND_SVM_FREE));
        clReleaseEvent(freed);
    }
}

TEST_F(OnSvm, CommandsAreProfiled)
{
    cl_int result;
    const cl_queue_properties profiled[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
    cl_command_queue queue =
        clCreateCommandQueueWithProperties(cl().context, cl().device, profiled, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    Memory memory = make(Kind::Fine, 4096), other = make(Kind::Malloc, 4096);
    const void *pointers[] = {memory.get()};
    const unsigned char pattern = 1;
    void *m = memory.get();
    cl_event events[6];
    EXPECT_EQ(clEnqueueSVMMap(queue, CL_FALSE, CL_MAP_READ, m, 64, 0, nullptr, &events[0]),
              CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMUnmap(queue, m, 0, nullptr, &events[1]), CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMMemFill(queue, m, &pattern, 1, 64, 0, nullptr, &events[2]), CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMMemcpy(queue, CL_FALSE, other.get(), m, 64, 0, nullptr, &events[3]),
              CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMMigrateMem(queue, 1, pointers, nullptr, 0, 0, nullptr, &events[4]),
              CL_SUCCESS);
    EXPECT_EQ(clEnqueueSVMFree(queue, 0, nullptr, nullptr, nullptr, 0, nullptr, &events[5]),
              CL_SUCCESS);
    ASSERT_EQ(clWaitForEvents(6, events), CL_SUCCESS);
    for (cl_event event : events) {
        cl_ulong queued = 0, ended = 0;
        EXPECT_EQ(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_QUEUED, sizeof(queued),
                                          &queued, nullptr),
                  CL_SUCCESS);
        EXPECT_EQ(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(ended), &ended,
                                          nullptr),
                  CL_SUCCESS);
        EXPECT_LE(queued, ended);
        clReleaseEvent(event);
    }
    clReleaseCommandQueue(queue);
}

TEST_F(OnSvm, EnqueueFreeFreesAfterWhatCameBefore)
{
    for (cl_command_queue queue : {cl().in_order, cl().out_of_order}) {
        void *pointers[] = {clSVMAlloc(cl().context, CL_MEM_READ_WRITE, 8 << 20, 0)};
        Kernel increment("increment");
        size_t count = 1 << 16;
        cl_event ran, freed;
        ASSERT_EQ(increment.pointer(0, pointers[0]), CL_SUCCESS);
        ASSERT_EQ(
            clEnqueueNDRangeKernel(queue, increment, 1, nullptr, &count, nullptr, 0, nullptr, &ran),
            CL_SUCCESS);
        ASSERT_EQ(clEnqueueSVMFree(queue, 1, pointers, nullptr, nullptr, 1, &ran, &freed),
                  CL_SUCCESS);
        ASSERT_EQ(clWaitForEvents(1, &freed), CL_SUCCESS);
        EXPECT_EQ(type_of(freed), static_cast<cl_command_type>(CL_COMMAND_SVM_FREE));
        EXPECT_EQ(status_of(ran), CL_COMPLETE);
        EXPECT_EQ(increment.pointer(0, pointers[0]), CL_INVALID_ARG_VALUE);
        clReleaseEvent(ran);
        clReleaseEvent(freed);
    }
}

TEST_F(OnSvm, EnqueueFreeCallsBackInstead)
{
    struct Seen {
        std::atomic<int> calls{0};
        cl_uint count = 0;
        void *pointer = nullptr;
    } seen;
    void *pointers[] = {clSVMAlloc(cl().context, CL_MEM_READ_WRITE, 4096, 0)};
    auto callback = [](cl_command_queue, cl_uint count, void *list[], void *data) {
        auto *s = static_cast<Seen *>(data);
        s->count = count;
        s->pointer = list[0];
        s->calls++;
        clSVMFree(cl().context, list[0]);
    };
    cl_event freed;
    ASSERT_EQ(clEnqueueSVMFree(cl().in_order, 1, pointers, callback, &seen, 0, nullptr, &freed),
              CL_SUCCESS);
    ASSERT_EQ(clWaitForEvents(1, &freed), CL_SUCCESS);
    EXPECT_EQ(seen.calls, 1);
    EXPECT_EQ(seen.count, 1u);
    EXPECT_EQ(seen.pointer, pointers[0]);
    clReleaseEvent(freed);
}

TEST_F(OnSvm, AFailedEventFailsWhatWaitsForIt)
{
    cl_int result;
    cl_event gate = clCreateUserEvent(cl().context, &result);
    Memory memory = make(Kind::Fine, 4096);
    const void *pointers[] = {memory.get()};
    cl_event migrated;
    ASSERT_EQ(
        clEnqueueSVMMigrateMem(cl().out_of_order, 1, pointers, nullptr, 0, 1, &gate, &migrated),
        CL_SUCCESS);
    clSetUserEventStatus(gate, -1);
    EXPECT_EQ(clWaitForEvents(1, &migrated), CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    EXPECT_LT(status_of(migrated), 0);
    clReleaseEvent(migrated);
    clReleaseEvent(gate);
}
