/* SPDX-License-Identifier: MIT */
/* Buffers over shared memory: clCreateBuffer with CL_MEM_USE_HOST_PTR and any pointer. */
#include "cl.hpp"

#include "../common/page_file.hpp"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace
{
class Buffer
{
  public:
    Buffer(void *pointer, size_t size, cl_mem_flags flags = CL_MEM_READ_WRITE)
    {
        memory_ = clCreateBuffer(cl().context, flags | (pointer ? CL_MEM_USE_HOST_PTR : 0), size,
                                 pointer, &result);
    }
    Buffer(const Buffer &parent, size_t origin, size_t size, cl_mem_flags flags = 0)
    {
        cl_buffer_region region{origin, size};
        memory_ = clCreateSubBuffer(parent.memory_, flags, CL_BUFFER_CREATE_TYPE_REGION, &region,
                                    &result);
    }
    ~Buffer()
    {
        if (memory_)
            clReleaseMemObject(memory_);
    }
    operator cl_mem() const
    {
        return memory_;
    }
    template <typename T> T info(cl_mem_info name) const
    {
        T value{};
        EXPECT_EQ(clGetMemObjectInfo(memory_, name, sizeof(value), &value, nullptr), CL_SUCCESS);
        return value;
    }
    cl_int result = -1;

  private:
    cl_mem memory_ = nullptr;
};

/* Where a kernel sees a buffer. */
void *address_on_gpu(cl_mem buffer)
{
    std::vector<void *> address(1);
    Kernel tell("tell");
    EXPECT_EQ(clSetKernelArg(tell, 0, sizeof(buffer), &buffer), CL_SUCCESS);
    EXPECT_EQ(tell.pointer(1, address.data()), CL_SUCCESS);
    EXPECT_EQ(tell.run(1), CL_SUCCESS);
    return *static_cast<void *volatile *>(address.data());
}

class BufferOver : public OnSvm, public ::testing::WithParamInterface<Kind>
{
};
} // namespace

INSTANTIATE_TEST_SUITE_P(Memory, BufferOver,
                         ::testing::Values(Kind::Coarse, Kind::Fine, Kind::Shared, Kind::Host),
                         [](const auto &info) { return std::string(name_of(info.param)); });

TEST_P(BufferOver, IsAtTheSameAddress)
{
    Memory memory = make(GetParam(), 1 << 20);
    auto *bytes = static_cast<char *>(memory.get());
    Buffer whole(bytes, 1 << 20), inside(bytes + 4096, 4096);
    ASSERT_EQ(whole.result, CL_SUCCESS);
    ASSERT_EQ(inside.result, CL_SUCCESS);
    EXPECT_EQ(address_on_gpu(whole), bytes);
    EXPECT_EQ(address_on_gpu(inside), bytes + 4096);
    Buffer part(whole, 65536, 65536), part_inside(inside, 1024, 128);
    ASSERT_EQ(part.result, CL_SUCCESS);
    ASSERT_EQ(part_inside.result, CL_SUCCESS);
    EXPECT_EQ(address_on_gpu(part), bytes + 65536);
    EXPECT_EQ(address_on_gpu(part_inside), bytes + 4096 + 1024);
}

