/* SPDX-License-Identifier: MIT */
/* Every other command that reads or writes memory, on each kind of memory and list. */
#include "ze.hpp"

#include <cstring>
#include <thread>

namespace
{
enum class Engine { Compute, ComputeAtOnce, Copy };

/* A list of one of the engines: regular, or immediate and synchronous. */
class AnyList
{
  public:
    explicit AnyList(Engine engine) : immediate_(engine == Engine::ComputeAtOnce)
    {
        ze_command_queue_desc_t queue{};
        queue.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
        queue.mode = ZE_COMMAND_QUEUE_MODE_SYNCHRONOUS;
        queue.ordinal = engine == Engine::Copy ? copy_ordinal() : 0;
        ze_command_list_desc_t list{};
        list.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC;
        list.commandQueueGroupOrdinal = queue.ordinal;
        if (immediate_) {
            EXPECT_EQ(zeCommandListCreateImmediate(ze().context, ze().device, &queue, &list_),
                      ZE_RESULT_SUCCESS);
            return;
        }
        EXPECT_EQ(zeCommandQueueCreate(ze().context, ze().device, &queue, &queue_),
                  ZE_RESULT_SUCCESS);
        EXPECT_EQ(zeCommandListCreate(ze().context, ze().device, &list, &list_), ZE_RESULT_SUCCESS);
    }
    ~AnyList()
    {
        zeCommandListDestroy(list_);
        if (queue_)
            zeCommandQueueDestroy(queue_);
    }
    operator ze_command_list_handle_t() const
    {
        return list_;
    }
    void run()
    {
        if (immediate_)
            return;
        ASSERT_EQ(zeCommandListClose(list_), ZE_RESULT_SUCCESS);
        ASSERT_EQ(zeCommandQueueExecuteCommandLists(queue_, 1, &list_, nullptr), ZE_RESULT_SUCCESS);
        ASSERT_EQ(zeCommandQueueSynchronize(queue_, UINT64_MAX), ZE_RESULT_SUCCESS);
    }

  private:
    static uint32_t copy_ordinal()
    {
        ze_command_queue_group_properties_t groups[8]{};
        uint32_t count = 8;
        zeDeviceGetCommandQueueGroupProperties(ze().device, &count, groups);
        for (uint32_t i = 0; i < count; i++)
            if (!(groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE))
                return i;
        ADD_FAILURE() << "no copy engine";
        return 0;
    }

    bool immediate_;
    ze_command_queue_handle_t queue_ = nullptr;
    ze_command_list_handle_t list_ = nullptr;
};

/* One event, seen by the host. */
class Event
{
  public:
    explicit Event(bool timestamp = false)
    {
        ze_event_pool_desc_t pool{};
        pool.stype = ZE_STRUCTURE_TYPE_EVENT_POOL_DESC;
        pool.flags = ZE_EVENT_POOL_FLAG_HOST_VISIBLE;
        if (timestamp)
            pool.flags |= ZE_EVENT_POOL_FLAG_KERNEL_TIMESTAMP;
        pool.count = 1;
        EXPECT_EQ(zeEventPoolCreate(ze().context, &pool, 1, &ze().device, &pool_),
                  ZE_RESULT_SUCCESS);
        ze_event_desc_t event{};
        event.stype = ZE_STRUCTURE_TYPE_EVENT_DESC;
        event.signal = event.wait = ZE_EVENT_SCOPE_FLAG_HOST;
        EXPECT_EQ(zeEventCreate(pool_, &event, &event_), ZE_RESULT_SUCCESS);
    }
    ~Event()
    {
        zeEventDestroy(event_);
        zeEventPoolDestroy(pool_);
    }
    ze_event_handle_t handle()
    {
        return event_;
    }
    ze_event_handle_t *list()
    {
        return &event_;
    }

