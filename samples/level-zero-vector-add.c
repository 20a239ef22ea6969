/* SPDX-License-Identifier: MIT */
/*
 * c = a + b through Level Zero, with shared memory, checked on the CPU.
 * Usage: level-zero-vector-add [elements]   (a multiple of 32)
 */
#include "vector-add.spv.h" /* vector_add_spv[]: vector-add.cl as SPIR-V */
#include <level_zero/ze_api.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP 32u

static void check(ze_result_t result, const char *what)
{
    if (result == ZE_RESULT_SUCCESS)
        return;
    fprintf(stderr, "%s: Level Zero error %#x\n", what, (unsigned)result);
    exit(1);
}

static ze_device_handle_t first_gpu(ze_driver_handle_t *driver)
{
    ze_device_handle_t device;
    uint32_t one = 1;

    check(zeInit(ZE_INIT_FLAG_GPU_ONLY), "zeInit");
    check(zeDriverGet(&one, driver), "zeDriverGet");
    one = 1;
    check(zeDeviceGet(*driver, &one, &device), "zeDeviceGet");
    return device;
}

static ze_kernel_handle_t build(ze_context_handle_t context, ze_device_handle_t device,
                                ze_module_handle_t *module)
{
    ze_module_desc_t module_desc = {.stype = ZE_STRUCTURE_TYPE_MODULE_DESC,
                                    .format = ZE_MODULE_FORMAT_IL_SPIRV,
                                    .inputSize = sizeof(vector_add_spv),
                                    .pInputModule = vector_add_spv};
    ze_kernel_desc_t kernel_desc = {.stype = ZE_STRUCTURE_TYPE_KERNEL_DESC, .pKernelName = "add"};
    ze_kernel_handle_t kernel;

    check(zeModuleCreate(context, device, &module_desc, module, NULL), "zeModuleCreate");
    check(zeKernelCreate(*module, &kernel_desc, &kernel), "zeKernelCreate");
    check(zeKernelSetGroupSize(kernel, GROUP, 1, 1), "zeKernelSetGroupSize");
    return kernel;
}

static int *shared(ze_context_handle_t context, ze_device_handle_t device, size_t bytes)
{
    ze_device_mem_alloc_desc_t on_device = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    ze_host_mem_alloc_desc_t on_host = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC};
    void *memory;

    check(zeMemAllocShared(context, &on_device, &on_host, bytes, 64, device, &memory),
          "zeMemAllocShared");
    return memory;
}

/* One command list with one launch, run to its end. */
static void run(ze_context_handle_t context, ze_device_handle_t device, ze_kernel_handle_t kernel,
                uint32_t groups)
{
    ze_command_queue_desc_t queue_desc = {.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC};
    ze_command_list_desc_t list_desc = {.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC};
    ze_group_count_t count = {groups, 1, 1};
    ze_command_queue_handle_t queue;
    ze_command_list_handle_t list;

    check(zeCommandQueueCreate(context, device, &queue_desc, &queue), "zeCommandQueueCreate");
    check(zeCommandListCreate(context, device, &list_desc, &list), "zeCommandListCreate");
    check(zeCommandListAppendLaunchKernel(list, kernel, &count, NULL, 0, NULL),
          "zeCommandListAppendLaunchKernel");
    check(zeCommandListClose(list), "zeCommandListClose");
    check(zeCommandQueueExecuteCommandLists(queue, 1, &list, NULL),
          "zeCommandQueueExecuteCommandLists");
    check(zeCommandQueueSynchronize(queue, UINT64_MAX), "zeCommandQueueSynchronize");
    zeCommandListDestroy(list);
    zeCommandQueueDestroy(queue);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 0) : 4096, wrong = 0;
    ze_device_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES};
    ze_context_desc_t context_desc = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    ze_driver_handle_t driver;
    ze_device_handle_t device = first_gpu(&driver);
    ze_context_handle_t context;
    ze_module_handle_t module;
    ze_kernel_handle_t kernel;
    int *memory[3];

    if (n == 0 || n % GROUP) {
        fprintf(stderr, "usage: level-zero-vector-add [elements], a multiple of %u\n", GROUP);
        return 2;
    }
    check(zeDeviceGetProperties(device, &properties), "zeDeviceGetProperties");
    check(zeContextCreate(driver, &context_desc, &context), "zeContextCreate");
    kernel = build(context, device, &module);
    for (unsigned i = 0; i < 3; i++) {
        memory[i] = shared(context, device, n * sizeof(int));
        check(zeKernelSetArgumentValue(kernel, i, sizeof(memory[i]), &memory[i]),
              "zeKernelSetArgumentValue");
    }
    for (size_t i = 0; i < n; i++) {
        memory[0][i] = (int)i;
        memory[1][i] = (int)(i * 7 + 3);
        memory[2][i] = -1;
    }

    run(context, device, kernel, (uint32_t)(n / GROUP));

    for (size_t i = 0; i < n; i++)
        wrong += memory[2][i] != memory[0][i] + memory[1][i];
    printf("%s: %zu elements, %zu wrong\n", properties.name, n, wrong);

    for (unsigned i = 0; i < 3; i++)
        zeMemFree(context, memory[i]);
    zeKernelDestroy(kernel);
    zeModuleDestroy(module);
    zeContextDestroy(context);
    return wrong != 0;
}