TEST_P(BufferOver, MapsToTheSameAddress)
{
    Memory memory = make(GetParam(), 65536);
    auto *words = static_cast<uint32_t *>(memory.get());
    cl_int result;
    Buffer buffer(words, 65536);
    words[7] = 1;
    void *map = clEnqueueMapBuffer(cl().in_order, buffer, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                   65536, 0, nullptr, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    EXPECT_EQ(map, words);
    EXPECT_EQ(words[7], 1u);
    words[7] = 5;
    ASSERT_EQ(clEnqueueUnmapMemObject(cl().in_order, buffer, map, 0, nullptr, nullptr), CL_SUCCESS);
    Kernel increment("increment");
    cl_mem handle = buffer;
    ASSERT_EQ(clSetKernelArg(increment, 0, sizeof(handle), &handle), CL_SUCCESS);
    ASSERT_EQ(increment.run(64), CL_SUCCESS);
    map = clEnqueueMapBuffer(cl().in_order, buffer, CL_TRUE, CL_MAP_READ, 16, 64, 0, nullptr,
                             nullptr, &result);
    EXPECT_EQ(map, words + 4);
    EXPECT_EQ(words[7], 6u);
    EXPECT_EQ(clEnqueueUnmapMemObject(cl().in_order, buffer, map, 0, nullptr, nullptr), CL_SUCCESS);
    EXPECT_EQ(clFinish(cl().in_order), CL_SUCCESS);
    EXPECT_EQ(words[7], 6u);
}

TEST_P(BufferOver, TransfersReachTheMemory)
{
    Memory memory = make(GetParam(), 8192), heap = make(Kind::Malloc, 8192);
    auto *words = static_cast<uint32_t *>(memory.get()),
         *other = static_cast<uint32_t *>(heap.get());
    memset(words, 0, 8192);
    Buffer buffer(words, 8192), part(buffer, 4096, 4096), plain(nullptr, 8192);
    cl_command_queue queue = cl().in_order;
    for (uint32_t i = 0; i < 2048; i++)
        other[i] = i;
    ASSERT_EQ(clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, 8192, other, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(memcmp(words, other, 8192), 0);
    memset(other, 0, 8192);
    ASSERT_EQ(clEnqueueReadBuffer(queue, part, CL_TRUE, 0, 4096, other, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(other[1023], 2047u);
    const uint32_t pattern = 77;
    ASSERT_EQ(clEnqueueFillBuffer(queue, part, &pattern, 4, 0, 4096, 0, nullptr, nullptr),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueCopyBuffer(queue, buffer, plain, 0, 0, 8192, 0, nullptr, nullptr),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueReadBuffer(queue, plain, CL_TRUE, 0, 8192, other, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(other[1023], 1023u);
    EXPECT_EQ(other[1024], 77u);
    EXPECT_EQ(words[1023], 1023u);
    EXPECT_EQ(words[2047], 77u);
}

TEST_P(BufferOver, RectanglesReachTheMemory)
{
    constexpr size_t row = 64, rows = 32;
    Memory memory = make(GetParam(), row * rows), heap = make(Kind::Malloc, row * rows);
    auto *bytes = static_cast<unsigned char *>(memory.get());
    auto *other = static_cast<unsigned char *>(heap.get());
    Buffer buffer(bytes, row * rows), plain(nullptr, row * rows);
    cl_command_queue queue = cl().out_of_order;
    const size_t at[] = {3, 2, 0}, zero[] = {0, 0, 0}, region[] = {10, 5, 1};
    cl_event written, read, there, back;
    for (size_t i = 0; i < row * rows; i++) {
        bytes[i] = 0;
        other[i] = static_cast<unsigned char>(i * 7);
    }
    ASSERT_EQ(clEnqueueWriteBufferRect(queue, buffer, CL_FALSE, at, zero, region, row, 0, row, 0,
                                       other, 0, nullptr, &written),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueCopyBufferRect(queue, buffer, plain, at, zero, region, row, 0, row, 0, 1,
                                      &written, &there),
              CL_SUCCESS);
    const size_t lower[] = {3, 20, 0};
    ASSERT_EQ(clEnqueueCopyBufferRect(queue, plain, buffer, zero, lower, region, row, 0, row, 0, 1,
                                      &there, &back),
              CL_SUCCESS);
    EXPECT_EQ(type_of(back), static_cast<cl_command_type>(CL_COMMAND_COPY_BUFFER_RECT));
    EXPECT_EQ(type_of(written), static_cast<cl_command_type>(CL_COMMAND_WRITE_BUFFER_RECT));
    unsigned char got[50];
    ASSERT_EQ(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, lower, zero, region, row, 0, 10, 0,
                                      got, 1, &back, &read),
              CL_SUCCESS);
    EXPECT_EQ(status_of(read), CL_COMPLETE);
    for (size_t y = 0; y < 5; y++)
        for (size_t x = 0; x < 10; x++) {
            EXPECT_EQ(got[y * 10 + x], other[y * row + x]);
            EXPECT_EQ(bytes[(y + 2) * row + x + 3], other[y * row + x]);
        }
    EXPECT_EQ(bytes[2 * row + 13], 0);
    for (cl_event event : {written, read, there, back})
        clReleaseEvent(event);
    const size_t outside[] = {3, 28, 0}, nothing[] = {0, 1, 1};
    EXPECT_EQ(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, outside, zero, region, row, 0, 10, 0,
                                      got, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, zero, zero, nothing, row, 0, 10, 0,
                                      got, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, zero, zero, region, 9, 0, 10, 0, got,
                                      0, nullptr, nullptr),
              CL_INVALID_VALUE);
}

TEST_P(BufferOver, CopiesBetweenViewsAndUnalignedFills)
{
    Memory memory = make(GetParam(), 8192);
    auto *bytes = static_cast<unsigned char *>(memory.get());
    memset(bytes, 1, 8192);
    Buffer whole(bytes, 8192), odd(bytes + 4, 4096);
    cl_command_queue queue = cl().in_order;
    const unsigned char pattern[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    cl_event filled, copied;
    ASSERT_EQ(clEnqueueFillBuffer(queue, odd, pattern, 16, 16, 32, 0, nullptr, &filled),
              CL_SUCCESS);
    ASSERT_EQ(clEnqueueCopyBuffer(queue, odd, whole, 16, 6000, 32, 0, nullptr, &copied),
              CL_SUCCESS);
    ASSERT_EQ(clFinish(queue), CL_SUCCESS);
    EXPECT_EQ(type_of(filled), static_cast<cl_command_type>(CL_COMMAND_FILL_BUFFER));
    EXPECT_EQ(type_of(copied), static_cast<cl_command_type>(CL_COMMAND_COPY_BUFFER));
    EXPECT_EQ(memcmp(bytes + 20, pattern, 16), 0);
    EXPECT_EQ(memcmp(bytes + 6016, pattern, 16), 0);
    EXPECT_EQ(bytes[52], 1);
    clReleaseEvent(filled);
    clReleaseEvent(copied);
    EXPECT_EQ(clEnqueueCopyBuffer(queue, whole, whole, 0, 16, 32, 0, nullptr, nullptr),
              CL_MEM_COPY_OVERLAP);
    EXPECT_EQ(clEnqueueCopyBuffer(queue, whole, odd, 0, 4090, 32, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueFillBuffer(queue, whole, pattern, 16, 8, 32, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
}

TEST_P(BufferOver, ImagesAreCopiedThereAndBack)
{
    constexpr size_t width = 32, height = 16;
    Memory memory = make(GetParam(), 2 * width * height * 4);
    auto *words = static_cast<uint32_t *>(memory.get());
    for (uint32_t i = 0; i < 2 * width * height; i++)
        words[i] = i;
    cl_int result;
    cl_image_format format{CL_RGBA, CL_UNSIGNED_INT8};
    cl_image_desc desc{};
    desc.image_type = CL_MEM_OBJECT_IMAGE2D;
    desc.image_width = width;
    desc.image_height = height;
    cl_mem image = clCreateImage(cl().context, CL_MEM_READ_WRITE, &format, &desc, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    Buffer buffer(words, 2 * width * height * 4);
    const size_t origin[] = {0, 0, 0}, region[] = {width, height, 1};
    cl_command_queue queue = cl().in_order;
    ASSERT_EQ(
        clEnqueueCopyBufferToImage(queue, buffer, image, 0, origin, region, 0, nullptr, nullptr),
        CL_SUCCESS);
    ASSERT_EQ(clEnqueueCopyImageToBuffer(queue, image, buffer, origin, region, width * height * 4,
                                         0, nullptr, nullptr),
              CL_SUCCESS);
    ASSERT_EQ(clFinish(queue), CL_SUCCESS);
    EXPECT_EQ(memcmp(words, words + width * height, width * height * 4), 0);
    EXPECT_EQ(clEnqueueCopyBufferToImage(queue, buffer, image, width * height * 4 + 4, origin,
                                         region, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    clReleaseMemObject(image);
    desc.image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER;
    desc.buffer = buffer;
    EXPECT_EQ(clCreateImage(cl().context, CL_MEM_READ_WRITE, &format, &desc, nullptr, &result),
              nullptr);
    EXPECT_EQ(result, CL_INVALID_IMAGE_DESCRIPTOR);
}

TEST_P(BufferOver, InfoIsThatOfABuffer)
{
    Memory memory = make(GetParam(), 65536);
    auto *bytes = static_cast<char *>(memory.get());
    Buffer buffer(bytes + 4096, 32768, CL_MEM_READ_ONLY), part(buffer, 4096, 8192);
    ASSERT_EQ(buffer.result, CL_SUCCESS);
    ASSERT_EQ(part.result, CL_SUCCESS);
    EXPECT_EQ(buffer.info<cl_mem_flags>(CL_MEM_FLAGS),
              cl_mem_flags(CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR));
    EXPECT_EQ(buffer.info<size_t>(CL_MEM_SIZE), 32768u);
    EXPECT_EQ(buffer.info<void *>(CL_MEM_HOST_PTR), bytes + 4096);
    EXPECT_EQ(buffer.info<cl_mem>(CL_MEM_ASSOCIATED_MEMOBJECT), nullptr);
    EXPECT_EQ(buffer.info<size_t>(CL_MEM_OFFSET), 0u);
    EXPECT_EQ(buffer.info<cl_bool>(CL_MEM_USES_SVM_POINTER), cl_bool(CL_TRUE));
    EXPECT_EQ(buffer.info<cl_context>(CL_MEM_CONTEXT), cl().context);
    EXPECT_EQ(buffer.info<cl_uint>(CL_MEM_MAP_COUNT), 0u);
    EXPECT_EQ(part.info<cl_mem_flags>(CL_MEM_FLAGS),
              cl_mem_flags(CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR));
    EXPECT_EQ(part.info<size_t>(CL_MEM_SIZE), 8192u);
    EXPECT_EQ(part.info<void *>(CL_MEM_HOST_PTR), bytes + 8192);
    EXPECT_EQ(part.info<cl_mem>(CL_MEM_ASSOCIATED_MEMOBJECT), static_cast<cl_mem>(buffer));
    EXPECT_EQ(part.info<size_t>(CL_MEM_OFFSET), 4096u);
    EXPECT_EQ(part.info<cl_bool>(CL_MEM_USES_SVM_POINTER), cl_bool(CL_TRUE));
    EXPECT_EQ(buffer.info<cl_uint>(CL_MEM_REFERENCE_COUNT), 1u);
}

TEST_P(BufferOver, ErrorsAreThoseOfTheSpecification)
{
    Memory memory = make(GetParam(), 4096);
    auto *bytes = static_cast<char *>(memory.get());
    EXPECT_EQ(Buffer(bytes, 8192).result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(Buffer(bytes + 2048, 4096).result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(Buffer(bytes, 0).result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(Buffer(bytes, 4096, CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY).result, CL_INVALID_VALUE);
    EXPECT_EQ(Buffer(bytes, 4096, CL_MEM_ALLOC_HOST_PTR).result, CL_INVALID_VALUE);
    Buffer buffer(bytes, 4096, CL_MEM_READ_ONLY), part(buffer, 0, 1024);
    EXPECT_EQ(Buffer(buffer, 0, 0).result, CL_INVALID_BUFFER_SIZE);
    EXPECT_EQ(Buffer(buffer, 0, 4097).result, CL_INVALID_VALUE);
    EXPECT_EQ(Buffer(buffer, 8192, 1).result, CL_INVALID_VALUE);
    EXPECT_EQ(Buffer(buffer, 1, 64).result, CL_MISALIGNED_SUB_BUFFER_OFFSET);
    EXPECT_EQ(Buffer(buffer, 0, 64, CL_MEM_READ_WRITE).result, CL_INVALID_VALUE);
    EXPECT_EQ(Buffer(buffer, 0, 64, CL_MEM_USE_HOST_PTR).result, CL_INVALID_VALUE);
    EXPECT_EQ(Buffer(part, 0, 64).result, CL_INVALID_MEM_OBJECT);
}

TEST_P(BufferOver, NothingIsCopiedOrFilledButTheEventIsDone)
{
    Memory memory = make(GetParam(), 4096);
    Buffer from(memory.get(), 2048), to(static_cast<char *>(memory.get()) + 2048, 2048);
    cl_command_queue queue = cl().in_order;
    const uint32_t pattern = 1;
    cl_event copied = nullptr, filled = nullptr;
    ASSERT_EQ(clEnqueueCopyBuffer(queue, from, to, 0, 0, 0, 0, nullptr, &copied), CL_SUCCESS);
    ASSERT_EQ(clEnqueueFillBuffer(queue, to, &pattern, 4, 0, 0, 0, nullptr, &filled), CL_SUCCESS);
    EXPECT_EQ(clWaitForEvents(1, &copied), CL_SUCCESS);
    EXPECT_EQ(clWaitForEvents(1, &filled), CL_SUCCESS);
    EXPECT_EQ(type_of(copied), static_cast<cl_command_type>(CL_COMMAND_COPY_BUFFER));
    EXPECT_EQ(type_of(filled), static_cast<cl_command_type>(CL_COMMAND_FILL_BUFFER));
    clReleaseEvent(copied);
    clReleaseEvent(filled);
}

/* NEO gives the handle of an event that is gone to a new one. */
TEST_P(BufferOver, EventsThatAreGoneLeaveTheirTypesToNobody)
{
    Memory memory = make(GetParam(), 4096), heap = make(Kind::Malloc, 4096);
    Buffer buffer(memory.get(), 4096), plain(nullptr, 4096);
    cl_command_queue queue = cl().in_order;
    const size_t origin[3] = {0, 0, 0}, region[3] = {16, 4, 1};
    cl_event read = nullptr;
    ASSERT_EQ(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, 64, heap.get(), 0, nullptr, &read),
              CL_SUCCESS);
    EXPECT_EQ(clRetainEvent(read), CL_SUCCESS);
    EXPECT_EQ(clReleaseEvent(read), CL_SUCCESS);
    EXPECT_EQ(type_of(read), static_cast<cl_command_type>(CL_COMMAND_READ_BUFFER));
    EXPECT_EQ(clReleaseEvent(read), CL_SUCCESS);
    for (int i = 0; i < 16; i++)
        ASSERT_EQ(clEnqueueReadBufferRect(queue, buffer, CL_TRUE, origin, origin, region, 64, 0, 64,
                                          0, heap.get(), 0, nullptr, nullptr),
                  CL_SUCCESS);
    std::vector<cl_event> events(64);
    for (cl_event &event : events)
        ASSERT_EQ(
            clEnqueueWriteBuffer(queue, plain, CL_FALSE, 0, 64, heap.get(), 0, nullptr, &event),
            CL_SUCCESS);
    for (cl_event event : events) {
        EXPECT_EQ(type_of(event), static_cast<cl_command_type>(CL_COMMAND_WRITE_BUFFER));
        EXPECT_EQ(clReleaseEvent(event), CL_SUCCESS);
    }
    EXPECT_EQ(clFinish(queue), CL_SUCCESS);
}

/* NEO may know the heap by a window: a buffer over malloced memory must still be over that. */
TEST_F(OnSvm, BuffersOverMallocedMemoryHoldIt)
{
    constexpr uint32_t count = 4096;
    Memory first = make(Kind::Malloc, 64), second = make(Kind::Malloc, count * 4);
    auto *words = static_cast<uint32_t *>(second.get());
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, first.get()), CL_SUCCESS); /* opens a window over the heap */
    for (uint32_t i = 0; i < count; i++)
        words[i] = i;
    EXPECT_EQ(Buffer(words, size_t{1} << 45).result, CL_INVALID_BUFFER_SIZE);
    Buffer buffer(words, count * 4);
    ASSERT_EQ(buffer.result, CL_SUCCESS);
    cl_mem handle = buffer;
    ASSERT_EQ(clSetKernelArg(increment, 0, sizeof(handle), &handle), CL_SUCCESS);
    ASSERT_EQ(increment.run(count), CL_SUCCESS);
    cl_int result;
    void *map = clEnqueueMapBuffer(cl().in_order, buffer, CL_TRUE, CL_MAP_READ, 0, count * 4, 0,
                                   nullptr, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    EXPECT_EQ(map, words);
    for (uint32_t i = 0; i < count; i++)
        ASSERT_EQ(words[i], i + 1);
    EXPECT_EQ(clEnqueueUnmapMemObject(cl().in_order, buffer, map, 0, nullptr, nullptr), CL_SUCCESS);
    EXPECT_EQ(clFinish(cl().in_order), CL_SUCCESS);
    EXPECT_EQ(buffer.info<void *>(CL_MEM_HOST_PTR), words);
}

TEST_F(OnSvm, TransfersToMallocedMemoryInAWindowReachIt)
{
    constexpr uint32_t count = 2048;
    Memory first = make(Kind::Malloc, 64), second = make(Kind::Malloc, count * 4);
    auto *words = static_cast<uint32_t *>(second.get());
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, first.get()), CL_SUCCESS);
    Buffer buffer(nullptr, count * 4);
    for (uint32_t i = 0; i < count; i++)
        words[i] = i;
    ASSERT_EQ(clEnqueueWriteBuffer(cl().in_order, buffer, CL_TRUE, 0, count * 4, words, 0, nullptr,
                                   nullptr),
              CL_SUCCESS);
    memset(words, 0, count * 4);
    ASSERT_EQ(clEnqueueReadBuffer(cl().in_order, buffer, CL_TRUE, 0, count * 4, words, 0, nullptr,
                                  nullptr),
              CL_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        ASSERT_EQ(words[i], i);
}

namespace
{
/* A window with a mapping in it that can only be read, and came later than the window. */
class HoleInAWindow
{
  public:
    explicit HoleInAWindow(int flags)
    {
        map_ = static_cast<char *>(
            mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        Kernel increment("increment");
        EXPECT_EQ(increment.pointer(0, map_), CL_SUCCESS);
        int fd = open_page_file();
        EXPECT_EQ(mmap(map_ + 65536, 4096, PROT_READ, flags | MAP_FIXED, fd, 0), map_ + 65536);
        close(fd);
    }
    ~HoleInAWindow()
    {
        munmap(map_, kSize);
    }
    void *memory() const
    {
        return map_ + 65536;
    }

  private:
    static constexpr size_t kSize = 1 << 20;
    char *map_;
};
} // namespace

TEST_F(OnSvm, TransfersFromAConstantInAWindowReadIt)
{
    HoleInAWindow hole(MAP_PRIVATE);
    uint32_t got = 0;
    Buffer buffer(nullptr, 4096);
    EXPECT_EQ(clEnqueueWriteBuffer(cl().in_order, buffer, CL_TRUE, 0, 4096, hole.memory(), 0,
                                   nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(clEnqueueReadBuffer(cl().in_order, buffer, CL_TRUE, 0, 4, &got, 0, nullptr, nullptr),
              CL_SUCCESS);
    EXPECT_EQ(got, 77u);
    EXPECT_EQ(clEnqueueReadBuffer(cl().in_order, buffer, CL_TRUE, 0, 4, hole.memory(), 0, nullptr,
                                  nullptr),
              CL_INVALID_VALUE);
}

TEST_F(OnSvm, TransfersFromSharedReadOnlyMemoryInAWindowAreRefused)
{
    HoleInAWindow hole(MAP_SHARED);
    const size_t origin[] = {0, 0, 0}, region[] = {64, 1, 1};
    Buffer buffer(nullptr, 4096);
    EXPECT_EQ(clEnqueueWriteBuffer(cl().in_order, buffer, CL_TRUE, 0, 4096, hole.memory(), 0,
                                   nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueWriteBufferRect(cl().in_order, buffer, CL_TRUE, origin, origin, region, 0, 0,
                                       0, 0, hole.memory(), 0, nullptr, nullptr),
              CL_INVALID_VALUE);
    EXPECT_EQ(clEnqueueReadBufferRect(cl().in_order, buffer, CL_TRUE, origin, origin, region, 0, 0,
                                      0, 0, hole.memory(), 0, nullptr, nullptr),
              CL_INVALID_VALUE);
}

TEST_F(OnSvm, ImagesOverMallocedMemoryInAWindowHoldIt)
{
    constexpr size_t width = 64, height = 64;
    Memory first = make(Kind::Malloc, 64), second = make(Kind::Malloc, width * height * 4);
    auto *words = static_cast<uint32_t *>(second.get());
    Kernel increment("increment");
    ASSERT_EQ(increment.pointer(0, first.get()), CL_SUCCESS);
    for (uint32_t i = 0; i < width * height; i++)
        words[i] = i;
    cl_int result;
    cl_image_format format{CL_RGBA, CL_UNSIGNED_INT8};
    cl_image_desc desc{};
    desc.image_type = CL_MEM_OBJECT_IMAGE2D;
    desc.image_width = width;
    desc.image_height = height;
    cl_mem image = clCreateImage(cl().context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, &format,
                                 &desc, words, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    const size_t origin[] = {0, 0, 0}, region[] = {width, height, 1};
    std::vector<uint32_t> got(width * height);
    ASSERT_EQ(clEnqueueReadImage(cl().in_order, image, CL_TRUE, origin, region, 0, 0, got.data(), 0,
                                 nullptr, nullptr),
              CL_SUCCESS);
    for (uint32_t i = 0; i < width * height; i++)
        ASSERT_EQ(got[i], i);
    const uint32_t colour[] = {1, 2, 3, 4};
    ASSERT_EQ(clEnqueueFillImage(cl().in_order, image, colour, origin, region, 0, nullptr, nullptr),
              CL_SUCCESS);
    size_t row = 0;
    auto *map = static_cast<uint32_t *>(clEnqueueMapImage(cl().in_order, image, CL_TRUE,
                                                          CL_MAP_READ, origin, region, &row,
                                                          nullptr, 0, nullptr, nullptr, &result));
    ASSERT_EQ(result, CL_SUCCESS);
    EXPECT_EQ(map, words);
    EXPECT_EQ(words[0], 0x04030201u);
    EXPECT_EQ(words[width * height - 1], 0x04030201u);
    EXPECT_EQ(clEnqueueUnmapMemObject(cl().in_order, image, map, 0, nullptr, nullptr), CL_SUCCESS);
    EXPECT_EQ(clFinish(cl().in_order), CL_SUCCESS);
    clReleaseMemObject(image);
}