  private:
    ze_event_pool_handle_t pool_ = nullptr;
    ze_event_handle_t event_ = nullptr;
};

using Case = std::tuple<Kind, Engine>;

class Transfer : public OnSvm, public ::testing::WithParamInterface<Case>
{
  protected:
    static constexpr size_t kSize = 32768;

    void SetUp() override
    {
        OnSvm::SetUp();
        if (IsSkipped())
            return;
        engine = std::get<1>(GetParam());
        memory = make(std::get<0>(GetParam()), kSize);
        bytes = static_cast<unsigned char *>(memory.get());
        memset(bytes, 0, kSize);
    }

    Engine engine = Engine::Compute;
    Memory memory;
    unsigned char *bytes = nullptr;
};

std::string case_name(const ::testing::TestParamInfo<Case> &info)
{
    static const char *const engines[] = {"Compute", "ComputeAtOnce", "Copy"};
    return std::string(name_of(std::get<0>(info.param))) +
           engines[static_cast<int>(std::get<1>(info.param))];
}
} // namespace

INSTANTIATE_TEST_SUITE_P(
    Memory, Transfer,
    ::testing::Combine(::testing::Values(Kind::Malloc, Kind::Static, Kind::Shared, Kind::Host),
                       ::testing::Values(Engine::Compute, Engine::ComputeAtOnce, Engine::Copy)),
    case_name);

