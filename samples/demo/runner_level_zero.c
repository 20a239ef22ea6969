/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/ze.h"
#include "demo.spv.h"

#define GROUP_SIZE 32

static ze_driver_handle_t driver;
static ze_device_handle_t device;
static ze_context_handle_t context;
static ze_command_queue_handle_t queue;
static ze_command_list_handle_t list;
static ze_module_handle_t module;
static ze_kernel_handle_t kernels[KERNEL_KINDS];
static char message[256];

static const char *fail(const char *what, ze_result_t result)
{
    snprintf(message, sizeof(message), "%s: Level Zero error 0x%x", what, result);
    return message;
}

static const char *build(void)
{
    ze_module_desc_t module_desc = {.stype = ZE_STRUCTURE_TYPE_MODULE_DESC,
                                    .format = ZE_MODULE_FORMAT_IL_SPIRV,
                                    .inputSize = sizeof(demo_spv),
                                    .pInputModule = demo_spv};
    ze_result_t result = zeModuleCreate(context, device, &module_desc, &module, NULL);
    if (result != ZE_RESULT_SUCCESS)
        return fail("zeModuleCreate", result);
    for (int i = 0; i < KERNEL_KINDS; i++) {
        ze_kernel_desc_t kernel_desc = {.stype = ZE_STRUCTURE_TYPE_KERNEL_DESC,
                                        .pKernelName = kernel_names[i]};
        result = zeKernelCreate(module, &kernel_desc, &kernels[i]);
        if (result == ZE_RESULT_SUCCESS)
            result = zeKernelSetGroupSize(kernels[i], GROUP_SIZE, 1, 1);
        if (result != ZE_RESULT_SUCCESS)
            return fail(kernel_names[i], result);
    }
    return NULL;
}

static const char *open_level_zero(void)
{
    if (!ze_find_device(&driver, &device))
        return "no Level Zero device that takes system memory: is ZE_ENABLE_ALT_DRIVERS set to "
               "the driver of i915 SVM, and does the kernel have SVM?";
    ze_context_desc_t context_desc = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    ze_command_queue_desc_t queue_desc = {.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC};
    ze_command_list_desc_t list_desc = {.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC};
    ze_result_t result = zeContextCreate(driver, &context_desc, &context);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandQueueCreate(context, device, &queue_desc, &queue);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandListCreate(context, device, &list_desc, &list);
    return result == ZE_RESULT_SUCCESS ? build() : fail("opening the device", result);
}

static ze_result_t set_arguments(ze_kernel_handle_t kernel, const struct argument *arguments,
                                 int number)
{
    ze_result_t result = ZE_RESULT_SUCCESS;
    for (int i = 0; i < number && result == ZE_RESULT_SUCCESS; i++)
        result = arguments[i].is_pointer
                     ? zeKernelSetArgumentValue(kernel, (uint32_t)i, sizeof(void *),
                                                &arguments[i].pointer)
                     : zeKernelSetArgumentValue(kernel, (uint32_t)i, sizeof(uint32_t),
                                                &arguments[i].number);
    return result;
}

static const char *run_level_zero(enum demo_kernel which, const struct argument *arguments,
                                  int number, uint32_t count)
{
    ze_group_count_t groups = {(count + GROUP_SIZE - 1) / GROUP_SIZE, 1, 1};
    ze_result_t result = set_arguments(kernels[which], arguments, number);
    if (result != ZE_RESULT_SUCCESS)
        return fail("zeKernelSetArgumentValue", result);
    result = zeCommandListAppendLaunchKernel(list, kernels[which], &groups, NULL, 0, NULL);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandListClose(list);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandQueueExecuteCommandLists(queue, 1, &list, NULL);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandQueueSynchronize(queue, UINT64_MAX);
    if (result == ZE_RESULT_SUCCESS)
        result = zeCommandListReset(list);
    return result == ZE_RESULT_SUCCESS ? NULL : fail("running a kernel", result);
}

static void close_level_zero(void)
{
    for (int i = 0; i < KERNEL_KINDS; i++)
        if (kernels[i])
            zeKernelDestroy(kernels[i]);
    if (module)
        zeModuleDestroy(module);
    if (list)
        zeCommandListDestroy(list);
    if (queue)
        zeCommandQueueDestroy(queue);
    if (context)
        zeContextDestroy(context);
}

const struct runner runner_level_zero = {.name = "Level Zero",
                                         .open = open_level_zero,
                                         .run = run_level_zero,
                                         .close = close_level_zero};
