/* SPDX-License-Identifier: MIT */
#include "ze.h"

#include <stdio.h>
#include <stdlib.h>

#include "places.h"

#define DRIVERS_MAX 8

void ze_check_at(ze_result_t result, const char *what, const char *file, int line)
{
    if (result == ZE_RESULT_SUCCESS)
        return;
    fprintf(stderr, "%s:%d: %s: Level Zero error 0x%x\n", file, line, what, result);
    exit(EXIT_FAILURE);
}

static bool takes_system_memory(ze_device_handle_t device)
{
    ze_device_memory_access_properties_t access = {
        .stype = ZE_STRUCTURE_TYPE_DEVICE_MEMORY_ACCESS_PROPERTIES};
    return zeDeviceGetMemoryAccessProperties(device, &access) == ZE_RESULT_SUCCESS &&
           (access.sharedSystemAllocCapabilities & ZE_MEMORY_ACCESS_CAP_FLAG_RW);
}

bool ze_find_device(ze_driver_handle_t *driver, ze_device_handle_t *device)
{
    ze_driver_handle_t drivers[DRIVERS_MAX];
    uint32_t count = DRIVERS_MAX;
    if (zeInit(ZE_INIT_FLAG_GPU_ONLY) != ZE_RESULT_SUCCESS ||
        zeDriverGet(&count, drivers) != ZE_RESULT_SUCCESS)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t devices = 1;
        *driver = drivers[i];
        if (zeDeviceGet(*driver, &devices, device) == ZE_RESULT_SUCCESS && devices &&
            takes_system_memory(*device))
            return true;
    }
    return false;
}

struct ze ze_open(const void *spirv, size_t size)
{
    struct ze ze = {0};
    places_before();
    if (!ze_find_device(&ze.driver, &ze.device)) {
        fprintf(stderr, "no Level Zero GPU that takes system memory: is ZE_ENABLE_ALT_DRIVERS set "
                        "to the driver of i915 SVM, and does the kernel have SVM?\n");
        exit(SAMPLE_SKIP);
    }
    const char *error = places_after();
    if (error)
        fprintf(stderr, "%s: what moves where cannot be shown\n", error);
    ze_context_desc_t context = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    ZE_CHECK(zeContextCreate(ze.driver, &context, &ze.context));
    ze_command_queue_desc_t queue = {.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC};
    ZE_CHECK(zeCommandQueueCreate(ze.context, ze.device, &queue, &ze.queue));
    ze_module_desc_t module = {.stype = ZE_STRUCTURE_TYPE_MODULE_DESC,
                               .format = ZE_MODULE_FORMAT_IL_SPIRV,
                               .inputSize = size,
                               .pInputModule = spirv};
    ZE_CHECK(zeModuleCreate(ze.context, ze.device, &module, &ze.module, NULL));
    return ze;
}

void ze_close(struct ze *ze)
{
    places_close();
    zeModuleDestroy(ze->module);
    zeCommandQueueDestroy(ze->queue);
    zeContextDestroy(ze->context);
}

void *ze_shared(const struct ze *ze, size_t size)
{
    ze_device_mem_alloc_desc_t device = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    ze_host_mem_alloc_desc_t host = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC};
    void *pointer;
    ZE_CHECK(zeMemAllocShared(ze->context, &device, &host, size, 0, ze->device, &pointer));
    return pointer;
}

ze_kernel_handle_t ze_kernel(const struct ze *ze, const char *name, unsigned group_size)
{
    ze_kernel_desc_t desc = {.stype = ZE_STRUCTURE_TYPE_KERNEL_DESC, .pKernelName = name};
    ze_kernel_handle_t kernel;
    ZE_CHECK(zeKernelCreate(ze->module, &desc, &kernel));
    ZE_CHECK(zeKernelSetGroupSize(kernel, group_size, 1, 1));
    return kernel;
}

void ze_pointer(ze_kernel_handle_t kernel, unsigned index, const void *pointer)
{
    ZE_CHECK(zeKernelSetArgumentValue(kernel, index, sizeof(pointer), &pointer));
}

void ze_number(ze_kernel_handle_t kernel, unsigned index, unsigned number)
{
    ZE_CHECK(zeKernelSetArgumentValue(kernel, index, sizeof(number), &number));
}

ze_command_list_handle_t ze_list(const struct ze *ze)
{
    ze_command_list_desc_t desc = {.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC};
    ze_command_list_handle_t list;
    ZE_CHECK(zeCommandListCreate(ze->context, ze->device, &desc, &list));
    return list;
}

void ze_run(const struct ze *ze, ze_command_list_handle_t list)
{
    ZE_CHECK(zeCommandListClose(list));
    ZE_CHECK(zeCommandQueueExecuteCommandLists(ze->queue, 1, &list, NULL));
    ZE_CHECK(zeCommandQueueSynchronize(ze->queue, UINT64_MAX));
    ZE_CHECK(zeCommandListReset(list));
}