TEST_P(Transfer, FillAndCopyWithEvents)
{
    Memory heap = make(Kind::Malloc, kSize);
    auto *other = static_cast<unsigned char *>(heap.get());
    memset(other, 0, kSize);
    Event filled, copied;
    const unsigned char pattern = 0x5a;
    AnyList list(engine);
    ASSERT_EQ(zeCommandListAppendMemoryFill(list, bytes + 16, &pattern, 1, 4096, filled.handle(), 0,
                                            nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(list, other + 3, bytes, 8192, copied.handle(), 1,
                                            filled.list()),
              ZE_RESULT_SUCCESS);
    list.run();
    EXPECT_EQ(zeEventHostSynchronize(copied.handle(), UINT64_MAX), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeEventQueryStatus(filled.handle()), ZE_RESULT_SUCCESS);
    for (size_t i = 0; i < 8192; i++)
        ASSERT_EQ(other[i + 3], i >= 16 && i < 16 + 4096 ? pattern : 0) << i;
    EXPECT_EQ(other[2], 0);
}

TEST_P(Transfer, EveryPatternSizeFills)
{
    const size_t largest = engine == Engine::Copy ? 16 : 128;
    unsigned char pattern[128];
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = static_cast<unsigned char>(i * 3 + 1);
    for (size_t size = 1; size <= largest; size *= 2) {
        /* A copy engine writes whole patterns only. */
        const size_t total = size * 10 + (engine == Engine::Copy ? 0 : 5);
        memset(bytes, 0, total + 1);
        AnyList list(engine);
        ASSERT_EQ(
            zeCommandListAppendMemoryFill(list, bytes, pattern, size, total, nullptr, 0, nullptr),
            ZE_RESULT_SUCCESS)
            << size;
        list.run();
        for (size_t i = 0; i < total; i++)
            ASSERT_EQ(bytes[i], pattern[i % size]) << size << " " << i;
        EXPECT_EQ(bytes[total], 0) << size;
    }
}

TEST_P(Transfer, NothingIsMovedButTheEventIsSignalled)
{
    const ze_copy_region_t none{};
    Memory heap = make(Kind::Malloc, 64);
    const unsigned char pattern = 1;
    Event filled, copied, region;
    AnyList list(engine);
    ASSERT_EQ(
        zeCommandListAppendMemoryFill(list, bytes, &pattern, 1, 0, filled.handle(), 0, nullptr),
        ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(list, bytes, heap.get(), 0, copied.handle(), 1,
                                            filled.list()),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryCopyRegion(list, bytes, &none, 0, 0, heap.get(), &none, 0, 0,
                                                  region.handle(), 1, copied.list()),
              ZE_RESULT_SUCCESS);
    list.run();
    EXPECT_EQ(zeEventQueryStatus(region.handle()), ZE_RESULT_SUCCESS);
    for (size_t i = 0; i < 64; i++)
        ASSERT_EQ(bytes[i], 0);
}

TEST_P(Transfer, CopyOfABoxOfSeveralSlices)
{
    constexpr size_t row = 64, slice = row * 16;
    Memory heap = make(Kind::Malloc, kSize);
    auto *other = static_cast<unsigned char *>(heap.get());
    for (size_t i = 0; i < kSize; i++)
        other[i] = static_cast<unsigned char>(i * 7 + i / 256);
    const ze_copy_region_t box{3, 2, 1, 17, 5, 3};
    AnyList list(engine);
    ASSERT_EQ(zeCommandListAppendMemoryCopyRegion(list, bytes, &box, row, slice, other, &box, row,
                                                  slice, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    list.run();
    for (size_t i = 0; i < kSize; i++) {
        const size_t x = i % row, y = i % slice / row, z = i / slice;
        const bool inside = x >= 3 && x < 20 && y >= 2 && y < 7 && z >= 1 && z < 4;
        ASSERT_EQ(bytes[i], inside ? other[i] : 0) << x << " " << y << " " << z;
    }
}

TEST_P(Transfer, CopyOfARegion)
{
    Memory heap = make(Kind::Malloc, kSize);
    auto *other = static_cast<unsigned char *>(heap.get());
    for (size_t i = 0; i < kSize; i++)
        other[i] = static_cast<unsigned char>(i * 7 + i / 256);
    const ze_copy_region_t from{8, 4, 0, 40, 10, 1}, to{16, 20, 0, 40, 10, 1};
    AnyList list(engine);
    ASSERT_EQ(zeCommandListAppendMemoryCopyRegion(list, bytes, &to, 128, 0, other, &from, 256, 0,
                                                  nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    list.run();
    for (size_t y = 0; y < 10; y++)
        for (size_t x = 0; x < 40; x++)
            ASSERT_EQ(bytes[(20 + y) * 128 + 16 + x], other[(4 + y) * 256 + 8 + x])
                << x << " " << y;
    EXPECT_EQ(bytes[20 * 128 + 15], 0);
    EXPECT_EQ(bytes[20 * 128 + 56], 0);
}

namespace
{
class Image
{
  public:
    explicit Image(ze_image_format_layout_t layout)
    {
        ze_image_desc_t desc{};
        desc.stype = ZE_STRUCTURE_TYPE_IMAGE_DESC;
        desc.type = ZE_IMAGE_TYPE_2D;
        desc.format.layout = layout;
        desc.format.type = ZE_IMAGE_FORMAT_TYPE_UINT;
        desc.width = kWidth;
        desc.height = kHeight;
        desc.depth = 1;
        EXPECT_EQ(zeImageCreate(ze().context, ze().device, &desc, &image_), ZE_RESULT_SUCCESS);
    }
    ~Image()
    {
        EXPECT_EQ(zeImageDestroy(image_), ZE_RESULT_SUCCESS);
    }
    operator ze_image_handle_t() const
    {
        return image_;
    }
    static constexpr uint32_t kWidth = 64, kHeight = 32;

  private:
    ze_image_handle_t image_ = nullptr;
};

void expect_back(Engine engine, ze_image_format_layout_t layout, size_t element,
                 unsigned char *bytes)
{
    Image image(layout);
    const size_t size = Image::kWidth * Image::kHeight * element;
    for (size_t i = 0; i < size; i++)
        bytes[i] = static_cast<unsigned char>(i * 11);
    unsigned char *back = bytes + size;
    memset(back, 0, size + 1);
    AnyList in(engine), out(engine);
    ASSERT_EQ(
        zeCommandListAppendImageCopyFromMemory(in, image, bytes, nullptr, nullptr, 0, nullptr),
        ZE_RESULT_SUCCESS);
    in.run();
    ASSERT_EQ(zeCommandListAppendImageCopyToMemory(out, back, image, nullptr, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    out.run();
    EXPECT_EQ(memcmp(bytes, back, size), 0);
    EXPECT_EQ(back[size], 0);
}
} // namespace

TEST_P(Transfer, ImageThereAndBack)
{
    expect_back(engine, ZE_IMAGE_FORMAT_LAYOUT_32, 4, bytes);
}

TEST_P(Transfer, MediaImageThereAndBack)
{
    expect_back(Engine::Copy, ZE_IMAGE_FORMAT_LAYOUT_Y8, 1, bytes);
    expect_back(Engine::Copy, ZE_IMAGE_FORMAT_LAYOUT_YUYV, 2, bytes);
    expect_back(Engine::Copy, ZE_IMAGE_FORMAT_LAYOUT_AYUV, 4, bytes);
}

TEST_P(Transfer, ImagesOfSeveralPlanesAreRefusedByACopyEngine)
{
    Image image(ZE_IMAGE_FORMAT_LAYOUT_NV12);
    AnyList list(Engine::Copy);
    EXPECT_EQ(
        zeCommandListAppendImageCopyFromMemory(list, image, bytes, nullptr, nullptr, 0, nullptr),
        ZE_RESULT_ERROR_UNSUPPORTED_FEATURE);
}

TEST_P(Transfer, TimestampsAreWritten)
{
    auto *stamps = reinterpret_cast<uint64_t *>(bytes);
    AnyList list(engine);
    ASSERT_EQ(zeCommandListAppendWriteGlobalTimestamp(list, stamps + 8, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendWriteGlobalTimestamp(list, stamps + 16, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    list.run();
    EXPECT_NE(stamps[8], 0u);
    EXPECT_LE(stamps[8], stamps[16]);
    EXPECT_EQ(stamps[7], 0u);
    EXPECT_EQ(stamps[17], 0u);
}

TEST_P(Transfer, KernelTimestampsAreGathered)
{
    if (engine == Engine::Copy)
        engine = Engine::Compute; /* the query is a kernel */
    Kernel increment("increment");
    Memory counter = make(Kind::Malloc, 64);
    ASSERT_EQ(increment.pointer(0, counter.get()), ZE_RESULT_SUCCESS);
    Event first(true), second(true);
    ze_event_handle_t events[] = {first.handle(), second.handle()};
    ze_group_count_t one{1, 1, 1};
    constexpr size_t size = sizeof(ze_kernel_timestamp_result_t);
    const size_t offsets[] = {3 * size, size}; /* in another order, and apart */
    AnyList list(engine);
    auto *packed = reinterpret_cast<ze_kernel_timestamp_result_t *>(bytes + 64);
    auto *spread = reinterpret_cast<ze_kernel_timestamp_result_t *>(bytes + 4096);
    for (ze_event_handle_t event : events)
        ASSERT_EQ(zeCommandListAppendLaunchKernel(list, increment, &one, event, 0, nullptr),
                  ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendQueryKernelTimestamps(list, 2, events, packed, nullptr, nullptr, 2,
                                                       events),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendQueryKernelTimestamps(list, 2, events, spread, offsets, nullptr, 2,
                                                       events),
              ZE_RESULT_SUCCESS);
    list.run();
    for (int i = 0; i < 2; i++) {
        ze_kernel_timestamp_result_t expected{};
        ASSERT_EQ(zeEventQueryKernelTimestamp(events[i], &expected), ZE_RESULT_SUCCESS);
        EXPECT_NE(expected.global.kernelEnd, 0u);
        for (const auto &result : {packed[i], spread[offsets[i] / size]}) {
            EXPECT_EQ(result.global.kernelStart, expected.global.kernelStart);
            EXPECT_EQ(result.global.kernelEnd, expected.global.kernelEnd);
        }
    }
    EXPECT_EQ(spread[0].global.kernelEnd, 0u);
    EXPECT_EQ(spread[2].global.kernelEnd, 0u);
}

TEST_P(Transfer, BarriersTakeTheMemory)
{
    const size_t size = kSize;
    const void *range = bytes;
    const unsigned char pattern = 1;
    Event done;
    AnyList list(engine);
    ASSERT_EQ(zeCommandListAppendMemoryFill(list, bytes, &pattern, 1, 64, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(
        zeCommandListAppendMemoryRangesBarrier(list, 1, &size, &range, done.handle(), 0, nullptr),
        ZE_RESULT_SUCCESS);
    list.run();
    EXPECT_EQ(zeEventHostSynchronize(done.handle(), UINT64_MAX), ZE_RESULT_SUCCESS);
    EXPECT_EQ(bytes[63], 1);
}

TEST_P(Transfer, EveryAdviceIsTaken)
{
    AnyList list(engine);
    for (unsigned advice = 0; advice < 10; advice++)
        EXPECT_EQ(zeCommandListAppendMemAdvise(list, ze().device, bytes, kSize,
                                               static_cast<ze_memory_advice_t>(advice)),
                  ZE_RESULT_SUCCESS)
            << advice;
    EXPECT_EQ(zeCommandListAppendMemAdvise(list, ze().device, bytes, kSize,
                                           static_cast<ze_memory_advice_t>(10)),
              ZE_RESULT_ERROR_INVALID_ENUMERATION);
    list.run();
}

/* The GPU waits for the host, which frees before it lets it go on. */
TEST_F(OnSvm, DeferredFreeDoesNotWait)
{
    void *shared = nullptr;
    ASSERT_EQ(alloc_shared(65536, &shared), ZE_RESULT_SUCCESS);
    std::vector<uint32_t> seen(1);
    *static_cast<uint32_t *>(shared) = 7;
    Event gate;
    List list;
    ASSERT_EQ(zeCommandListAppendMemoryCopy(list, seen.data(), shared, 4, nullptr, 1, gate.list()),
              ZE_RESULT_SUCCESS);
    ze_command_list_handle_t handle = list;
    ASSERT_EQ(zeCommandListClose(list), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandQueueExecuteCommandLists(ze().queue, 1, &handle, nullptr),
              ZE_RESULT_SUCCESS);
    ze_memory_free_ext_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_MEMORY_FREE_EXT_DESC;
    desc.freePolicy = ZE_DRIVER_MEMORY_FREE_POLICY_EXT_FLAG_DEFER_FREE;
    EXPECT_EQ(zeMemFreeExt(ze().context, &desc, shared), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFree(ze().context, shared), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeEventHostSignal(gate.handle()), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeCommandQueueSynchronize(ze().queue, UINT64_MAX), ZE_RESULT_SUCCESS);
    EXPECT_EQ(*static_cast<volatile uint32_t *>(seen.data()), 7u);
    Kernel increment("increment");
    EXPECT_EQ(increment.pointer(0, shared), ZE_RESULT_ERROR_INVALID_ARGUMENT); /* gone now */
}

TEST_F(OnSvm, BlockingFreeAndBadPolicies)
{
    void *host = nullptr;
    ASSERT_EQ(alloc_host(100, &host), ZE_RESULT_SUCCESS);
    ze_memory_free_ext_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_MEMORY_FREE_EXT_DESC;
    desc.freePolicy = 1u << 7;
    EXPECT_EQ(zeMemFreeExt(ze().context, &desc, host), ZE_RESULT_ERROR_INVALID_ENUMERATION);
    desc.freePolicy = ZE_DRIVER_MEMORY_FREE_POLICY_EXT_FLAG_BLOCKING_FREE;
    EXPECT_EQ(zeMemFreeExt(ze().context, &desc, static_cast<char *>(host) + 1),
              ZE_RESULT_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(zeMemFreeExt(ze().context, &desc, host), ZE_RESULT_SUCCESS);
    EXPECT_NE(zeMemFreeExt(ze().context, &desc, host), ZE_RESULT_SUCCESS);
}

TEST_F(OnSvm, ThreadsAllocateRunAndFree)
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([] {
            for (int round = 0; round < 8; round++) {
                Memory memory = make(round % 2 ? Kind::Shared : Kind::Malloc, 20000);
                auto *words = static_cast<uint32_t *>(memory.get());
                words[0] = words[1] = 5;
                AnyList list(Engine::Compute);
                const uint32_t pattern = 9;
                EXPECT_EQ(
                    zeCommandListAppendMemoryFill(list, words, &pattern, 4, 4, nullptr, 0, nullptr),
                    ZE_RESULT_SUCCESS);
                list.run();
                EXPECT_EQ(words[0], 9u);
                EXPECT_EQ(words[1], 5u);
            }
        });
    for (auto &thread : threads)
        thread.join();
}

namespace
{
ze_command_queue_handle_t make_queue(uint32_t ordinal)
{
    ze_command_queue_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
    desc.ordinal = ordinal;
    ze_command_queue_handle_t queue = nullptr;
    EXPECT_EQ(zeCommandQueueCreate(ze().context, ze().device, &desc, &queue), ZE_RESULT_SUCCESS);
    return queue;
}

ze_command_list_handle_t make_list(uint32_t ordinal)
{
    ze_command_list_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC;
    desc.commandQueueGroupOrdinal = ordinal;
    ze_command_list_handle_t list = nullptr;
    EXPECT_EQ(zeCommandListCreate(ze().context, ze().device, &desc, &list), ZE_RESULT_SUCCESS);
    return list;
}

void submit(ze_command_queue_handle_t queue, ze_command_list_handle_t list)
{
    ASSERT_EQ(zeCommandListClose(list), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandQueueExecuteCommandLists(queue, 1, &list, nullptr), ZE_RESULT_SUCCESS);
}
} // namespace

/* A submission must not wait for one that is there already, which may wait for it: not even if it
 * needs page tables for memory that is new. */
TEST_F(OnSvm, AQueueThatWaitsDoesNotHoldUpTheOneItWaitsFor)
{
    constexpr size_t kSize = 4 << 20;
    Memory heap = make(Kind::Malloc, kSize), target = make(Kind::Malloc, kSize);
    memset(heap.get(), 0x3c, kSize);
    memset(target.get(), 0, kSize);
    Event go, filled, copied;
    ze_command_queue_handle_t first = make_queue(0), second = make_queue(1);
    ze_command_list_handle_t waits = make_list(0), releases = make_list(1);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(waits, target.get(), heap.get(), kSize, copied.handle(),
                                            1, filled.list()),
              ZE_RESULT_SUCCESS);
    submit(first, waits);
    void *device = nullptr;
    ASSERT_EQ(alloc_device(kSize, &device), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(releases, device, heap.get(), kSize, filled.handle(), 1,
                                            go.list()),
              ZE_RESULT_SUCCESS);
    submit(second, releases);
    EXPECT_EQ(zeEventQueryStatus(copied.handle()), ZE_RESULT_NOT_READY);
    EXPECT_EQ(zeEventHostSignal(go.handle()), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeEventHostSynchronize(copied.handle(), UINT64_MAX), ZE_RESULT_SUCCESS);
    EXPECT_EQ(memcmp(heap.get(), target.get(), kSize), 0);
    EXPECT_EQ(zeCommandQueueSynchronize(first, UINT64_MAX), ZE_RESULT_SUCCESS);
    EXPECT_EQ(zeCommandQueueSynchronize(second, UINT64_MAX), ZE_RESULT_SUCCESS);
    zeMemFree(ze().context, device);
    zeCommandListDestroy(waits);
    zeCommandListDestroy(releases);
    zeCommandQueueDestroy(first);
    zeCommandQueueDestroy(second);
}
