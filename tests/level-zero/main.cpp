/* SPDX-License-Identifier: MIT */
#include "ze.hpp"

#include "../common/fixed_memory.hpp"
#include "../common/on_kernel.hpp"

#include <alloca.h>
#include <cstdlib>

#include "kernels.spv.h"

namespace
{

void open(Ze &z)
{
    uint32_t count = 1;
    ASSERT_EQ(zeInit(0), ZE_RESULT_SUCCESS);
    ASSERT_EQ(zeDriverGet(&count, &z.driver), ZE_RESULT_SUCCESS);
    count = 1;
    ASSERT_EQ(zeDeviceGet(z.driver, &count, &z.device), ZE_RESULT_SUCCESS);
    ze_context_desc_t context{};
    context.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC;
    ASSERT_EQ(zeContextCreate(z.driver, &context, &z.context), ZE_RESULT_SUCCESS);
    ze_command_queue_desc_t queue{};
    queue.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
    ASSERT_EQ(zeCommandQueueCreate(z.context, z.device, &queue, &z.queue), ZE_RESULT_SUCCESS);
    ze_module_desc_t module{};
    module.stype = ZE_STRUCTURE_TYPE_MODULE_DESC;
    module.format = ZE_MODULE_FORMAT_IL_SPIRV;
    module.inputSize = sizeof(kernels_spv);
    module.pInputModule = kernels_spv;
    ASSERT_EQ(zeModuleCreate(z.context, z.device, &module, &z.module, nullptr), ZE_RESULT_SUCCESS);
}
} // namespace

Ze &ze()
{
    static Ze instance;
    static bool opened = false;
    if (!opened) {
        opened = true;
        instance.kernel_caps = kernel_capabilities();
        open(instance);
    }
    return instance;
}

const char *name_of(Kind kind)
{
    static const char *const names[] = {"Malloc", "Stack", "Static", "Shared", "Host"};
    return names[static_cast<int>(kind)];
}

ze_result_t alloc_shared(size_t size, void **pointer, size_t alignment, uint32_t flags)
{
    ze_device_mem_alloc_desc_t device{};
    device.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC;
    device.flags = flags;
    ze_host_mem_alloc_desc_t host{};
    host.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC;
    return zeMemAllocShared(ze().context, &device, &host, size, alignment, ze().device, pointer);
}

ze_result_t alloc_host(size_t size, void **pointer, size_t alignment)
{
    ze_host_mem_alloc_desc_t host{};
    host.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC;
    return zeMemAllocHost(ze().context, &host, size, alignment, pointer);
}

ze_result_t alloc_device(size_t size, void **pointer)
{
    ze_device_mem_alloc_desc_t device{};
    device.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC;
    return zeMemAllocDevice(ze().context, &device, size, 0, ze().device, pointer);
}

Memory make(Kind kind, size_t size)
{
    void *pointer = nullptr;
    auto ze_free = [](void *p) { EXPECT_EQ(zeMemFree(ze().context, p), ZE_RESULT_SUCCESS); };
    switch (kind) {
    case Kind::Malloc:
        return Memory(malloc(size), free);
    case Kind::Stack:
        return Memory(size <= kFixed ? stack_memory : nullptr, [](void *) {});
    case Kind::Static:
        return Memory(size <= kFixed ? static_memory : nullptr, [](void *) {});
    case Kind::Shared:
        EXPECT_EQ(alloc_shared(size, &pointer), ZE_RESULT_SUCCESS);
        return Memory(pointer, ze_free);
    case Kind::Host:
        EXPECT_EQ(alloc_host(size, &pointer), ZE_RESULT_SUCCESS);
        return Memory(pointer, ze_free);
    }
    return Memory(nullptr, [](void *) {});
}

Kernel::Kernel(const char *name)
{
    ze_kernel_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_KERNEL_DESC;
    desc.pKernelName = name;
    EXPECT_EQ(zeKernelCreate(ze().module, &desc, &kernel_), ZE_RESULT_SUCCESS) << name;
    EXPECT_EQ(zeKernelSetGroupSize(kernel_, 1, 1, 1), ZE_RESULT_SUCCESS);
}

ze_result_t Kernel::run(uint32_t count)
{
    List list;
    ze_group_count_t groups{count, 1, 1};
    ze_result_t result =
        zeCommandListAppendLaunchKernel(list, kernel_, &groups, nullptr, 0, nullptr);
    return result == ZE_RESULT_SUCCESS ? list.run() : result;
}

List::List()
{
    ze_command_list_desc_t desc{};
    desc.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC;
    EXPECT_EQ(zeCommandListCreate(ze().context, ze().device, &desc, &list_), ZE_RESULT_SUCCESS);
}

ze_result_t List::run()
{
    ze_result_t result = closed_ ? ZE_RESULT_SUCCESS : zeCommandListClose(list_);
    closed_ = true;
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandQueueExecuteCommandLists(ze().queue, 1, &list_, nullptr);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandQueueSynchronize(ze().queue, UINT64_MAX);
    return result;
}

int main(int argc, char **argv)
{
    setenv("ZE_ENABLE_ALT_DRIVERS", I915SVM_DRIVER, 0);
    stack_memory = static_cast<unsigned char *>(alloca(kFixed));
    if (argc == 3 && strcmp(argv[1], kReceiver) == 0)
        return receive_memory(atoi(argv[2]));
    ::testing::InitGoogleTest(&argc, argv);
    choose_tests(argc, argv, "OnSvm.*:Memory/*", "OnStock.*");
    return RUN_ALL_TESTS();
}
